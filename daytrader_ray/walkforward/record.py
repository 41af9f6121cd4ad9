"""From what was traded to a run: every order, fill, trade and decision as columns, with what it cost and came from."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.decay import HORIZONS, Decay, decay
from daytrader_ray.analytics.run import (
    Bool,
    Curve,
    Days,
    Decisions,
    Fills,
    Float64,
    Int64,
    Manifest,
    Orders,
    Run,
    Table,
    Text,
    Trades,
)
from daytrader_ray.domain.budget import SIZING_STEPS
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.domain.trading import SCORERS, Fill, Order, OrderKind
from daytrader_ray.engine.trades import legs_of
from daytrader_ray.walkforward.costs import fill_costs, round_trip_costs
from daytrader_ray.walkforward.trade import Traded

Int8 = npt.NDArray[np.int8]
T = TypeVar("T", bound=Table)


def run_of(manifest: Manifest, parts: Sequence[Traded], sectors: Mapping[str, str], costs: CostConfig) -> Run:
    """Return the run of parts that follow each other; `sectors` by symbol."""
    equity = [parts[0].result.session_equity[:1], *(part.result.session_equity[1:] for part in parts)]
    told = [_tables(manifest, part, sectors, costs) for part in parts]
    return Run(
        manifest=manifest,
        dates=_days([date for part in parts for date in part.result.dates]),
        session_equity=np.concatenate(equity),
        spy=np.concatenate([parts[0].spy[:1], *(part.spy[1:] for part in parts)]),
        curve=_joined([one.curve for one in told]),
        orders=_joined([one.orders for one in told]),
        fills=_joined([one.fills for one in told]),
        trades=_joined([one.trades for one in told]),
        decisions=_joined([one.decisions for one in told]),
        decay=_decay(parts, costs, manifest.config["kernel"]["max_position"] * manifest.cash),
    )


class _Tables(NamedTuple):
    curve: Curve
    orders: Orders
    fills: Fills
    trades: Trades
    decisions: Decisions


def _tables(manifest: Manifest, part: Traded, sectors: Mapping[str, str], costs: CostConfig) -> _Tables:
    result, rows = part.result, _Rows(part)
    cost = fill_costs(part.frames, result.fills, result.orders, costs)
    filled = [*result.carried, *result.fills]
    legs = legs_of(filled)
    openers = [filled[trip[0]] for trip in legs]
    free = np.zeros(len(result.carried))
    by_trip = {
        name: _floats([np.concatenate([free, getattr(cost, name)])[trip].sum() for trip in legs])
        for name in ("spread_usd", "impact_usd")
    }
    sent = {order.client_order_id: order for order in result.orders}
    trades = _of(
        Trades,
        result.trades,
        sector=_text(["hedge" if trade.hedge else sectors.get(trade.symbol, "") for trade in result.trades]),
        exit_reason=_ints([trade.reason for trade in result.trades]),
        regime=rows.regimes([sent.get(fill.client_order_id, fill) for fill in openers]),
        entry_order=_text([fill.client_order_id for fill in openers]),
        **by_trip,
    )
    fees = _floats([fill.fee for fill in result.fills])
    prices = [order.limit_price if order.stop_price is None else order.stop_price for order in result.orders]
    return _Tables(
        rows.curve(),
        _of(Orders, result.orders, price=_floats([np.nan if price is None else price for price in prices])),
        _of(Fills, result.fills, fee_usd=fees, **asdict(cost)),
        trades,
        rows.decisions(manifest.members),
    )


@dataclass(frozen=True)
class _Rows:
    """What was known at the bars of a part."""

    part: Traded

    def curve(self) -> Curve:
        grid, result = self.part.frames.panel.grid, self.part.result
        names = ("equity", "cash", "gross_usd", "net_usd", "hedge_usd", "beta_usd")
        return Curve(
            session=_days([session.date for session in grid.sessions])[grid.session_of_row],
            slot=grid.slot_of_row,
            regime=self.part.said.regime.astype(np.int64),
            **{name: getattr(result, name) for name in names},
        )

    def rows(self, orders: Sequence[Order | Fill]) -> Int64:
        """Return the rows at whose closes orders were decided `[order]`, or of fills."""
        first = {session.date: row for session, row in zip(self._grid.sessions, self._grid.first_row, strict=False)}
        return _ints([first[order.session] + order.slot for order in orders])

    def regimes(self, orders: Sequence[Order | Fill]) -> Int64:
        return self.part.said.regime[self.rows(orders)].astype(np.int64)

    def decisions(self, members: tuple[str, ...]) -> Decisions:
        part = self.part
        entries = [order for order in part.result.orders if order.kind is OrderKind.ENTRY]
        symbols = [part.frames.panel.symbols[column] for column in part.columns]
        rows, columns = self.rows(entries), _ints([symbols.index(order.symbol) for order in entries])
        chosen = _ints([SCORERS.index(name) for name in members])
        return _of(
            Decisions,
            entries,
            regime=self.regimes(entries),
            steps=_steps(part.result.sizing, entries),
            scores=part.said.scores[rows, columns][:, chosen],
            weights=part.said.weights[rows][:, chosen],
        )

    @property
    def _grid(self) -> SessionGrid:
        return self.part.frames.panel.grid


def _steps(sizing: Mapping[str, Float64], entries: Sequence[Order]) -> Float64:
    """Return how each entry was sized `[entry, step]`; NaN where nobody noted it."""
    unknown = np.full(len(SIZING_STEPS), np.nan)
    return np.array([sizing.get(order.client_order_id, unknown) for order in entries]).reshape(
        len(entries), len(SIZING_STEPS)
    )


def _decay(parts: Sequence[Traded], costs: CostConfig, position_usd: float) -> Decay:
    """Return what followed the signals of all stocks that could have been entered, at the cost of a full position."""
    samples = [_samples(part, costs, position_usd) for part in parts]
    signal, forward, cost, session = (np.concatenate([one[k] for one in samples]) for k in range(4))
    return decay(signal, forward, cost, session)


def _samples(part: Traded, costs: CostConfig, position_usd: float) -> tuple[Float64, Float64, Float64, Int64]:
    """Return signal, what followed, cost of a round trip and session of every bar with a score `[sample, ...]`.

    A signal that holds from an earlier bar is not counted again: nothing is entered on it.
    """
    frames, grid = part.frames, part.frames.panel.grid
    cost = round_trip_costs(frames, (0, len(grid.sessions)), costs, position_usd)
    scored = np.zeros(part.said.signal.shape, dtype=np.bool_)
    scored[:, part.columns] = np.isfinite(part.said.scores).any(axis=2)
    at, column = np.nonzero(scored & np.isfinite(part.said.signal) & part.tradable[grid.session_of_row])
    entry = np.minimum(at + 1, grid.n_rows - 1)
    left = (grid.bars_per_session - 1)[grid.session_of_row[at]] - grid.slot_of_row[at]
    opened = np.where(left > 0, frames.panel.open[entry, column], np.nan)
    forward = np.full((len(at), len(HORIZONS)), np.nan)
    for k, minutes in enumerate(HORIZONS):
        bars = max(1, minutes // grid.bar_minutes)
        inside = left >= bars
        forward[inside, k] = frames.panel.close[at[inside] + bars, column[inside]] / opened[inside] - 1.0
    days = _days([session.date for session in grid.sessions])[grid.session_of_row[at]].astype(np.int64)
    return part.said.signal[at, column], forward, cost[at, column], days


def _of(kind: type[T], values: Sequence[Any], **others: npt.NDArray[Any]) -> T:
    """Return a table of values whose attributes have the names of its columns; `others` have no attribute."""
    columns = {
        column.name: _AS[column.type]([getattr(value, column.name) for value in values])
        for column in fields(kind)  # type: ignore[arg-type]
        if column.name not in others
    }
    return kind(**columns, **others)


def _joined(tables: Sequence[T]) -> T:
    """Return tables one after the other."""
    kind = type(tables[0])
    names = [column.name for column in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: np.concatenate([getattr(table, name) for table in tables]) for name in names})


def _days(values: Sequence[dt.date]) -> Days:
    return np.array(values, dtype="datetime64[D]")


def _floats(values: Sequence[float]) -> Float64:
    return np.array(values, dtype=np.float64)


def _ints(values: Sequence[int]) -> Int64:
    return np.array(values, dtype=np.int64)


def _text(values: Sequence[str]) -> Text:
    return np.array([str(value) for value in values], dtype=np.str_)


def _flags(values: Sequence[bool]) -> Bool:
    return np.array(values, dtype=np.bool_)


_AS: dict[Any, Callable[[Any], npt.NDArray[Any]]] = {
    Days: _days,
    Float64: _floats,
    Int64: _ints,
    Text: _text,
    Bool: _flags,
}
