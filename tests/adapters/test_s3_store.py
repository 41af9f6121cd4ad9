"""The whole store on S3, by a local S3 server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from daytrader_ray.adapters.atomic import filesystem_of
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.store_report import report
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.domain.errors import DataError
from tests.adapters.stored import DAY, HALF_DAY, minute, table
from tests.adapters.test_store_tables import day, splits

ROOT = "s3://bars/data"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The standard variables are all that the store is told."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "XDG_STATE_HOME": str(tmp_path_factory.mktemp("state")),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bars")
    filesystem_of(ROOT)[0].clear_instance_cache()
    yield
    for entry in client.list_objects_v2(Bucket="bars").get("Contents", []):
        client.delete_object(Bucket="bars", Key=entry["Key"])
    client.delete_bucket(Bucket="bars")


def keys() -> list[str]:
    found = boto3.client("s3").list_objects_v2(Bucket="bars").get("Contents", [])
    return [entry["Key"] for entry in found]


def test_bars_are_written_read_and_laid_on_a_panel(tmp_path: Path) -> None:
    rows = table([(minute(slot), 10.0 + slot, 5.0) for slot in range(9)] + [(minute(0, 2), 3.0, 5.0)])
    stores = [ParquetStore(root) for root in (ROOT, str(tmp_path))]
    for store in stores:
        store.claim("one")
        store.write_bars("AAPL", "2025-11", rows, (DAY, HALF_DAY))
        store.write_bars("AAPL", "2025-11", table([(minute(2), 99.0, 5.0)]), None, revised_at=minute(30))
        store.write_table(Kind.SPLITS, "AAPL", "splits", splits(("2025-11-28", 1, 4)))
    remote, local = stores
    assert remote.symbols() == ("AAPL",)
    assert remote.is_downloaded("AAPL", DAY, HALF_DAY)
    assert remote.market() == "one"
    assert remote.bars("AAPL").equals(local.bars("AAPL"))
    assert remote.bars("AAPL", known_at=minute(20)).equals(rows.slice(0, 9))
    one, other = (store.panel(["AAPL"]) for store in stores)
    assert np.array_equal(one.close, other.close, equal_nan=True)
    assert one.price_factor.tolist() == other.price_factor.tolist() == [[1.0], [4.0]]
    assert list(remote.contents("AAPL")) == list(local.contents("AAPL"))


def test_another_process_sees_what_was_written_since_it_last_looked() -> None:
    mine, theirs = ParquetStore(ROOT), ParquetStore(ROOT)
    assert theirs.symbols() == ()
    assert theirs.tables(Kind.MINUTE, "AAPL") == []
    boto3.client("s3").put_object(
        Bucket="bars", Key="data/historical/minute_bars/symbol=MSFT/2025-11.parquet", Body=b"x"
    )
    assert theirs.symbols() == ("MSFT",)
    mine.write_bars("AAPL", "2025-11", table([(minute(0), 1.0, 1.0)]), None)
    assert theirs.tables(Kind.MINUTE, "AAPL") == ["2025-11"]


def test_quarantine_pruning_and_report() -> None:
    store = ParquetStore(ROOT)
    for month, later in (("2025-11", 0), ("2025-12", 5)):
        store.write_bars("AAPL", month, table([(minute(0, later), 10.0, 1.0)]), None)
    bad = table([(minute(1), 10.0, 1.0)]).append_column("reason", [["off_grid"]])
    store.quarantine("import/x", bad)
    assert report(ROOT).quarantined == {"off_grid": 1}
    assert sorted(store.prune(day("2025-12-01"), ["AAPL"])) == [
        "historical/minute_bars/symbol=AAPL/2025-11.parquet",
        "quarantine/symbol=AAPL/2025-11.import-x.parquet",
    ]
    store.quarantine("import/x", bad)
    store.quarantine("import/x", bad.slice(0, 0))
    assert keys() == ["data/historical/minute_bars/symbol=AAPL/2025-12.parquet"]


def test_what_the_service_refuses_is_one_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    store = ParquetStore("s3://nowhere/data")
    with pytest.raises(DataError, match=r"s3://nowhere/data/historical/market\.json: cannot be written: "):
        store.claim("one")


WRITER = """
import itertools
from daytrader_ray.adapters.store import ParquetStore
from tests.adapters.stored import minute, table
store = ParquetStore("s3://bars/data")
for n in itertools.count():
    rows = table([(minute(slot), 10.0 + n, 5.0) for slot in range(20_000)])
    store.write_bars("AAPL", "2025-11", rows, None, revised_at=minute(n, 90))
    print(n, flush=True)
"""


def test_a_killed_writer_leaves_whole_files_and_no_others() -> None:
    repository = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(repository)}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER], cwd=repository, env=environment, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(3):
            writer.stdout.readline()
        writer.kill()
    names = ("2025-11.parquet", "2025-11.revisions.parquet")
    assert keys() == [f"data/historical/minute_bars/symbol=AAPL/{name}" for name in names]
    closes = ParquetStore(ROOT).bars("AAPL")["close"].unique().to_pylist()
    assert len(closes) == 1
    assert closes[0] >= 12.0
