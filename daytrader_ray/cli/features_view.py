"""Features as `daytrader features --list` and `--explain` show them."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from daytrader_ray.features.describe import Description
    from daytrader_ray.features.registry import Feature

HORIZON_MINUTES = 30
"""How far ahead the return is with which a feature is compared."""

CONSTANT = "none: constant"
"""What is said instead of a correlation of what never varies."""
IN_SAMPLE = "in sample, overlapping returns, before costs: no evidence that it can be traded"


def listing(features: "Sequence[Feature]") -> "Table":
    """Return a table of all features, family by family."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, caption=f"{len(features)} features", caption_justify="left")
    table.add_column("feature", no_wrap=True)
    table.add_column("warm-up", justify="right", no_wrap=True)
    table.add_column("inputs", no_wrap=True)
    table.add_column("formula")
    for family, members in groupby(features, key=lambda feature: feature.family):
        table.add_row(f"[bold]{family}[/]")
        for feature in members:
            warm_up = f"{feature.warm_up} {_counted_in(feature)}"
            table.add_row(f"  {feature.name}", warm_up, ", ".join(feature.inputs), _plain(feature.formula))
    return table


def explanation(feature: "Feature", found: "Description | None") -> "RenderableType":
    """Return what a feature is and, where it was computed, what it looks like on the stored data."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title=feature.name, title_justify="left", show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    words = definition(feature)
    nan = words.pop("nan")
    for name, text in words.items():
        table.add_row(name.replace("_", "-"), _plain(_words(text)))
    if nan:
        table.add_row("no value", _plain(nan))
    if found is not None and not found.values:
        table.add_row("coverage", f"no value on this data{nan and f': {_plain(nan)}'}")
    for name, text in _statistics(found) if found is not None and found.values else ():
        table.add_row(name, text)
    return table


def definition(feature: "Feature") -> dict[str, Any]:
    """Return what the registry says of a feature, as JSON takes it."""
    return {
        "formula": feature.formula,
        "source": feature.source,
        "inputs": list(feature.inputs),
        "lookback": feature.lookback,
        "warm_up": feature.warm_up,
        "counted_in": _counted_in(feature),
        "nan": feature.nan,
    }


def measure(root: str, name: str, symbols: Sequence[str] | None) -> "Description":
    """Return the statistics of a feature over what is stored of `symbols` (default: all); `DataError` without it."""
    from daytrader_ray.adapters.frames import load_frames
    from daytrader_ray.domain.errors import DataError
    from daytrader_ray.features.describe import SymbolColumn, describe

    frames = load_frames(root, symbols)
    panel, features = frames.panel, frames.features
    if name not in features.names:
        raise DataError(f"{root} has no values of {name}", "run `daytrader features` first")
    k = features.names.index(name)
    columns = (
        SymbolColumn(symbol, features.values[:, column][:, k], panel.close[:, column])
        for column, symbol in enumerate(panel.symbols)
    )
    return describe(columns, panel.grid.session_of_row, HORIZON_MINUTES // panel.grid.bar_minutes)


def statistics(found: "Description") -> dict[str, Any]:
    """Return the statistics as JSON takes them, None for what has no value."""
    from dataclasses import asdict

    values = {key: _jsonable(value) for key, value in asdict(found).items()}
    return {**values, "coverage": _jsonable(found.coverage), "next_return_is": IN_SAMPLE}


def _counted_in(feature: "Feature") -> str:
    """Return what lookback and warm-up count, whatever the length of a stored bar."""
    return "minutes" if feature.in_minutes else "bars"


def _statistics(found: "Description") -> list[tuple[str, str]]:
    moving = {lag: value for lag, value in found.autocorrelation.items() if math.isfinite(value)}
    lagged = ", ".join(f"{value:+.3f} after {lag}" for lag, value in moving.items())
    ahead = f"{found.next_return:+.4f} rank correlation with that of {found.horizon} bars ({IN_SAMPLE})"
    rows = [
        ("coverage", f"{found.coverage:.2%} of {found.bars:,} bars"),
        ("mean, sd", f"{found.mean:.6g}, {found.sd:.6g}"),
        ("quantiles", ", ".join(f"{level:.0%} {value:.4g}" for level, value in found.quantiles.items())),
        ("autocorrelation", f"{lagged} bars" if moving else CONSTANT),
        ("next return", ahead if math.isfinite(found.next_return) else CONSTANT),
    ]
    if found.lowest and found.highest:
        ends = f"{found.lowest[0]} {found.lowest[1]:.6g} to {found.highest[0]} {found.highest[1]:.6g}"
        rows.insert(3, ("symbols' means", ends))
    return rows


def _words(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _jsonable(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _jsonable(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
