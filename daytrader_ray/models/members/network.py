"""What the three torch members share: a training loop, eager scoring and storage.

Everything runs in one thread with deterministic algorithms; the caller's torch settings and random state are left as
they were.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from daytrader_ray.domain.config import Config
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.surface import Float32


class TrainingConfig(Config):
    """How a network is trained; `max_samples` caps the training windows."""

    epochs: int = Field(default=4, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    gradient_limit: float = Field(default=1.0, gt=0)
    max_samples: int = Field(default=10_000, ge=1)


C = TypeVar("C", bound=TrainingConfig)

_Samples = tuple[Tensor, Tensor, Tensor]


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch deterministically in one thread inside the block."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class FittedNetwork:
    """A trained network that maps windows `[n, WINDOW_ROWS, feature]` to three class logits `[n, 3]`."""

    network: nn.Module
    config: Config
    n_features: int

    def score(self, block: Float32) -> Float32:
        """See `Fitted.score`."""
        with one_thread(), torch.inference_mode():
            shares = torch.softmax(self.network(torch.from_numpy(block)), dim=1)
            return np.asarray((shares[:, 2] - shares[:, 0]).numpy())

    def save(self, folder: Path) -> None:
        """See `Fitted.save`."""
        save_file({name: value.contiguous() for name, value in self.network.state_dict().items()}, _weights(folder))
        shape = {"config": self.config.model_dump(mode="json"), "n_features": self.n_features}
        _shape(folder).write_text(json.dumps(shape, indent=1, sort_keys=True) + "\n")


def load_network(folder: Path, config_type: type[C], build: Callable[[C, int], nn.Module]) -> FittedNetwork:
    """Read what `FittedNetwork.save` wrote; `build(config, n_features)` makes the untrained network."""
    shape = json.loads(_shape(folder).read_text())
    config = config_type.parse(shape["config"], str(_shape(folder)))
    network = build(config, shape["n_features"])
    network.load_state_dict(load_file(_weights(folder)))
    return FittedNetwork(network.eval(), config, shape["n_features"])


def fit_network(
    build: Callable[[C, int], nn.Module], config: C, dataset: Dataset, validation: Dataset, seed: int
) -> FittedNetwork:
    """Train `build(config, n_features)` with AdamW on weighted cross-entropy; keep the epoch that validates best."""
    dataset = dataset.thinned(config.max_samples, seed)
    n_features = dataset.windows.shape[2]
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(config, n_features)
        _train(network, config, _tensors(dataset), _tensors(validation), torch.Generator().manual_seed(seed))
    return FittedNetwork(network.eval(), config, n_features)


def _train(
    network: nn.Module, config: TrainingConfig, train: _Samples, validation: _Samples, generator: torch.Generator
) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    best, best_loss = None, float("inf")
    for _ in range(config.epochs):
        for batch in torch.split(torch.randperm(len(train[1]), generator=generator), config.batch_size):
            optimizer.zero_grad()
            windows, classes, weights = (part[batch] for part in train)
            torch.autograd.backward(_loss(network, windows, classes, weights))
            nn.utils.clip_grad_norm_(network.parameters(), config.gradient_limit)
            optimizer.step()
        if len(validation[1]):
            with torch.no_grad():
                loss = float(_loss(network, *validation))
            if loss < best_loss:
                best, best_loss = {name: value.clone() for name, value in network.state_dict().items()}, loss
    if best is not None:
        network.load_state_dict(best)


def _loss(network: nn.Module, windows: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    losses = nn.functional.cross_entropy(network(windows), classes, reduction="none")
    return (losses * weights).mean()


def _tensors(dataset: Dataset) -> _Samples:
    return (
        torch.from_numpy(np.array(dataset.windows)),
        torch.from_numpy(dataset.classes),
        torch.from_numpy(dataset.balanced_weights().astype(np.float32)),
    )


def _weights(folder: Path) -> Path:
    return folder / "weights.safetensors"


def _shape(folder: Path) -> Path:
    return folder / "network.json"
