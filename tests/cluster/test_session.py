"""What a session refuses before it begins; no Ray is started here."""

import asyncio
import datetime as dt
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from structlog.testing import capture_logs

from daytrader_ray.adapters import bar_buffer
from daytrader_ray.adapters.journal import open_journal, reduce_path
from daytrader_ray.adapters.live_config import LiveConfig
from daytrader_ray.adapters.session_lock import only_session
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cluster import session
from daytrader_ray.cluster.before import awaited, check_known, last_prices, market_before, panel_until
from daytrader_ray.cluster.session import check_positions, starting
from daytrader_ray.domain.errors import BrokerError, DataError
from daytrader_ray.domain.fakes import FakeBroker, FakeJournal
from daytrader_ray.domain.ports import Account
from daytrader_ray.engine.book import Carried
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.market import Start
from daytrader_ray.features.feature_set import FeatureSet
from daytrader_ray.universe.config import UniverseConfig

OFF = {"volume": "off", "atr": "off"}
ONE = UniverseConfig(sectors={"all": ("AAA",)}, eligibility=OFF)


def spec_of(tmp_path):
    return SimpleNamespace(journal_root=str(tmp_path), date=dt.date(2025, 3, 11), journal_name="live")


async def test_a_session_starts_with_the_cash_of_an_account_without_positions(tmp_path):
    broker = FakeBroker(Account(51_234.5, 51_234.5, {"AAPL": 0}))
    assert await starting(spec_of(tmp_path), broker) == (Start(51_234.5), {})


def test_positions_that_no_session_of_ours_has_left_are_named_and_refused():
    left = SimpleNamespace(positions={"AAPL": 3})
    check_positions(left, {"AAPL": 3})
    with pytest.raises(BrokerError, match=r"already holds AAPL \+3, MSFT -2, the session before left nothing"):
        check_positions(SimpleNamespace(positions={}), {"AAPL": 3, "MSFT": -2})
    with pytest.raises(BrokerError, match=r"already holds nothing, the session before left AAPL \+3"):
        check_positions(left, {})


async def test_a_session_beside_a_running_one_is_refused_before_it_touches_store_or_account(tmp_path):
    spec = spec_of(tmp_path)
    spec.sandbox_url = ""
    with only_session(tmp_path, "2025-03-11"), pytest.raises(BrokerError, match="the session of 2025-03-11 runs"):
        await session.trade(spec, None)


@pytest.mark.parametrize(("last", "said"), [("close", "has ended"), ("aborted", "had begun and ended early")])
async def test_what_is_in_the_account_after_a_sessions_end_is_left_as_it_is(tmp_path, last, said):
    with open_journal(str(tmp_path), dt.date(2025, 3, 11), "live") as journal:
        journal.note("open", {})
        journal.note(last, {})
    broker = FakeBroker()
    result = await session._not_resumed(spec_of(tmp_path), broker, Start(1.0, 1.0, 1.0))
    assert result.alarms[0] == f"the session of 2025-03-11 {said}: nothing more is opened before the next one"
    assert broker.flattened == (last == "aborted")


async def test_a_position_that_a_halt_kept_through_the_close_is_taken_over(tmp_path):
    carried = {"AAPL": Carried(3, 190.0, 188.5, 0.75, 190.5)}
    with open_journal(str(tmp_path), dt.date(2025, 3, 10), "live") as journal:
        journal.note("mark", {"peak": 1_200.0, "start_equity": 1_100.0, "state": 2})
        journal.note("close", {"cash": 500.0, "carried": {"AAPL": carried["AAPL"]._asdict()}})
    start, held = await starting(spec_of(tmp_path), FakeBroker(Account(600.0, 1_170.0, {"AAPL": 3})))
    assert start == Start(600.0, 1_200.0, None, False, carried) and held == {"AAPL": 3}
    by_hand, held = await starting(spec_of(tmp_path), FakeBroker(Account(1_170.0, 1_170.0, {})))
    assert by_hand == Start(1_170.0, 1_200.0) and held == {}


async def test_the_command_to_reduce_reaches_a_running_session_and_its_end_too(tmp_path):
    spec, said = spec_of(tmp_path), []
    spec.pace = SimpleNamespace(speed=1000.0)
    path = reduce_path(tmp_path)
    path.parent.mkdir()
    path.touch()
    heeding = asyncio.create_task(session._heed(spec, SimpleNamespace(reduce=lambda *words: said.append(words))))
    async with asyncio.timeout(5):
        while ("command", "by command") not in said:
            await asyncio.sleep(0.005)
        path.unlink()
        while said[-1] != ("command", ""):
            await asyncio.sleep(0.005)
    heeding.cancel()


def test_a_store_of_five_minute_bars_is_refused_for_a_session(tmp_path):
    ParquetStore(str(tmp_path)).claim("imported", bar_minutes=5)
    spec = SimpleNamespace(root=str(tmp_path), date=dt.date(2025, 3, 10))
    with pytest.raises(DataError, match=r"holds 5-minute bars; a session is traded on one-minute bars"):
        panel_until(spec, SimpleNamespace(symbols=("AAA",)))


def test_what_a_broken_session_left_is_no_day_of_a_downloaded_store(tmp_path):
    store, friday, monday = ParquetStore(str(tmp_path)), dt.date(2025, 3, 7), dt.date(2025, 3, 10)
    spec = SimpleNamespace(root=str(tmp_path), date=dt.date(2025, 3, 11), universe=ONE)
    store.claim("a vendor")
    store.write_bars("AAA", "2025-03", _minute_of(friday), (friday, friday))
    store.write_bars("AAA", "2025-03", _minute_of(monday), None)
    with pytest.raises(DataError, match=r"the session of 2025-03-10 is missing in .* for AAA") as failure:
        panel_until(spec, SimpleNamespace(symbols=("AAA",)))
    assert "run `daytrader download`" in failure.value.hint
    store.mark(Kind.MINUTE, "AAA", monday, monday)
    assert panel_until(spec, SimpleNamespace(symbols=("AAA",)))[0].symbols == ("AAA",)


def test_a_few_stocks_without_the_day_before_are_not_traded_and_the_others_are(tmp_path):
    store, names = ParquetStore(str(tmp_path)), ("AAA", "BBB", "CCC", "I:VIX")
    days = [dt.date(2025, 3, day) for day in (5, 6, 7, 10)]
    store.claim("a vendor")
    for name in names:
        for day in days if name in ("AAA", "BBB") else days[:-1]:
            store.write_bars(name, "2025-03", _minute_of(day), (day, day))
    universe = UniverseConfig(sectors={"all": names[:3]}, references=names[3:], eligibility=OFF)
    rules = KernelConfig()
    day, feed = dt.date(2025, 3, 11), SimpleNamespace(rules=LiveConfig())
    spec = SimpleNamespace(
        root=str(tmp_path), date=day, universe=universe, kernel=rules, features=FeatureSet(), feed=feed
    )
    with capture_logs() as logs:
        market, behind = market_before(spec, SimpleNamespace(symbols=names))
    assert behind == ["CCC"]
    assert market.tradable.tolist() == [True, True, False, False]
    assert [(entry["log_level"], entry.get("symbols")) for entry in logs] == [("warning", ["CCC"]), ("warning", None)]
    assert logs[1]["event"] == "no stored features hold: all are computed from the bars that are there"
    with pytest.raises(DataError, match=r"is missing in .* for CCC$"):
        panel_until(spec, SimpleNamespace(symbols=("AAA", "CCC", "I:VIX")))


def test_imported_days_need_no_download(tmp_path):
    store, monday = ParquetStore(str(tmp_path)), dt.date(2025, 3, 10)
    store.claim("imported")
    store.write_bars("AAA", "2025-03", _minute_of(monday), None)
    spec = SimpleNamespace(root=str(tmp_path), date=dt.date(2025, 3, 11), universe=ONE)
    assert panel_until(spec, SimpleNamespace(symbols=("AAA",)))[0].symbols == ("AAA",)


def test_bars_that_cannot_be_stored_are_an_alarm_and_wait_for_the_next_start(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    day = dt.date(2025, 3, 10)
    spec = SimpleNamespace(root=str(tmp_path), journal_root=str(tmp_path), buffer_name="buffer", date=day)
    bar_buffer.BarBuffer(bar_buffer.buffer_folder(tmp_path, "buffer", day)).close()
    monkeypatch.setattr(session, "compact", full)
    (alarm,) = session._put_away(spec)
    assert alarm == "live bars: not stored ([Errno 28] No space left on device); the next start tries again"
    assert bar_buffer.leftovers(tmp_path, "buffer") == [day]


def test_the_first_bar_is_measured_by_the_last_price_after_todays_split_of_two():
    closes, ones = np.array([[99.0, 40.0, 7.0, 15.0], [100.0, 50.0, np.nan, 16.0]]), np.ones((2, 4))
    history = SimpleNamespace(symbols=("AAA", "BBB", "CCC", "I:VIX"), close=closes, price_factor=ones)
    market = SimpleNamespace(history=history, price_factor=np.array([2.0, 1.0, 1.0, 1.0]))
    assert last_prices(market) == {"AAA": 50.0, "BBB": 50.0}


def test_a_session_in_which_nothing_could_be_scored_is_refused_with_the_features_that_are_missing():
    first = SimpleNamespace(date=dt.date(2025, 3, 3))
    history = SimpleNamespace(grid=SimpleNamespace(sessions=(first,)))
    inputs = SimpleNamespace(unknown=["trend.ema_50_15m", "a.b"])
    engine = SimpleNamespace(inputs=inputs, market=SimpleNamespace(history=history))
    with pytest.raises(DataError, match=r"a value of trend.ema_50_15m, a.b since 2025-03-03$") as failure:
        check_known(SimpleNamespace(root="data"), engine)
    assert "`daytrader features`" in failure.value.hint
    inputs.unknown = []
    check_known(SimpleNamespace(root="data"), engine)


def test_alarms_are_logged_when_they_come():
    with capture_logs() as logs:
        session.Told(FakeJournal()).note("alarm", {"slot": 59, "text": "nothing is opened: by command"})
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("nothing is opened: by command", "warning")]


def test_weights_that_moved_are_logged_beside_the_journal():
    journal = FakeJournal()
    with capture_logs() as logs:
        session.Told(journal).note("weights", {"slot": 59, "weights": {"lstm": 0.7}})
        session.Told(journal).note("decision", {"slot": 59})
    assert [entry["event"] for entry in logs] == ["weights moved"] and logs[0]["weights"] == {"lstm": 0.7}
    assert len(journal.records) == 2


def _minute_of(day):
    stamp = dt.datetime.combine(day, dt.time(15), dt.UTC)
    values = dict.fromkeys(("open", "high", "low", "close", "vwap"), 10.0)
    return pa.Table.from_pylist([{"timestamp": stamp, **values, "volume": 100.0, "trades": 1}], FILE_SCHEMA)


def test_a_stock_that_left_the_universe_and_trades_no_more_is_not_waited_for():
    universe = UniverseConfig(
        sectors={"all": ("GONE", "HALTED", "OUT")},
        references=("I:VIX",),
        membership={"GONE": {"until": "2025-03-07"}, "OUT": {"until": "2025-03-07"}},
    )
    closes = np.array([[np.nan, np.nan, np.nan, 5.0]])
    history = SimpleNamespace(symbols=("GONE", "HALTED", "I:VIX", "OUT"), close=closes)
    spec = SimpleNamespace(universe=universe, date=dt.date(2025, 3, 11))
    assert awaited(spec, SimpleNamespace(history=history)) == ["HALTED", "I:VIX", "OUT"]
