"""All members by name; a member's framework is loaded only when that member is asked for."""

from pathlib import Path

from daytrader_ray.models.members.surface import Fitted, Member


def member(name: str) -> Member:
    """Return the member called `name`."""
    if name == "xgboost":
        from daytrader_ray.models.members.xgboost import XGBoost

        return XGBoost()
    raise ValueError(f"no member called {name!r}")


def load(name: str, folder: Path) -> Fitted:
    """Read a fitted member from the folder its `save` wrote."""
    if name == "xgboost":
        from daytrader_ray.models.members.xgboost import XGBoost

        return XGBoost.load(folder)
    raise ValueError(f"no member called {name!r}")
