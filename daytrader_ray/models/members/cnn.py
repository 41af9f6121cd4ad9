"""A convolutional network with two branches: the window as an image of indicators, and the Gramian field of returns.

The indicator image is convolved over time with the features as channels: that two of them are neighbours says nothing.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.network import FittedNetwork, TrainingConfig, fit_network, load_network
from daytrader_ray.models.members.surface import Fitted

RETURN = "lag.return_1"
"""The feature that the Gramian field is drawn from; without it there is no second branch."""


class CNNConfig(TrainingConfig):
    """Size of the filters and how they are trained."""

    filters: int = Field(default=16, ge=1, description="filters of each convolution")
    kernel_rows: int = Field(default=5, ge=1, le=15, description="rows that a filter on the indicator image spans")


class Network(nn.Module):
    """Both branches pooled, beside the newest row, are classified."""

    def __init__(self, config: CNNConfig, features: tuple[str, ...]) -> None:
        super().__init__()
        n, self.column = config.filters, features.index(RETURN) if RETURN in features else None
        self.image = nn.Sequential(
            nn.Conv1d(len(features), n, config.kernel_rows), nn.ReLU(), nn.Conv1d(n, n, config.kernel_rows), nn.ReLU()
        )
        pooled = 2 * n
        if self.column is not None:
            self.field = nn.Sequential(nn.Conv2d(1, n, 3, stride=2), nn.ReLU(), nn.Conv2d(n, n, 3, stride=2), nn.ReLU())
            pooled += n
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(pooled + len(features), len(CLASSES))

    def forward(self, windows: Tensor) -> Tensor:
        """Map windows `[n, row, feature]` to logits `[n, 3]`."""
        image = self.image(windows.transpose(1, 2))
        pooled = [image.mean(dim=2), image[:, :, -1]]
        if self.column is not None:
            pooled.append(self.field(gramian(windows[:, :, self.column])[:, None]).mean(dim=(2, 3)))
        logits: Tensor = self.head(torch.cat([self.dropout(torch.cat(pooled, dim=1)), windows[:, -1]], dim=1))
        return logits


def gramian(series: Tensor) -> Tensor:
    """Return the Gramian angular summation field of each series `[n, row]`: cos(a_i + a_j) `[n, row, row]`.

    cos a is the series scaled to [-1, 1] by its own extremes (Wang & Oates 2015); a flat one is scaled to 0.
    """
    low, high = series.amin(dim=1, keepdim=True), series.amax(dim=1, keepdim=True)
    cosine = (2.0 * series - low - high) / (high - low).clamp_min(torch.finfo(series.dtype).tiny)
    sine = (1.0 - cosine * cosine).clamp_min(0.0).sqrt()
    return cosine[:, :, None] * cosine[:, None, :] - sine[:, :, None] * sine[:, None, :]


@dataclass(frozen=True)
class CNN:
    """The convolutional network as a member; `device` is where it is trained."""

    config: CNNConfig = field(default_factory=CNNConfig)
    device: str = "cpu"
    name: str = "cnn"

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
        return load_network(folder, CNNConfig, Network)
