"""The charts of the report, with the plotting library inside the page."""

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import plotly.graph_objects as go

from daytrader_ray.domain.regime import Regime

CHOSEN, OTHER, GRID = "#0d9488", "#94a3b8", "rgba(128,140,155,0.22)"

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


def equity_figure(trials: Sequence[Mapping[str, Any]], dates: Sequence[str], chosen: int) -> str:
    """Return the curves of all `trials` as HTML, one line each, the one of mask `chosen` in colour.

    Curves are net returns since the start, in per cent; the script of the library comes with them.
    """
    days = ["start", *dates]
    ticks = [days[round(k * (len(days) - 1) / (N_TICKS - 1))] for k in range(N_TICKS)]
    figure = go.Figure()
    for trial in trials:
        is_chosen = trial["mask"] == chosen
        start = trial["equity"][0]
        figure.add_scatter(
            x=days,
            y=[round(100.0 * (value / start - 1.0), 6) for value in trial["equity"]],
            mode="lines",
            name=" + ".join(trial["members"]) or "cash",
            line={
                "color": CHOSEN if is_chosen else OTHER,
                "width": 3 if is_chosen else 1,
                "dash": "dash" if trial["baseline"] else "solid",
            },
            opacity=1.0 if is_chosen else 0.45,
            hovertemplate="%{x}: %{y:.3f} %<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(showlegend=False)
    return html_of(figure, "equity", 420, ticks_at(ticks, [_short(day) for day in ticks]) | {"type": "category"}, " %")


def price_figure(minutes: Sequence[int], close: Sequence[float | None], states: Sequence[int]) -> str:
    """Return a price over time as HTML, coloured by the regime in force; `equity_figure` stands on the page before it.

    `minutes` epoch UTC, `close` USD, `states` the numbers of the regimes `[point]`. Points lie side by side, so that
    nights take no room; a piece of the line has the colour of the regime that was in force when it began.
    """
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
    places = days[:: -(-len(days) // N_TICKS)]
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1.12, "x": 0})
    return html_of(figure, "regimes", 320, ticks_at(places, [f"{times[k]:%d %b}" for k in places]), "")


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


def html_of(figure: go.Figure, name: str, height: int, xaxis: Mapping[str, Any], suffix: str) -> str:
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
    figure.update_layout(yaxis={"ticksuffix": suffix, "nticks": 7})
    page: str = figure.to_html(
        full_html=False,
        include_plotlyjs=name == SCRIPTED,
        div_id=name,
        default_height=f"{height}px",
        config={"displayModeBar": False, "responsive": True},
    )
    return page


def ticks_at(places: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """Return an axis that is labelled at `places` only."""
    return {"showgrid": False, "tickvals": list(places), "ticktext": list(names)}


def _short(day: str) -> str:
    return day if day == "start" else f"{dt.date.fromisoformat(day):%d %b}"
