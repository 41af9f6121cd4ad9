"""Every kind of table in the store: its folder, its columns, what identifies a row, and how its files are cut.

::

    historical/minute_bars/symbol=AAPL/2025-03.parquet          MINUTE         one row a bar, sorted by start
    historical/daily_bars/symbol=AAPL/2025.parquet              DAILY          one row a session
    historical/corporate_actions/symbol=AAPL/splits.parquet     SPLITS         all there are
    historical/corporate_actions/symbol=AAPL/dividends.parquet  DIVIDENDS      all there are
    historical/fundamentals/symbol=AAPL/2025-03.parquet         FUNDAMENTALS   one row: as known on its `as_of` day
    historical/quote_bars/symbol=AAPL/2025-03.parquet           QUOTE_BARS     one row a minute with quotes
    historical/trade_bars/symbol=AAPL/2025-03.parquet           TRADE_BARS     one row a minute with trades
    historical/events/symbol=AAPL/events.parquet                EVENTS         all that are known
    historical/<folder>/symbol=AAPL/_<name>.json                days whose download into <name>.parquet is complete

Days are days of New York, stamps are UTC and name the START of a minute. Prices are USD as traded (raw).
"""

import datetime as dt
from enum import Enum

import pyarrow as pa

UTC = pa.timestamp("us", "UTC")


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


_F, _D, _S, _I = pa.float64(), pa.date32(), pa.string(), pa.int32()

MINUTE = _schema(timestamp=UTC, open=_F, high=_F, low=_F, close=_F, volume=_F, vwap=_F, trades=_I)
"""`vwap` and `trades` are null where the vendor gives none."""
DAILY = _schema(date=_D, open=_F, high=_F, low=_F, close=_F, volume=_F, vwap=_F, trades=_I)
SPLITS = _schema(execution_date=_D, split_from=_F, split_to=_F)
"""One old share in `split_from` becomes `split_to` new ones; 1 to 7 is a 7:1 split."""
DIVIDENDS = _schema(
    ex_date=_D, cash_amount=_F, currency=_S, declaration_date=_D, record_date=_D, pay_date=_D, kind=_S, frequency=_I
)
FUNDAMENTALS = _schema(
    as_of=_D, name=_S, kind=_S, market_cap=_F, shares=_F, sic_code=_S, sic_description=_S, sector=_S, listed=_D
)
"""`market_cap` USD and `shares` outstanding; `sector` by `market_data.sic`; null where the vendor knows none."""
QUOTE_BARS = _schema(
    timestamp=UTC,
    quotes=_I,
    spread_mean_bps=_F,
    spread_close_bps=_F,
    bid_close=_F,
    ask_close=_F,
    bid_size_mean=_F,
    ask_size_mean=_F,
    imbalance=_F,
    order_flow=_F,
)
"""Means are weighted by time; sizes in shares; `imbalance` in [-1, 1]; `order_flow` shares (Cont et al. 2014)."""
TRADE_BARS = _schema(
    timestamp=UTC, open=_F, high=_F, low=_F, close=_F, volume=_F, vwap=_F, trades=_I, tick_imbalance=_F, mean_size=_F
)
"""`tick_imbalance` in [-1, 1]: volume on upticks less volume on downticks, over all of it."""
EVENTS = _schema(timestamp=UTC, known_at=UTC, kind=_S, note=_S, withdrawn_at=UTC)
"""`timestamp` is when it happens, `known_at` when that became known (null: when it happens), `withdrawn_at` when it was
moved or taken back (null: never)."""
ADDED = ("withdrawn_at",)
"""Columns that files of older stores lack: null there."""


class Kind(Enum):
    """A kind of table: folder, columns, the columns that identify a row, and the name of a file.

    The name is a day's format (`%Y-%m`: a file a month), or plain where one file holds all there is. Of two rows with
    the same key the one written last stays. A kind without a key is written as a whole: what a vendor has withdrawn
    is then gone here too.
    """

    MINUTE = ("minute_bars", MINUTE, ("timestamp",), "%Y-%m")
    DAILY = ("daily_bars", DAILY, ("date",), "%Y")
    SPLITS = ("corporate_actions", SPLITS, (), "splits")
    DIVIDENDS = ("corporate_actions", DIVIDENDS, (), "dividends")
    FUNDAMENTALS = ("fundamentals", FUNDAMENTALS, ("as_of",), "%Y-%m")
    QUOTE_BARS = ("quote_bars", QUOTE_BARS, ("timestamp",), "%Y-%m")
    TRADE_BARS = ("trade_bars", TRADE_BARS, ("timestamp",), "%Y-%m")
    EVENTS = ("events", EVENTS, ("timestamp", "kind", "note", "known_at"), "events")

    def __init__(self, folder: str, schema: pa.Schema, key: tuple[str, ...], name_format: str) -> None:
        self.folder = folder
        self.schema = schema
        self.key = key
        self.name_format = name_format

    @property
    def is_dated(self) -> bool:
        """Whether it has a file for each month or year."""
        return "%" in self.name_format

    def parts(self, first: dt.date, last: dt.date) -> list[tuple[str, dt.date, dt.date]]:
        """Return the files that `first` to `last` touch as (name, first day, last day), cut to the range.

        >>> [(name, str(a), str(b)) for name, a, b in Kind.DAILY.parts(dt.date(2024, 12, 30), dt.date(2025, 1, 2))]
        [('2024', '2024-12-30', '2024-12-31'), ('2025', '2025-01-01', '2025-01-02')]
        """
        if not self.is_dated:
            return [(self.name_format, first, last)]
        found: list[tuple[str, dt.date, dt.date]] = []
        while first <= last:
            following = (first.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
            name, end = first.strftime(self.name_format), min(last, following - dt.timedelta(days=1))
            if found and found[-1][0] == name:
                found[-1] = (name, found[-1][1], end)
            else:
                found.append((name, first, end))
            first = following
        return found
