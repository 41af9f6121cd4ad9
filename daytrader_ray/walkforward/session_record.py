"""A session that was traded over the ports, in the form of its backtest: its own books, orders, fills and evidence."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from daytrader_ray.engine.backtest import BacktestResult
from daytrader_ray.engine.runner import SessionResult
from daytrader_ray.engine.trades import round_trips
from daytrader_ray.walkforward.trade import Said, Traded

BOOKS = ("equity", "cash", "gross_usd", "net_usd", "beta_usd", "hedge_usd")


def as_traded(session: SessionResult, beside: Traded, hedges: Collection[str]) -> Traded:
    """Return what a session did, with bars and signals of its backtest `beside` it; `hedges` are symbols.

    Both began alike. Where the session noted no books (it ended early), those of the bar before stand.
    """
    marks = {mark.slot: mark for mark in session.marks}
    last = session.marks[0]._replace(equity=session.marks[0].start_equity)
    rows = [last := marks.get(slot, last) for slot in range(len(beside.said.regime))]
    books = {name: np.array([getattr(row, name) for row in rows]) for name in BOOKS}
    result = BacktestResult(
        dates=beside.result.dates,
        **books,
        session_equity=np.array([session.marks[0].start_equity, books["equity"][-1]]),
        orders=tuple(session.orders),
        fills=tuple(session.fills),
        trades=round_trips([*beside.result.carried, *session.fills], session.orders, hedges),
        sizing={sized.order.client_order_id: sized.steps for sized in session.sized},
        verdicts=session.verdicts,
        carried=beside.result.carried,
    )
    return replace(beside, said=_said(session, beside), result=result, allocations=tuple(session.allocations))


def _said(session: SessionResult, beside: Traded) -> Said:
    """Return what the members said to each entry, and what they weighed, as the session noted it."""
    scores, weights, regime = beside.said.scores.copy(), beside.said.weights.copy(), beside.said.regime.copy()
    symbols = [beside.frames.panel.symbols[column] for column in beside.columns]
    for sized in session.sized:
        slot = sized.order.slot
        scores[slot, symbols.index(sized.order.symbol)], weights[slot] = sized.scores, sized.weights
    for mark in session.marks:
        regime[mark.slot] = mark.regime
    return beside.said._replace(scores=scores, weights=weights, regime=regime)
