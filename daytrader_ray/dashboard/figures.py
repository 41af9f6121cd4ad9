"""The charts of the report, with the plotting library inside the page."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

CHOSEN, OTHER, GRID = "#0d9488", "#94a3b8", "rgba(128,140,155,0.22)"


def equity_figure(trials: Sequence[Mapping[str, Any]], dates: Sequence[str], chosen: int) -> str:
    """Return the curves of all ensembles as HTML, one line each, the one of mask `chosen` on top of the others.

    Curves are net returns since the start, in per cent; the script of the library comes with them.
    """
    days = ["start", *dates]
    figure = go.Figure()
    for trial in trials:
        is_chosen = trial["mask"] == chosen
        start = trial["equity"][0]
        figure.add_scatter(
            x=days,
            y=[round(100.0 * (value / start - 1.0), 6) for value in trial["equity"]],
            mode="lines",
            name=" + ".join(trial["members"]) or "cash",
            line={"color": CHOSEN if is_chosen else OTHER, "width": 3 if is_chosen else 1},
            opacity=1.0 if is_chosen else 0.45,
            hovertemplate="%{x}: %{y:.3f} %<extra>%{fullData.name}</extra>",
        )
    axis = {"gridcolor": GRID, "zerolinecolor": "rgba(128,140,155,0.6)", "fixedrange": True}
    figure.update_layout(
        showlegend=False,
        hovermode="closest",
        margin={"l": 52, "r": 12, "t": 12, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": "#8390a0", "family": "system-ui, sans-serif", "size": 13},
        xaxis={**axis, "type": "category", "nticks": 7, "showgrid": False, "tickangle": 0},
        yaxis={**axis, "ticksuffix": " %", "nticks": 7},
    )
    page: str = figure.to_html(
        full_html=False,
        include_plotlyjs=True,
        div_id="equity",
        default_height="420px",
        config={"displayModeBar": False, "responsive": True},
    )
    return page
