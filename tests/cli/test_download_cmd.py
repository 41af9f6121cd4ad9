import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.download_cmd import Days, _print, days_of, progress, values_of, vendor
from daytrader_ray.cli.profile import load
from daytrader_ray.cluster.fetch import Missing
from daytrader_ray.cluster.ingest import DownloadReport
from daytrader_ray.domain.errors import ConfigError
from tests.cluster.stores import SYMBOLS, fill

TODAY = dt.date(2026, 2, 28)
NOW = dt.datetime(2026, 3, 1, 4, 59, tzinfo=dt.UTC)
"""Still TODAY in New York."""


def test_the_sandbox_is_downloaded_from_its_first_to_its_last_session(tmp_path: Path) -> None:
    profile = load("sandbox", str(tmp_path), {})
    assert days_of(profile, (), Days(), NOW) == (dt.date(2025, 10, 6), dt.date(2025, 12, 1))
    assert days_of(profile, (), Days(dt.date(2025, 11, 3), dt.date(2026, 1, 5)), NOW)[0] == dt.date(2025, 11, 3)


def test_a_real_vendor_is_asked_for_two_years_until_yesterday(tmp_path: Path) -> None:
    profile = load("paper", str(tmp_path), {})
    assert days_of(profile, (), Days(), NOW) == (dt.date(2024, 2, 27), dt.date(2026, 2, 27))
    assert days_of(profile, (), Days(years=0.5), NOW) == (dt.date(2025, 8, 27), dt.date(2026, 2, 27))
    assert days_of(profile, (), Days(end=TODAY), NOW)[1] == dt.date(2026, 2, 27)
    with pytest.raises(ConfigError, match="the last complete day is 2026-02-27"):
        days_of(profile, (), Days(start=TODAY), NOW)


def test_a_roll_moves_the_window_of_the_store_by_a_month_and_not_into_today(tmp_path: Path) -> None:
    profile = load("paper", str(tmp_path), {})
    with pytest.raises(ConfigError, match="there is none yet"):
        days_of(profile, ("AAPL",), Days(roll=True), NOW)
    fill(str(tmp_path))  # complete to 2025-11-30
    store = ParquetStore(str(tmp_path))
    for symbol in SYMBOLS:  # live bars of a month of which no download is complete
        december = store.minutes(symbol, "2025-11").slice(0, 1)
        store.write_bars(symbol, "2025-12", december, downloaded=None)
    window = dt.date(2023, 12, 30), dt.date(2025, 12, 30)
    assert days_of(profile, SYMBOLS, Days(roll=True), NOW) == window
    assert days_of(profile, SYMBOLS, Days(roll=True), dt.datetime(2025, 12, 11, 12, tzinfo=dt.UTC))[1] == dt.date(
        2025, 12, 10
    )


def test_a_real_vendor_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a key") as caught, vendor(load("paper", str(tmp_path), {})):
        pass
    assert "POLYGON_API_KEY" in caught.value.hint
    with vendor(load("paper", str(tmp_path), {"MASSIVE_API_KEY": "k"})) as found:
        assert found == ("https://api.polygon.io", "k")


def test_the_progress_line_says_when_it_waits_for_the_vendor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with progress(lambda: 43.0) as tell:
        tell(1, 4, 100)
    assert "waiting 43 s for the vendor's limit" in capsys.readouterr().err


def test_only_the_symbols_asked_for_are_pruned_and_only_those_of_which_nothing_is_missing(tmp_path: Path) -> None:
    fill(str(tmp_path))
    store = ParquetStore(str(tmp_path))
    days = dt.date(2026, 1, 5), dt.date(2026, 2, 5)
    missing = (Missing("SPY", "minute", *days, "SPY: no answer"),)
    report = DownloadReport(1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, missing)
    values = values_of(report, str(tmp_path), ("SPY", "XOM"), days, prune=True)
    assert (len(values["pruned"]), values["not_pruned"]) == (2, ["SPY"])
    assert store.symbols() == ("AAPL", "SPY")
    assert values_of(report, str(tmp_path), ("SPY",), days, prune=False)["not_pruned"] == []
    values = values_of(replace(report, missing=()), str(tmp_path), ("SPY",), days, prune=True)
    assert (len(values["pruned"]), values["not_pruned"]) == (2, [])
    assert store.symbols() == ("AAPL",)


def test_the_symbols_that_were_not_pruned_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = dt.date(2026, 1, 5), dt.date(2026, 2, 5)
    missing = (Missing("SPY", "minute", *days, "SPY: no answer"),)
    report = DownloadReport(1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, missing)
    _print(Console(), values_of(report, str(tmp_path), ("SPY",), days, prune=True) | {"seconds": 1.0})
    assert "nothing removed for SPY: something is missing" in capsys.readouterr().out
