"""What trading cost, what it would have at other costs and sizes, and how long a signal is worth them."""

import math

import numpy as np
import plotly.graph_objects as go

from daytrader_ray.analytics.decay import HORIZONS, Decay, net_edge
from daytrader_ray.analytics.measure import FEWEST_OF_A_YEAR, measure_returns, volume_room
from daytrader_ray.analytics.run import Fills, Run
from daytrader_ray.analytics.sweeps import Sweep, at_costs, capacity_curve, cost_sweep, free_share
from daytrader_ray.dashboard.figures import CHOSEN, LEGEND, LOSS, MARKET, html_of
from daytrader_ray.dashboard.formats import gain, number, share, usd, whole
from daytrader_ray.dashboard.markup import below, chart, estimated, section, table, written

SHOWN_FACTORS = (0.0, 1.0, 2.0)

LABEL = HORIZONS.index(30)
"""The horizon that the models learn, of `HORIZONS`."""


def cost_section(run: Run) -> str:
    """Return the split of costs, the cost sweep and the capacity curve."""
    sweep = cost_sweep(run)
    return section(
        "Costs",
        "Estimated for each fill from the price without costs: half the spread, market impact, fees on sales.",
        _split(run),
        below("If costs were other than estimated", f"The same trades at other costs. {_broken(sweep)}{_free(run)}"),
        chart(_sweep(sweep), 280),
        table(("Costs", "Return", "Return a year", "Sharpe"), (_at_costs(run, factor) for factor in SHOWN_FACTORS)),
        *_more_money(run),
    )


def _free(run: Run) -> str:
    """Say what larger costs or sizes leave out."""
    part = free_share(run)
    if not part > 0:
        return ""
    return f" {share(part)} of the value traded was filled at limits, free at any cost and size: that flatters."


def _at_costs(run: Run, factor: float) -> tuple[str, ...]:
    found = measure_returns(at_costs(run, factor), run.manifest.seed)
    shown = (("total_return", gain), ("annual_return", gain), ("sharpe", number))
    return (f"x {factor:g}", *(estimated(found[key], form) for key, form in shown))


def _split(run: Run) -> str:
    hedges = np.isin(run.fills.symbol, np.unique(run.trades.symbol[run.trades.hedge]))
    parts = {"stocks": run.fills.where(~hedges), "hedges": run.fills.where(hedges), "all": run.fills}
    if not hedges.any():
        del parts["hedges"], parts["stocks"]
    gross = float(np.diff(run.session_equity).sum() + _by_cause(run.fills).sum())
    heads = ("", "Fills", "Traded USD", "Spread USD", "Impact USD", "Fees USD", "All USD", "bps", "Of gross profit")
    return table(heads, (_costs(name, fills, gross) for name, fills in parts.items()))


def _by_cause(fills: Fills) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([fills.spread_usd.sum(), fills.impact_usd.sum(), fills.fee_usd.sum()])


def _costs(name: str, fills: Fills, gross: float) -> tuple[str, ...]:
    causes, traded = _by_cause(fills), float((fills.qty * fills.price).sum())
    total = float(causes.sum())
    return (
        name,
        f"{len(fills):,}",
        written(traded, whole),
        *(written(float(value), usd) for value in causes),
        written(total, usd),
        written(1e4 * total / traded if traded else math.nan, number),
        written(total / gross if gross > 0 else math.nan, share),
    )


def _broken(sweep: Sweep) -> str:
    if not math.isnan(sweep.crossing):
        return f"Nothing is left at {sweep.crossing:.2f} times the estimate."
    if sweep.total_return[0] < 0:
        return "Even without costs it loses."
    return f"Something is left even at {sweep.factor[-1]:g} times the estimate."


def _more_money(run: Run) -> tuple[str, ...]:
    """Return the capacity, and what the same trades earn with more money where there are sessions enough to say it."""
    equity, room = float(run.session_equity[0]), volume_room(run)
    lead = "The same trades with more money; impact in bps grows with the root of size."
    full = f" With {_about(room * equity)} USD half of the entries would meet the limit of a minute's volume."
    if math.isnan(room):
        full = ""
    if len(run.dates) < FEWEST_OF_A_YEAR:
        told = f"Fewer than {FEWEST_OF_A_YEAR} sessions have no Sharpe ratio that size could halve."
        return (below("Capacity", f"{told}{full}"),)
    capacity = capacity_curve(run)
    half = "Impact alone does not halve the Sharpe ratio here, or there is none to halve."
    if not math.isnan(capacity.crossing):
        half = f"With about {_about(capacity.crossing * equity)} USD impact halves the Sharpe ratio."
    return below("Capacity", f"{lead} {half}{full}{_free(run)}"), chart(_capacity(run, capacity), 280)


def _about(value: float) -> str:
    """Write a rough amount with two digits."""
    return f"{float(f'{value:.2g}'):,.0f}"


def _sweep(sweep: Sweep) -> str:
    figure = go.Figure()
    figure.add_scatter(
        x=sweep.factor, y=np.round(100.0 * sweep.total_return, 4), mode="lines+markers",
        line={"color": CHOSEN, "width": 2}, hovertemplate="costs x %{x:.2f}: %{y:.2f} %<extra></extra>",
    )  # fmt: skip
    figure.add_vline(x=1.0, line={"color": MARKET, "width": 1, "dash": "dot"})
    return html_of(figure, "sweep", 280, {"tickprefix": "x ", "nticks": 7}, " %")


def _capacity(run: Run, capacity: Sweep) -> str:
    figure = go.Figure()
    figure.add_scatter(
        x=capacity.factor * run.session_equity[0], y=np.round(capacity.sharpe, 4), mode="lines+markers",
        line={"color": CHOSEN, "width": 2}, hovertemplate="%{x:,.0f} USD: Sharpe %{y:.2f}<extra></extra>",
    )  # fmt: skip
    return html_of(figure, "capacity", 280, {"type": "log", "dtick": 1, "exponentformat": "SI"}, "")


def decay_section(found: Decay, threshold: float) -> str:
    """Return how long signals are worth something, those over the entries' `threshold` above all, and which pay."""
    return section(
        "What signals are worth",
        "Every signal of every minute that could have been traded, whether it was or not. If profit is gone a minute "
        "after the signal, no live system will catch it.",
        below("Decay", "Rank correlation of signal and return by minutes after the decision: 0 is chance. Bars are two "
              "standard errors over sessions."),
        chart(_ic(found), 280),
        below("Net edge", f"Mean return after the cost of a round trip, by minutes after the decision, of signals from "
              f"about {threshold:.3g} on: the median threshold of the entries."),
        chart(_net_edge(found, threshold), 260),
        below("Break-even", f"Mean return {HORIZONS[LABEL]} minutes after signals of each strength, against the cost "
              "of a round trip. Only where the first is higher is there something to earn. The table is in bps."),
        chart(_break_even(found), 300),
        _buckets(found),
    )  # fmt: skip


def _ic(found: Decay) -> str:
    known = np.isfinite(found.ic)
    n = known.sum(axis=0)
    mean = np.nansum(found.ic, axis=0) / np.maximum(n, 1)
    swing = np.sqrt(np.nansum((found.ic - mean) ** 2, axis=0) / np.maximum(n - 1, 1) / np.maximum(n, 1))
    figure = go.Figure()
    figure.add_scatter(
        x=[f"{minutes}" for minutes in HORIZONS], y=np.where(n > 0, np.round(mean, 5), np.nan),
        error_y={"array": np.round(2.0 * swing, 5), "color": CHOSEN, "thickness": 1}, mode="lines+markers",
        line={"color": CHOSEN, "width": 2}, hovertemplate="after %{x} minutes: %{y:.4f}<extra></extra>",
    )  # fmt: skip
    return html_of(figure, "decay", 280, {"type": "category", "showgrid": False}, "")


def _net_edge(found: Decay, threshold: float) -> str:
    bps = np.round(1e4 * net_edge(found, threshold), 4)
    figure = go.Figure()
    figure.add_bar(
        x=[f"{minutes}" for minutes in HORIZONS], y=bps,
        marker={"color": [LOSS if value < 0 else CHOSEN for value in bps], "line": {"width": 0}},
        hovertemplate="after %{x} minutes: %{y:.2f} bps<extra></extra>",
    )  # fmt: skip
    return html_of(figure, "net-edge", 260, {"type": "category", "showgrid": False}, " bps")


def _break_even(found: Decay) -> str:
    figure = go.Figure()
    names = [f"{edge if k else 0:.3g}" for k, edge in enumerate(found.edges)]
    for name, values, color in (("mean return", found.gross[:, LABEL], CHOSEN), ("cost", found.cost, LOSS)):
        figure.add_scatter(
            x=names, y=np.round(1e4 * values, 4), mode="lines+markers", name=name, line={"color": color, "width": 2},
            hovertemplate="from |signal| %{x}: %{y:.2f} bps<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_layout(legend=LEGEND)
    return html_of(figure, "break-even", 300, {"type": "category", "showgrid": False, "nticks": 6}, " bps")


def _buckets(found: Decay) -> str:
    heads = ("|Signal| from", "Signals", "At or over it, a day", *(f"{m} min" for m in HORIZONS), "Cost")
    rows = (
        (
            f"{found.edges[k] if k else 0:.3g}",
            f"{found.n[k]:,}",
            written(float(found.a_day[k]), number),
            *(written(float(1e4 * value), number) for value in found.gross[k]),
            written(float(1e4 * found.cost[k]), number),
        )
        for k in range(len(found.edges))
    )
    return table(heads, rows)
