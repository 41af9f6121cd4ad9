import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cluster.fetch import Missing
from daytrader_ray.cluster.ingest import DownloadReport, DownloadRequest, download, downloaded_until, market_at
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import DataError, FeedError
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.process import running
from tests.adapters.vendor import Vendor, serving

pytestmark = pytest.mark.ray

START, END = dt.date(2025, 11, 24), dt.date(2025, 12, 2)
SYMBOLS = ("MSFT", "AAPL")
INFO = "/_sandbox/info"
"""Asked of every http address: is it our own exchange?"""


def asked(vendor: Vendor, what: str) -> int:
    """Return how many requests the vendor saw with `what` in their address."""
    return sum(what in target for target in vendor.requests)


def request(vendor: Vendor, root: Path, end: dt.date = END, symbols: tuple[str, ...] = SYMBOLS) -> DownloadRequest:
    return DownloadRequest(vendor.url, "secret", str(root), symbols, START, end)


def files(root: Path) -> dict[str, bytes]:
    found = (path for path in root.rglob("*") if path.is_file() and path.parent.name != ".locks")
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_a_download_stores_every_day_once_and_resumes(ray_cluster: int, tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []
    with serving(Vendor()) as vendor:
        first = download(request(vendor, tmp_path), lambda *done: seen.append(done))
        requests = list(vendor.requests)
        again = download(request(vendor, tmp_path))
        assert vendor.requests == [*requests, INFO]
        longer = download(request(vendor, tmp_path, END + dt.timedelta(days=1)))
    # Nine days of ten bars; six of the days have a session.
    assert first == DownloadReport(2, 4, 4, 180, 120, 60, 0, 14, 0, 0, 0, 0, missing=())
    assert again == DownloadReport(2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, missing=())
    assert (longer.months_fetched, longer.rows, longer.accepted, longer.daily_bars) == (2, 20, 20, 2)
    assert len(requests) == len(set(requests)) == 1 + 2 * (2 + 1 + 1 + 1 + 2)
    new = vendor.requests[len(requests) :]
    assert sorted(target.partition("?")[0].rpartition("AAPL")[2] for target in new if "/AAPL" in target) == [
        "", "/range/1/day/2025-12-03/2025-12-03", "/range/1/minute/2025-12-03/2025-12-03"
    ]  # fmt: skip
    done, of, rows = seen[-1]
    assert done == of == 2 * (2 + 1 + 1 + 1 + 2)
    assert rows == 180 + 14 + 4
    store = ParquetStore(str(tmp_path))
    panel = store.panel(SYMBOLS)
    assert panel.symbols == ("AAPL", "MSFT")
    assert panel.traded.sum(axis=0).tolist() == [70, 70]
    assert downloaded_until(str(tmp_path), SYMBOLS) == dt.date(2025, 12, 3)
    assert downloaded_until(str(tmp_path), ("XOM",)) is None
    assert store.counts("AAPL", "2025-11") == {"accepted": 40, "outside_session": 30}
    known = store.fundamentals("AAPL", dt.date(2025, 12, 1))
    assert known is not None
    assert (known["as_of"], known["shares"], known["sic_code"]) == (dt.date(2025, 11, 30), 1000.0, "3571")
    half_day = panel.grid.index_of(dt.date(2025, 11, 28))
    close = panel.grid.first_row[half_day + 1] - 1
    assert panel.close[close].tolist() == [10.5, 10.5]


def test_what_cannot_be_had_is_named_and_ends_nothing(ray_cluster: int, tmp_path: Path) -> None:
    symbols = ("AAPL", "NONE", "I:VIX")
    with serving(Vendor()) as vendor:
        vendor.unknown, vendor.forbidden = {"NONE"}, "/I:VIX/range/1/minute/2025-11"
        report = download(request(vendor, tmp_path, symbols=symbols))
        assert not asked(vendor, "/aggs/ticker/NONE") + asked(vendor, "/tickers/I:VIX") + asked(vendor, "ticker=I")
        first = len(vendor.requests)
        vendor.forbidden = "none"
        again = download(request(vendor, tmp_path, symbols=symbols))
    assert report.accepted == 60 + 20
    unknown = "NONE: the market data vendor knows no such symbol"
    refused = "I:VIX: the market data vendor refused: You are not entitled to this data."
    assert report.missing == (
        Missing("I:VIX", "minute", START, dt.date(2025, 11, 30), refused),
        Missing("NONE", "fundamentals", START, END, unknown),
    )
    # What was missing is asked for again, and nothing else (beside the question whose exchange this is).
    assert [one.symbol for one in again.missing] == ["NONE"]
    assert len(vendor.requests) - first == 1 + 2 + 1
    store = ParquetStore(str(tmp_path))
    assert not store.tables(Kind.FUNDAMENTALS, "NONE")
    assert store.bars("I:VIX").num_rows == 60


def test_a_download_of_nothing_is_an_error(ray_cluster: int, tmp_path: Path) -> None:
    with serving(Vendor()) as vendor:
        vendor.unknown = {"NONE"}
        with pytest.raises(FeedError, match=r"nothing came: NONE: .* knows no such symbol"):
            download(request(vendor, tmp_path, symbols=("NONE",)))


def test_all_of_a_download_and_the_next_one_keep_to_one_limit(ray_cluster: int, tmp_path: Path) -> None:
    with serving(Vendor()) as vendor:
        for name in ("a", "b"):
            wanted = request(vendor, tmp_path / name, symbols=("AAPL",))
            download(replace(wanted, requests_per_minute=300))
    times = [time for time, target in zip(vendor.times, vendor.requests, strict=True) if target != INFO]
    assert len(times) == 2 * 7
    assert all(later - earlier > 0.8 for earlier, later in zip(times, times[5:], strict=False))


def test_limits_and_passing_failures_slow_a_download_and_lose_nothing(ray_cluster: int, tmp_path: Path) -> None:
    with serving(Vendor()) as vendor:
        download(request(vendor, tmp_path / "a"))
        limited, cut = (429, {"Retry-After": "1"}, b"{}"), (200, {}, b'{"results":[{')
        vendor.failures = [(404, {}, b""), limited, (500, {}, b""), cut]
        assert not download(request(vendor, tmp_path / "b")).missing
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_a_key_that_is_refused_ends_the_download(ray_cluster: int, tmp_path: Path) -> None:
    with serving(Vendor()) as vendor, pytest.raises(FeedError, match="Unknown API Key"):
        download(DownloadRequest(vendor.url, "wrong", str(tmp_path), SYMBOLS, START, END))
    assert not ParquetStore(str(tmp_path)).symbols()


def test_the_same_bars_give_the_same_bytes_in_any_order_of_work(ray_cluster: int, tmp_path: Path) -> None:
    with serving(Vendor()) as vendor:
        for name, symbols in (("a", SYMBOLS), ("b", SYMBOLS[::-1])):
            download(request(vendor, tmp_path / name, symbols=symbols))
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert len(files(tmp_path / "a")) == 1 + 2 * (2 * (2 + 2 + 1) + 1 + 1 + 1)


def test_bars_of_two_markets_are_not_mixed(ray_cluster: int, tmp_path: Path) -> None:
    with serving(Vendor()) as vendor:
        download(request(vendor, tmp_path))
    assert ParquetStore(str(tmp_path)).market() == "127.0.0.1"
    before = files(tmp_path)
    with pytest.raises(DataError, match=r"another market: 127\.0\.0\.1, not api\.polygon\.io") as caught:
        download(DownloadRequest("https://api.polygon.io", "secret", str(tmp_path), SYMBOLS, START, END))
    assert "--data" in caught.value.hint
    assert files(tmp_path) == before


def test_the_built_in_exchange_is_known_by_what_makes_its_bars(ray_cluster: int, tmp_path: Path) -> None:
    config = SandboxConfig(seed=8, n_sessions=1)
    day = config.first_session
    with running(config, CostConfig()) as url:
        assert market_at(url) == "sandbox seed 8 strength 1 first 2025-10-06"
        download(DownloadRequest(url, "sandbox", str(tmp_path), ["AAPL"], day, day))
    with (
        running(SandboxConfig(seed=9), CostConfig()) as url,
        pytest.raises(DataError, match=r"seed 8 .* not .* seed 9"),
    ):
        download(DownloadRequest(url, "sandbox", str(tmp_path), ["AAPL"], day, day))
