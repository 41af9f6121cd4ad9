"""The heat map of a search: every ensemble in every window."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from daytrader_ray.dashboard.ensembles import NAMES, by_rank, letter
from daytrader_ray.dashboard.figures import CHOSEN, LOSS, html_of, test_ticks
from daytrader_ray.dashboard.markup import chart, section

ROW, AROUND = 17, 100
"""Pixels of a row of the map, and of what is around it."""

LABELS = {
    "autorange": "reversed",
    "showgrid": False,
    "dtick": 1,
    "automargin": True,
    "tickfont": {"family": "ui-monospace, Menlo, Consolas, monospace", "size": 11},
}
"""Every row is named, the best on top."""


def heat_section(result: Mapping[str, Any]) -> str:
    """Return the net return of each test of each trial as a picture, the best Sharpe ratio first."""
    members = result["members"]
    names = ", ".join(f"{letter(name)} {NAMES.get(name, name)}" for name in members)
    trials = [result["trials"][k] for k in by_rank(result["trials"])]
    height = AROUND + ROW * len(trials)
    return section(
        "Every ensemble in every window",
        "Net return of each whole test, in per cent; the highest Sharpe ratio stands on top. One good column is a good "
        f"month for all, one good row would be a good ensemble. {_overlap(result)}{names}.",
        chart(_figure(trials, members, result["windows"], height), height),
    )


def _overlap(result: Mapping[str, Any]) -> str:
    used, effective = result["windows_used"], result["windows_effective"]
    if effective >= used:
        return ""
    return (
        "Tests overlap, so that one month colours several columns: "
        f"{used} windows tell as much as {effective:g} that do not; their training overlaps all the same. "
    )


def _figure(
    trials: Sequence[Mapping[str, Any]],
    members: Sequence[str],
    windows: Sequence[Mapping[str, Any]],
    height: int,
) -> str:
    values = [[_per_cent(window["test"]["total_return"]) for window in trial["windows"]] for trial in trials]
    most = max((abs(value) for row in values for value in row if value is not None), default=1.0) or 1.0
    figure = go.Figure()
    figure.add_heatmap(
        z=values, x=[window["test"][0] for window in windows], y=[_label(trial, members) for trial in trials],
        zmin=-most, zmax=most, colorscale=[[0.0, LOSS], [0.5, "rgba(128,140,155,0.10)"], [1.0, CHOSEN]], xgap=1, ygap=1,
        colorbar={
            "orientation": "h", "thickness": 8, "len": 0.6, "x": 0.5, "y": 1.0, "yanchor": "bottom", "ticksuffix": " %",
            "outlinewidth": 0, "nticks": 5, "ticklabelposition": "outside top",
        },
        hovertemplate="%{y}, test from %{x}: %{z:.2f} %<extra></extra>",
    )  # fmt: skip
    return html_of(figure, "heat", height, test_ticks(windows) | {"type": "category"}, "", LABELS)


def _per_cent(value: float | None) -> float | None:
    return None if value is None else round(100.0 * value, 3)


def _label(trial: Mapping[str, Any], members: Sequence[str]) -> str:
    """Return the letters of a trial's members, a dot for each that is not in it; a baseline and cash by name."""
    if trial["baseline"] or not trial["mask"]:
        return str(trial["name"])
    return "".join(letter(name) if name in trial["members"] else "·" for name in members)
