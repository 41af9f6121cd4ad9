import datetime as dt
from pathlib import Path

import pytest

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.ingest import DownloadReport, download, market_at
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import DataError, FeedError
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.process import running
from tests.adapters.vendor import Vendor, serving

pytestmark = pytest.mark.ray

START, END = dt.date(2025, 11, 24), dt.date(2025, 12, 2)
SYMBOLS = ("MSFT", "AAPL")


def asked_for(vendor: Vendor) -> int:
    """Return how many requests for bars the vendor saw."""
    return sum("/aggs/" in target for target in vendor.requests)


def test_a_download_stores_every_month_once_and_resumes(ray_cluster: int, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with serving(Vendor()) as vendor:
        first = download(vendor.url, "secret", str(tmp_path), SYMBOLS, START, END, lambda *done: seen.append(done))
        asked = asked_for(vendor)
        again = download(vendor.url, "secret", str(tmp_path), SYMBOLS, START, END)
        longer = download(vendor.url, "secret", str(tmp_path), SYMBOLS, START, END + dt.timedelta(days=1))
    # Nine days of ten bars; six of the days have a session.
    assert first == DownloadReport(2, 4, 4, rows=180, accepted=120, quarantined=60)
    assert asked == 4
    assert again == DownloadReport(2, 4, 0, rows=0, accepted=0, quarantined=0)
    assert longer.months_fetched == 2
    assert asked_for(vendor) == 6
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    store = ParquetStore(str(tmp_path))
    panel = store.panel(SYMBOLS)
    assert panel.symbols == ("AAPL", "MSFT")
    assert panel.traded.sum(axis=0).tolist() == [70, 70]
    half_day = panel.grid.index_of(dt.date(2025, 11, 28))
    close = panel.grid.first_row[half_day + 1] - 1
    assert panel.close[close].tolist() == [10.5, 10.5]


def test_the_first_month_that_cannot_be_had_ends_the_download(ray_cluster: int, tmp_path: Path) -> None:
    with serving(Vendor()) as vendor, pytest.raises(FeedError, match="Unknown API Key"):
        download(vendor.url, "wrong", str(tmp_path), SYMBOLS, START, END)
    assert not ParquetStore(str(tmp_path)).symbols()


def test_the_same_bars_give_the_same_bytes_in_any_order_of_work(ray_cluster: int, tmp_path: Path) -> None:
    with serving(Vendor()) as vendor:
        for name, symbols in (("a", SYMBOLS), ("b", SYMBOLS[::-1])):
            download(vendor.url, "secret", str(tmp_path / name), symbols, START, END)
    files = [
        {str(p.relative_to(tmp_path / name)): p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()}
        for name in "ab"
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 11


def test_bars_of_two_markets_are_not_mixed(ray_cluster: int, tmp_path: Path) -> None:
    with serving(Vendor()) as vendor:
        download(vendor.url, "secret", str(tmp_path), SYMBOLS, START, END)
    assert ParquetStore(str(tmp_path)).market() == "127.0.0.1"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(DataError, match=r"another market: 127\.0\.0\.1, not api\.polygon\.io") as caught:
        download("https://api.polygon.io", "secret", str(tmp_path), SYMBOLS, START, END)
    assert "--data" in caught.value.hint
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_the_built_in_exchange_is_known_by_what_makes_its_bars(ray_cluster: int, tmp_path: Path) -> None:
    config = SandboxConfig(seed=8, n_sessions=1)
    day = config.first_session
    with running(config, CostConfig()) as url:
        assert market_at(url) == "sandbox seed 8 strength 1 first 2025-10-06"
        download(url, "sandbox", str(tmp_path), ["AAPL"], day, day)
    with (
        running(SandboxConfig(seed=9), CostConfig()) as url,
        pytest.raises(DataError, match=r"seed 8 .* not .* seed 9"),
    ):
        download(url, "sandbox", str(tmp_path), ["AAPL"], day, day)
