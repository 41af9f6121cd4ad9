"""What trading costs: expected for a round trip before it is made, and estimated for the fills that were."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.measure import added
from daytrader_ray.analytics.performance import CostTotals
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.trading import Fill, Order, Phase
from daytrader_ray.engine.fills import Costs, Liquidity, costs_of, fill_price, liquidity_of
from daytrader_ray.walkforward.windows import Block

Float64 = npt.NDArray[np.float64]

HOLD_BARS_MINUTES = 30
"""A round trip is costed as if it were held for the label's horizon."""


def round_trip_costs(frames: Frames, block: Block, config: CostConfig, position_usd: float) -> Float64:
    """Return the expected cost of a round trip of `position_usd`, as a fraction of its value `[row, symbol]`.

    Half-spread and impact at the entry (next bar) and 30 minutes later, and the fees of the sale. NaN without a price.
    """
    grid = frames.panel.grid
    parts: list[Float64] = []
    for s in range(*block):
        rows = slice(int(grid.first_row[s]), int(grid.first_row[s + 1]))
        n_slots = rows.stop - rows.start
        costs = costs_of(config, grid.sessions[s].date, n_slots, grid.bar_minutes)
        entry = np.minimum(np.arange(n_slots) + 1, n_slots - 1)
        leave = np.minimum(entry + HOLD_BARS_MINUTES // grid.bar_minutes, n_slots - 1)
        price = frames.panel.close[rows]
        spread, impact = _one_side(price, liquidity_of(frames, s), costs, position_usd)
        curve = (costs.curve[entry] + costs.curve[leave])[:, None]
        parts.append(spread * curve + 2.0 * impact + costs.sec_per_usd + costs.taf_per_share / price)
    return np.concatenate(parts) if parts else np.empty((0, len(frames.panel.symbols)))


def _one_side(price: Float64, at: Liquidity, costs: Costs, position_usd: float) -> tuple[Float64, Float64]:
    """Return (half-spread without the minute's factor, impact) as fractions of the price `[slot, symbol]`."""
    adv, sigma_day = at.adv, at.sigma_day
    known = np.isfinite(adv) & np.isfinite(sigma_day) & (adv > 0)
    value = np.where(known, adv, np.nan) * price
    bps = np.full(price.shape, costs.table_bps[-1])
    for step_usd, step_bps in zip(costs.table_adv_usd[::-1], costs.table_bps[::-1], strict=True):
        bps = np.where(value >= step_usd, step_bps, bps)
    bps = np.where(np.isfinite(at.half_spread_bps), at.half_spread_bps, bps)
    spread = np.maximum(costs.min_half_spread / price, bps / 1e4)
    share = np.where(known, sigma_day, 0.0) * np.sqrt(position_usd / price / np.where(known, adv, 1.0))
    return spread, costs.impact * share


@dataclass(frozen=True)
class FillCosts:
    """What fills cost against `base_price`, the price without costs: USD `[fill]`; fees are in the fills."""

    base_price: Float64
    spread_usd: Float64
    impact_usd: Float64


def fill_costs(frames: Frames, fills: Sequence[Fill], orders: Sequence[Order], config: CostConfig) -> FillCosts:
    """Return what each fill cost, by cause; `orders` tell where stops and limits rested."""
    grid, column = frames.panel.grid, {symbol: i for i, symbol in enumerate(frames.panel.symbols)}
    sent, number = {order.client_order_id: order for order in orders}, {s.date: k for k, s in enumerate(grid.sessions)}
    found = np.zeros((len(fills), 3))
    for date, mine in groupby(range(len(fills)), lambda k: fills[k].session):
        s = number[date]
        costs = costs_of(config, date, int(grid.bars_per_session[s]), grid.bar_minutes)
        free, at, first = costs._replace(impact=0.0), liquidity_of(frames, s), int(grid.first_row[s])
        for k in mine:
            fill, i = fills[k], column[fills[k].symbol]
            order = sent.get(fill.client_order_id)
            limit = None if order is None else order.limit_price
            base = _base_price(frames, first, i, fill, limit, None if order is None else order.stop_price)
            near = base
            if limit is None or fill.phase is Phase.OPEN:
                near = _within(fill_price(base, fill.side, fill.qty, 1.0, i, fill.slot, at, free), fill.side, limit)
            found[k] = base, abs(near - base) * fill.qty, abs(fill.price - near) * fill.qty
    return FillCosts(*found.T.copy())


def paid_by_session(fills: Sequence[Fill], costs: FillCosts, dates: Sequence[dt.date]) -> dict[str, Float64]:
    """Return what each of the sessions `dates` paid for its fills, by the names of `CostTotals`, USD `[session]`."""
    number = {date: k for k, date in enumerate(dates)}
    at = np.array([number[fill.session] for fill in fills], dtype=np.int64)
    usd = {
        "spread_usd": costs.spread_usd,
        "impact_usd": costs.impact_usd,
        "fees_usd": np.array([fill.fee for fill in fills]),
        "traded_usd": np.array([fill.price * fill.qty for fill in fills]),
    }
    return {name: added(at, each, len(dates)) for name, each in usd.items()}


def totals_of(paid: Mapping[str, Float64], n_sessions: int) -> CostTotals:
    """Return what the first sessions paid together."""
    return CostTotals(**{name: float(usd[:n_sessions].sum()) for name, usd in paid.items()})


def _within(price: float, side: int, limit: float | None) -> float:
    """Return a price no worse than the limit."""
    if limit is None:
        return price
    return min(price, limit) if side > 0 else max(price, limit)


def _base_price(frames: Frames, first: int, i: int, fill: Fill, limit: float | None, stop: float | None) -> float:
    """Return the price before costs: the open, inside the bar the limit or the worse of open and stop.

    Without a trade it is the last close.
    """
    panel, row = frames.panel, first + fill.slot
    if panel.volume[row, i] > 0:
        opened = float(panel.open[row, i])
        if fill.phase is Phase.OPEN:
            return opened
        if stop is None:
            return opened if limit is None else limit
        return max(opened, stop) if fill.side > 0 else min(opened, stop)
    before = panel.close[first:row, i]
    known = before[np.isfinite(before)]
    return float(known[-1]) if len(known) else fill.price
