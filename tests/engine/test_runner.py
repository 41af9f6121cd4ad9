"""The live loop against fakes: what happens when scorer, broker or stream misbehave."""

import asyncio
import dataclasses
import itertools
from collections import Counter
from collections.abc import AsyncIterator

import numpy as np
import pytest

from daytrader_ray.domain.errors import BrokerError, FeedError
from daytrader_ray.domain.fakes import FakeBroker, FakeClock, FakeFeed, FakeJournal, FakeScorer
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.ports import BrokerEvent, LiveBar, Tick
from daytrader_ray.domain.trading import MEMBERS, Order, OrderKind, Phase, Reason
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.market import Market, Start, Terms
from daytrader_ray.engine.runner import SessionResult, run_session
from daytrader_ray.engine.session import SessionEngine
from daytrader_ray.features.step import NAMES
from daytrader_ray.market_data.statistics import next_session_statistics, session_statistics
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.scaling import Scaler
from daytrader_ray.walkforward.cut import cut
from tests.engine.markets import frames
from tests.models.ensembles import equal
from tests.models.samples import keeping

FEATURES = ("lag.return_1", "trend.sma_20")
FULL: Frames = frames(4, n_sessions=6, n_slots=390, n_symbols=3, minute_vol=0.0008)
HISTORY = cut(FULL, (0, 5)).panel
LAST = 5
N_MINUTES = 140
AT_MARKET = KernelConfig(orders="market")


def bundle(threshold: float = 0.5, features: tuple[str, ...] = FEATURES) -> Bundle:
    return Bundle(
        selection=keeping(NAMES, features),
        symbols=HISTORY.symbols,
        scaler=Scaler(np.zeros(2), np.ones(2)),
        members={},
        ensemble=equal(0b11111, q99=1.0, threshold=threshold),
        regime=None,
        left_out=(),
        plan={},
        seed=0,
        last_training_session=HISTORY.grid.sessions[-1].date,
        fingerprint="",
    )


def engine(
    sector_limit: float = np.inf,
    event_scale: np.ndarray | None = None,
    events: np.ndarray | None = None,
    features: tuple[str, ...] = FEATURES,
    kernel: KernelConfig = AT_MARKET,
) -> SessionEngine:
    """Return an engine; `events` `[slot, symbol, 2]` are those of today, one stands all through its history."""
    _, _, expected = session_statistics(HISTORY)
    market = Market(
        session=FULL.panel.grid.sessions[LAST],
        history=HISTORY,
        expected_history=expected,
        statistics=next_session_statistics(HISTORY, 390, np.ones(3)),
        price_factor=np.ones(3),
        share_factor=np.ones(3),
        tradable=np.ones(3, dtype=np.bool_),
        sector=np.zeros(3, dtype=np.int64),
        sector_limit=np.full(1, sector_limit),
        event_scale=np.ones((390, 3)) if event_scale is None else event_scale,
        past_events=None if events is None else np.ones((HISTORY.grid.n_rows, 3, 2)),
        events=events,
    )
    return SessionEngine(bundle(features=features), market, Terms(kernel), Start(100_000.0), "run")


def bars() -> list[list[LiveBar]]:
    panel, first = FULL.panel, int(FULL.panel.grid.first_row[LAST])
    minute = FULL.panel.grid.sessions[LAST].open_minute
    found = []
    for slot in range(N_MINUTES):
        row, here = first + slot, []
        for i, symbol in enumerate(panel.symbols):
            if panel.traded[row, i]:
                prices = (float(x[row, i]) for x in (panel.open, panel.high, panel.low, panel.close))
                here.append(LiveBar(symbol, minute + slot, *prices, float(panel.volume[row, i]), float("nan")))
        found.append(here)
    return found


class Minutes(FakeFeed):
    """A feed that gives one minute of bars a call."""

    def __init__(self) -> None:
        super().__init__([])
        self._minutes = iter(bars())

    async def bars(self, n_bars: int | None) -> list[LiveBar]:
        return next(self._minutes)


class Scores(FakeScorer):
    """Scores that change by minute: strong for a while, then whatever comes."""

    def __init__(self, by_minute: dict[int, float], otherwise: float) -> None:
        self._calls = itertools.count()
        self._by_minute, self._otherwise = by_minute, otherwise

    async def score(self, windows: np.ndarray) -> np.ndarray:
        value = self._by_minute.get(next(self._calls), self._otherwise)
        return np.full((len(windows), len(MEMBERS)), value)


def filled(order: Order) -> list[BrokerEvent]:
    """Fill entries and exits at the last close at once; stops rest."""
    if order.kind not in (OrderKind.ENTRY, OrderKind.EXIT):
        return []
    return [event("fill", order)]


def event(name: str, order: Order, execution: str = "") -> BrokerEvent:
    row = int(FULL.panel.grid.first_row[LAST]) + order.slot
    close = float(FULL.panel.close[row, FULL.panel.symbols.index(order.symbol)])
    qty, price = (order.qty, close) if name == "fill" else (0, 0.0)
    return BrokerEvent(
        name, order.client_order_id, order.symbol, order.side, qty, price, execution or order.client_order_id
    )


async def session(
    broker: FakeBroker,
    scorer: FakeScorer,
    journal: FakeJournal | None = None,
    phases: str = "ABC",
    feed: FakeFeed | None = None,
    here: SessionEngine | None = None,
    minutes: int = N_MINUTES,
) -> SessionResult:
    ticks = [Tick(slot, Phase(phase), None, None) for slot in range(minutes) for phase in phases]
    seconds = itertools.count()
    return await run_session(
        here or engine(), FakeClock(ticks), feed or Minutes(), broker, scorer, journal or FakeJournal(),
        lambda: next(seconds) / 1e3,
    )  # fmt: skip


class Venue(FakeBroker):
    """A venue that keeps its own books and fills entries and exits in two pieces, one update a look, as live does."""

    def __init__(self) -> None:
        super().__init__()
        self.held: Counter[str] = Counter()
        self.stops: dict[str, Order] = {}

    async def submit(self, order: Order) -> None:
        assert order.client_order_id not in {sent.client_order_id for sent in self.submitted}
        await super().submit(order)
        if order.kind is OrderKind.CANCEL_STOP:
            self.cancel(order.symbol)
        elif order.kind is OrderKind.STOP:
            self.rest(order)
        else:
            first = order.qty // 2
            self.execute("partial_fill", order, first)
            self.execute("fill", order, order.qty - first)

    def rest(self, order: Order) -> None:
        self.stops[order.symbol] = order

    def cancel(self, symbol: str) -> None:
        if symbol in self.stops:
            self._events.insert(0, event("canceled", self.stops.pop(symbol)))

    def execute(self, name: str, order: Order, qty: int) -> None:
        execution = f"{order.client_order_id}/{name}"
        self.push(dataclasses.replace(event("fill", order), event=name, qty=qty, execution_id=execution))

    async def events(self, n_events: int | None) -> list[BrokerEvent]:
        taken, self._events = self._events[:1], self._events[1:]
        for told in taken:
            self.held[told.symbol] += told.side * told.qty
        return taken

    def unprotected(self) -> dict[str, int]:
        resting = {symbol: -stop.side * stop.qty for symbol, stop in self.stops.items()}
        return {symbol: qty for symbol, qty in self.held.items() if qty and resting.get(symbol) != qty}


async def test_every_order_is_journalled_before_it_is_sent_and_every_position_gets_its_stop() -> None:
    journal = FakeJournal()

    class Watching(FakeBroker):
        async def submit(self, order: Order) -> None:
            assert ("order", order) in journal.records
            await super().submit(order)

    broker = Watching(reply=filled)
    result = await session(broker, FakeScorer([1.0] * 5), journal)
    kinds = [order.kind for order in broker.submitted]
    assert kinds.count(OrderKind.ENTRY) == kinds.count(OrderKind.STOP) >= 3
    assert result.orders == broker.submitted
    assert all(ms > 0 for ms in result.latency_ms)


async def test_without_any_score_nothing_opens_and_what_is_open_still_leaves_on_time() -> None:
    broker = FakeBroker(reply=filled)
    result = await session(broker, Scores({k: 1.0 for k in range(3)}, float("nan")))
    entries = [order for order in broker.submitted if order.kind is OrderKind.ENTRY]
    exits = [order for order in broker.submitted if order.kind is OrderKind.EXIT]
    assert entries and max(order.slot for order in entries) <= 3
    assert {order.reason for order in exits} == {Reason.TIME_EXIT}
    assert len(exits) == len(entries)
    assert [alarm for alarm in result.alarms if "no score from" in alarm] == [
        "no score from any member: no entries, no exits for a signal"
    ]


async def test_members_that_came_back_and_go_again_are_announced_again() -> None:
    class Failing(FakeScorer):
        """Without anyone, then without cnn, then whole, then without cnn again, a few minutes each."""

        def __init__(self) -> None:
            self._calls = itertools.count()

        async def score(self, windows: np.ndarray) -> np.ndarray:
            scores, minute = np.zeros((len(windows), len(MEMBERS))), next(self._calls)
            scores[:, 1] = np.nan if minute < 6 or minute >= 9 else 0.0
            return np.full_like(scores, np.nan) if minute < 3 else scores

    result = await session(FakeBroker(), Failing())
    assert [alarm for alarm in result.alarms if "no score from" in alarm] == [
        "no score from any member: no entries, no exits for a signal",
        "no score from cnn: weights renormalised",
        "no score from cnn: weights renormalised",
    ]


async def test_one_missing_member_is_named_and_the_others_go_on() -> None:
    result = await session(FakeBroker(reply=filled), FakeScorer([1.0, float("nan"), 1.0, 1.0, 1.0]))
    assert any(order.kind is OrderKind.ENTRY for order in result.orders)
    assert [alarm for alarm in result.alarms if "score" in alarm] == [
        "no score from cnn: weights renormalised",
        f"cnn gave no score in {N_MINUTES} bars",
    ]


async def test_a_stock_that_trades_and_is_not_scored_is_an_alarm_with_the_feature_that_is_missing() -> None:
    events = np.ones((390, 3, 2))
    events[20:50, 0] = events[30:35, 2] = np.nan
    here = engine(events=events, features=("lag.return_1", "events.minutes_to"))
    journal = FakeJournal()
    result = await session(FakeBroker(reply=filled), FakeScorer([0.0] * 5), journal, here=here)
    traded = [
        FULL.panel.traded[int(FULL.panel.grid.first_row[LAST]) :][at, i]
        for at, i in ((slice(20, 50), 0), (slice(30, 35), 2))
    ]
    said = "not scored, neither entered nor sold for a signal"
    assert [alarm for alarm in result.alarms if "scored" in alarm] == [
        f"{said}: S00 (events.minutes_to has no value)",
        f"{said}: S02 (events.minutes_to has no value)",
        f"S00 was not scored in {traded[0].sum()} bars",
        f"S02 was not scored in {traded[1].sum()} bars",
    ]
    assert traded[0].sum() > 20


async def test_a_stock_whose_history_is_too_short_for_a_window_is_named_too() -> None:
    here = engine(events=np.ones((390, 3, 2)), features=("lag.return_1", "events.minutes_to"))
    here.inputs._windows._count[1] = 0
    result = await session(FakeBroker(reply=filled), FakeScorer([0.0] * 5), here=here)
    assert any(alarm.endswith("S01 (too few bars with all features)") for alarm in result.alarms)
    assert not any("S00" in alarm for alarm in result.alarms)


async def test_an_order_with_an_unknown_fate_blocks_its_symbol_and_no_other() -> None:
    class Losing(FakeBroker):
        async def submit(self, order: Order) -> None:
            await super().submit(order)
            if order.symbol == "S00":
                raise BrokerError("answer lost")

    broker = Losing(reply=lambda order: [] if order.symbol == "S00" else filled(order))
    result = await session(broker, FakeScorer([1.0] * 5))
    assert len([order for order in broker.submitted if order.symbol == "S00"]) == 1
    assert len([order for order in broker.submitted if order.symbol == "S01"]) > 1
    assert any("fate unknown, S00 blocked" in alarm for alarm in result.alarms)


async def test_a_fate_that_an_update_tells_later_frees_its_symbol_and_the_position_gets_its_stop() -> None:
    class Losing(FakeBroker):
        async def submit(self, order: Order) -> None:
            await super().submit(order)
            if order.kind is OrderKind.ENTRY and order.symbol == "S00":
                raise BrokerError("answer lost")

    broker = Losing(reply=filled)
    await session(broker, Scores({0: 1.0}, 0.0))
    kinds = [order.kind for order in broker.submitted if order.symbol == "S00"]
    assert kinds == [OrderKind.ENTRY, OrderKind.STOP, OrderKind.CANCEL_STOP, OrderKind.EXIT]


async def test_a_mute_stream_does_not_send_the_same_entry_again_and_again() -> None:
    broker = FakeBroker()
    result = await session(broker, FakeScorer([1.0] * 5))
    assert len(broker.submitted) == len({order.symbol for order in broker.submitted})
    assert any("its end is not known" in alarm for alarm in result.alarms)


async def test_a_stock_without_trades_for_minutes_is_not_entered() -> None:
    class Silent(Minutes):
        async def bars(self, n_bars: int | None) -> list[LiveBar]:
            minute = await super().bars(n_bars)
            return minute if minute[0].minute < FULL.panel.grid.sessions[LAST].open_minute + 3 else []

    broker = FakeBroker()
    ticks = [Tick(slot, phase, None, None) for slot in range(20) for phase in Phase]
    scorer = Scores({k: 0.0 for k in range(9)}, 1.0)
    await run_session(engine(), FakeClock(ticks), Silent(), broker, scorer, FakeJournal(), lambda: 0.0)
    assert broker.submitted == []


async def test_a_frozen_symbol_is_not_entered_until_it_is_released() -> None:
    class Halted(Minutes):
        async def bars(self, n_bars: int | None) -> list[LiveBar]:
            self.stopped = {"S01": "halt"} if broker.minutes < 5 else {}
            broker.minutes += 1
            return await super().bars(n_bars)

    broker, journal = FakeBroker(reply=filled), FakeJournal()
    broker.minutes = 0
    await session(broker, FakeScorer([1.0] * 5), journal, feed=Halted())
    entered = {order.symbol: order.slot for order in reversed(broker.submitted) if order.kind is OrderKind.ENTRY}
    assert entered == {"S00": 0, "S01": 5, "S02": 0}
    notes = [values for kind, values in journal.records if kind == "frozen"]
    assert notes == [{"slot": 0, "symbols": {"S01": "halt"}}, {"slot": 5, "symbols": {}}]
    reasons = [values["reasons"] for kind, values in journal.records if kind == "decision"]
    assert reasons[0]["S01"] == "FROZEN (halt)"


async def test_a_frozen_position_is_still_sold_and_protected() -> None:
    class Halted(Minutes):
        async def bars(self, n_bars: int | None) -> list[LiveBar]:
            self.stopped = dict.fromkeys(FULL.panel.symbols, "halt") if broker.submitted else {}
            return await super().bars(n_bars)

    broker = FakeBroker(reply=filled)
    result = await session(broker, Scores({k: 1.0 for k in range(3)}, -1.0), feed=Halted())
    entries = [order.slot for order in result.orders if order.kind is OrderKind.ENTRY]
    assert set(entries) == {0}
    assert {order.symbol for order in result.orders if order.kind is OrderKind.STOP} == set(FULL.panel.symbols)
    assert {order.symbol for order in result.orders if order.kind is OrderKind.EXIT} == set(FULL.panel.symbols)


async def test_a_bar_that_comes_a_minute_early_waits_and_one_that_comes_late_is_counted() -> None:
    live = engine()
    first, second = bars()[0], bars()[1]
    live.on_bars(0, [*first, second[0]])
    live.on_bars(1, second[1:])
    assert live.inputs.minutes.late == 0
    live.on_bars(2, [first[0]])
    assert live.inputs.minutes.late == 1


async def test_an_execution_told_twice_counts_once() -> None:
    once = await session(FakeBroker(reply=filled), FakeScorer([1.0] * 5))
    twice = await session(FakeBroker(reply=lambda order: 2 * filled(order)), FakeScorer([1.0] * 5))
    assert twice.fills == once.fills
    assert twice.cash == once.cash


async def test_a_stop_that_fills_while_it_is_being_cancelled_leaves_nothing_to_sell() -> None:
    stops: dict[str, Order] = {}

    def reply(order: Order) -> list[BrokerEvent]:
        if order.kind is OrderKind.STOP:
            stops[order.symbol] = order
        if order.kind is OrderKind.CANCEL_STOP:
            return [event("fill", stops[order.symbol])]
        return filled(order)

    broker = FakeBroker(reply=reply)
    result = await session(broker, Scores({k: 1.0 for k in range(3)}, 0.0))
    assert any(order.kind is OrderKind.CANCEL_STOP for order in broker.submitted)
    assert not any(order.kind is OrderKind.EXIT for order in broker.submitted)
    assert any(fill.kind is OrderKind.STOP for fill in result.fills)


async def test_a_stop_that_the_venue_drops_is_placed_again() -> None:
    dropped: set[str] = set()

    def reply(order: Order) -> list[BrokerEvent]:
        if order.kind is OrderKind.STOP and order.symbol not in dropped:
            dropped.add(order.symbol)
            return [event("expired", order)]
        return filled(order)

    broker = FakeBroker(reply=reply)
    await session(broker, Scores({k: 1.0 for k in range(3)}, 1.0))
    stops = [order for order in broker.submitted if order.kind is OrderKind.STOP and order.symbol == "S00"]
    assert len(stops) >= 2
    assert stops[0].stop_price == stops[1].stop_price


async def test_cash_that_differs_from_the_brokers_is_an_alarm() -> None:
    broker = FakeBroker(reply=filled)
    broker.account = dataclasses.replace(broker.account, cash=99_999.0)
    result = await session(broker, FakeScorer([0.0] * 5))
    assert result.alarms == ["the broker's cash 99999.00 USD, our books 100000.00 USD"]
    assert result.flat_at_close


@pytest.mark.parametrize("n", [1, 3])
async def test_a_rejected_entry_leaves_no_position_and_no_stop(n: int) -> None:
    broker = FakeBroker(reply=lambda order: [event("rejected", order)] * n)
    result = await session(broker, Scores({k: 1.0 for k in range(3)}, 0.0))
    assert {order.kind for order in result.orders} == {OrderKind.ENTRY}
    assert result.fills == [] and result.flat_at_close


class Deaf(FakeBroker):
    """Does not answer the first `n` orders of one kind for S00; with `told`, `ask` says that they never arrived."""

    def __init__(self, kind: OrderKind, n: int, told: bool = False) -> None:
        super().__init__(reply=filled)
        self._kind, self._left, self._told = kind, n, told

    async def submit(self, order: Order) -> None:
        if order.symbol == "S00" and order.kind is self._kind and self._left:
            self._left -= 1
            self.submitted.append(order)
            raise BrokerError("no outcome")
        await super().submit(order)

    async def ask(self, order: Order) -> None:
        await super().ask(order)
        if self._told:
            self.push(event("rejected", order))

    def of(self, symbol: str) -> list[Order]:
        return [order for order in self.submitted if order.symbol == symbol]


async def test_a_stop_whose_cancel_failed_is_cancelled_at_each_close_until_it_is_and_the_position_is_sold() -> None:
    broker, journal = Deaf(OrderKind.CANCEL_STOP, 3), FakeJournal()
    result = await session(broker, Scores({0: 1.0}, 0.0), journal)
    orders = broker.of("S00")
    first = orders[2].slot
    assert [(order.kind, order.slot - first) for order in orders[2:]] == [
        (OrderKind.CANCEL_STOP, 0), (OrderKind.CANCEL_STOP, 1), (OrderKind.CANCEL_STOP, 2),
        (OrderKind.CANCEL_STOP, 3), (OrderKind.EXIT, 3),
    ]  # fmt: skip
    assert result.flat_at_close
    whys = [(values["slot"] - first, len(values["why"])) for kind, values in journal.records if kind == "reducing"]
    assert whys == [(1, 1), (3, 0)]
    assert any(alarm.startswith("nothing is opened: the fate of an order of S00") for alarm in result.alarms)


async def test_nothing_is_sold_while_the_stop_before_it_may_still_rest() -> None:
    broker, journal = Deaf(OrderKind.CANCEL_STOP, 1000), FakeJournal()
    result = await session(broker, Scores({0: 1.0}, 0.0), journal)
    cancels = [order for order in broker.of("S00") if order.kind is OrderKind.CANCEL_STOP]
    skipped = [values["client_order_id"] for kind, values in journal.records if kind == "skipped"]
    assert len(cancels) > 100 and not any(order.kind is OrderKind.EXIT for order in broker.of("S00"))
    assert skipped == [cancels[0].client_order_id.replace("cancel_stop", "exit")]
    assert not result.flat_at_close
    assert any(alarm.endswith("is held through the close, not halted: it should have been sold")
               for alarm in result.alarms)  # fmt: skip


async def test_an_exit_that_never_arrived_is_found_out_at_the_next_close_and_sent_again() -> None:
    broker = Deaf(OrderKind.EXIT, 1, told=True)
    result = await session(broker, Scores({0: 1.0}, 0.0))
    orders = broker.of("S00")
    lost, again = (order for order in orders if order.kind is OrderKind.EXIT)
    assert broker.asked == [lost] and again.slot == lost.slot + 1
    assert result.flat_at_close


async def test_a_position_filled_in_pieces_has_one_stop_for_the_whole() -> None:
    seen = []

    class Watched(Minutes):
        async def bars(self, n_bars: int | None) -> list[LiveBar]:
            seen.append(broker.unprotected())
            return await super().bars(n_bars)

    broker = Venue()
    result = await session(broker, FakeScorer([1.0] * 5), phases="A" * 12 + "C", feed=Watched())
    stops = [order for order in broker.submitted if order.kind is OrderKind.STOP and order.symbol == "S00"]
    assert stops[1].qty > stops[0].qty and stops[1].client_order_id == stops[0].client_order_id + "-2"
    assert len(stops) == 2 or stops[2].slot > stops[1].slot
    assert not any(seen) and not any("not sent" in alarm for alarm in result.alarms)


async def test_a_stop_that_filled_for_the_first_piece_is_followed_by_one_for_the_rest() -> None:
    class Falling(Venue):
        """The first stop of S00 fills before the entry's second piece is told."""

        def rest(self, order: Order) -> None:
            super().rest(order)
            if order.symbol == "S00" and sum(o.kind is OrderKind.STOP for o in self.submitted) == 1:
                fill = event("fill", self.stops.pop("S00"), "stopped")
                self._events.insert(0, fill)

    broker = Falling()
    await session(broker, Scores({0: 1.0}, float("nan")), phases="A" * 12 + "C")
    entry = next(order for order in broker.submitted if order.kind is OrderKind.ENTRY and order.symbol == "S00")
    first, second, *_ = [order for order in broker.submitted if order.kind is OrderKind.STOP and order.symbol == "S00"]
    assert first.qty + second.qty == entry.qty


async def test_no_stop_goes_beside_an_exit_that_still_fills_in_pieces() -> None:
    working: set[str] = set()

    class Watching(Venue):
        async def submit(self, order: Order) -> None:
            assert order.symbol not in working
            await super().submit(order)
            if order.kind is OrderKind.EXIT:
                working.add(order.symbol)

        async def events(self, n_events: int | None) -> list[BrokerEvent]:
            taken = await super().events(n_events)
            working.difference_update(told.symbol for told in taken if told.event == "fill")
            return taken

    broker = Watching()
    await session(broker, Scores({k: 1.0 for k in range(3)}, 0.0), phases="A" * 12 + "C")
    assert any(order.kind is OrderKind.EXIT for order in broker.submitted)
    assert not any(broker.held.values())


async def test_a_position_whose_stops_are_refused_is_sold_after_one_more_try_and_left_alone() -> None:
    def reply(order: Order) -> list[BrokerEvent]:
        return [event("rejected", order)] if order.kind is OrderKind.STOP else filled(order)

    broker = FakeBroker(reply=reply)
    result = await session(broker, FakeScorer([1.0] * 5), phases="AAAC")
    orders = [order for order in broker.submitted if order.symbol == "S00"]
    kinds = [order.kind for order in orders]
    assert kinds == [OrderKind.ENTRY, OrderKind.STOP, OrderKind.STOP, OrderKind.EXIT]
    assert orders[2].slot == orders[1].slot + 1 == orders[3].slot and orders[3].reason is Reason.UNPROTECTED
    assert [alarm for alarm in result.alarms if "S00" in alarm] == [
        f"{order.client_order_id} rejected by the venue" for order in orders[1:3]
    ]


async def test_stops_refused_while_an_entry_still_fills_count_as_one_failure() -> None:
    class Choosy(Venue):
        """Takes no stop while the entry of its symbol still fills."""

        def rest(self, order: Order) -> None:
            if any(told.symbol == order.symbol for told in self._events):
                self.push(event("rejected", order))
            else:
                super().rest(order)

    broker = Choosy()
    result = await session(broker, Scores({0: 1.0}, float("nan")), phases="A" * 18 + "C")
    stops = [order for order in broker.submitted if order.kind is OrderKind.STOP]
    assert len([alarm for alarm in result.alarms if "rejected by the venue" in alarm]) >= 2
    assert len(stops) > 3
    assert not any(order.reason is Reason.UNPROTECTED for order in broker.submitted)


async def test_a_refused_exit_is_an_alarm_and_its_stop_comes_back() -> None:
    refused: list[Order] = []

    def reply(order: Order) -> list[BrokerEvent]:
        if order.kind is OrderKind.EXIT and not refused:
            refused.append(order)
            return [event("rejected", order)]
        return filled(order)

    broker = FakeBroker(reply=reply)
    result = await session(broker, Scores({k: 1.0 for k in range(3)}, 0.0))
    (first,) = refused
    after = [order.kind for order in broker.submitted if order.symbol == first.symbol and order.slot > first.slot]
    assert after[:3] == [OrderKind.STOP, OrderKind.CANCEL_STOP, OrderKind.EXIT]
    assert result.alarms[0] == f"{first.client_order_id} rejected by the venue"


class Breaking(Minutes):
    """A feed that ends a session at its 20th bar."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._calls, self._error = itertools.count(), error

    async def bars(self, n_bars: int | None) -> list[LiveBar]:
        if next(self._calls) == 20:
            raise self._error
        return await super().bars(n_bars)


async def test_a_session_that_breaks_off_names_what_is_open_and_what_to_do() -> None:
    broker, journal = FakeBroker(reply=filled), FakeJournal()
    with pytest.raises(FeedError, match=r"^the stream broke; open positions: S00 [+]\d+, S01") as failure:
        await session(broker, FakeScorer([1.0] * 5), journal, feed=Breaking(FeedError("the stream broke")))
    assert "check the broker's account now" in failure.value.hint
    assert broker.flattened
    kind, values = journal.records[-1]
    held = {order.symbol: order.side * order.qty for order in broker.submitted if order.kind is OrderKind.ENTRY}
    assert kind == "aborted" and values["positions"] == held


async def test_a_cancelled_session_names_what_is_open_and_a_flat_one_nothing() -> None:
    with pytest.raises(asyncio.CancelledError, match="interrupted; open positions: S00"):
        await session(FakeBroker(reply=filled), FakeScorer([1.0] * 5), feed=Breaking(asyncio.CancelledError()))
    journal = FakeJournal()
    with pytest.raises(FeedError, match=r"^broke$"):
        await session(FakeBroker(), FakeScorer([0.0] * 5), journal, feed=Breaking(FeedError("broke")))
    assert journal.records[-1:] == [("aborted", {"why": "broke", "positions": {}, "unanswered": [], "asked": []})]


class Closing(FakeBroker):
    """Fills entries and takes its time to close everything; `begun` is set when it has begun to."""

    def __init__(self, seconds: float, error: Exception | None = None) -> None:
        super().__init__(reply=filled)
        self._seconds, self._error, self.begun = seconds, error, asyncio.Event()

    async def flatten(self) -> AsyncIterator[str]:
        yield "close S00: refused"
        self.begun.set()
        await asyncio.sleep(self._seconds)
        if self._error is not None:
            raise self._error
        yield "close S00"


async def test_only_who_interrupts_does_not_wait_for_all_that_is_to_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daytrader_ray.engine.runner.INTERRUPTED_SECONDS", 0.05)
    with pytest.raises(FeedError, match=r"asked of the broker: close S00: refused, close S00$"):
        await session(Closing(0.2), FakeScorer([1.0] * 5), feed=Breaking(FeedError("broke")))
    with pytest.raises(asyncio.CancelledError, match=r"^interrupted; .*close S00: refused, not finished after 0.05 s"):
        await session(Closing(60.0), FakeScorer([1.0] * 5), feed=Breaking(asyncio.CancelledError()))


async def test_an_interruption_while_everything_is_closed_keeps_the_first_error_and_what_was_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daytrader_ray.engine.runner.INTERRUPTED_SECONDS", 0.05)
    broker, journal = Closing(60.0), FakeJournal()
    trading = asyncio.create_task(session(broker, FakeScorer([1.0] * 5), journal, feed=Breaking(FeedError("broke"))))
    await broker.begun.wait()
    trading.cancel()
    with pytest.raises(FeedError, match=r"^broke; .*close S00: refused, not finished after 0.05 s"):
        await trading
    assert journal.records[-1][0] == "aborted"


async def test_a_failure_while_everything_is_closed_is_named_beside_what_was_done() -> None:
    broker = Closing(0.0, RuntimeError("no such thing"))
    with pytest.raises(FeedError, match=r"^broke; .*close S00: refused, no further: no such thing$"):
        await session(broker, FakeScorer([1.0] * 5), feed=Breaking(FeedError("broke")))


async def test_what_the_broker_was_asked_for_is_named_though_our_books_are_flat() -> None:
    broker = FakeBroker(reply=lambda order: [event("rejected", order)])
    with pytest.raises(FeedError, match=r"^broke; asked of the broker: everything$"):
        await session(broker, FakeScorer([1.0] * 5), feed=Breaking(FeedError("broke")))


async def test_orders_that_were_never_answered_count_as_open() -> None:
    with pytest.raises(BrokerError, match=r"^boom; orders without an answer: run-.*-S00-entry"):
        await session(FakeBroker(), FakeScorer([1.0] * 5), feed=Breaking(RuntimeError("boom")))


async def test_the_journal_says_why_each_strong_signal_traded_or_did_not() -> None:
    journal = FakeJournal()
    await session(FakeBroker(reply=filled), Scores({k: 1.0 for k in range(4)}, 0.0), journal)
    notes = [values["reasons"] for kind, values in journal.records if kind == "decision"]
    assert notes[0] == {"S00": "SIGNAL", "S01": "SIGNAL", "S02": "SIGNAL"}
    assert notes[1] == dict.fromkeys(("S00", "S01", "S02"), "DENIED_POSITION")
    assert len(notes) < 12 and all(notes)


async def test_near_an_event_nothing_is_entered_and_the_journal_says_so() -> None:
    scale = np.ones((390, 3))
    scale[:40, 1], scale[:40, 2] = 0.0, 0.5
    broker, journal = FakeBroker(reply=filled), FakeJournal()
    await session(broker, Scores({0: 1.0}, 0.0), journal, here=engine(event_scale=scale))
    entries = {order.symbol: order for order in broker.submitted if order.kind is OrderKind.ENTRY}
    assert set(entries) == {"S00", "S02"}
    worth = {symbol: order.qty * event("fill", order).price for symbol, order in entries.items()}
    assert 0.9 * 5000 < worth["S00"] <= 5000 and 0.9 * 2500 < worth["S02"] <= 2500
    reasons = next(values["reasons"] for kind, values in journal.records if kind == "decision")
    assert reasons == {"S00": "SIGNAL", "S01": "DENIED_EVENT", "S02": "SIGNAL"}


async def test_a_sector_is_entered_up_to_its_limit_of_the_day_and_our_own_checks_agree() -> None:
    broker, here = FakeBroker(reply=filled), engine(sector_limit=0.04)
    result = await session(broker, Scores({0: 1.0}, 0.0), here=here)
    (entry,) = [order for order in broker.submitted if order.kind is OrderKind.ENTRY]
    assert 0.95 * 4000 < entry.qty * event("fill", entry).price <= 4000
    assert not [alarm for alarm in result.alarms if "not sent" in alarm]
    assert here.is_flat and "sector of" in str(here.refuse(dataclasses.replace(entry, qty=entry.qty * 6 // 5)))
