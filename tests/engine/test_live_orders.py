"""The live loop with resting limits, what it may not open, and what it knows of a day that had begun before."""

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from daytrader_ray.adapters.journal import FileJournal, journal_path, start_of
from daytrader_ray.domain.errors import BrokerError, FeedError
from daytrader_ray.domain.fakes import FakeBroker, FakeJournal, FakeScorer
from daytrader_ray.domain.ports import BrokerEvent, LiveBar
from daytrader_ray.domain.trading import Order, OrderKind, Phase, Reason
from daytrader_ray.engine.book import ACTIVE, HALTED, Carried
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.market import Start, Terms
from daytrader_ray.engine.session import SessionEngine
from tests.engine.test_runner import FULL, LAST, Minutes, Scores, bundle, engine, event, session

CANCEL, ENTRY, EXIT, STOP = OrderKind.CANCEL, OrderKind.ENTRY, OrderKind.EXIT, OrderKind.STOP
PATIENT = KernelConfig(orders="limit")
Reply = Callable[[Order], list[BrokerEvent]]


class LimitVenue(FakeBroker):
    """Rests limits until they are cancelled, and answers other orders by `at_market` (by default it fills them)."""

    def __init__(self, on_limit: Reply = lambda _: [], at_market: Reply | None = None) -> None:
        super().__init__()
        self.resting: dict[str, Order] = {}
        self._on_limit = on_limit
        self._at_market = at_market or (lambda order: [event("fill", order)] if order.kind is EXIT else [])

    async def submit(self, order: Order) -> None:
        await super().submit(order)
        if order.kind is CANCEL:
            if (limit := self.resting.pop(order.symbol, None)) is not None:
                self.push(event("canceled", limit))
        elif order.limit_price is not None:
            self.resting[order.symbol] = order
            self.push(*self._on_limit(order))
        else:
            self.push(*self._at_market(order))

    def of(self, symbol: str) -> list[Order]:
        return [order for order in self.submitted if order.symbol == symbol]


def part(order: Order, qty: int, name: str = "partial_fill") -> BrokerEvent:
    return dataclasses.replace(event("fill", order), event=name, qty=qty, execution_id=f"{order.client_order_id}/{qty}")


async def test_limits_that_rest_are_cancelled_at_their_bars_close_all_at_once() -> None:
    together = asyncio.Barrier(3)

    class Slow(LimitVenue):
        async def submit(self, order: Order) -> None:
            if order.kind is CANCEL:
                async with asyncio.timeout(5):
                    await together.wait()
            await super().submit(order)

    broker = Slow()
    result = await session(broker, Scores({0: 1.0}, 0.0), here=engine(kernel=PATIENT), minutes=9)
    entries, cancels = ([o for o in broker.submitted if o.kind is kind] for kind in (ENTRY, CANCEL))
    assert len(entries) == len(cancels) == 3
    for entry in entries:
        close = event("fill", dataclasses.replace(entry, qty=1)).price
        assert entry.slot == 0 and entry.limit_price == pytest.approx(close, abs=0.005)
    assert [(o.slot, o.symbol, o.qty, o.side, o.reason) for o in sorted(cancels, key=lambda o: o.symbol)] == [
        (1, o.symbol, o.qty, o.side, Reason.UNFILLED) for o in sorted(entries, key=lambda o: o.symbol)
    ]
    assert set(result.orders) == set(broker.submitted) and result.fills == [] and result.alarms == []


async def test_what_an_entry_got_has_its_stop_and_the_rest_is_cancelled() -> None:
    broker = LimitVenue(on_limit=lambda order: [part(order, 20)] if order.kind is ENTRY else [event("fill", order)])
    await session(broker, Scores({0: 1.0}, float("nan")), here=engine(kernel=PATIENT))
    kinds = [(order.kind, order.slot, order.qty) for order in broker.of("S00")]
    wanted = broker.of("S00")[0].qty
    assert kinds[:3] == [(ENTRY, 0, wanted), (STOP, 1, 20), (CANCEL, 1, wanted - 20)]
    assert [kind for kind, _, _ in kinds[3:]] == [OrderKind.CANCEL_STOP, EXIT]
    assert kinds[-1][2] == 20 and broker.of("S00")[-1].reason is Reason.TIME_EXIT


async def test_an_exit_that_rested_in_vain_goes_out_at_market_with_its_reason_until_it_has_filled() -> None:
    answers = iter([[part], [event]])

    def at_market(order: Order) -> list[BrokerEvent]:
        if order.kind is not EXIT or order.symbol != "S00":
            return [event("fill", order)] if order.kind is EXIT else []
        (answer,) = next(answers)
        return [event("fill", order)] if answer is event else [part(order, 10), event("canceled", order)]

    broker = LimitVenue(lambda order: [event("fill", order)] if order.kind is ENTRY else [], at_market)
    await session(broker, Scores({0: 1.0}, -0.01), here=engine(kernel=PATIENT), minutes=30)
    found = broker.of("S00")
    exits = [order for order in found if order.kind is EXIT]
    qty, first = found[0].qty, exits[0].slot
    assert [(o.limit_price is None, o.qty, o.slot - first) for o in exits] == [
        (False, qty, 0), (True, qty, 1), (True, qty - 10, 2)
    ]  # fmt: skip
    assert {order.reason for order in exits} == {Reason.SIGNAL_EXIT}
    at = found.index(exits[0])
    kinds = [OrderKind.CANCEL_STOP, EXIT, CANCEL, EXIT, STOP, OrderKind.CANCEL_STOP, EXIT]
    assert [order.kind for order in found[at - 1 :]] == kinds
    assert found[at + 3].qty == qty - 10


async def test_a_limit_that_fills_while_it_is_cancelled_is_a_position_with_a_stop() -> None:
    class Late(LimitVenue):
        async def submit(self, order: Order) -> None:
            if order.kind is CANCEL and (limit := self.resting.pop(order.symbol, None)) is not None:
                self.push(event("fill", limit))
            await super().submit(order)

    broker = Late()
    result = await session(broker, Scores({0: 1.0}, 1.0), here=engine(kernel=PATIENT), minutes=9)
    assert [(o.kind, o.slot) for o in broker.of("S00")] == [(ENTRY, 0), (CANCEL, 1), (STOP, 1)]
    assert len(result.fills) == 3


async def test_a_cancel_without_an_outcome_is_tried_again_and_meanwhile_nothing_is_opened() -> None:
    class Deaf(LimitVenue):
        async def submit(self, order: Order) -> None:
            if order.kind is CANCEL and order.symbol == "S00" and order.slot < 4:
                self.submitted.append(order)
                raise BrokerError("no outcome")
            await super().submit(order)

    broker, journal = Deaf(), FakeJournal()
    result = await session(broker, FakeScorer([1.0] * 5), journal, here=engine(kernel=PATIENT), minutes=9)
    assert [(o.kind, o.slot) for o in broker.of("S00")[:6]] == [
        (ENTRY, 0), (CANCEL, 1), (CANCEL, 2), (CANCEL, 3), (CANCEL, 4), (ENTRY, 4)
    ]  # fmt: skip
    assert [o.slot for o in broker.of("S01") if o.kind is ENTRY][:2] == [0, 4]
    notes = [values for kind, values in journal.records if kind == "reducing"]
    assert notes == [{"slot": 1, "why": ["the fate of an order of S00 is not known"]}, {"slot": 4, "why": []}]
    assert any("fate unknown, S00 blocked" in alarm for alarm in result.alarms)


async def test_told_to_reduce_a_session_sells_and_opens_nothing() -> None:
    here, broker, journal = engine(), FakeBroker(reply=filled), FakeJournal()
    here.reduce("command", "by command")
    await session(broker, FakeScorer([1.0] * 5), journal, here=here, minutes=9)
    assert broker.submitted == []
    reasons = next(values["reasons"] for kind, values in journal.records if kind == "decision")
    assert set(reasons.values()) == {"DENIED_REDUCING"}
    assert here.conditions.reducing[:9].all()


async def test_stale_indices_that_are_not_traded_stop_no_entries() -> None:
    market = engine().market
    market = dataclasses.replace(market, tradable=np.array([True, True, False]))
    here = SessionEngine(bundle(), market, Terms(KernelConfig(orders="market")), Start(100_000.0), "run")
    feed, journal = Minutes(), FakeJournal()
    feed.stopped = {"S02": "stale", "I:VIX": "stale"}
    await session(FakeBroker(), FakeScorer([1.0] * 5), journal, feed=feed, here=here, minutes=3)
    assert not [values for kind, values in journal.records if kind == "reducing"]


@pytest.mark.parametrize(("stale", "opens"), [(1, True), (2, False)])
async def test_a_feed_of_which_half_is_stale_lets_nothing_be_opened(stale: int, opens: bool) -> None:
    feed, broker, journal = Minutes(), FakeBroker(), FakeJournal()
    feed.stopped = dict.fromkeys(FULL.panel.symbols[:stale], "stale")
    await session(broker, FakeScorer([1.0] * 5), journal, feed=feed, minutes=9)
    assert {order.symbol for order in broker.submitted} == ({"S01", "S02"} if opens else set())
    whys = [values["why"] for kind, values in journal.records if kind == "reducing"]
    assert whys == ([] if opens else [["2 of 3 stocks are stale"]])


class Crash(Minutes):
    """Bars that fall by a third from the third minute on, and a feed that breaks at the twentieth."""

    def __init__(self) -> None:
        super().__init__()
        self._n = 0

    async def bars(self, n_bars: int | None) -> list[LiveBar]:
        self._n += 1
        if self._n == 20:
            raise FeedError("killed")
        factor = 1.0 if self._n < 4 else 0.67
        return [
            dataclasses.replace(bar, open=bar.open * factor, high=bar.high * factor, low=bar.low * factor,
                                close=bar.close * factor)
            for bar in await super().bars(n_bars)
        ]  # fmt: skip


def filled(order: Order) -> list[BrokerEvent]:
    return [event("fill", order)] if order.kind in (ENTRY, EXIT) else []


async def test_a_halt_of_the_day_holds_when_the_session_is_killed_and_begun_again(tmp_path: Path) -> None:
    day = FULL.panel.grid.sessions[LAST].date
    place = journal_path(tmp_path, day, "live")
    with FileJournal(place) as journal, pytest.raises(FeedError, match="killed"):
        await session(FakeBroker(reply=filled), FakeScorer([1.0] * 5), journal, feed=Crash())
    start = start_of(tmp_path, day, "live", 97_000.0)
    assert start.halted and start.start_equity == 100_000.0 and start.peak >= 100_000.0 and start.cash == 97_000.0
    again, broker = begun(start), FakeBroker(reply=filled)
    with FileJournal(place) as journal:
        await session(broker, FakeScorer([1.0] * 5), journal, here=again, minutes=9)
    assert broker.submitted == []
    assert start_of(tmp_path, day, "live", 97_000.0) == start
    assert again.mark(8).state == HALTED
    tomorrow = start_of(tmp_path, day.replace(day=day.day + 1), "live", 97_000.0)
    assert not tomorrow.halted and tomorrow.start_equity is None and begun(tomorrow).mark(0).state == ACTIVE


def begun(start: Start, kernel: KernelConfig | None = None) -> SessionEngine:
    here = engine()
    return SessionEngine(bundle(), here.market, Terms(kernel or KernelConfig(orders="market")), start, "run")


def test_what_was_paid_in_since_moves_the_highest_equity(tmp_path: Path) -> None:
    first, second = (session.date for session in FULL.panel.grid.sessions[:2])
    with FileJournal(journal_path(tmp_path, first, "live")) as journal:
        journal.note("mark", {"peak": 120_000.0, "start_equity": 110_000.0, "state": ACTIVE})
        journal.note("close", {"cash": 100_000.0, "carried": {}})
    assert start_of(tmp_path, second, "live", 90_000.0) == Start(90_000.0, 110_000.0)
    assert start_of(tmp_path, first, "rehearsal", 90_000.0) == Start(90_000.0)


async def test_a_position_that_a_halt_carried_is_sold_whole_at_the_first_close() -> None:
    last = float(engine().market.history.close[-1, 1])
    here = begun(Start(50_000.0, carried={"S01": Carried(40, 100.0, 98.0, 1.0, last)}), PATIENT)
    broker = FakeBroker(reply=filled)
    await session(broker, FakeScorer([0.0] * 5), here=here, minutes=9)
    stop, cancel, sold = broker.submitted
    assert (stop.kind, stop.symbol, stop.stop_price, stop.qty) == (STOP, "S01", 98.0, 40)
    assert cancel.kind is OrderKind.CANCEL_STOP
    assert (sold.kind, sold.slot, sold.qty, sold.reason) == (EXIT, 0, 40, Reason.CARRIED)
    assert sold.client_order_id.endswith("-flat") and sold.limit_price is None


def test_a_stop_that_moved_and_could_not_be_cancelled_is_the_one_that_is_waited_for() -> None:
    here = engine()
    orders, book = here.orders, here._book
    book.qty[0], book.entry_price[0], book.atr[0], book.mark[0] = 54, 100.0, 1.0, 100.0
    (old,) = here.protect(5, leaving_too=True)
    book.qty[0], book.stop_price[0] = 109, 0.0
    cancel, new = here.protect(6, leaving_too=True)
    orders.block(cancel)
    orders.not_sent(new)
    (again,) = here.release(7)
    assert (again.kind, again.symbol, again.slot) == (OrderKind.CANCEL_STOP, "S00", 7)
    still_rests, canceled = (
        BrokerEvent(name, old.client_order_id, "S00", -1, 0, 0.0, "") for name in ("new", "canceled")
    )
    orders.take(7, Phase.CLOSE, [still_rests])
    assert orders.unknown == ["S00"] and here.protect(7, leaving_too=True) == []
    orders.take(7, Phase.CLOSE, [canceled])
    assert orders.unknown == [] and here.release(8) == []
    (stop,) = here.protect(8, leaving_too=True)
    assert (stop.kind, stop.qty) == (STOP, 109)


def test_of_one_symbol_the_stop_and_the_limit_may_both_be_in_doubt_and_each_is_waited_for() -> None:
    here = engine(kernel=PATIENT)
    orders, book, date = here.orders, here._book, here.market.session.date
    book.qty[0], book.entry_price[0], book.atr[0], book.mark[0] = 54, 100.0, 1.0, 100.0
    (stop,) = here.protect(5, leaving_too=True)
    limit = orders._noted(Order(date, 5, "S00", ENTRY, 1, 109, None, Reason.SIGNAL, "entry", 100.0))
    book.qty[0], book.stop_price[0] = 60, 0.0
    cancel, new = here.protect(6, leaving_too=True)
    orders.block(cancel)
    orders.not_sent(new)
    orders.block(Order(date, 6, "S00", CANCEL, 1, 49, None, Reason.UNFILLED, "cancel"))
    limit_ended, stop_ended = (
        BrokerEvent("canceled", order.client_order_id, "S00", order.side, 0, 0.0, "") for order in (limit, stop)
    )
    orders.take(7, Phase.CLOSE, [limit_ended])
    assert orders.unknown == ["S00"]
    assert [order.kind for order in here.release(7)] == [OrderKind.CANCEL_STOP]
    orders.take(7, Phase.CLOSE, [stop_ended])
    assert orders.unknown == [] and here.release(8) == []


async def test_a_carried_stock_without_a_bar_in_the_last_session_does_not_switch_the_daily_halt_off() -> None:
    market = engine().market
    close = market.history.close.copy()
    close[-1, 1] = np.nan
    market = dataclasses.replace(market, history=dataclasses.replace(market.history, close=close))
    start = Start(100_000.0, carried={"S01": Carried(4, 100.0, 98.0, 1.0, 97.0)})
    here = SessionEngine(bundle(), market, Terms(KernelConfig(orders="market")), start, "run")
    await session(FakeBroker(reply=filled), FakeScorer([1.0] * 5), feed=Crash(), here=here, minutes=12)
    mark = here.mark(11)
    assert mark.start_equity == 100_388.0 and mark.state == HALTED


def test_a_start_that_cannot_be_valued_or_is_not_known_is_refused() -> None:
    with pytest.raises(BrokerError, match="equity at the start is nan: expected a number"):
        begun(Start(50_000.0, carried={"S01": Carried(40, 100.0, 98.0, 1.0, float("nan"))}))
    with pytest.raises(BrokerError, match=r"left GONE \+40: expected one of the bundle's 3") as failure:
        begun(Start(50_000.0, carried={"GONE": Carried(40, 100.0, 98.0, 1.0, 99.0)}))
    assert "close GONE" in failure.value.hint


def test_carried_shares_are_restated_over_a_split() -> None:
    here = engine()
    split = dataclasses.replace(here.market, share_factor=np.array([1.0, 2.0, 1.0]))
    start = Start(50_000.0, carried={"S01": Carried(40, 100.0, 98.0, 1.0, 99.0)})
    twice = SessionEngine(bundle(), split, Terms(), start, "run")
    assert twice.carried == {"S01": Carried(80, 50.0, 49.0, 0.5, 49.5)}
    assert twice.equity == pytest.approx(begun(start).equity)


@pytest.mark.parametrize(
    ("change", "denied"),
    [({"hard_to_borrow": ("S01",)}, "DENIED_BORROW"), ({"price_factor": np.array([1.0, 0.5, 1.0])}, "DENIED_RULE_201")],
)
async def test_what_must_not_be_sold_short_is_not(change: dict[str, object], denied: str) -> None:
    market = dataclasses.replace(engine().market, **change)
    here = SessionEngine(bundle(), market, Terms(KernelConfig(orders="market")), Start(100_000.0), "run")
    broker, journal = FakeBroker(reply=filled), FakeJournal()
    await session(broker, Scores({0: -1.0}, 0.0), journal, here=here, minutes=9)
    reasons = next(values["reasons"] for kind, values in journal.records if kind == "decision")
    assert reasons == {"S00": "SIGNAL", "S01": denied, "S02": "SIGNAL"}
    short = Order(market.session.date, 0, "S01", ENTRY, -1, 1, None, Reason.SIGNAL, "x")
    assert here.refuse(short) == "it may not be sold short"


@pytest.mark.parametrize(("kernel", "word"), [({"max_beta": 9.0}, "net exposure"), ({"max_net": 9.0}, "net beta")])
def test_in_the_last_look_nothing_on_its_way_frees_room_for_the_other_side(kernel: dict[str, float], word: str) -> None:
    wide = {"max_position": 1.0, "max_sector": 4.0, "max_net": 0.5, "max_beta": 0.5}
    here = begun(Start(100_000.0), KernelConfig(**(wide | kernel)))
    date, book = here.market.session.date, here._book
    book.mark[:] = 50.0
    long, short = (Order(date, 0, symbol, ENTRY, side, 600, None, Reason.SIGNAL, symbol)
                   for symbol, side in (("S00", 1), ("S01", -1)))  # fmt: skip
    book.qty[2] = -800
    here.orders._noted(long)
    assert f"{word} of 70000.00 USD, at most 50000.00 USD" in (here.refuse(short) or "")
    assert here.refuse(long) is None
    book.qty[2] = -400
    assert here.refuse(short) is None
    here.orders.not_sent(long)
    book.qty[:] = 800, 0, -800
    assert here.refuse(short) is None
    here.orders._noted(Order(date, 0, "S00", EXIT, -1, 800, None, Reason.TIME_EXIT, "out"))
    assert f"{word} of 70000.00 USD" in (here.refuse(short) or "")


async def test_every_entry_tells_how_it_got_its_size_and_every_close_where_the_books_stand() -> None:
    result = await session(FakeBroker(reply=filled), Scores({0: 1.0}, 0.0), minutes=30)
    entries = [order for order in result.orders if order.kind is ENTRY]
    assert [sized.order for sized in result.sized] == entries
    assert all((sized.scores == 1.0).all() and sized.steps[0] == 1.0 for sized in result.sized)
    assert [mark.slot for mark in result.marks] == list(range(30))
    assert result.marks[-1].equity == result.marks[-1].cash == pytest.approx(result.cash)
    assert max(mark.gross_usd for mark in result.marks) == pytest.approx(15_000, rel=0.05)


async def test_the_journal_gives_reasons_by_the_signal_that_was_decided_on() -> None:
    """In sector-neutral mode 0.45, 0 and -1 are 0.63, 0.18 and -0.82 away from their mean."""
    here, journal = engine(), FakeJournal()
    here.budgets.budget = here.budgets.budget._replace(neutral=1)

    class Apart(FakeScorer):
        async def score(self, windows: np.ndarray) -> np.ndarray:
            return np.repeat(np.array([0.45, 0.0, -1.0])[:, None], 5, axis=1)

    await session(FakeBroker(), Apart([]), journal, here=here, minutes=1)
    reasons = next(values["reasons"] for kind, values in journal.records if kind == "decision")
    assert set(reasons) == {"S00", "S02"}
