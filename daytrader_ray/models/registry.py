"""All members and baselines by name; a framework is loaded only when something of it is asked for.

`NAME` of `domain.trading.SCORERS` is the module `models/members/NAME.py`; its class of that name (in any case, without
underscores) is the member, its `<class>Config` holds the options.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from daytrader_ray.domain.trading import SCORERS
from daytrader_ray.models import calibration
from daytrader_ray.models.calibration import Calibrated
from daytrader_ray.models.members.surface import Member


def member(name: str, options: Mapping[str, Any] | None = None) -> Member:
    """Return the member or baseline called `name` with its default configuration and the given options."""
    module, kind = _member_class(name)
    config = getattr(module, f"{kind.__name__}Config").parse(options or {}, name)
    return cast(Member, kind(config))


def load(name: str, folder: Path) -> Calibrated:
    """Read a calibrated member from the folder its `save` wrote."""
    _, kind = _member_class(name)
    return Calibrated(kind.load(folder), calibration.load(folder))


def _member_class(name: str) -> tuple[Any, Any]:
    if name not in SCORERS:
        raise ValueError(f"no member called {name!r}: expected one of {', '.join(SCORERS)}")
    module = import_module(f"daytrader_ray.models.members.{name}")
    wanted = name.replace("_", "")
    for key, value in vars(module).items():
        if key.lower() == wanted and isinstance(value, type):
            return module, value
    raise ValueError(f"{module.__name__}: expected a class called {wanted!r} in any case, found none")
