"""The section on what costs and size would change for the best ensemble of a search."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from daytrader_ray.dashboard.figures import CHOSEN, html_of
from daytrader_ray.dashboard.formats import gain, number, share, text, usd, whole
from daytrader_ray.dashboard.markup import below, chart, section, table

CAUSES, TRADED = ("spread_usd", "impact_usd", "fees_usd"), "traded_usd"


def expenses_section(best: Mapping[str, Any], capacity: Mapping[str, Any]) -> str:
    """Return the costs of the best ensemble, what others would leave of it, and how far it grows."""
    rows = [
        (f"x {told['factor']:g}", text(told["total_return"], gain), text(told["sharpe"], number))
        for told in best["cost_sweep"]
    ]
    return section(
        "What costs and size change",
        "The best ensemble's trades at no costs, at the estimated ones and at twice those. What is good only at x 0 is "
        "no strategy.",
        table(("Costs", "Return", "Sharpe"), rows),
        below("What was paid", "Over all steps: half the spread, market impact, fees on sales."),
        _paid(best),
        *_capacity(best, capacity),
    )


def _paid(best: Mapping[str, Any]) -> str:
    paid = {name: sum(window["costs"][name] for window in best["windows"]) for name in (*CAUSES, TRADED)}
    traded = paid[TRADED]
    total = sum(paid[name] for name in CAUSES)
    heads = ("Spread USD", "Impact USD", "Fees USD", "All USD", "Traded USD", "bps", "Of gross profit")
    bps = text(1e4 * total / traded if traded else None, number)
    cells = (*(text(paid[name], usd) for name in CAUSES), text(total, usd), text(traded, whole), bps)
    return table(heads, [(*cells, text(best["metrics"]["cost_share"], share))])


def _capacity(best: Mapping[str, Any], capacity: Mapping[str, Any]) -> tuple[str, ...]:
    if not any(value is not None for value in capacity["sharpe"]):
        return (below("Capacity", "Too few sessions for a Sharpe ratio that size could halve."),)
    equity, crossing = best["equity"][0], capacity["crossing"]
    half = "Impact alone does not halve the Sharpe ratio here, or there is none to halve."
    if crossing is not None:
        half = f"With about {float(f'{crossing * equity:.2g}'):,.0f} USD impact halves the Sharpe ratio."
    lead = (
        "The same trades with more money; impact in bps grows with the root of size, limits of volume are not applied."
    )
    return below("Capacity", f"{lead} {half}"), chart(_curve(capacity, equity), 280)


def _curve(capacity: Mapping[str, Any], equity: float) -> str:
    figure = go.Figure()
    figure.add_scatter(
        x=[factor * equity for factor in capacity["factor"]], y=capacity["sharpe"], mode="lines+markers",
        line={"color": CHOSEN, "width": 2}, hovertemplate="%{x:,.0f} USD: Sharpe %{y:.2f}<extra></extra>",
    )  # fmt: skip
    return html_of(figure, "capacity", 280, {"type": "log", "dtick": 1, "exponentformat": "SI"}, "")
