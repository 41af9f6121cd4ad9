import asyncio
import datetime as dt
import json
import time
import uuid

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from daytrader_ray.domain.errors import BrokerError
from daytrader_ray.domain.trading import Order, OrderKind, Reason

DAY = dt.date(2025, 12, 2)


class Venue:
    """A few lines of Alpaca: takes orders, keeps them by id, and sends the updates a test asks for."""

    def __init__(self):
        self.orders, self.sockets, self.posts, self.cancels = {}, [], [], []
        self.post_answer = self.cancel_answer = None
        self.account_status, self.deaf = 200, False
        self.held, self.cancel_looks, self.too_often, self.requests = {"MSFT": 7, "AAPL": -3}, 0, [], 0
        self.latency, self.garbled, self.closes = 0.0, False, []

    def app(self):
        @web.middleware
        async def throttle(request, handler):
            self.requests += 1
            await asyncio.sleep(self.latency)
            if self.too_often:
                return web.json_response({"code": 42910000}, status=429, headers=self.too_often.pop())
            return await handler(request)

        app = web.Application(middlewares=[throttle])
        app.router.add_get("/v2/account", self.account)
        app.router.add_get("/v2/positions", self.positions)
        app.router.add_delete("/v2/positions", self.close_all)
        app.router.add_get("/v2/orders", self.open_orders)
        app.router.add_delete("/v2/orders", self.cancel_all)
        app.router.add_get("/v2/assets", self.assets)
        app.router.add_post("/v2/orders", self.post)
        app.router.add_get("/v2/orders:by_client_order_id", self.by_client_id)
        app.router.add_delete("/v2/orders/{id}", self.cancel)
        app.router.add_get("/stream", self.stream)
        return app

    async def account(self, request):
        return web.json_response({"id": "x", "cash": "99000.25", "equity": "100000.5"}, status=self.account_status)

    async def positions(self, request):
        held = self.held.items()
        if self.garbled:
            return web.json_response([{"asset": "MSFT"}])
        return web.json_response(
            [{"symbol": s, "qty": str(qty), "side": "long" if qty > 0 else "short"} for s, qty in held]
        )

    async def open_orders(self, request):
        """Cancels take effect some looks after they were asked for; a page has 50 orders unless more are asked for."""
        if self.cancel_looks:
            self.cancel_looks -= 1
            if not self.cancel_looks:
                self.orders.clear()
        return web.json_response(list(self.orders.values())[: int(request.query.get("limit", 50))])

    async def cancel_all(self, request):
        self.cancel_looks = self.cancel_looks or 3 * (not self.deaf)
        return web.json_response([{"id": o["id"], "status": 200} for o in self.orders.values()], status=207)

    async def close_all(self, request):
        self.closes.append(request.query.get("cancel_orders"))
        claimed = {o["symbol"] for o in self.orders.values()}
        told = [{"symbol": s, "status": 403 if s in claimed else 200, "body": {}} for s in self.held]
        self.held = {s: qty for s, qty in self.held.items() if s in claimed}
        return web.json_response(told, status=207)

    async def assets(self, request):
        self.assets_asked = request.query
        names = {"AAPL": True, "GME": False, "MSFT": True}
        return web.json_response(
            [{"symbol": s, "shortable": True, "easy_to_borrow": easy} for s, easy in names.items()]
        )

    async def post(self, request):
        body = await request.json()
        self.posts.append(body)
        if self.post_answer is not None and (answer := await self.post_answer(body)) is not None:
            return answer
        return web.json_response(self.accept(body))

    def accept(self, body):
        order = body | {"id": str(uuid.uuid4()), "qty": str(body["qty"])}
        self.orders[body["client_order_id"]] = order
        return order

    async def by_client_id(self, request):
        order = self.orders.get(request.query["client_order_id"])
        return web.json_response(order or {"code": 40410000, "message": "no"}, status=200 if order else 404)

    async def cancel(self, request):
        self.cancels.append(request.match_info["id"])
        return await self.cancel_answer() if self.cancel_answer else web.Response(status=204)

    async def stream(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                action = json.loads(message.data)["action"]
                kind = "authorization" if action == "authenticate" else "listening"
                await socket.send_bytes(json.dumps({"stream": kind, "data": {"status": "authorized"}}).encode())
        return socket

    async def update(self, event, client_order_id, **values):
        order = {"client_order_id": client_order_id, "symbol": "AAPL", "side": "buy"} | values.pop("order", {})
        data = {"event": event, "order": order, "execution_id": str(uuid.uuid4())} | values
        await self.sockets[-1].send_bytes(json.dumps({"stream": "trade_updates", "data": data}).encode())


@pytest.fixture
async def venue():
    yield Venue()


@pytest.fixture
async def url(venue):
    async with TestServer(venue.app()) as server:
        yield str(server.make_url("")).rstrip("/")


@pytest.fixture
def broker(url):
    from daytrader_ray.adapters.alpaca_broker import AlpacaBroker
    from daytrader_ray.adapters.alpaca_http import BrokerConfig

    def make(**options):
        limits = {"answer_seconds": 1.0, "update_seconds": 0.5, "ready_seconds": 2.0, "pause_seconds": 0.01}
        limits |= {"arrival_seconds": 0.0, "cancel_seconds": 0.5}
        values = {"url": url, "stream_url": f"ws{url[4:]}/stream", "key": "k", "secret": "s"}
        return AlpacaBroker(BrokerConfig(**(values | limits | options)))

    return make


def order(kind=OrderKind.ENTRY, cid="c1", stop=None, limit=None, symbol="AAPL"):
    return Order(DAY, 3, symbol, kind, 1 if kind is OrderKind.ENTRY else -1, 10, stop, Reason.SIGNAL, cid, limit)


async def until(done):
    async with asyncio.timeout(5):
        while not done():
            await asyncio.sleep(0.005)


async def test_an_entry_is_posted_as_a_market_order_and_its_fill_comes_back_with_numbers(venue, broker):
    async with broker() as account:
        await account.submit(order())
        assert venue.posts[0] | {"qty": 10} == {
            "symbol": "AAPL",
            "qty": 10,
            "side": "buy",
            "type": "market",
            "time_in_force": "ioc",
            "client_order_id": "c1",
        }
        await venue.update("new", "c1")
        await venue.update("partial_fill", "c1", qty="6", price="190.6")
        await venue.update("canceled", "c1")
        events = await account.events(3)
    assert [(e.event, e.qty, e.price, e.side) for e in events] == [
        ("new", 0, 0.0, 1),
        ("partial_fill", 6, 190.6, 1),
        ("canceled", 0, 0.0, 1),
    ]


async def test_a_repeated_update_is_returned_and_counted_once(venue, broker):
    async with broker() as account:
        await account.submit(order())
        for _ in range(2):
            await venue.update("partial_fill", "c1", qty="6", price="1.5", execution_id="same")
        await venue.update("partial_fill", "c1", qty="1", price="1.5")
        assert [event.qty for event in await account.events(2)] == [6, 1]
        assert await account.events(None) == []


async def test_the_books_have_signed_whole_positions(broker):
    async with broker() as account:
        books = await account.snapshot()
    assert (books.cash, books.equity, books.positions) == (99000.25, 100000.5, {"AAPL": -3, "MSFT": 7})


async def test_cancelling_a_stop_waits_for_its_outcome(venue, broker):
    async with broker() as account:
        await account.submit(order(OrderKind.STOP, "stop-1", stop=98.7))
        assert venue.posts[0]["stop_price"] == 98.7 and venue.posts[0]["time_in_force"] == "day"
        cancelling = asyncio.create_task(account.submit(order(OrderKind.CANCEL_STOP, "x")))
        await until(lambda: venue.cancels)
        assert venue.cancels == [venue.orders["stop-1"]["id"]] and not cancelling.done()
        await venue.update("canceled", "stop-1")
        await asyncio.wait_for(cancelling, 1)
        assert [event.event for event in await account.events(1)] == ["canceled"]


async def test_limits_are_posted_for_the_day_and_cancelled_at_once_each_waiting_for_its_own_outcome(venue, broker):
    async with broker(update_seconds=2.0) as account:
        names = {"AAPL": "one", "MSFT": "two"}
        for symbol, name in names.items():
            await account.submit(order(cid=name, limit=98.7, symbol=symbol))
        assert [(p["type"], p["time_in_force"], p["limit_price"]) for p in venue.posts] == [("limit", "day", 98.7)] * 2
        cancels = [account.submit(order(OrderKind.CANCEL, f"x{name}", symbol=symbol)) for symbol, name in names.items()]
        cancelling = asyncio.gather(*cancels)
        await until(lambda: len(venue.cancels) == 2)
        assert set(venue.cancels) == {venue.orders[name]["id"] for name in names.values()}
        await venue.update("canceled", "two", order={"symbol": "MSFT"})
        await asyncio.sleep(0.05)
        assert not cancelling.done()
        await venue.update("fill", "one", qty="10", price="98.7")
        await asyncio.wait_for(cancelling, 1)
        assert [event.event for event in await account.events(2)] == ["canceled", "fill"]


async def test_a_stop_and_a_limit_of_one_symbol_are_cancelled_apart(venue, broker):
    async with broker() as account:
        await account.submit(order(cid="entry", limit=98.7))
        await account.submit(order(OrderKind.STOP, "stop", stop=95.0))
        cancelling = asyncio.create_task(account.submit(order(OrderKind.CANCEL, "x")))
        await until(lambda: venue.cancels)
        assert venue.cancels == [venue.orders["entry"]["id"]]
        await venue.update("canceled", "entry")
        await asyncio.wait_for(cancelling, 1)


async def test_what_is_not_easy_to_borrow_or_not_listed_may_not_be_sold_short(venue, broker):
    async with broker() as account:
        assert await account.hard_to_borrow(["AAPL", "GME", "NONE", "MSFT"]) == ["GME", "NONE"]
    assert dict(venue.assets_asked) == {"status": "active", "asset_class": "us_equity"}


async def test_cancelling_a_stop_that_was_just_filled_ends_with_the_fill(venue, broker):
    async def too_late():
        await venue.update("fill", "stop-1", qty="10", price="98.65", order={"side": "sell"})
        return web.json_response({"code": 42210000, "message": 'order is already in "filled" state'}, status=422)

    venue.cancel_answer = too_late
    async with broker() as account:
        await account.submit(order(OrderKind.STOP, "stop-1", stop=98.7))
        await account.submit(order(OrderKind.CANCEL_STOP, "x"))
        (event,) = await account.events(None)
    assert (event.event, event.side, event.price) == ("fill", -1, 98.65)


async def test_an_order_the_venue_refuses_comes_back_rejected_and_does_not_count_as_an_update(venue, broker):
    async def refuse(body):
        return web.json_response({"code": 40310000, "message": "insufficient buying power"}, status=403)

    venue.post_answer = refuse
    async with broker() as account:
        await account.submit(order())
        (event,) = await account.events(0)
    assert (event.event, event.client_order_id, event.qty) == ("rejected", "c1", 0)


@pytest.mark.parametrize("failure", ["timeout", "500", "unique"])
async def test_an_order_whose_answer_is_lost_is_found_by_its_own_id(venue, broker, failure):
    async def apply_then_fail(body):
        venue.accept(body)
        if failure == "timeout":
            await asyncio.sleep(1.5)
        status = 500 if failure == "500" else 422
        return web.json_response({"code": 40010001, "message": "client_order_id must be unique"}, status=status)

    venue.post_answer = apply_then_fail
    async with broker() as account:
        await account.submit(order(OrderKind.STOP, "stop-1", stop=98.7))
        assert len(venue.posts) == 1
        await venue.update("canceled", "stop-1")
        await account.submit(order(OrderKind.CANCEL_STOP, "x"))


async def test_an_order_found_dead_comes_back_with_its_end_and_the_venues_own_word_counts_once(venue, broker):
    async def refuse_for_good(body):
        venue.accept(body)["status"] = "rejected"
        return web.json_response({"code": 40010001, "message": "client_order_id must be unique"}, status=422)

    venue.post_answer = refuse_for_good
    async with broker() as account:
        await account.submit(order(OrderKind.STOP, "stop-1", stop=98.7))
        (event,) = await account.events(None)
        assert (event.event, event.client_order_id) == ("rejected", "stop-1")
        await account.submit(order(OrderKind.CANCEL_STOP, "x"))
        assert venue.cancels == []
        await venue.update("rejected", "stop-1")
        assert await account.events(1) == []


async def test_an_order_lost_for_good_is_an_error_that_names_it(venue, broker):
    async def lose(body):
        return web.Response(status=500, text="oops")

    venue.post_answer = lose
    async with broker() as account:
        with pytest.raises(BrokerError, match=r"order c1: answer lost \(HTTP 500\) and not found"):
            await account.submit(order())


async def test_the_cancel_of_a_lost_limit_finds_out_that_it_never_arrived(venue, broker):
    async def lose(body):
        return web.Response(status=500, text="oops")

    async with broker() as account:
        await account.submit(order(cid="before", limit=98.5))
        await venue.update("canceled", "before")
        venue.post_answer = lose
        with pytest.raises(BrokerError, match="not found"):
            await account.submit(order(limit=98.7))
        await account.submit(order(OrderKind.CANCEL, "x"))
        events = await account.events(1)
    assert [(event.event, event.client_order_id) for event in events] == [("canceled", "before"), ("rejected", "c1")]
    assert venue.cancels == []


async def test_the_cancel_of_a_lost_limit_that_did_arrive_takes_it_back(venue, broker):
    async def apply_and_hide(body):
        hidden.append(venue.accept(body))
        del venue.orders[body["client_order_id"]]
        return web.Response(status=500, text="oops")

    hidden, venue.post_answer = [], apply_and_hide
    async with broker(update_seconds=2.0) as account:
        with pytest.raises(BrokerError, match="not found"):
            await account.submit(order(limit=98.7))
        venue.orders["c1"] = hidden[0]
        cancelling = asyncio.create_task(account.submit(order(OrderKind.CANCEL, "x")))
        await until(lambda: venue.cancels)
        assert venue.cancels == [hidden[0]["id"]]
        await venue.update("canceled", "c1")
        await asyncio.wait_for(cancelling, 1)


async def test_a_gateway_timeout_is_repeated_and_makes_one_order(venue, broker):
    async def once(body):
        return web.Response(status=504) if len(venue.posts) == 1 else None

    venue.post_answer = once
    async with broker() as account:
        await account.submit(order())
    assert len(venue.posts) == 2 and list(venue.orders) == ["c1"]


async def test_a_lost_order_is_asked_for_until_it_has_had_the_time_to_arrive(venue, broker):
    async def lose(body):
        return web.Response(status=500, text="oops")

    venue.post_answer = lose
    async with broker(arrival_seconds=0.3) as account:
        with pytest.raises(BrokerError, match="not found"):
            await account.submit(order())
        with pytest.raises(BrokerError, match="order c1: not at the venue"):
            await account.ask(order())
        await asyncio.sleep(0.3)
        await account.ask(order())
        await account.ask(order())
        assert [(event.event, event.client_order_id) for event in await account.events(0)] == [("rejected", "c1")]


@pytest.mark.parametrize(("status", "filled"), [("filled", "10"), ("done_for_day", "0"), ("partially_filled", "4")])
async def test_an_end_or_shares_that_no_update_tells_count_as_an_interrupted_stream(venue, broker, status, filled):
    async with broker() as account:
        await account.submit(order())
        venue.orders["c1"] |= {"status": status, "filled_qty": filled}
        await account.ask(order())
        assert await account.events(None) == [] and not account.pending
        await account.ask(order())
        assert account.pending
        with pytest.raises(BrokerError, match=rf"c1 is {status} at the venue and no update told it"):
            await account.events(None)


async def test_an_update_that_comes_after_the_order_was_asked_for_is_enough(venue, broker):
    async with broker() as account:
        await account.submit(order())
        venue.orders["c1"] |= {"status": "filled", "filled_qty": "10"}
        await account.ask(order())
        await venue.update("fill", "c1", qty="10", price="190.6")
        assert [event.qty for event in await account.events(1)] == [10]
        await account.ask(order())
        assert await account.events(None) == []


async def test_a_cancel_whose_update_was_lost_is_looked_up(venue, broker):
    async with broker(cancel_seconds=0.05) as account:
        await account.submit(order(OrderKind.STOP, "stop-1", stop=98.7))
        with pytest.raises(BrokerError, match=r"waited 0.05 s for the outcome of canceling stop-1"):
            await account.submit(order(OrderKind.CANCEL_STOP, "x"))
        venue.orders["stop-1"]["status"] = "canceled"
        await account.submit(order(OrderKind.CANCEL_STOP, "x2"))
        assert [(event.event, event.client_order_id) for event in await account.events(0)] == [("canceled", "stop-1")]


async def test_who_asks_too_often_waits_as_long_as_the_venue_says_and_makes_one_order(venue, broker, monkeypatch):
    slept = []
    monkeypatch.setattr("daytrader_ray.adapters.alpaca_http.time.sleep", slept.append)
    async with broker() as account:
        venue.too_often = [{"Retry-After": "7"}, {}, {}]
        await account.submit(order())
        assert slept == [1.0, 2.0, 7.0] and list(venue.orders) == ["c1"]
        venue.too_often = [{}] * 50
        with pytest.raises(BrokerError, match="HTTP 429"):
            await account.snapshot()
        assert sum(slept[3:]) <= 30.0


async def test_a_venue_that_says_to_wait_no_time_at_all_is_not_asked_for_ever(venue, broker, monkeypatch):
    slept = []
    monkeypatch.setattr("daytrader_ray.adapters.alpaca_http.time.sleep", slept.append)
    async with broker(patience_seconds=8.0) as account:
        venue.too_often = [{"Retry-After": "0"}] * 50
        with pytest.raises(BrokerError, match="HTTP 429"):
            await account.snapshot()
    assert slept == [1.0, 2.0, 4.0]


async def test_sixty_positions_are_closed_when_the_orders_that_claim_them_have_ended(venue, broker):
    venue.held = {f"S{k:02d}": 5 if k % 2 else -5 for k in range(60)}
    for symbol in venue.held:
        venue.accept({"client_order_id": f"stop-{symbol}", "symbol": symbol, "qty": 5})
    async with broker() as account:
        before = venue.requests
        done = [said async for said in account.flatten()]
    assert done[:60] == [f"cancel stop-S{k:02d}" for k in range(60)]
    assert done[60:] == [f"close S{k:02d} {'+' if k % 2 else '-'}5" for k in range(60)]
    assert not venue.held and not venue.orders and venue.requests - before < 12


async def test_a_slow_venue_with_a_stuck_order_is_told_to_close_all_the_same_and_what_it_refuses_is_said(
    venue, broker, monkeypatch
):
    monkeypatch.setattr("daytrader_ray.adapters.alpaca_flatten.CLEAR_SECONDS", 1.0)
    venue.accept({"client_order_id": "stop", "symbol": "AAPL", "qty": 3})
    venue.deaf, venue.latency = True, 0.3
    async with broker(flatten_seconds=1.5) as account:
        done = [said async for said in account.flatten()]
    assert done == [
        "cancel stop",
        "cancel orders: not known to have ended after 1 s",
        "close MSFT +7",
        "close AAPL -3: refused",
        "close positions: not finished after 1.5 s",
    ]
    assert venue.closes[0] == "True" and not any(venue.closes[1:]) and venue.held == {"AAPL": -3}


async def test_answers_that_cannot_be_read_are_said_and_keep_nothing_from_being_closed(venue, broker):
    venue.garbled = True
    async with broker(flatten_seconds=0.1) as account:
        done = [said async for said in account.flatten()]
    assert done == [
        "look up positions: failed (KeyError)",
        "close MSFT",
        "close AAPL",
        "close positions: not finished after 0.1 s",
    ]
    assert venue.held == {}


async def test_who_closes_everything_does_not_wait_as_long_as_the_venue_says(venue, broker):
    async with broker() as account:
        venue.too_often = [{"Retry-After": "30"}]
        async with asyncio.timeout(5.0):
            done = [said async for said in account.flatten()]
    assert done == ["cancel orders: HTTP 429", "close MSFT +7", "close AAPL -3"]


async def test_a_missing_update_is_an_error_that_names_the_counts(broker):
    async with broker(update_seconds=0.1) as account:
        with pytest.raises(BrokerError, match=r"waited 0.1 s for trade update 2; 0 updates have arrived"):
            await account.events(2)


async def test_an_interrupted_stream_is_an_error_and_never_a_silent_gap(venue, broker):
    async with broker(update_seconds=4.0) as account:
        await venue.sockets[0].close()
        with pytest.raises(BrokerError, match="interrupted"):
            await account.events(1)


async def test_refused_keys_are_named_before_any_order(venue, broker):
    venue.account_status = 401
    with pytest.raises(BrokerError, match="answered HTTP 401") as failure:
        await broker().__aenter__()
    assert failure.value.hint == "check the keys"


async def test_a_dead_venue_is_one_clear_line(broker):
    with pytest.raises(BrokerError, match=r"http://127.0.0.1:9 cannot be reached \(ConnectionError\)"):
        await broker(url="http://127.0.0.1:9").__aenter__()


async def test_closing_takes_less_than_a_second(broker):
    account = broker()
    await account.__aenter__()
    start = time.perf_counter()
    await account.close()
    assert time.perf_counter() - start < 1.0


async def test_keys_do_not_show_in_the_config(url):
    from daytrader_ray.adapters.alpaca_http import BrokerConfig

    config = BrokerConfig(url=url, stream_url="ws://x/stream", key="visible-key", secret="visible-secret")
    assert "visible" not in repr(config)
