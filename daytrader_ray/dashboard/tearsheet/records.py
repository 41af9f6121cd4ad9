"""Every trade and every order of the run inside the page."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.measure import added, held_minutes, lookup
from daytrader_ray.analytics.performance import ratio
from daytrader_ray.analytics.run import Run
from daytrader_ray.dashboard.markup import section
from daytrader_ray.dashboard.records import Column, records
from daytrader_ray.dashboard.tearsheet.timeline import clock
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.trading import OrderKind, Reason

EXAMPLE = "AAPL stop 2024-03"
"""What may be searched."""


def records_section(run: Run) -> str:
    """Return the searchable tables of trades and orders, with their CSV."""
    return section(
        "Trades and orders",
        "Words are searched in every column; several must all be there. Choose a heading to sort. The CSV holds what "
        "the search has left. `daytrader explain ID` tells how an entry came about.".replace("`", ""),
        records("trades", f"{run.manifest.id}-trades", _trades(run), EXAMPLE),
        records("orders", f"{run.manifest.id}-orders", _orders(run), EXAMPLE),
    )


def _trades(run: Run) -> list[Column]:
    trades = run.trades
    return [
        Column("session", trades.session.astype(str).tolist()),
        Column("symbol", trades.symbol.tolist()),
        Column("sector", trades.sector.tolist()),
        Column("side", np.where(trades.side > 0, "long", "short").tolist()),
        Column("qty", trades.qty.astype(np.float64)),
        Column("entry", _times(run, trades.entry_slot)),
        Column("exit", _times(run, trades.exit_slot)),
        Column("minutes", held_minutes(run, trades)),
        Column("entry price", trades.entry_price, "%.4f"),
        Column("exit price", trades.exit_price, "%.4f"),
        Column("net USD", trades.pnl_usd, "%.2f"),
        Column("net bps", 1e4 * ratio(trades.pnl_usd, trades.notional_usd), "%.1f"),
        Column("spread USD", trades.spread_usd, "%.2f"),
        Column("impact USD", trades.impact_usd, "%.2f"),
        Column("fees USD", trades.fees_usd, "%.2f"),
        Column("exit reason", _words(trades.exit_reason, {r.value: r.name.lower() for r in Reason})),
        Column("regime", _words(trades.regime, {r.value: r.name.lower() for r in Regime})),
        Column("kind", np.where(trades.hedge, "hedge", np.where(trades.carried, "carried", "stock")).tolist()),
        Column("entry order", trades.entry_order.tolist()),
    ]


def _orders(run: Run) -> list[Column]:
    orders, fills = run.orders, run.fills
    lines, known = lookup(orders.client_order_id, fills.client_order_id)
    qty = added(lines[known], fills.qty[known], len(orders))
    usd = added(lines[known], (fills.qty * fills.price)[known], len(orders))
    return [
        Column("session", orders.session.astype(str).tolist()),
        Column("time", _times(run, orders.slot)),
        Column("symbol", orders.symbol.tolist()),
        Column("kind", _words(orders.kind, {k.value: k.name.lower() for k in OrderKind})),
        Column("side", np.where(orders.side > 0, "buy", "sell").tolist()),
        Column("qty", orders.qty.astype(np.float64)),
        Column("price", orders.price, "%.4f"),
        Column("filled", qty),
        Column("fill price", ratio(usd, qty), "%.4f"),
        Column("reason", _words(orders.reason, {r.value: r.name.lower() for r in Reason})),
        Column("order", orders.client_order_id.tolist()),
    ]


def _times(run: Run, slots: npt.NDArray[np.int64]) -> list[str]:
    times = [clock(run, slot) for slot in range(int(slots.max(initial=0)) + 1)]
    return [times[slot] for slot in slots.tolist()]


def _words(codes: npt.NDArray[np.int64], names: Mapping[int, str]) -> list[str]:
    return [names[code].replace("_", " ") for code in codes.tolist()]
