"""All members by name, with their configurations; a framework is loaded only when one of its members is asked for."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models.members.surface import Fitted, Member

_CLASSES = {
    "lstm": "LSTM",
    "cnn": "CNN",
    "random_forest": "RandomForest",
    "xgboost": "XGBoost",
    "transformer": "Transformer",
}


def member(name: str, options: Mapping[str, Any] | None = None) -> Member:
    """Return the member called `name`, one of MEMBERS, with its default configuration and the given options."""
    module, kind = _member_class(name)
    config = getattr(module, f"{_CLASSES[name]}Config").parse(options or {}, f"members.{name}")
    return cast(Member, kind(config))


def load(name: str, folder: Path) -> Fitted:
    """Read a fitted member from the folder its `save` wrote."""
    _, kind = _member_class(name)
    return cast(Fitted, kind.load(folder))


def _member_class(name: str) -> tuple[Any, Any]:
    if name not in MEMBERS:
        raise ValueError(f"no member called {name!r}: expected one of {', '.join(MEMBERS)}")
    module = import_module(f"daytrader_ray.models.members.{name}")
    return module, getattr(module, _CLASSES[name])
