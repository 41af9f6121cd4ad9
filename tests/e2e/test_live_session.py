"""A live session from the first bar to the store: real time, only faster, on the exchange that plays it."""

import dataclasses
import io
import json
import shutil
import time
import urllib.request
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from daytrader_ray.adapters import bar_buffer
from daytrader_ray.adapters.journal import journal_path, read
from daytrader_ray.adapters.live_config import LiveConfig
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.session_spec import rehearsal_spec

SPEED = 600.0
RULES = LiveConfig(deadline_seconds=0.06, second_stream_url="")


@pytest.fixture
def spec(profile, exchange, day, tmp_path):
    """Return the day's session in real time, with a store that ends the day before."""
    root = tmp_path / "data"
    shutil.copytree(day.root, root)
    shutil.rmtree(root / "live", ignore_errors=True)
    opens = pa.scalar(int(time.mktime(day.session.timetuple())) * 1_000_000)
    for path in (root / "historical/minute_bars").glob("*/*.parquet"):
        table = pq.read_table(io.BytesIO(path.read_bytes()))
        pq.write_table(table.filter(pc.less(table["timestamp"].cast(pa.int64()), opens)), path)
    found = rehearsal_spec(profile, day.session, day.bundle_id, exchange)
    feed = found.feed.model_copy(update={"rules": RULES})
    return dataclasses.replace(found, root=str(root), journal_root=str(root), feed=feed, sandbox_url="", cash=None)


class Played:
    """The exchange's time, from the first question on: then it begins to play, two minutes before the open."""

    def __init__(self, url, date):
        self.url, self.date, self.anchor = url, date, None

    def now(self):
        if self.anchor is None:
            body = json.dumps({"session": str(self.date), "speed": SPEED, "start": -2}).encode()
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(urllib.request.Request(f"{self.url}/_sandbox/play", body), timeout=60) as answer:
                self.anchor = json.loads(answer.read())["anchor"]
        return self.anchor["market"] + (time.time() - self.anchor["wall"]) * SPEED  # noqa: TID251 - as the exchange does


async def test_a_live_session_trades_ends_flat_and_is_in_the_store_afterwards(spec, exchange, day):
    from daytrader_ray.cluster.scoring import ProcessScorer
    from daytrader_ray.cluster.session import Pace, load_bundle, trade
    from daytrader_ray.sandbox.market import Market
    from daytrader_ray.sandbox.sessions import market_grid
    from tests.e2e.conftest import SANDBOX, SYMBOLS

    played = Played(exchange, day.session)
    result = await trade(spec, ProcessScorer(load_bundle(spec)), Pace(played.now, SPEED))
    assert result.flat_at_close and len(result.orders) > 5
    market = Market(SANDBOX, market_grid(SANDBOX))
    number = market.grid.index_of(day.session)
    store = ParquetStore(spec.root)
    for symbol in SYMBOLS:
        made, stored = market.bars(symbol, number), store.bars(symbol, day.session, day.session)
        assert stored["close"].to_pylist() == made.close[made.traded].tolist()
        assert store.is_downloaded(symbol, day.session, day.session)
    assert bar_buffer.leftovers(Path(spec.journal_root), "buffer") == []
    kinds = [record["kind"] for record in read(journal_path(Path(spec.journal_root), day.session, "live"))]
    assert kinds[0] == "open" and kinds[-1] == "feed"
