"""Real sessions of a store: days that were recorded are rehearsed through the same protocols as made-up ones.

Nothing is known of quotes, trades or halts: there are none. An imported session ends at its last bar for a backtest,
while the exchange goes on silently to the close; a downloaded one is the same for both.
"""

import datetime as dt
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.sessions import US_PER_MINUTE
from daytrader_ray.sandbox.paths import incomplete, untraded
from daytrader_ray.sandbox.source import Dividend, Halt, Listing, Quotes, SessionBars, Split, Trades
from daytrader_ray.sandbox.ticks_made import no_quotes, no_trades
from daytrader_ray.sandbox.traits import Traits

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

CACHED_MONTHS, CACHED_SESSIONS = 256, 2048
LARGEST_DENOMINATOR = 10_000


class _Month(NamedTuple):
    """Bars of one month `[bar]`: start in epoch minutes, and columns open, high, low, close, volume, vwap."""

    minutes: Int64
    columns: tuple[Float64, ...]


class StoredMarket:
    """The market of everything that a store of one-minute bars holds."""

    def __init__(self, root: str) -> None:
        self._store = ParquetStore(root)
        if self._store.bar_minutes != 1:
            raise DataError(
                f"{root} holds {self._store.bar_minutes}-minute bars: the exchange needs one-minute bars",
                "set sandbox.store to a store of one-minute bars",
            )
        self.grid = session_grid(*self._store.span())
        self._symbols = frozenset(self._store.symbols())
        self._month = lru_cache(maxsize=CACHED_MONTHS)(self._read_month)
        self._session = lru_cache(maxsize=CACHED_SESSIONS)(self._read_session)
        self._traits = lru_cache(maxsize=None)(self._traits_of)
        self._actions: dict[str, tuple[tuple[Split, ...], tuple[Dividend, ...]]] = {}

    def traits(self, symbol: str) -> Traits:
        """Return level and usual volume of a symbol in its first month; nothing else is known of a real one."""
        self._check(symbol)
        return self._traits(symbol)

    def bars(self, symbol: str, session: int) -> SessionBars:
        """Return the recorded bars, raw; a recorded bar without volume is there, but nothing fills in it."""
        return self._session(symbol, session)

    def listing(self) -> tuple[Listing, ...]:
        """Return every symbol that has bars."""
        return tuple(self.listed(symbol) for symbol in sorted(self._symbols))

    def listed(self, symbol: str) -> Listing:
        """Return what the newest fundamentals say of a symbol; listed since the first session without any."""
        traits = self.traits(symbol)
        known = self._known(symbol)
        return Listing(
            symbol=symbol,
            name=traits.name,
            kind=traits.kind,
            sector="",
            sic_code=known.get("sic_code") or "",
            sic_description=known.get("sic_description") or "",
            listed=known.get("listed") or self.grid.sessions[0].date,
            delisted=None,
        )

    def shares(self, symbol: str, session: int) -> float:
        """Return the shares outstanding as known on that day; NaN where nobody knew."""
        self._check(symbol)
        row = self._store.fundamentals(symbol, self.grid.sessions[session].date)
        shares = row["shares"] if row else None
        return float("nan") if shares is None else float(shares)

    def splits(self, symbol: str) -> tuple[Split, ...]:
        """Return the splits in the store's table inside the grid, by date."""
        return self._actions_of(symbol)[0]

    def dividends(self, symbol: str) -> tuple[Dividend, ...]:
        """Return the dividends in USD in the store's table inside the grid, by ex-date."""
        return self._actions_of(symbol)[1]

    def halts(self, symbol: str, session: int) -> tuple[Halt, ...]:
        """Return none: they are not recorded."""
        self.bars(symbol, session)
        return ()

    def quotes(self, symbol: str, session: int, slot: int) -> Quotes:
        """Return none: only bars are recorded."""
        self.bars(symbol, session).close[slot]
        return no_quotes()

    def trades(self, symbol: str, session: int, slot: int) -> Trades:
        """Return none: only bars are recorded."""
        self.bars(symbol, session).close[slot]
        return no_trades()

    def revision(self, symbol: str, session: int, slot: int) -> SessionBars:
        """Return one bar `[1]` as an earlier, incomplete report might have had it."""
        return incomplete(self.bars(symbol, session), slot)

    def truth(self, session: int) -> dict[str, Any]:
        """Return nothing: nobody knows what is behind a real market."""
        _ = self.grid.sessions[session]
        return {}

    def _check(self, symbol: str) -> None:
        if symbol not in self._symbols:
            raise DataError(f"symbol {symbol!r} has no bars in {self._store.root}")

    def _known(self, symbol: str) -> dict[str, Any]:
        return self._store.fundamentals(symbol, self.grid.sessions[-1].date) or {}

    def _traits_of(self, symbol: str) -> Traits:
        first = self._month(symbol, self._store.tables(Kind.MINUTE, symbol)[0])
        _, _, _, close, volume, _ = first.columns
        n_days = len(np.unique(first.minutes // 1440))
        known = self._known(symbol)
        kind = "INDEX" if is_index(symbol) else known.get("kind") or "CS"
        return Traits(
            price=float(close[0]),
            volume=float(volume.sum()) / n_days,
            beta=1.0,
            noise_bps=0.0,
            quiet=0.0,
            signal=False,
            name=known.get("name") or symbol,
            kind=kind,
        )

    def _actions_of(self, symbol: str) -> tuple[tuple[Split, ...], tuple[Dividend, ...]]:
        self._check(symbol)
        if symbol not in self._actions:
            first, last = self.grid.sessions[0].date, self.grid.sessions[-1].date
            splits = [_split(s.date, s.ratio) for s in self._store.splits(symbol) if first <= s.date <= last]
            rows = self._store.dividend_rows(symbol)
            dividends = [_dividend(row) for row in rows if first <= row["ex_date"] <= last]
            self._actions[symbol] = tuple(splits), tuple(dividends)
        return self._actions[symbol]

    def _read_month(self, symbol: str, month: str) -> _Month:
        table = self._store.minutes(symbol, month)
        stamps = table["timestamp"].to_numpy().astype("datetime64[us]").astype(np.int64)
        names = ("open", "high", "low", "close", "volume", "vwap")
        return _Month(stamps // US_PER_MINUTE, tuple(table[name].to_numpy().astype(np.float64) for name in names))

    def _read_session(self, symbol: str, session: int) -> SessionBars:
        self._check(symbol)
        if not 0 <= session < len(self.grid.sessions):
            raise DataError(f"session {session}: the store has sessions 0 to {len(self.grid.sessions) - 1}")
        day = self.grid.sessions[session]
        month = self._month(symbol, f"{day.date:%Y-%m}")
        low, high = np.searchsorted(month.minutes, (day.open_minute, day.close_minute))
        if low == high:
            return untraded(day.n_minutes)
        slots = month.minutes[low:high] - day.open_minute
        columns = [np.full(day.n_minutes, np.nan) for _ in month.columns]
        columns[4][:] = 0.0
        for column, values in zip(columns, month.columns, strict=True):
            column[slots] = values[low:high]
            column.flags.writeable = False
        traded = np.zeros(day.n_minutes, dtype=np.bool_)
        traded[slots] = True
        open_, high_, low_, close, volume, vwap = columns
        return SessionBars(open_, high_, low_, close, volume, vwap, traded)


def _split(date: dt.date, ratio: float) -> Split:
    exact = Fraction(ratio).limit_denominator(LARGEST_DENOMINATOR)
    return Split(date, exact.denominator, exact.numerator)


def _dividend(row: dict[str, Any]) -> Dividend:
    ex_date = row["ex_date"]
    days = (row[name] or ex_date for name in ("declaration_date", "record_date", "pay_date"))
    return Dividend(ex_date, float(row["cash_amount"]), *days)
