from pathlib import Path

import pytest

from daytrader_ray.adapters import ledger_store
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.ledger import Entry

ONE = Entry(
    key="ab12", mask=9, members=("lstm", "xgboost"), search="search-1", configuration="c", settings="s",
    first="2025-01-02", last="2025-03-04", days=42, sharpe=0.125, curve="d", looks=("2025-03-04",),
)  # fmt: skip


def test_entries_come_back_in_the_order_of_their_keys_and_a_grown_one_replaces_itself_but_for_its_looks(
    tmp_path: Path,
) -> None:
    root = str(tmp_path)
    assert ledger_store.read(root) == []
    other = ONE.model_copy(update={"key": "0000"})
    ledger_store.enter(root, ONE)
    ledger_store.enter(root, other)
    assert ledger_store.read(root) == [other, ONE]
    grown = ONE.model_copy(update={"days": 43, "last": "2025-03-05", "looks": ("2025-03-05",)})
    ledger_store.enter(root, grown)
    twice = grown.model_copy(update={"looks": ("2025-03-04", "2025-03-05")})
    assert ledger_store.read(root) == [other, twice]
    ledger_store.enter(root, ONE)
    assert ledger_store.read(root) == [other, twice], "a shorter one again takes nothing away"


def test_an_entry_that_has_not_changed_is_left_alone(tmp_path: Path) -> None:
    ledger_store.enter(str(tmp_path), ONE)
    path = tmp_path / "reports/ledger/ab12.json"
    before = path.stat().st_mtime_ns
    ledger_store.enter(str(tmp_path), ONE)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ['{"key": "ab12"', '{"key": "ab12"}'])
def test_a_damaged_entry_is_named_and_never_left_out(tmp_path: Path, text: str) -> None:
    ledger_store.enter(str(tmp_path), ONE)
    path = tmp_path / "reports/ledger/ab12.json"
    path.write_text(text)
    with pytest.raises(DataError, match=f"{path}: no entry of the ledger") as caught:
        ledger_store.read(str(tmp_path))
    assert "luck looks like skill" in caught.value.hint
    with pytest.raises(DataError, match="no entry of the ledger"):
        ledger_store.enter(str(tmp_path), ONE)
