"""The last resort: an account's open orders are cancelled, then its positions closed, each by one request for all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import GetOrdersRequest

Items = Sequence[Mapping[str, Any]]
_ALL_OPEN = GetOrdersRequest(limit=500)
_REFUSED = 400
_CANCEL_ROUNDS = 8
"""Looks at what is still open before positions are closed all the same."""


async def flattened(client: TradingClient, pause_seconds: float) -> AsyncIterator[str]:
    """Cancel and close until nothing is left to ask for, and tell each thing once, refusals and failures too.

    The venue cancels in its own time, and what an open order claims cannot be sold: positions are closed when no order
    is open any more. It goes on for as long as it is let.
    """
    told: set[str] = set()
    for stage in (_cancelled(client, pause_seconds), _closed(client, pause_seconds)):
        async for said in stage:
            if said not in told:
                told.add(said)
                yield said


async def _cancelled(client: TradingClient, pause_seconds: float) -> AsyncIterator[str]:
    for _ in range(_CANCEL_ROUNDS):
        try:
            orders = await _asked(client.get_orders, _ALL_OPEN)
            if not orders:
                return
            await _asked(client.cancel_orders)
            for order in orders:
                yield f"cancel {order['client_order_id']}"
        except (APIError, requests.RequestException) as error:
            yield f"cancel orders: {_words(error)}"
        await asyncio.sleep(pause_seconds)


async def _closed(client: TradingClient, pause_seconds: float) -> AsyncIterator[str]:
    """Ask until each position has been taken; the order that closes it claims it, so that it is not sold twice."""
    taken: set[str] = set()
    while True:
        try:
            held = {str(p["symbol"]): _signed(p) for p in await _asked(client.get_all_positions)}
            if held.keys() <= taken:
                return
            for answer in await _asked(client.close_all_positions):
                symbol, refused = str(answer["symbol"]), int(answer["status"]) >= _REFUSED
                if symbol not in taken:
                    yield f"close {symbol} {held.get(symbol, '')}" + (": refused" if refused else "")
                taken |= set() if refused else {symbol}
        except (APIError, requests.RequestException) as error:
            yield f"close positions: {_words(error)}"
        await asyncio.sleep(pause_seconds)


async def _asked(method: Callable[..., object], *arguments: object) -> Items:
    return cast(Items, await asyncio.to_thread(partial(method, *arguments)))


def _signed(position: Mapping[str, Any]) -> str:
    return f"{'-' if position['side'] == 'short' else '+'}{str(position['qty']).lstrip('-')}"


def _words(error: APIError | requests.RequestException) -> str:
    return f"HTTP {error.status_code}" if isinstance(error, APIError) else f"failed ({type(error).__name__})"
