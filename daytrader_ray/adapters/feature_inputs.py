"""What features and rules read beside bars: quotes and trades of minutes, and the calendar of events."""

import datetime as dt
import difflib
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import structlog

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.domain.indices import SPY
from daytrader_ray.domain.panel import Float64
from daytrader_ray.domain.sessions import US_PER_MINUTE, SessionGrid
from daytrader_ray.engine.config import EventRule
from daytrader_ray.engine.events import entry_scale
from daytrader_ray.features.bar import EVENTS, TICKS, without
from daytrader_ray.features.events import event_minutes

QUOTE_COLUMNS = ("spread_mean_bps", "imbalance", "order_flow")
TRADE_COLUMNS = ("tick_imbalance", "trades", "mean_size")
"""Columns of the store's quote and trade bars in the order of `features.bar.TICKS`."""
log = structlog.get_logger(__name__)


def tick_rows(store: ParquetStore, symbol: str, grid: SessionGrid, *, quotes: bool, trades: bool) -> Float64 | None:
    """Return what one symbol's quotes and trades say of each minute `[row, 6]` (`features.bar.TICKS`), NaN for nothing.

    None where neither is wanted, the store has none of these days, or the bars are no minutes: ticks are stored by the
    minute.
    """
    found = without(grid.n_rows, TICKS)
    if grid.bar_minutes != 1 or not grid.sessions:
        return None
    first, last = grid.sessions[0].date, grid.sessions[-1].date
    parts = [(0, QUOTE_COLUMNS, store.quote_bars)] if quotes else []
    parts += [(len(QUOTE_COLUMNS), TRADE_COLUMNS, store.trade_bars)] if trades else []
    there = False
    for at, names, read in parts:
        table = read(symbol, first, last)
        rows = grid.rows_of_minutes(table["timestamp"].cast(pa.int64()).to_numpy() // US_PER_MINUTE)
        for k, name in enumerate(names):
            values = table[name].cast(pa.float64()).to_numpy()
            found[rows[rows >= 0], at + k] = values[rows >= 0]
        there |= bool((rows >= 0).any())
    return found if there else None


def event_rows(store: ParquetStore, symbol: str, grid: SessionGrid) -> Float64 | None:
    """Return the minutes to the next event of one symbol and since its last one at the end of each bar `[row, 2]`.

    What was known then counts. None where the store has no events of the symbol.
    """
    timestamp, known_at, withdrawn_at, _ = events_of(store, symbol)
    now = grid.minute_of_row + grid.bar_minutes
    return event_minutes(timestamp, known_at, withdrawn_at, now) if len(timestamp) else None


def tick_panel(
    store: ParquetStore, symbols: Sequence[str], grid: SessionGrid, quotes: Collection[str], trades: Collection[str]
) -> Float64 | None:
    """Return `tick_rows` of all symbols `[row, symbol, 6]`, of those in `quotes` and `trades`; None for nothing."""
    rows = [tick_rows(store, one, grid, quotes=one in quotes, trades=one in trades) for one in symbols]
    return _side_by_side(rows, without(grid.n_rows, TICKS))


def event_panel(store: ParquetStore, symbols: Sequence[str], grid: SessionGrid) -> Float64 | None:
    """Return `event_rows` of all symbols `[row, symbol, 2]`; None where the store has no events of any."""
    return _side_by_side([event_rows(store, symbol, grid) for symbol in symbols], without(grid.n_rows, EVENTS))


def event_scales(
    store: ParquetStore, symbols: Sequence[str], grid: SessionGrid, rule: EventRule
) -> dict[dt.date, Float64]:
    """Return what entries are sized by near events `[slot, symbol]`, by date, of the sessions in which any is near.

    Events of SPY are those of the whole market. What `unknown_kinds` finds is logged.
    """
    for words in unknown_kinds(store, rule):
        log.warning(words)
    now, own = grid.minute_of_row + grid.bar_minutes, dict[str, Float64]()
    for symbol in sorted({*symbols, SPY}):
        timestamp, known_at, withdrawn_at, kinds = events_of(store, symbol)
        counts = np.isin(kinds, rule.kinds) if rule.kinds else np.ones(len(kinds), dtype=np.bool_)
        if counts.any():
            minutes = event_minutes(timestamp[counts], known_at[counts], withdrawn_at[counts], now)
            own[symbol] = entry_scale(rule, minutes)
    found: dict[dt.date, Float64] = {}
    for symbol, scale in own.items():
        columns = [k for k, one in enumerate(symbols) if symbol in (one, SPY)]
        for s in np.unique(grid.session_of_row[scale < 1.0]):
            session, rows = grid.sessions[s], slice(grid.first_row[s], grid.first_row[s + 1])
            day = found.setdefault(session.date, np.ones((rows.stop - rows.start, len(symbols))))
            day[:, columns] = np.minimum(day[:, columns], scale[rows, None])
    return dict(sorted(found.items()))


def unknown_kinds(store: ParquetStore, rule: EventRule) -> list[str]:
    """Return in words which kinds of a rule no event of the store has, of whatever symbol: they protect nothing."""
    symbols = store.symbols(Kind.EVENTS) if rule.kinds else ()
    there = {str(kind) for symbol in symbols for kind in events_of(store, symbol)[-1]}
    if rule.kinds and not there:
        return [f"kernel.events.kinds: {', '.join(rule.kinds)}: there is no calendar: run `daytrader import --events`"]
    found = []
    for kind in (kind for kind in rule.kinds if kind not in there):
        close = difflib.get_close_matches(kind, there, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else ""
        found.append(f"kernel.events.kinds: the calendar has no '{kind}'; it has {', '.join(sorted(there))}{hint}")
    return found


def events_of(store: ParquetStore, symbol: str) -> tuple[Float64, Float64, Float64, npt.NDArray[np.str_]]:
    """Return when each event of a symbol is, since when it is known and until when it counts, and its kind.

    In minutes since 1970; infinity: it has not been withdrawn.
    """
    table = store.events(symbol)
    stamps = (table[name].cast(pa.int64()).cast(pa.float64()) for name in ("timestamp", "known_at", "withdrawn_at"))
    timestamp, known_at, withdrawn_at = (stamp.fill_null(np.inf).to_numpy() / US_PER_MINUTE for stamp in stamps)
    return timestamp, known_at, withdrawn_at, np.array(table["kind"].to_pylist(), dtype=np.str_)


def _side_by_side(columns: list[Float64 | None], nothing: Float64) -> Float64 | None:
    if all(column is None for column in columns):
        return None
    return np.stack([nothing if column is None else column for column in columns], axis=1)
