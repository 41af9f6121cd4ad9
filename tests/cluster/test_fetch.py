"""One item of a download against a vendor on loopback, without Ray."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from daytrader_ray.adapters.polygon_rest import client
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cluster.fetch import Item, Outcome, Wanted, done
from daytrader_ray.cluster.ingest import DownloadRequest, plan
from tests.adapters.vendor import Vendor, serving

START, END = dt.date(2025, 11, 3), dt.date(2025, 11, 14)
LATER = dt.datetime(2025, 12, 15, tzinfo=dt.UTC)
FRIDAY = dt.datetime(2025, 11, 15, tzinfo=dt.UTC)


def fetched(vendor: Vendor, store: ParquetStore, kind: Kind, now: dt.datetime = LATER) -> Outcome:
    item = Item("AAPL", (Wanted(kind, ((START, END),)),))
    return done(item, client(vendor.url, "secret"), store, now)


def without(vendor: Vendor, of: Callable[[dt.date], bool]) -> None:
    """Let the vendor have no minute bars of some days."""
    bars = vendor.bars

    def found(start: dt.date, end: dt.date) -> list[dict[str, float]]:
        days = [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]
        return [bar for day in days if not of(day) for bar in bars(day, day)]

    vendor.bars = found  # type: ignore[method-assign]


def test_an_empty_answer_for_sessions_with_daily_bars_is_not_complete(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    with serving(Vendor()) as vendor:
        fetched(vendor, store, Kind.DAILY)
        vendor.behaviour = "empty"
        (missing,) = fetched(vendor, store, Kind.MINUTE).missing
        assert (missing.what, missing.first, missing.last) == ("minute", START, END)
        assert "no bar to trust of 10 sessions yet" in missing.reason
        vendor.behaviour = ""
        request = DownloadRequest(vendor.url, "k", str(tmp_path), ("AAPL",), START, END)
        _, months = plan(store, request)
        (outcome,) = (done(item, client(vendor.url, "secret"), store, LATER) for item in months)
    assert outcome.missing == []
    assert store.downloaded(Kind.MINUTE, "AAPL", "2025-11") == [(START, END)]
    assert store.bars("AAPL").num_rows == 100


def test_a_session_that_nobody_traded_is_not_asked_for_ever(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    with serving(Vendor()) as vendor:
        without(vendor, lambda day: day == dt.date(2025, 11, 13))
        soon = fetched(vendor, store, Kind.MINUTE, FRIDAY)
        assert [(one.first, one.last) for one in soon.missing] == [(dt.date(2025, 11, 13), dt.date(2025, 11, 13))]
        spans = [(START, dt.date(2025, 11, 12)), (END, END)]
        assert store.downloaded(Kind.MINUTE, "AAPL", "2025-11") == spans
        later = fetched(vendor, store, Kind.MINUTE, LATER)
    assert (later.missing, later.silent, soon.silent) == ([], 1, 0)
    assert store.downloaded(Kind.MINUTE, "AAPL", "2025-11") == [(START, END)]
    assert store.counts("AAPL", "2025-11") == {"accepted": 90, "outside_session": 20}


def test_a_day_of_trades_without_a_minute_bar_is_not_asked_for_ever(tmp_path: Path) -> None:
    store, day = ParquetStore(str(tmp_path)), dt.date(2025, 11, 13)
    with serving(Vendor()) as vendor:
        fetched(vendor, store, Kind.DAILY)
        without(vendor, lambda at: at == day)
        (missing,) = fetched(vendor, store, Kind.MINUTE, dt.datetime(2025, 12, 13, tzinfo=dt.UTC)).missing
        assert (missing.first, missing.last) == (day, day)
        later = fetched(vendor, store, Kind.MINUTE, dt.datetime(2025, 12, 14, tzinfo=dt.UTC))
    assert (later.missing, later.silent) == ([], 1)
    assert store.downloaded(Kind.MINUTE, "AAPL", "2025-11") == [(START, END)]


def test_no_daily_bar_of_months_is_no_answer_where_the_vendor_lists_the_symbol(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    item = Item("AAPL", (Wanted(Kind.DAILY, ((dt.date(2025, 9, 1), END),)),))
    with serving(Vendor("empty")) as vendor:
        rest = client(vendor.url, "secret")
        assert done(item, rest, store, LATER).missing == []
        listed = Item("MSFT", (Wanted(Kind.FUNDAMENTALS, ((START, END),)), *item.wanted))
        (missing,) = done(listed, rest, store, LATER).missing
    assert (missing.what, missing.first, missing.last) == ("daily", dt.date(2025, 9, 2), END)
    assert store.downloaded(Kind.DAILY, "MSFT", "2025") == []


def test_a_bar_that_the_vendor_corrects_is_known_since_the_download(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    at = dt.datetime(2025, 11, 3, 15, 31, tzinfo=dt.UTC)
    with serving(Vendor()) as vendor:
        fetched(vendor, store, Kind.MINUTE)
        before = store.bars("AAPL")
        fetched(vendor, store, Kind.MINUTE)
        assert not list(tmp_path.rglob("*.revisions.parquet"))
        bars = vendor.bars
        vendor.bars = lambda a, b: [bar | {"c": 10.7} for bar in bars(a, b)]  # type: ignore[method-assign]
        fetched(vendor, store, Kind.MINUTE)
    assert store.bars("AAPL", known_at=at + dt.timedelta(days=20)).equals(before)
    assert set(store.bars("AAPL", known_at=LATER)["close"].to_pylist()) == {10.7}


def test_ticks_left_out_are_in_the_report_and_the_manifest(tmp_path: Path) -> None:
    store = ParquetStore(str(tmp_path))
    stamp = int(dt.datetime(2025, 11, 3, 15, 0, tzinfo=dt.UTC).timestamp()) * 10**9
    with serving(Vendor()) as vendor:
        vendor.tables["trades"] = [{"sip_timestamp": stamp, "price": 10.0, "size": 5}, {"price": 10.0, "size": 5}]
        item = Item("AAPL", (Wanted(Kind.TRADE_BARS, ((START, START),)),))
        outcome = done(item, client(vendor.url, "secret"), store)
    assert outcome.ticks_left_out == {"unstamped": 1}
    manifest = store.read_json(store.place(Kind.TRADE_BARS, "AAPL", "_2025-11.json"))
    assert [entry["rows"] for entry in manifest["counts"]] == [{"unstamped": 1}]


def test_a_split_that_the_vendor_tells_late_brings_its_session_with_the_next_download(tmp_path: Path) -> None:
    store, day = ParquetStore(str(tmp_path)), dt.date(2025, 11, 12)

    def bars(start: dt.date, end: dt.date) -> list[dict[str, float]]:
        opens = dt.datetime.combine(day, dt.time(), dt.UTC).timestamp() * 1000
        low = dict.fromkeys(("o", "h", "l", "c", "vw"), 1.05)
        return [bar | (low if bar["t"] >= opens else {}) for bar in found(start, end)]

    with serving(Vendor()) as vendor:
        found, vendor.bars = vendor.bars, bars  # type: ignore[method-assign]
        (missing,) = fetched(vendor, store, Kind.MINUTE).missing
        assert (missing.first, missing.last) == (day, day)
        assert store.downloaded(Kind.MINUTE, "AAPL", "2025-11") == [
            (START, dt.date(2025, 11, 11)),
            (dt.date(2025, 11, 13), END),
        ]
        vendor.tables["splits"] = [{"execution_date": str(day), "split_from": 1, "split_to": 10, "ticker": "AAPL"}]
        _, (item,) = plan(store, DownloadRequest(vendor.url, "k", str(tmp_path), ("AAPL",), START, END))
        assert done(item, client(vendor.url, "secret"), store, LATER).missing == []
    assert store.downloaded(Kind.MINUTE, "AAPL", "2025-11") == [(START, END)]
    assert store.counts("AAPL", "2025-11")["accepted"] == 100
    assert not list((tmp_path / "quarantine").rglob("*.split-*.parquet"))
