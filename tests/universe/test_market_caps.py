import datetime as dt

import numpy as np
import pyarrow as pa

from daytrader_ray.adapters.market_caps import market_caps
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import FUNDAMENTALS, Kind
from tests.universe.panels import SYMBOLS, panel


def report(store: ParquetStore, symbol: str, day: dt.date, usd: float | None) -> None:
    row = dict.fromkeys(FUNDAMENTALS.names) | {"as_of": day, "market_cap": usd}
    store.write_table(Kind.FUNDAMENTALS, symbol, f"{day:%Y-%m}", pa.Table.from_pylist([row], FUNDAMENTALS))


def test_a_report_counts_from_the_session_after_its_day(tmp_path) -> None:
    store, given = ParquetStore(str(tmp_path)), panel()
    dates = [session.date for session in given.grid.sessions]
    report(store, "AAA", dates[10], 2e9)
    report(store, "AAA", dates[30], 3e9)
    report(store, "AAA", dates[40], None)
    report(store, "SPY", dates[10], 9e9)
    found = market_caps(store, given, ("AAA", "BBB"))
    column = found[:, SYMBOLS.index("AAA")]
    assert np.isnan(column[:11]).all()
    assert (column[11:31] == 2e9).all() and (column[31:] == 3e9).all()
    assert np.isnan(np.delete(found, SYMBOLS.index("AAA"), axis=1)).all()
