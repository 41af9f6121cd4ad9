"""A transformer encoder (Vaswani et al. 2017) over the window's rows, with learned positions.

Only the newest row is classified, so the last layer asks for it alone: that halves a network of two layers.
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from daytrader_ray.domain.trading import WINDOW_ROWS
from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.network import FittedNetwork, TrainingConfig, fit_network, load_network
from daytrader_ray.models.members.surface import Fitted


class TransformerConfig(TrainingConfig):
    """Size of the encoder and how it is trained."""

    width: int = Field(default=32, ge=1, description="width of a row's state, a multiple of heads")
    heads: int = Field(default=4, ge=1, description="heads of attention")
    layers: int = Field(default=2, ge=1, description="layers of the encoder")

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class Layer(nn.Module):
    """Attention and a feed-forward step, each on normalised input beside what it adds to (Xiong et al. 2020)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.scale = 1.0 / math.sqrt(width // config.heads)
        self.attention_norm, self.forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value, self.mix = (
            nn.Linear(width, width),
            nn.Linear(width, 2 * width),
            nn.Linear(width, width),
        )
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: Tensor, rows: int) -> Tensor:
        """Map the states of all rows `[n, row, width]` to the next states of the newest `rows` rows."""
        n, n_rows, width = states.shape
        inputs, states = self.attention_norm(states), states[:, -rows:]
        query = (self.query(inputs[:, -rows:]) * self.scale).view(n, rows, self.heads, -1).transpose(1, 2)
        key, value = self.key_value(inputs).view(n, n_rows, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        share = torch.softmax(query @ key.mT, dim=3)
        seen = (value.mT @ share.mT).permute(0, 3, 1, 2)  # as share @ value, in half the time for heads this narrow
        states = states + self.dropout(self.mix(seen.reshape(n, rows, width)))
        following: Tensor = states + self.dropout(self.feed(self.forward_norm(states)))
        return following


class Network(nn.Module):
    """Embedded rows with positions through the encoder; the newest row and its state are classified."""

    def __init__(self, config: TransformerConfig, features: tuple[str, ...]) -> None:
        super().__init__()
        self.embed = nn.Linear(len(features), config.width)
        self.position = nn.Parameter(0.02 * torch.randn(WINDOW_ROWS, config.width))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width + len(features), len(CLASSES))

    def forward(self, windows: Tensor) -> Tensor:
        """Map windows `[n, row, feature]` to logits `[n, 3]`."""
        states = self.embed(windows) + self.position
        for k, layer in enumerate(self.layers, start=1):
            states = layer(states, 1 if k == len(self.layers) else WINDOW_ROWS)
        logits: Tensor = self.head(torch.cat([self.norm(states[:, -1]), windows[:, -1]], dim=1))
        return logits


@dataclass(frozen=True)
class Transformer:
    """The encoder as a member; `device` is where it is trained."""

    config: TransformerConfig = field(default_factory=TransformerConfig)
    device: str = "cpu"
    name: str = "transformer"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedNetwork:
        """See `Member.fit`."""
        return self.fit_from(None, dataset, validation, seed)

    def fit_from(self, start: Fitted | None, dataset: Dataset, validation: Dataset, seed: int) -> FittedNetwork:
        """See `Continuing.fit_from`."""
        return fit_network(Network, self.config, dataset, validation, seed, self.device, start)

    def as_long_as(self, fitted: Any, start: Fitted | None) -> Self:  # noqa: ARG002 - epochs count from the start
        """See `Stopping.as_long_as`."""
        return replace(self, config=self.config.model_copy(update={"epochs": fitted.epochs}))

    @staticmethod
    def load(folder: Path) -> FittedNetwork:
        """Read what `FittedNetwork.save` wrote."""
        return load_network(folder, TransformerConfig, Network)
