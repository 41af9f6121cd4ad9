"""A convolutional network over the indicator image: rows in time, features as channels."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import Field
from torch import Tensor, nn

from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.network import FittedNetwork, TrainingConfig, fit_network, load_network


class CNNConfig(TrainingConfig):
    """Size of the filters and how they are trained."""

    filters: int = Field(default=16, ge=1)
    kernel_rows: int = Field(default=5, ge=1, le=15)


class Network(nn.Module):
    """Two convolutions over time; their mean, their last value and the newest row are classified."""

    def __init__(self, config: CNNConfig, n_features: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(n_features, config.filters, config.kernel_rows)
        self.second = nn.Conv1d(config.filters, config.filters, config.kernel_rows)
        self.head = nn.Linear(2 * config.filters + n_features, len(CLASSES))

    def forward(self, windows: Tensor) -> Tensor:
        """Map windows `[n, row, feature]` to logits `[n, 3]`."""
        image = torch.relu(self.first(windows.transpose(1, 2)))
        image = torch.relu(self.second(image))
        logits: Tensor = self.head(torch.cat([image.mean(dim=2), image[:, :, -1], windows[:, -1]], dim=1))
        return logits


@dataclass(frozen=True)
class CNN:
    """The convolutional network as a member."""

    config: CNNConfig = field(default_factory=CNNConfig)
    name: str = "cnn"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedNetwork:
        """See `Member.fit`."""
        return fit_network(Network, self.config, dataset, validation, seed)

    @staticmethod
    def load(folder: Path) -> FittedNetwork:
        """Read what `FittedNetwork.save` wrote."""
        return load_network(folder, CNNConfig, Network)
