"""The last resort: an account's open orders are cancelled, then its positions closed, each by one request for all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import requests
import structlog
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import GetOrdersRequest

from daytrader_ray.adapters.alpaca_http import BrokerConfig, trading_client

Items = Sequence[Mapping[str, Any]]
_ALL_OPEN = GetOrdersRequest(limit=500)
_REFUSED = 400
_HASTE = {"patience_seconds": 2.0, "retries": 0}
"""A request that fails is not waited for: all of it is asked again, and what else there is to do goes on."""
_LONGEST_PAUSE = 5.0
CLEAR_SECONDS = 4.0
"""For open orders to end, and for a look at what is held, before positions are closed all the same."""
_FAILURES = (APIError, requests.RequestException, TimeoutError, KeyError, TypeError, ValueError)

log = structlog.get_logger(__name__)


async def flattened(config: BrokerConfig) -> AsyncIterator[str]:
    """Cancel and close until nothing is left to ask for, and tell each thing once, refusals and failures too.

    The venue cancels in its own time, and what an open order claims cannot be sold: positions are closed when no order
    is open any more, and after CLEAR_SECONDS whatever is. It goes on for `flatten_seconds`.
    """
    client = trading_client(config.model_copy(update=_HASTE))
    told: set[str] = set()
    try:
        for stage in (_cancelled(client, config.pause_seconds), _closed(client, config)):
            async for said in stage:
                if said not in told:
                    told.add(said)
                    log.warning("closing the account", said=said)
                    yield said
    finally:
        client._session.close()


async def _cancelled(client: TradingClient, pause: float) -> AsyncIterator[str]:
    end = _now() + CLEAR_SECONDS
    while _now() < end:
        try:
            orders = await _asked(end - _now(), client.get_orders, _ALL_OPEN)
            if not orders:
                return
            await _asked(end - _now(), client.cancel_orders)
            for order in orders:
                yield f"cancel {order['client_order_id']}"
        except TimeoutError:
            break
        except _FAILURES as error:
            yield f"cancel orders: {_words(error)}"
        await asyncio.sleep(pause)
    yield f"cancel orders: not known to have ended after {CLEAR_SECONDS:g} s"


async def _closed(client: TradingClient, config: BrokerConfig) -> AsyncIterator[str]:
    """Ask until each position has been taken; the order that closes it claims it, so that it is not sold twice.

    Before one is, the same request cancels what is still open: no cancel may have arrived yet. It is sent even if what
    is held cannot be looked up.
    """
    taken: set[str] = set()
    pause, end = config.pause_seconds, _now() + config.flatten_seconds
    while _now() < end:
        held: dict[str, str] = {}
        try:
            positions = await _asked(CLEAR_SECONDS, client.get_all_positions)
            held = {str(p["symbol"]): _signed(p) for p in positions}
            if held.keys() <= taken:
                return
        except _FAILURES as error:
            yield f"look up positions: {_words(error)}"
        try:
            for answer in await _asked(None, client.close_all_positions, not taken):
                symbol, refused = str(answer["symbol"]), int(answer["status"]) >= _REFUSED
                if symbol not in taken:
                    yield f"close {symbol} {held.get(symbol, '')}".rstrip() + (": refused" if refused else "")
                taken |= set() if refused else {symbol}
        except _FAILURES as error:
            yield f"close positions: {_words(error)}"
        await asyncio.sleep(pause)
        pause = min(2.0 * pause, _LONGEST_PAUSE)
    yield f"close positions: not finished after {config.flatten_seconds:g} s"


async def _asked(seconds: float | None, method: Callable[..., object], *arguments: object) -> Items:
    async with asyncio.timeout(seconds):
        return cast(Items, await asyncio.to_thread(partial(method, *arguments)))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _signed(position: Mapping[str, Any]) -> str:
    return f"{'-' if position['side'] == 'short' else '+'}{str(position['qty']).lstrip('-')}"


def _words(error: Exception) -> str:
    return f"HTTP {error.status_code}" if isinstance(error, APIError) else f"failed ({type(error).__name__})"
