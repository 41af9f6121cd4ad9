"""Columns of every table in the store beside the minute bars; one file per symbol and year, month or kind.

::

    historical/daily_bars/symbol=AAPL/2025.parquet              DAILY          one row a session
    historical/corporate_actions/symbol=AAPL/splits.parquet     SPLITS         all there are
    historical/corporate_actions/symbol=AAPL/dividends.parquet  DIVIDENDS      all there are
    historical/fundamentals/symbol=AAPL/2025-03.parquet         FUNDAMENTALS   one row: as known on its `as_of` day
    historical/quote_bars/symbol=AAPL/2025-03.parquet           QUOTE_BARS     one row a minute with quotes
    historical/trade_bars/symbol=AAPL/2025-03.parquet           TRADE_BARS     one row a minute with trades
    historical/events/symbol=AAPL/events.parquet                EVENTS         all that are known

Days are days of New York, stamps are UTC and name the START of a minute. Prices are USD as traded (raw).
"""

import pyarrow as pa

UTC = pa.timestamp("us", "UTC")


def _schema(**columns: pa.DataType) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()])


_F, _D, _S, _I = pa.float64(), pa.date32(), pa.string(), pa.int32()

DAILY = _schema(date=_D, open=_F, high=_F, low=_F, close=_F, volume=_F, vwap=_F, trades=_I)
SPLITS = _schema(execution_date=_D, split_from=_F, split_to=_F)
"""One old share in `split_from` becomes `split_to` new ones; 1 to 7 is a 7:1 split."""
DIVIDENDS = _schema(
    ex_date=_D, cash_amount=_F, currency=_S, declaration_date=_D, record_date=_D, pay_date=_D, kind=_S, frequency=_I
)
FUNDAMENTALS = _schema(as_of=_D, name=_S, kind=_S, market_cap=_F, shares=_F, sic_code=_S, sic_description=_S, listed=_D)
"""`market_cap` USD and `shares` outstanding; null where the vendor knows none."""
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
EVENTS = _schema(timestamp=UTC, known_at=UTC, kind=_S, note=_S)
"""`timestamp` is when it happens, `known_at` when that became known."""
