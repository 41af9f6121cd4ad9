"""A sixth member, as somebody would add it: convolutions over time, then a memory over what they saw."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.network import FittedNetwork, TrainingConfig, fit_network, load_network


class CNNLSTMConfig(TrainingConfig):
    """Size of filters and memory."""

    filters: int = Field(default=8, ge=1)
    hidden: int = Field(default=8, ge=1)


class Network(nn.Module):
    """A convolution over five rows, and a memory over its answers; its last state and the newest row are classified."""

    def __init__(self, config: CNNLSTMConfig, features: tuple[str, ...]) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Conv1d(len(features), config.filters, 5), nn.ReLU())
        self.memory = nn.LSTM(config.filters, config.hidden, batch_first=True)
        self.head = nn.Linear(config.hidden + len(features), len(CLASSES))

    def forward(self, windows: Tensor) -> Tensor:
        """Map windows `[n, row, feature]` to logits `[n, 3]`."""
        states, _ = self.memory(self.image(windows.transpose(1, 2)).transpose(1, 2))
        logits: Tensor = self.head(torch.cat([states[:, -1], windows[:, -1]], dim=1))
        return logits


@dataclass(frozen=True)
class CNNLSTM:
    """The hybrid as a member; `device` is where it is trained."""

    config: CNNLSTMConfig = field(default_factory=CNNLSTMConfig)
    device: str = "cpu"
    name: str = "cnn_lstm"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedNetwork:
        """See `Member.fit`."""
        return fit_network(Network, self.config, dataset, validation, seed, self.device)

    @staticmethod
    def load(folder: Path) -> FittedNetwork:
        """Read what `FittedNetwork.save` wrote."""
        return load_network(folder, CNNLSTMConfig, Network)
