"""A long short-term memory network (Hochreiter & Schmidhuber 1997) over the window's rows."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.network import FittedNetwork, TrainingConfig, fit_network, load_network
from daytrader_ray.models.members.surface import Fitted


class LSTMConfig(TrainingConfig):
    """Size of the memory and how it is trained."""

    hidden: int = Field(default=32, ge=1, description="width of the memory")


class Network(nn.Module):
    """Memory over the rows, oldest first; the last state and the newest row are classified."""

    def __init__(self, config: LSTMConfig, features: tuple[str, ...]) -> None:
        super().__init__()
        self.memory = nn.LSTM(len(features), config.hidden, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden + len(features), len(CLASSES))

    def forward(self, windows: Tensor) -> Tensor:
        """Map windows `[n, row, feature]` to logits `[n, 3]`."""
        states, _ = self.memory(windows)
        logits: Tensor = self.head(torch.cat([self.dropout(states[:, -1]), windows[:, -1]], dim=1))
        return logits


@dataclass(frozen=True)
class LSTM:
    """The memory network as a member; `device` is where it is trained."""

    config: LSTMConfig = field(default_factory=LSTMConfig)
    device: str = "cpu"
    name: str = "lstm"

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
        return load_network(folder, LSTMConfig, Network)
