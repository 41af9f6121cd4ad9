"""The broker port over alpaca-py: orders by REST, what becomes of them by the trade-updates stream.

What alpaca-py leaves open is settled here: a lost answer is resolved by the order's own id, and its stream is only
called ready once the server has confirmed `listen` (PROTOCOLS 2.1 and 2.7).
"""

import asyncio
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Self, TypeVar, cast

import requests
import structlog

from daytrader_ray.adapters.alpaca_flatten import flattened
from daytrader_ray.adapters.alpaca_http import BrokerConfig, trading_client
from daytrader_ray.adapters.waiting import Arrivals, finished
from daytrader_ray.domain.errors import BrokerError
from daytrader_ray.domain.ports import Account, BrokerEvent
from daytrader_ray.domain.trading import Order, OrderKind
from daytrader_ray.execution.orders import request_values
from daytrader_ray.execution.states import KNOWN_EVENTS, TERMINAL, OrderState, transition

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "websockets.legacy", DeprecationWarning)  # alpaca-py's stream still needs it
    from alpaca.common.exceptions import APIError
    from alpaca.trading.enums import AssetClass, AssetStatus, OrderSide, TimeInForce
    from alpaca.trading.requests import (
        GetAssetsRequest,
        LimitOrderRequest,
        MarketOrderRequest,
        OrderRequest,
        StopOrderRequest,
    )
    from alpaca.trading.stream import TradingStream

T = TypeVar("T")
_REQUESTS: Mapping[str, type[OrderRequest]] = {
    "market": MarketOrderRequest,
    "limit": LimitOrderRequest,
    "stop": StopOrderRequest,
}
_SERVER_ERROR, _NOT_FOUND, _UNPROCESSABLE = 500, 404, 422
_EXECUTIONS = ("fill", "partial_fill")
_ENDED_UNFILLED = ("rejected", "canceled", "expired")
_ENDED = ("filled", "done_for_day", *_ENDED_UNFILLED)

log = structlog.get_logger(__name__)


class _Stream(TradingStream):
    """alpaca-py's stream with a hook for the confirmation of `listen`."""

    on_listening: Callable[[], None]

    async def _dispatch(self, msg: dict[str, Any]) -> None:
        if msg.get("stream") == "listening":
            self.on_listening()
        await super()._dispatch(msg)


class AlpacaBroker:
    """An account at Alpaca, or at the loopback exchange: `async with AlpacaBroker(config) as broker`."""

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config
        key, secret = config.key.get_secret_value(), config.secret.get_secret_value()
        self._client = trading_client(config)
        self._stream = _Stream(key, secret, raw_data=True, url_override=config.stream_url)
        self._stream.on_listening = self._on_listening
        self._stream.subscribe_trade_updates(self._on_update)
        self._arrivals = Arrivals()
        self._task: asyncio.Task[None] | None = None
        self._connections = 0
        self._failure = ""
        self._seen: set[tuple[str, str, str]] = set()
        self._queue: list[BrokerEvent] = []
        self._states: dict[str, OrderState] = {}
        self._sent_at: dict[str, float] = {}
        self._owed: set[str] = set()
        """Ids of orders of which a look-up has told what no update had."""
        self._resting: dict[tuple[OrderKind, str], tuple[str, str]] = {}
        """Our id and the venue's of the last order that rests, by what cancels it and symbol."""

    async def __aenter__(self) -> Self:
        """Check the credentials and wait until trade updates are subscribed."""
        await self._call(self._client.get_account)
        self._task = asyncio.create_task(_forever(self._stream), name="alpaca trade updates")
        try:
            await self._arrivals.until(lambda: self._connections > 0, self._config.ready_seconds)
        except TimeoutError:
            await self.close()
            raise BrokerError(
                f"trade updates of {self._config.stream_url} were not confirmed in {self._config.ready_seconds:g} s",
                "check the stream's URL and the keys",
            ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End stream and session within a second or two."""
        if self._task is not None:
            self._task.cancel()
            await finished(self._task, 0.5)
            await finished(asyncio.create_task(self._stream.close()), 0.5)
            self._task = None
        self._client._session.close()

    @property
    def pending(self) -> bool:
        """Return whether updates (or a failure) wait to be fetched."""
        return bool(self._queue or self._failure)

    async def submit(self, order: Order) -> None:
        """Send one order; CANCEL_STOP and CANCEL cancel the symbol's stop or limit and wait for the outcome.

        Several may be waited for at once.
        An order that the venue refuses comes back as an event `rejected`. `BrokerError` when its fate is unknown.
        """
        if order.kind in (OrderKind.CANCEL_STOP, OrderKind.CANCEL):
            await self._cancel(order)
            return
        self._states[order.client_order_id] = OrderState.SENT
        self._sent_at[order.client_order_id] = asyncio.get_running_loop().time()
        canceler = OrderKind.CANCEL_STOP if order.kind is OrderKind.STOP else OrderKind.CANCEL
        rests = order.kind is OrderKind.STOP or order.limit_price is not None
        if rests:
            self._resting[canceler, order.symbol] = (order.client_order_id, "")
        answer = await self._post(order)
        if rests:
            self._resting[canceler, order.symbol] = (order.client_order_id, str(answer.get("id", "")))

    async def events(self, n_events: int | None) -> Sequence[BrokerEvent]:
        """Return the updates not yet returned, waiting until `n_events` in total have arrived."""
        if n_events is not None:
            seconds = self._config.update_seconds
            await self._wait(lambda: len(self._seen) >= n_events, seconds, f"trade update {n_events}")
        if self._failure:
            raise BrokerError(self._failure, "compare the account with the journal before trading on")
        taken, self._queue = self._queue, []
        return taken

    async def ask(self, order: Order) -> None:
        """Ask what became of an order of unknown fate; one that never arrived comes back as an event `rejected`.

        What its shares cost is told by updates alone. Where they have not come by the next ask, they are lost: the
        stream counts as interrupted.
        """
        if self._states[order.client_order_id] not in TERMINAL:
            await self._venue_id(order)

    def flatten(self) -> AsyncIterator[str]:
        """Cancel every open order of the account, then close its positions at market; tell what was done, in words."""
        return flattened(self._config)

    async def snapshot(self) -> Account:
        """Return the broker's own books."""
        account = cast(Mapping[str, Any], await self._call(self._client.get_account))
        positions = cast(Sequence[Mapping[str, Any]], await self._call(self._client.get_all_positions))
        return Account(
            cash=float(account["cash"]),
            equity=float(account["equity"]),
            positions={str(p["symbol"]): _signed(p) for p in sorted(positions, key=lambda p: str(p["symbol"]))},
        )

    async def hard_to_borrow(self, symbols: Sequence[str]) -> Sequence[str]:
        """Return those of the symbols that the account may not sell short: not listed, or not easy to borrow."""
        asked = GetAssetsRequest(status=AssetStatus.ACTIVE, asset_class=AssetClass.US_EQUITY)
        assets = cast(Sequence[Mapping[str, Any]], await self._call(partial(self._client.get_all_assets, asked)))
        easy = {asset["symbol"] for asset in assets if asset["shortable"] and asset["easy_to_borrow"]}
        return [symbol for symbol in symbols if symbol not in easy]

    async def _post(self, order: Order) -> Mapping[str, Any]:
        try:
            answer = await asyncio.to_thread(self._client.submit_order, _request(order))
            return cast(Mapping[str, Any], answer)
        except APIError as error:
            if _was_refused(error):
                self._refuse(order, str(error))
                return {}
            return await self._look_up(order, f"HTTP {error.status_code}")
        except requests.RequestException as error:
            return await self._look_up(order, type(error).__name__)

    def _refuse(self, order: Order, why: str) -> None:
        log.warning("order refused", client_order_id=order.client_order_id, answer=why)
        self._tell_end(order, "rejected")

    def _tell_end(self, order: Order, event: str) -> None:
        if self._states[order.client_order_id] not in TERMINAL:
            self._move(order.client_order_id, event)
            self._queue.append(BrokerEvent(event, order.client_order_id, order.symbol, order.side, 0, 0.0, ""))

    async def _look_up(self, order: Order, why: str) -> Mapping[str, Any]:
        """Find an order whose answer was lost; it may reach the venue's books a moment later.

        One that has ended without a share is told as an update, because the venue may have told it long ago.
        """
        for _ in range(self._config.look_ups):
            try:
                answer = await asyncio.to_thread(self._client.get_order_by_client_id, order.client_order_id)
                found = cast(Mapping[str, Any], answer)
                self._tell_if_dead(order, found)
                return found
            except (APIError, requests.RequestException) as error:
                log.warning("order not found yet", client_order_id=order.client_order_id, error=type(error).__name__)
                await asyncio.sleep(self._config.pause_seconds)
        if self._states[order.client_order_id] is OrderState.SENT:
            self._move(order.client_order_id, "lost")
            raise BrokerError(
                f"order {order.client_order_id}: answer lost ({why}) and not found at the venue",
                f"check the account's orders for {order.symbol} before trading it again",
            )
        return {}

    async def _cancel(self, order: Order) -> None:
        if (order.kind, order.symbol) not in self._resting:
            raise BrokerError(f"order {order.client_order_id}: nothing of {order.symbol} that it cancels was sent")
        name, venue_id = self._resting[order.kind, order.symbol]
        if self._states[name] in TERMINAL:
            return
        venue_id = venue_id or await self._venue_id(replace(order, client_order_id=name))
        if self._states[name] in TERMINAL:
            return
        try:
            await asyncio.to_thread(self._client.cancel_order_by_id, venue_id)
        except APIError as error:
            if error.status_code not in (_NOT_FOUND, _UNPROCESSABLE):
                raise BrokerError(f"order {name}: cancel answered HTTP {error.status_code}") from None
        except requests.RequestException as error:
            log.warning("cancel unanswered", client_order_id=name, error=type(error).__name__)
        await self._outcome(replace(order, client_order_id=name))

    async def _outcome(self, order: Order) -> None:
        """Wait until an order that is being cancelled has ended; an end that no update told is looked up."""
        name = order.client_order_id
        try:
            seconds = self._config.cancel_seconds
            await self._wait(lambda: self._states[name] in TERMINAL, seconds, f"the outcome of canceling {name}")
        except BrokerError:
            await self._venue_id(order)
            if self._states[name] not in TERMINAL:
                raise

    async def _venue_id(self, order: Order) -> str:
        """Return the venue's id of an order; one that has had the time to arrive there and did not is `rejected`."""
        try:
            answer = await asyncio.to_thread(self._client.get_order_by_client_id, order.client_order_id)
        except APIError as error:
            if error.status_code != _NOT_FOUND:
                raise BrokerError(f"order {order.client_order_id}: HTTP {error.status_code} to a look-up") from None
            age = asyncio.get_running_loop().time() - self._sent_at[order.client_order_id]
            if age < self._config.arrival_seconds:
                raise BrokerError(
                    f"order {order.client_order_id}: not at the venue {age:.1f} s after sending"
                ) from None
            self._tell_end(order, "rejected")
            return ""
        except requests.RequestException as error:
            raise BrokerError(f"order {order.client_order_id}: no look-up ({type(error).__name__})") from None
        found = cast(Mapping[str, Any], answer)
        self._tell_if_dead(order, found)
        self._expect_updates(order, found)
        return str(found["id"])

    def _tell_if_dead(self, order: Order, found: Mapping[str, Any]) -> None:
        if found.get("status") in _ENDED_UNFILLED and not float(found.get("filled_qty") or 0):
            self._tell_end(order, str(found["status"]))

    def _expect_updates(self, order: Order, found: Mapping[str, Any]) -> None:
        """Note that the venue knows of an end or of shares that no update has told; the second time it is a failure."""
        name = order.client_order_id
        state, status = self._states[name], found.get("status")
        has_shares = float(found.get("filled_qty") or 0) > 0 and state is not OrderState.PARTLY_FILLED
        if state in TERMINAL or not (has_shares or status in _ENDED):
            self._owed.discard(name)
        elif name in self._owed:
            self._failure = f"order {name} is {status} at the venue and no update told it: updates are missing"
            self._arrivals.announce()
        else:
            self._owed.add(name)

    async def _wait(self, ready: Callable[[], bool], seconds: float, what: str) -> None:
        try:
            await self._arrivals.until(lambda: bool(self._failure) or ready(), seconds)
        except TimeoutError:
            raise BrokerError(f"waited {seconds:g} s for {what}; {len(self._seen)} updates have arrived") from None

    async def _call(self, method: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(method)
        except APIError as error:
            hint = "check the keys" if error.status_code in (401, 403) else ""
            raise BrokerError(f"{self._config.url} answered HTTP {error.status_code}", hint) from None
        except requests.RequestException as error:
            raise BrokerError(f"{self._config.url} cannot be reached ({type(error).__name__})", "is it up?") from None

    def _on_listening(self) -> None:
        self._connections += 1
        if self._connections > 1:
            self._failure = "the trade-updates stream was interrupted: updates may be missing"
        self._arrivals.announce()

    async def _on_update(self, message: Mapping[str, Any]) -> None:
        try:
            self._take(message["data"])
        except (BrokerError, KeyError, TypeError, ValueError) as error:
            self._failure = f"trade update not understood: {error}"
        self._arrivals.announce()

    def _take(self, data: Mapping[str, Any]) -> None:
        event = _event(data)
        if event.event not in KNOWN_EVENTS:
            log.warning("trade update without a meaning here", name=event.event, client_order_id=event.client_order_id)
            return
        name = event.execution_id if event.event in _EXECUTIONS else ""
        key = (event.event, event.client_order_id, name)
        if key in self._seen:
            return
        self._seen.add(key)
        state = self._states.get(event.client_order_id)
        if state is not None:
            if state in TERMINAL and state.value == event.event:
                return  # already told by a look-up
            self._move(event.client_order_id, event.event)
        self._queue.append(event)

    def _move(self, client_order_id: str, event: str) -> None:
        self._states[client_order_id] = transition(self._states[client_order_id], event, client_order_id)


async def _forever(stream: TradingStream) -> None:
    await stream._run_forever()  # type: ignore[no-untyped-call] # alpaca-py's own loop has no types


def _request(order: Order) -> OrderRequest:
    values = request_values(order)
    values |= {"side": OrderSide(values["side"]), "time_in_force": TimeInForce(values["time_in_force"])}
    return _REQUESTS[values.pop("type")](**values)


def _was_refused(error: APIError) -> bool:
    """Return whether the venue answered that there is no such order, and not that there may be one."""
    status = error.status_code or _SERVER_ERROR
    return status < _SERVER_ERROR and "client_order_id must be unique" not in str(error)


def _event(data: Mapping[str, Any]) -> BrokerEvent:
    order, name = data["order"], str(data["event"])
    executed = name in _EXECUTIONS
    return BrokerEvent(
        event=name,
        client_order_id=str(order["client_order_id"]),
        symbol=str(order["symbol"]),
        side=1 if order["side"] == "buy" else -1,
        qty=_whole(data["qty"]) if executed else 0,
        price=float(data["price"]) if executed else 0.0,
        execution_id=str(data.get("execution_id") or ""),
    )


def _signed(position: Mapping[str, Any]) -> int:
    qty = abs(_whole(position["qty"]))
    return -qty if position["side"] == "short" else qty


def _whole(text: str) -> int:
    number = float(text)
    if not number.is_integer():
        raise BrokerError(f"expected whole shares, found {text}", "close fractional positions by hand")
    return int(number)
