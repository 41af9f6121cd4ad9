"""A regime model on disk: names in JSON, arrays in safetensors."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from daytrader_ray.domain.regime import RegimeModel

_NAMES = ("inputs", "left_out", "breadth")
_NUMBERS = ("bar_minutes", "crisis_vix")


def save(model: RegimeModel, folder: Path) -> None:
    """Write `model` into an existing empty folder."""
    arrays = {f.name: getattr(model, f.name) for f in fields(model) if isinstance(getattr(model, f.name), np.ndarray)}
    save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, folder / "regime.safetensors")
    names = {name: list(getattr(model, name)) for name in _NAMES}
    names |= {name: getattr(model, name) for name in _NUMBERS}
    (folder / "regime.json").write_text(json.dumps(names, indent=1, sort_keys=True) + "\n")


def load(folder: Path) -> RegimeModel:
    """Read what `save` wrote."""
    names = json.loads((folder / "regime.json").read_text())
    values: dict[str, Any] = {name: tuple(names[name]) for name in _NAMES}
    values |= {name: names[name] for name in _NUMBERS} | load_file(folder / "regime.safetensors")
    return RegimeModel(**values)
