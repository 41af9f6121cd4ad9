import datetime as dt
import re
from pathlib import Path

import pytest

from daytrader_ray.adapters.action_files import import_actions
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.errors import DataError
from daytrader_ray.market_data.adjust import Dividend, Split

HEADER = "symbol,date,split_from,split_to,cash_amount\n"
SPLIT = dt.date(2024, 6, 10)


def actions(folder: Path, text: str) -> list[str]:
    (folder / "actions.csv").write_text(text)
    return [str(folder / "actions.csv")]


def test_splits_and_dividends_are_stored_by_symbol_and_day(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    rows = "nvda,2024-06-10,1,10,\nNVDA,2024-06-11,,,0.01\nMSFT,2024-05-15,,,0.75\n"
    for _ in range(2):
        report = import_actions(store, actions(tmp_path, HEADER + rows))
        assert (report.files, report.splits, report.dividends, report.symbols) == (1, 1, 2, ("MSFT", "NVDA"))
    assert store.splits("NVDA") == (Split(SPLIT, 10.0),)
    assert store.dividends("NVDA") == (Dividend(dt.date(2024, 6, 11), 0.01),)
    assert store.dividends("MSFT") == (Dividend(dt.date(2024, 5, 15), 0.75),)
    assert store.splits("MSFT") == ()


def test_a_later_file_replaces_the_days_that_it_names_and_no_others(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path / "data"))
    import_actions(store, actions(tmp_path, HEADER + "A,2024-06-10,1,10,\nA,2021-07-20,1,4,\n"))
    import_actions(store, actions(tmp_path, HEADER + "A,2024-06-10,1,5,\n"))
    assert store.splits("A") == (Split(dt.date(2021, 7, 20), 4.0), Split(SPLIT, 5.0))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("A,2024-06-10,1,,", "data row 2: neither a split nor a dividend"),
        ("A,2024-06-10,1,10,0.5", "neither a split nor a dividend"),
        ("A,2024-06-10,,,", "neither a split nor a dividend"),
        ("A,2024-06-10,0,10,", "amounts above 0"),
        ("A,2024-06-10,,,-1", "amounts above 0"),
        ("A,2024-06-10,,,nan", "amounts above 0"),
        ("A,2024-06-10,one,10,", "data row 2: could not convert"),
        ("A,06/10/2024,1,10,", "data row 2: Invalid isoformat"),
        ("A,2024-06-10,1,10", "data row 2: expected 5 cells, found 4"),
        ("../A,2024-06-10,1,10,", "is no symbol"),
        (",2024-06-10,1,10,", "is no symbol"),
        ("B,2024-06-10,1,4,", "data row 2: a second split of B on 2024-06-10"),
    ],
)
def test_a_row_that_is_no_action_is_named_and_nothing_is_stored(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        path = actions(tmp_path, f"{HEADER}B,2024-06-10,1,2,\n{row}\n")
        import_actions(ParquetStore(str(tmp_path / "data")), path)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("text", ["", "symbol,date,ratio\n", "\x00\x00"])
def test_other_columns_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="expected the columns symbol, date"):
        import_actions(ParquetStore(str(tmp_path / "data")), actions(tmp_path, text))
