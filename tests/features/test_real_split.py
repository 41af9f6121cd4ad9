"""AAPL's 7:1 split of 2014-06-09 in real minute bars: returns go on, raw prices stay as they traded."""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import MINUTE, SPLITS, Kind
from daytrader_ray.features.compute import compute
from daytrader_ray.features.step import NAMES
from daytrader_ray.market_data.statistics import session_statistics

BARS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "lean" / "1min" / "AAPL.parquet"
EX_DATE = dt.date(2014, 6, 9)

pytestmark = pytest.mark.skipif(not BARS.is_file(), reason="the real bars of ../shared/data are not there")


@pytest.fixture
def store(tmp_path):
    raw = pq.read_table(BARS)
    nothing = pa.nulls(raw.num_rows)
    table = raw.drop_columns("symbol").append_column("vwap", nothing).append_column("trades", nothing)
    store = ParquetStore(str(tmp_path))
    store.write_bars("AAPL", "2014-06", table.select(MINUTE.names).cast(MINUTE), None)
    return store


def gap(panel):
    values = compute(panel, session_statistics(panel)[2]).values
    return float(values[panel.grid.first_row[2], 0, NAMES.index("lag.overnight_gap")])


def test_the_split_on_read_gives_continuous_returns_and_leaves_raw_prices(store):
    before = store.panel(["AAPL"])
    assert [session.date for session in before.grid.sessions] == [dt.date(2014, 6, day) for day in (5, 6, 9)]
    assert gap(before) == pytest.approx(np.log(1 / 7), abs=0.01)

    row = {"execution_date": [EX_DATE], "split_from": [1.0], "split_to": [7.0]}
    store.write_table(Kind.SPLITS, "AAPL", "splits", pa.table(row, SPLITS))
    panel = store.panel(["AAPL"])
    assert panel.price_factor[:, 0].tolist() == panel.share_factor[:, 0].tolist() == [1.0, 1.0, 7.0]
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(panel, name).tobytes() == getattr(before, name).tobytes()
    assert panel.close[panel.grid.first_row[2] - 1, 0] > 640 and panel.close[-1, 0] < 95

    assert abs(gap(panel)) < 0.01
    features = compute(panel, session_statistics(panel)[2])
    levels = features.values[panel.grid.first_row[2] :, 0]
    for name in ("trend.sma_20", "momentum.roc_30", "volatility.bollinger_width_20"):
        assert np.abs(levels[:, NAMES.index(name)]).max() < 0.02, name
    atr = features.atr_5[panel.grid.first_row[2] :, 0]
    assert 0.05 < np.nanmedian(atr) < 0.5, "USD a new share"
    assert store.bars("AAPL", EX_DATE, EX_DATE)["close"].to_pylist()[-1] < 95


def test_volume_of_the_split_is_counted_in_its_own_shares(store):
    row = {"execution_date": [EX_DATE], "split_from": [1.0], "split_to": [7.0]}
    store.write_table(Kind.SPLITS, "AAPL", "splits", pa.table(row, SPLITS))
    panel = store.panel(["AAPL"])
    first = panel.grid.first_row
    day = [panel.volume[first[s] : first[s + 1], 0].sum() / panel.share_factor[s, 0] for s in range(3)]
    assert max(day) < 2 * min(day)
    assert panel.volume[first[2] :].sum() > 4 * panel.volume[: first[1]].sum()
