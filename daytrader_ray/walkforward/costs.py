"""What trading costs: expected for a round trip before it is made, and estimated for the fills that were."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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


def fill_costs(frames: Frames, fills: Sequence[Fill], orders: Sequence[Order], config: CostConfig) -> CostTotals:
    """Return what fills cost against the price without costs, by cause; `orders` tell where the stops rested."""
    grid, column = frames.panel.grid, {symbol: i for i, symbol in enumerate(frames.panel.symbols)}
    stops = {order.client_order_id: order.stop_price for order in orders if order.stop_price is not None}
    total = CostTotals()
    for s, session in enumerate(grid.sessions):
        mine = [fill for fill in fills if fill.session == session.date]
        costs = costs_of(config, session.date, int(grid.bars_per_session[s]), grid.bar_minutes)
        free, at = costs._replace(impact=0.0), liquidity_of(frames, s)
        for fill in mine:
            i = column[fill.symbol]
            base = _base_price(frames, int(grid.first_row[s]), i, fill, stops.get(fill.client_order_id))
            near = fill_price(base, fill.side, fill.qty, 1.0, i, fill.slot, at, free)
            spread, impact = abs(near - base) * fill.qty, abs(fill.price - near) * fill.qty
            total = total.plus(CostTotals(spread, impact, fill.fee, fill.price * fill.qty))
    return total


def _base_price(frames: Frames, first: int, i: int, fill: Fill, stop: float | None) -> float:
    """Return the price before costs: the open, for a stop the open or the stop, without a trade the last close."""
    panel, row = frames.panel, first + fill.slot
    if panel.volume[row, i] > 0:
        opened = float(panel.open[row, i])
        if fill.phase is Phase.OPEN or stop is None:
            return opened
        return max(opened, stop) if fill.side > 0 else min(opened, stop)
    before = panel.close[first:row, i]
    known = before[np.isfinite(before)]
    return float(known[-1]) if len(known) else fill.price
