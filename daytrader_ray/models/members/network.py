"""What the torch members share: a training loop, scoring by the very network that was trained, and storage.

Fits and scores are made in one thread with deterministic algorithms; the caller's torch settings and random state are
left as they were. A GPU only trains, in bfloat16; what it trained is scored on the CPU like any other network.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.surface import BLOCK_ROWS, Float32, MemberConfig

JUDGED_ON = 4_000
"""An epoch is judged on at most so many validation windows."""


class TrainingConfig(MemberConfig):
    """How a network is trained: AdamW (Loshchilov & Hutter 2019) on one cycle of the learning rate (Smith 2018).

    A score explains about 1 % of the variance of its label: without strong decay a network learns its samples by heart.
    """

    epochs: int = Field(default=5, ge=1, description="passes over the samples; the one that validates best is kept")
    batch_size: int = Field(default=128, ge=1, description="samples in a step")
    learning_rate: float = Field(default=3e-3, gt=0, description="highest learning rate of the cycle")
    weight_decay: float = Field(default=1.0, ge=0, description="decay of the weights in units of the learning rate")
    dropout: float = Field(default=0.3, ge=0, lt=1, description="share of a layer's outputs that a step leaves out")
    gradient_limit: float = Field(default=1.0, gt=0, description="longest gradient")
    max_samples: int = Field(default=10_000, ge=1, description="most windows to train on")


C = TypeVar("C", bound=TrainingConfig)

Build = Callable[[C, tuple[str, ...]], nn.Module]
"""Makes an untrained network for windows of the named features: `[n, WINDOW_ROWS, feature]` to logits `[n, 3]`."""


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
    """A trained network, the names of the features that it reads, and how many epochs were kept (0: unknown)."""

    network: nn.Module
    config: Config
    features: tuple[str, ...]
    epochs: int = 0

    def score(self, block: Float32) -> Float32:
        """See `Fitted.score`."""
        with one_thread(), torch.inference_mode():
            shares = torch.softmax(self.network(torch.from_numpy(block)), dim=1)
            return np.asarray((shares[:, 2] - shares[:, 0]).numpy())

    def save(self, folder: Path) -> None:
        """See `Fitted.save`."""
        save_file({name: value.contiguous() for name, value in self.network.state_dict().items()}, _weights(folder))
        shape = {"config": self.config.model_dump(mode="json"), "features": self.features}
        _shape(folder).write_text(json.dumps(shape, indent=1, sort_keys=True) + "\n")


def load_network(folder: Path, config_type: type[C], build: Build[C]) -> FittedNetwork:
    """Read what `FittedNetwork.save` wrote."""
    shape = json.loads(_shape(folder).read_text())
    config, features = config_type.parse(shape["config"], str(_shape(folder))), tuple(shape["features"])
    network = build(config, features)
    network.load_state_dict(load_file(_weights(folder)))
    return FittedNetwork(network.eval(), config, features)


def fit_network(
    build: Build[C], config: C, dataset: Dataset, validation: Dataset, seed: int, device: str, start: Any = None
) -> FittedNetwork:
    """Train on weighted cross-entropy with torch's `device`; keep the epoch that validates best, else the last one.

    `start`, a `FittedNetwork` of the same features, gives the weights to begin with. Equal bits for equal input on one
    kind of device.
    """
    place = _available(device)
    train = _Samples.of(dataset, place)
    held_out = _Samples.of(validation.thinned(JUDGED_ON, seed), place)
    with one_thread(), torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.manual_seed(seed)
        network = build(config, dataset.features)
        if start is not None:
            network.load_state_dict(start.network.state_dict())
        epochs = _train(network.to(place), config, train, held_out, torch.Generator().manual_seed(seed))
    return FittedNetwork(network.cpu().eval(), config, dataset.features, epochs)


@dataclass(frozen=True)
class _Samples:
    """Windows `[n, WINDOW_ROWS, feature]`, columns of their classes and their weights `[n]`, on a device."""

    windows: Tensor
    classes: Tensor
    weights: Tensor

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device) -> "_Samples":
        weights = dataset.balanced_weights().astype(np.float32)
        parts = (np.array(dataset.windows), dataset.classes, weights)
        return cls(*(torch.from_numpy(part).to(device) for part in parts))

    def __len__(self) -> int:
        return len(self.classes)

    def loss(self, network: nn.Module, part: Tensor) -> Tensor:
        """Return the weighted cross-entropy of some samples, summed (nats)."""
        device = self.windows.device.type
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits = network(self.windows[part])
        losses = nn.functional.cross_entropy(logits.float(), self.classes[part], reduction="none")
        return (losses * self.weights[part]).sum()


def _train(
    network: nn.Module, config: TrainingConfig, train: _Samples, held_out: _Samples, generator: torch.Generator
) -> int:
    """Train and return how many epochs were kept."""
    rate, n = config.learning_rate, len(train)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=config.weight_decay, foreach=True)
    steps = config.epochs * -(-n // config.batch_size)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    best, best_loss, kept = None, float("inf"), config.epochs
    for epoch in range(1, config.epochs + 1):
        network.train()
        for part in torch.split(torch.randperm(n, generator=generator), config.batch_size):
            optimizer.zero_grad()
            torch.autograd.backward(train.loss(network, part) / len(part))
            nn.utils.clip_grad_norm_(network.parameters(), config.gradient_limit)
            optimizer.step()
            cycle.step()
        loss = _held_out_loss(network, held_out)
        if loss < best_loss:
            best, best_loss = {name: value.clone() for name, value in network.state_dict().items()}, loss
            kept = epoch
    if best is not None:
        network.load_state_dict(best)
    return kept


@torch.no_grad()
def _held_out_loss(network: nn.Module, samples: _Samples) -> float:
    """Return the weighted cross-entropy, summed (nats); infinite without samples."""
    network.eval()
    parts = torch.split(torch.arange(len(samples)), BLOCK_ROWS)
    return sum(float(samples.loss(network, part)) for part in parts) if len(samples) else float("inf")


def _available(device: str) -> torch.device:
    place = torch.device(device)
    if place.type == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError("a network is to be trained on a GPU, and torch finds none", "set search.num_gpus to 0")
        # Only with a workspace that is chosen before its first call does cuBLAS sum in the same order every time.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return place


def _weights(folder: Path) -> Path:
    return folder / "weights.safetensors"


def _shape(folder: Path) -> Path:
    return folder / "network.json"
