"""A transformer encoder (Vaswani et al. 2017) over the window's rows, with learned positions."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from daytrader_ray.domain.trading import WINDOW_ROWS
from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.network import FittedNetwork, TrainingConfig, fit_network, load_network


class TransformerConfig(TrainingConfig):
    """Size of the encoder and how it is trained; `width` is a multiple of `heads`."""

    width: int = Field(default=16, ge=1)
    heads: int = Field(default=2, ge=1)
    layers: int = Field(default=1, ge=1)


class Network(nn.Module):
    """Embedded rows with positions through the encoder; the newest row's state is classified."""

    def __init__(self, config: TransformerConfig, n_features: int) -> None:
        super().__init__()
        self.embed = nn.Linear(n_features, config.width)
        self.position = nn.Parameter(0.02 * torch.randn(WINDOW_ROWS, config.width))
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, 2 * config.width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.head = nn.Linear(config.width, len(CLASSES))

    def forward(self, windows: Tensor) -> Tensor:
        """Map windows `[n, row, feature]` to logits `[n, 3]`."""
        logits: Tensor = self.head(self.encoder(self.embed(windows) + self.position)[:, -1])
        return logits


@dataclass(frozen=True)
class Transformer:
    """The encoder as a member."""

    config: TransformerConfig = field(default_factory=TransformerConfig)
    name: str = "transformer"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedNetwork:
        """See `Member.fit`."""
        return fit_network(Network, self.config, dataset, validation, seed)

    @staticmethod
    def load(folder: Path) -> FittedNetwork:
        """Read what `FittedNetwork.save` wrote."""
        return load_network(folder, TransformerConfig, Network)
