"""What `daytrader doctor --data` says of a store, from reports made by hand."""

import datetime as dt
import io
import json
from dataclasses import replace

from rich.console import Console

from daytrader_ray.adapters.store_report import MonthReport, StoreReport, SymbolReport
from daytrader_ray.cli import store_view

DAY = dt.date(2025, 3, 4)
MONTH = MonthReport("2025-03", 21, 21, (), 0.99, True, 0, {}, 0)
SYMBOL = SymbolReport("AAPL", (MONTH,), 21, 0, 1, (), 1, 0, 0, 0)
STATE = StoreReport("/d", "imported", 1, DAY, DAY, (SYMBOL,), (), {}, ())


def names(state: StoreReport, universe: tuple[str, ...] = ("AAPL",)) -> dict[str, str]:
    return {finding.name: finding.found for finding in store_view.findings(state, universe)}


def drawn(state: StoreReport) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(store_view.coverage(state))
    return console.file.getvalue()  # type: ignore[attr-defined]


def with_month(**values: object) -> StoreReport:
    return replace(STATE, symbols=(replace(SYMBOL, months=(replace(MONTH, **values),)),))


def test_a_whole_store_has_one_good_finding() -> None:
    assert list(names(STATE)) == ["store"]
    assert [finding.state for finding in store_view.findings(STATE, ("AAPL",))] == ["ok"]


def test_an_empty_store_says_how_to_fill_it() -> None:
    (finding,) = store_view.findings(replace(STATE, symbols=()), ("AAPL",))
    assert finding.state == "warn"
    assert "daytrader download" in finding.todo


def test_missing_symbols_gaps_bad_rows_and_buffers_are_each_named() -> None:
    gap = with_month(present=20, gaps=(DAY,), quarantined={"bad_print": 2})
    assert "AAPL 2025-03-04" in names(gap)["store: gaps"]
    assert names(gap)["store: quarantine"] == "2 bad_print"
    assert names(STATE, ("AAPL", "MSFT"))["store: symbols"] == "none of MSFT"
    assert names(replace(STATE, pending=("2025-03-04",)))["store: live buffer"] == "not yet stored: 2025-03-04"
    unpriced = replace(STATE, symbols=(replace(SYMBOL, unpriced=(DAY,)),))
    assert "AAPL 2025-03-04" in names(unpriced)["store: dividends"]


def test_a_long_list_is_cut_and_counted() -> None:
    gap = with_month(gaps=tuple(DAY + dt.timedelta(days=n) for n in range(8)))
    assert names(gap)["store: gaps"].endswith("and 3 more")


def test_each_month_is_one_mark() -> None:
    assert f"AAPL    {store_view.WHOLE}" in drawn(STATE)
    assert f"AAPL    {store_view.IMPORTED}" in drawn(with_month(complete=False))
    assert f"AAPL    {store_view.PARTLY}" in drawn(with_month(present=3))
    assert f"AAPL    {store_view.NOTHING}" in drawn(with_month(present=0))


def test_the_report_is_plain_json() -> None:
    shown = json.loads(json.dumps(store_view.values(with_month(minutes=float("nan"))), allow_nan=False))
    assert shown["symbols"][0]["months"][0]["minutes"] is None
    assert shown["first"] == "2025-03-04"
