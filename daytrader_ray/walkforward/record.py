"""From what was traded to a run: every order, fill, trade and decision as columns, with what it cost and came from."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.decay import HORIZONS, Decay, decay
from daytrader_ray.analytics.run import Curve, Decisions, Fills, Manifest, Orders, Run, Table, Trades
from daytrader_ray.domain.budget import SIZING_STEPS
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.trading import MEMBERS, Fill, Order, OrderKind
from daytrader_ray.engine.backtest import BacktestResult
from daytrader_ray.engine.trades import Trade
from daytrader_ray.walkforward.costs import FillCost, fill_costs, round_trip_costs

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
T = TypeVar("T", bound=Table)

MARKET_SYMBOL = "SPY"


@dataclass(frozen=True)
class Traded:
    """Sessions that were traded, and what was known at each of their bars.

    `frames` are of these sessions alone; `columns` the symbols that `scores` `[row, column, member]` belong to;
    `signal` `[row, symbol]`, `weights` `[row, member]` and `regime` `[row]` were in force, `tradable`
    `[session, symbol]`.
    """

    frames: Frames
    result: BacktestResult
    columns: Int64
    scores: Float64
    signal: Float64
    weights: Float64
    regime: Int8
    tradable: Bool


def run_of(
    manifest: Manifest, parts: Sequence[Traded], sectors: dict[str, str], costs: CostConfig, spy: Float64
) -> Run:
    """Return the run of parts that follow each other; `sectors` by symbol, `spy` `[session + 1]` adjusted closes."""
    equity = [parts[0].result.session_equity[:1], *(part.result.session_equity[1:] for part in parts)]
    told = [_tables(manifest, part, sectors, costs) for part in parts]
    curve, orders, fills, trades, decisions = (_joined([one[k] for one in told]) for k in range(5))
    return Run(
        manifest=manifest,
        dates=_days([date for part in parts for date in part.result.dates]),
        session_equity=np.concatenate(equity),
        spy=spy,
        curve=curve,
        orders=orders,
        fills=fills,
        trades=trades,
        decisions=decisions,
        decay=_decay(parts, costs, manifest.cash),
    )


def adjusted_closes(frames: Frames, symbol: str, block: tuple[int, int]) -> Float64:
    """Return a symbol's close before a block of sessions and after each, comparable across splits and dividends.

    `[session + 1]`, NaN where it is unknown or the symbol absent.
    """
    panel = frames.panel
    closes = np.full(block[1] - block[0] + 1, np.nan)
    if symbol not in panel.symbols:
        return closes
    i, last = panel.column(symbol), panel.grid.first_row[1:] - 1
    sessions = np.arange(block[0] - 1, block[1])
    known = sessions >= 0
    closes[known] = (panel.close[last, i] * panel.price_factor[:, i])[sessions[known]]
    return closes


def _tables(
    manifest: Manifest, part: Traded, sectors: dict[str, str], costs: CostConfig
) -> tuple[Curve, Orders, Fills, Trades, Decisions]:
    result = part.result
    cost = fill_costs(part.frames, result.fills, result.orders, costs)
    return (
        _curve(part),
        _orders(result.orders),
        _fills(result.fills, cost),
        _trades(part, sectors, cost),
        _decisions(manifest, part),
    )


def _curve(part: Traded) -> Curve:
    grid, result = part.frames.panel.grid, part.result
    dates = _days([session.date for session in grid.sessions])
    return Curve(
        session=dates[grid.session_of_row],
        slot=grid.slot_of_row,
        equity=result.equity,
        cash=result.cash,
        gross_usd=result.gross_usd,
        net_usd=result.net_usd,
        hedge_usd=result.hedge_usd,
        beta_usd=result.beta_usd,
        regime=part.regime.astype(np.int64),
    )


def _orders(orders: Sequence[Order]) -> Orders:
    prices = [order.limit_price if order.stop_price is None else order.stop_price for order in orders]
    return Orders(
        session=_days([order.session for order in orders]),
        slot=_ints([order.slot for order in orders]),
        symbol=_text([order.symbol for order in orders]),
        kind=_ints([order.kind for order in orders]),
        side=_ints([order.side for order in orders]),
        qty=_ints([order.qty for order in orders]),
        price=np.array([np.nan if price is None else price for price in prices], dtype=np.float64),
        reason=_ints([order.reason for order in orders]),
        client_order_id=_text([order.client_order_id for order in orders]),
    )


def _fills(fills: Sequence[Fill], cost: FillCosts) -> Fills:
    return Fills(
        session=_days([fill.session for fill in fills]),
        slot=_ints([fill.slot for fill in fills]),
        phase=_text([fill.phase.value for fill in fills]),
        symbol=_text([fill.symbol for fill in fills]),
        kind=_ints([fill.kind for fill in fills]),
        side=_ints([fill.side for fill in fills]),
        qty=_ints([fill.qty for fill in fills]),
        price=np.array([fill.price for fill in fills], dtype=np.float64),
        base_price=cost.base_price,
        spread_usd=cost.spread_usd,
        impact_usd=cost.impact_usd,
        fee_usd=np.array([fill.fee for fill in fills], dtype=np.float64),
        client_order_id=_text([fill.client_order_id for fill in fills]),
    )


def _trades(part: Traded, sectors: dict[str, str], cost: FillCosts) -> Trades:
    result = part.result
    trades, (trip, entry) = result.trades, _trips(result.fills)
    n, inside = len(trades), trip >= 0
    spread, impact = (
        np.bincount(trip[inside], weights=usd[inside], minlength=n) for usd in (cost.spread_usd, cost.impact_usd)
    )
    regime = _regime_at([result.orders_by_id[entry[k]] for k in range(n)], part)
    return Trades(
        session=_days([trade.session for trade in trades]),
        symbol=_text([trade.symbol for trade in trades]),
        sector=_text([sectors.get(trade.symbol, "") for trade in trades]),
        side=_ints([trade.side for trade in trades]),
        qty=_ints([trade.qty for trade in trades]),
        entry_slot=_ints([trade.entry_slot for trade in trades]),
        exit_slot=_ints([trade.exit_slot for trade in trades]),
        entry_price=np.array([trade.entry_price for trade in trades], dtype=np.float64),
        exit_price=np.array([trade.exit_price for trade in trades], dtype=np.float64),
        fees_usd=np.array([trade.fees_usd for trade in trades], dtype=np.float64),
        spread_usd=spread,
        impact_usd=impact,
        pnl_usd=np.array([trade.pnl_usd for trade in trades], dtype=np.float64),
        exit_reason=_ints([trade.reason for trade in trades]),
        regime=regime,
        hedge=np.array([trade.hedge for trade in trades], dtype=np.bool_),
        carried=np.array([trade.carried for trade in trades], dtype=np.bool_),
        entry_order=_text(entry),
    )


def _trips(fills: Sequence[Fill]) -> tuple[Int64, list[str]]:
    """Return the round trip of each fill `[fill]` (-1: still open), and the order that opened each trip.

    Trips are numbered as `engine.trades.round_trips` puts them: in the order in which they closed.
    """
    trip, openers = np.full(len(fills), -1, dtype=np.int64), list[str]()
    held: dict[str, int] = {}
    mine: dict[str, list[int]] = {}
    for k, fill in enumerate(fills):
        mine.setdefault(fill.symbol, []).append(k)
        held[fill.symbol] = held.get(fill.symbol, 0) + fill.side * fill.qty
        if held[fill.symbol] == 0:
            lines = mine.pop(fill.symbol)
            trip[lines] = len(openers)
            openers.append(fills[lines[0]].client_order_id)
    return trip, openers
