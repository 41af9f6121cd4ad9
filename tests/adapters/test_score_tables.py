import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from daytrader_ray.adapters.score_tables import ScoreTable
from daytrader_ray.domain.errors import DataError

MINUTES = np.array([29_370_870, 29_370_871, 29_370_872], dtype=np.int64)


@pytest.fixture
def table() -> ScoreTable:
    values = np.array([[0.5, np.nan], [-0.25, 2.0**-16], [np.nan, -1.0]])
    return ScoreTable(("AAPL", "XOM"), MINUTES, ("a", "b", "test"), values)


def test_scores_come_back_to_the_bit(table: ScoreTable, tmp_path: Path) -> None:
    path = str(tmp_path / "deep" / "one.parquet")
    table.write(path, {})
    again = ScoreTable.read(path)
    assert again.values.tobytes() == table.values.tobytes()
    assert (again.symbols, tuple(again.block)) == (table.symbols, table.block)
    np.testing.assert_array_equal(again.minute, MINUTES)


def test_the_rows_of_some_blocks_are_asked_by_name(table: ScoreTable) -> None:
    np.testing.assert_array_equal(table.part("b"), table.values[1:2])
    np.testing.assert_array_equal(table.part("b", "test"), table.values[1:])
    assert table.part("fit").shape == (0, 2)


def test_pandas_alone_reads_what_was_said_when(table: ScoreTable, tmp_path: Path) -> None:
    path = str(tmp_path / "one.parquet")
    table.write(path, {})
    frame = pd.read_parquet(path)
    assert list(frame.columns) == ["timestamp", "block", "AAPL", "XOM"]
    assert frame.timestamp.tolist() == [pd.Timestamp(minute * 60, unit="s", tz="UTC") for minute in MINUTES]
    assert frame.set_index("block").AAPL["b"] == -0.25
    assert frame.XOM.isna().tolist() == [True, False, False]


def test_equal_scores_are_equal_bytes_and_say_what_they_are(table: ScoreTable, tmp_path: Path) -> None:
    one, two = str(tmp_path / "one.parquet"), str(tmp_path / "two.parquet")
    table.write(one, {"member": "lstm", "key": {"seed": 7}})
    table.write(two, {"key": {"seed": 7}, "member": "lstm"})
    assert Path(one).read_bytes() == Path(two).read_bytes()
    assert json.loads(pq.read_schema(one).metadata[b"daytrader"]) == {"member": "lstm", "key": {"seed": 7}}


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", None])
def test_a_damaged_or_missing_table_is_refused_by_name(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"one\.parquet: no table of scores") as caught:
        ScoreTable.read(str(path))
    assert "search again" in caught.value.hint
