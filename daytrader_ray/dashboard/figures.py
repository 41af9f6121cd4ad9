"""The charts of the report, with the plotting library inside the page."""

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import plotly.graph_objects as go

from daytrader_ray.analytics.paths import Band
from daytrader_ray.domain.regime import Regime

CHOSEN, OTHER, GRID = "#0d9488", "#94a3b8", "rgba(128,140,155,0.22)"
MARKET, SECOND, LOSS = "#d97706", "#6366f1", "#dc2626"
PALETTE = ("#0d9488", "#6366f1", "#d97706", "#dc2626", "#0ea5e9", "#84cc16", "#a855f7", "#f43f5e", "#64748b")
FAINT = "rgba(13,148,136,0.14)"
LEGEND = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"}

SCRIPTED = "equity"
"""The figure that brings the library's script with it: the first on the page."""

NEW_YORK = ZoneInfo("America/New_York")

REGIMES = {
    Regime.TRENDING: ("trending", "#0d9488"),
    Regime.VOLATILE: ("volatile", "#d97706"),
    Regime.CRISIS: ("crisis", "#dc2626"),
    Regime.UNKNOWN: ("unknown", "#94a3b8"),
}

N_TICKS = 5
"""As many dates as fit under the curves on a phone."""

MONTHLY = 120
"""Curves of more sessions have months on their axis."""

FEW_TICKS: Mapping[str, Any] = {"nticks": 7}

MOST_POINTS = 3000
"""Points of a price that are drawn; of a longer one every second, third ..."""


def equity_figure(trials: Mapping[str, Mapping[str, Any]], dates: Sequence[str], chosen: int, band: Band | None) -> str:
    """Return the curves of all `trials` by name as HTML, one line each, the one of mask `chosen` in colour.

    Curves are net returns since the start, in per cent, as is the `band` around the chosen one; the script of the
    library comes with them.
    """
    days = ["start", *dates]
    ticks = [days[round(k * (len(days) - 1) / (N_TICKS - 1))] for k in range(N_TICKS)]
    figure = go.Figure()
    for name, trial in trials.items():
        is_chosen = trial["mask"] == chosen
        start = trial["equity"][0]
        figure.add_scatter(
            x=days,
            y=[round(100.0 * (value / start - 1.0), 4) for value in trial["equity"]],
            mode="lines",
            name=name,
            line={
                "color": CHOSEN if is_chosen else OTHER,
                "width": 3 if is_chosen else 1,
                "dash": "dash" if trial["baseline"] else "solid",
            },
            opacity=1.0 if is_chosen else 0.45,
            hovertemplate="%{x}: %{y:.3f} %<extra>%{fullData.name}</extra>",
        )
    if band is not None:
        figure.add_scatter(
            x=[*days, *days[::-1]], y=np.round(100.0 * np.concatenate([band.high, band.low[::-1]]), 4).tolist(),
            fill="toself", fillcolor=FAINT, line={"width": 0}, mode="lines", hoverinfo="skip",
        )  # fmt: skip
    figure.update_layout(showlegend=False)
    form = _day_form(len(dates))
    names = [day if day == "start" else f"{dt.date.fromisoformat(day):{form}}" for day in ticks]
    return html_of(figure, "equity", 420, ticks_at(ticks, names) | {"type": "category"}, " %")


def price_figure(minutes: Sequence[int], close: Sequence[float | None], states: Sequence[int]) -> str:
    """Return a price over time as HTML, coloured by the regime in force; `equity_figure` stands on the page before it.

    `minutes` epoch UTC, `close` USD, `states` the numbers of the regimes `[point]`. Points lie side by side, so that
    nights take no room; a piece of the line has the colour of the regime that was in force when it began.
    """
    apart = points_apart(len(minutes))
    minutes, close, states = minutes[::apart], close[::apart], states[::apart]
    times = [dt.datetime.fromtimestamp(60 * minute, NEW_YORK) for minute in minutes]
    figure = go.Figure()
    for state, (name, color) in REGIMES.items():
        x: list[int | None] = []
        for first, stop in _runs(states, state):
            x += [*range(first, min(stop + 1, len(states))), None]
        if x:
            figure.add_scatter(
                x=x,
                y=[None if k is None else close[k] for k in x],
                text=["" if k is None else f"{times[k]:%d %b %Y %H:%M}" for k in x],
                mode="lines",
                name=name,
                line={"color": color, "width": 2},
                hovertemplate="%{text}: %{y:.2f} USD, %{fullData.name}<extra></extra>",
            )
    days = [k for k, time in enumerate(times) if k == 0 or time.date() != times[k - 1].date()]
    places, form = days[:: -(-len(days) // N_TICKS)], _day_form(len(days))
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.12, "x": 0})
    return html_of(figure, "regimes", 320, ticks_at(places, [f"{times[k]:{form}}" for k in places]), "")


def _day_form(n: int) -> str:
    """Return how one of `n` days is written on an axis."""
    return "%b %y" if n > MONTHLY else "%d %b"


def points_apart(n: int) -> int:
    """Return how far apart the drawn ones of `n` points are.

    >>> points_apart(3000), points_apart(3001)
    (1, 2)
    """
    return max(-(-n // MOST_POINTS), 1)


def _runs(states: Sequence[int], wanted: int) -> list[tuple[int, int]]:
    """Return (first, stop) of every unbroken stretch of one state.

    >>> _runs([0, 0, 1, 0], 0)
    [(0, 2), (3, 4)]
    """
    runs, first = [], 0
    for state, group in itertools.groupby(states):
        stop = first + len(list(group))
        if state == wanted:
            runs.append((first, stop))
        first = stop
    return runs


def html_of(
    figure: go.Figure,
    name: str,
    height: int,
    xaxis: Mapping[str, Any],
    suffix: str,
    yaxis: Mapping[str, Any] = FEW_TICKS,
) -> str:
    """Return a figure as HTML, its y values with `suffix`; the script of the library is in that of `SCRIPTED`."""
    axis = {"gridcolor": GRID, "zerolinecolor": "rgba(128,140,155,0.6)", "fixedrange": True}
    figure.update_layout(
        template=None,
        hovermode="closest",
        margin={"l": 52, "r": 12, "t": 12, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#8390a0", "family": "system-ui, sans-serif", "size": 13},
    )
    figure.update_xaxes(**axis | {"zeroline": False, "tickangle": 0, "automargin": True} | dict(xaxis))
    figure.update_yaxes(**axis)
    figure.update_layout(yaxis={"ticksuffix": suffix} | dict(yaxis))
    page: str = figure.to_html(
        full_html=False,
        include_plotlyjs=name == SCRIPTED,
        div_id=name,
        default_height=f"{height}px",
        config={"displayModeBar": False, "responsive": True},
    )
    return page


def test_ticks(windows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an axis of windows, labelled by the month in which some tests begin, by the day where there are few."""
    places = list(range(0, len(windows), -(-len(windows) // N_TICKS)))
    form = "%d %b" if len(windows) <= N_TICKS else "%b %y"
    return ticks_at(places, [f"{dt.date.fromisoformat(windows[k]['test'][0]):{form}}" for k in places])


def ticks_at(places: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """Return an axis that is labelled at `places` only."""
    return {"showgrid": False, "tickvals": list(places), "ticktext": list(names)}
