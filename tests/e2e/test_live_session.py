"""A live session from the first bar to the store: real time, only faster, on the exchange that plays it."""

import asyncio
import io
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from daytrader_ray.adapters import bar_buffer, run_store
from daytrader_ray.adapters.journal import journal_path, open_journal, read
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli import live_cmd, verdict_view
from daytrader_ray.cli.main import build
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.session_spec import live_spec
from daytrader_ray.domain.errors import BrokerError, ConfigError
from daytrader_ray.domain.fakes import FakeScorer
from tests.e2e.conftest import FEATURES, SANDBOX, SYMBOLS, UNIVERSE

KEYS = {"POLYGON_API_KEY": "poly", "ALPACA_API_KEY": "alp", "ALPACA_SECRET_KEY": "paca"}


def sent(url, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(urllib.request.Request(url, data, method=method), timeout=60) as answer:
        return json.loads(answer.read())


@pytest.fixture
def play(exchange, day):
    """Begin the day so many real seconds before its open."""

    def begin(speed, lead_seconds):
        start = -int(lead_seconds * speed / 60)
        sent(f"{exchange}/_sandbox/play", {"session": str(day.session), "speed": speed, "start": start})

    yield begin
    sent(f"{exchange}/_sandbox/faults", method="DELETE")
    sent(f"{exchange}/_sandbox/play", method="DELETE")


@pytest.fixture
def data(day, tmp_path):
    """Return the root of a store that ends the day before."""
    root = tmp_path / "data"
    shutil.copytree(day.root, root)
    shutil.rmtree(root / "live", ignore_errors=True)
    opens = pa.scalar(int(time.mktime(day.session.timetuple())) * 1_000_000)
    for path in (root / "historical/minute_bars").glob("*/*.parquet"):
        table = pq.read_table(io.BytesIO(path.read_bytes()))
        pq.write_table(table.filter(pc.less(table["timestamp"].cast(pa.int64()), opens)), path)
    for path in (root / "historical/minute_bars").glob("*/_*.json"):
        path.write_text(path.read_text().replace("2025-11-28", "2025-11-27"))
    return str(root)


@pytest.fixture
def file(exchange, tmp_path):
    """Return a profile of one's own whose vendors are the exchange."""
    streams = f"ws{exchange[4:]}"
    live = {
        "deadline_seconds": 0.06,
        "dark_minutes": 60,
        "second_stream_url": f"{streams}/v2/sip",
        "reconnect": {"first_pause_seconds": 0.05},
    }
    values = {
        "universe": UNIVERSE.model_dump(mode="json"),
        "features": FEATURES.model_dump(mode="json"),
        "polygon": {"url": exchange, "stream_url": f"{streams}/stocks"},
        "alpaca": {"url": exchange, "stream_url": f"{streams}/stream"},
        "live": live,
    }
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    return str(path)


def stored_as_made(data, day):
    """Check that the store holds the market's day, which no download has confirmed."""
    from daytrader_ray.sandbox.market import Market
    from daytrader_ray.sandbox.sessions import market_grid

    market, store = Market(SANDBOX, market_grid(SANDBOX)), ParquetStore(data)
    number = market.grid.index_of(day.session)
    for symbol in SYMBOLS:
        made, stored = market.bars(symbol, number), store.bars(symbol, day.session, day.session)
        assert stored["close"].to_pylist() == made.close[made.traded].tolist()
        assert not store.is_downloaded(symbol, day.session, day.session)
    assert bar_buffer.leftovers(Path(data), "buffer") == []


async def test_a_live_session_trades_ends_flat_and_is_in_the_store_afterwards(data, file, play, day):
    from daytrader_ray.cluster.before import load_bundle
    from daytrader_ray.cluster.runs import keep_live
    from daytrader_ray.cluster.scoring import ProcessScorer
    from daytrader_ray.cluster.session import trade

    play(600.0, 20.0)
    spec = live_spec(load(file, data, KEYS), day.seen, "latest")
    assert (spec.date, spec.pace.speed) == (day.session, 600.0)
    result = await trade(spec, ProcessScorer(load_bundle(spec)))
    assert result.flat_at_close and len(result.orders) > 5
    stored_as_made(data, day)
    kinds = [record["kind"] for record in read(journal_path(Path(data), day.session, "live"))]
    assert kinds[0] == "open" and kinds[-1] == "feed"
    assert keep_live(spec, result) == []
    run = run_store.load(data)
    assert run.manifest.kind == "live" and len(run.orders) == len(result.orders)
    assert run.session_equity[-1] == pytest.approx(result.cash)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # Ray's own imports
@pytest.mark.parametrize(("state", "said"), [(2, "was halted"), (0, "had begun and ended early")])
def test_a_day_that_had_begun_is_told_and_not_gone_on_with(data, file, play, day, monkeypatch, state, said):
    from daytrader_ray.cluster import live, runtime
    from daytrader_ray.cluster.session import trade

    play(60.0, -100.0)
    with open_journal(data, day.session, "live") as journal:
        journal.note("open", {})
        journal.note("mark", {"peak": 101_000.0, "start_equity": 100_000.0, "state": state})
    monkeypatch.setattr(runtime, "started", lambda **_: nullcontext())
    monkeypatch.setattr(live, "serve_and_trade", lambda spec, _: asyncio.run(trade(spec, FakeScorer([1.0] * 5))))
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(build(), ["live", "--profile", file, "--data", data, "--json"])
    assert done.exit_code == 0, done.output
    assert f"the session of {day.session} {said}: nothing more is opened before the next one" in done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["orders"], told["flat"]) == (0, True)


def test_an_exchange_that_plays_nothing_is_named(data, file, play, exchange, day):
    play(1.0, 60.0)
    sent(f"{exchange}/_sandbox/play", method="DELETE")
    with pytest.raises(ConfigError, match="plays no session") as failure:
        live_spec(load(file, data, KEYS), day.seen, "latest")
    assert "daytrader sandbox --session" in failure.value.hint


@pytest.mark.ray
@pytest.mark.slow
def test_the_command_practises_a_session_that_the_exchange_plays_with_faults(data, file, play, exchange, day):
    kinds = {"close": 0.01, "drop": 0.01, "duplicate": 0.02, "late": 0.02, "corrupt": 0.01}
    faults = [
        {"channel": channel, "where": where, "kind": kind, "probability": chance, "seconds": 0.5}
        for channel, where in (("polygon_stream", "data/stocks/bars"), ("alpaca_stream", "data"))
        for kind, chance in kinds.items()
    ]
    play(240.0, 60.0)
    sent(f"{exchange}/_sandbox/faults", faults)
    environ = {**os.environ, **KEYS, "DAYTRADER_DATA": data, "RAY_AUTH_MODE": "disabled"}
    environ.pop("RAY_ADDRESS", None)
    command = [sys.executable, "-m", "daytrader_ray.cli", "live", "--profile", file, "--one-replica", "--json"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=280)
    log = sent(f"{exchange}/_sandbox/faults/log")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["session"], told["flat"]) == (str(day.session), True) and told["orders"] > 5
    assert len(Counter(entry["kind"] for entry in log)) >= 3
    stored_as_made(data, day)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # Ray's own imports
def test_a_session_that_is_not_flat_is_told_before_it_is_stored(tmp_path, monkeypatch, capsys):
    from daytrader_ray.cluster import live, runs, runtime
    from daytrader_ray.engine.runner import SessionResult
    from daytrader_ray.models.bundle import SearchVerdict

    def keep(_, __):
        told.append(capsys.readouterr().err)
        return ["the session is not stored as a run: disk full"]

    told = []
    names = {"POLYGON_API_KEY": "poly-1", "ALPACA_API_KEY": "alp-1", "ALPACA_SECRET_KEY": "alp-2"}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(runtime, "started", lambda **_: nullcontext())
    judged = SearchVerdict("search-1", "too short", "Too short: 20 days.")
    monkeypatch.setattr(verdict_view, "verdict_of", lambda *_: judged)
    monkeypatch.setattr(live, "serve_and_trade", lambda *_: SessionResult(alarms=["S00 +5 is held"], cash=9.0))
    monkeypatch.setattr(runs, "keep_live", keep)
    with pytest.raises(BrokerError, match="did not end flat"):
        live_cmd.command("paper", "0123456789abcdef", str(tmp_path), json=True)
    first, warned, *rest = told[0].splitlines()
    assert first == "verdict of search-1: Too short: 20 days."
    assert warned.startswith("WARNING: nothing proves that this bundle earns money") and "'too short'" in warned
    assert "S00 +5 is held" in rest[0] and "NOT FLAT: close what is left now" in rest[1]
    after = capsys.readouterr()
    assert "disk full" in after.err and '"alarms":2' in after.out and '"label":"too short"' in after.out
