"""Alpaca's market-data stream, the second source of minute bars: one connection by the vendor's own client.

alpaca-py is used for one connection: left to itself it retries a wrong key for ever and hides every reconnect.
"""

import asyncio
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from daytrader_ray.adapters.messages import Decoded, SeenBar, checked, start_minute
from daytrader_ray.adapters.supervisor import KeyRefusedError, Supervisor
from daytrader_ray.adapters.waiting import finished
from daytrader_ray.domain.errors import FeedError
from daytrader_ray.domain.sessions import NS_PER_MINUTE

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "websockets.legacy", DeprecationWarning)  # alpaca-py's stream still needs it
    from alpaca.data.live import StockDataStream

_BARS, _UPDATED, _STATUSES = "b", "u", "s"
_HALTED, _RESUMED = ("2", "H", "P", "Q"), ("3", "T")
"""Status codes of both plans of the tape: halt, pause, only quoted yet; and trading again. Others change nothing."""
_KEY_ERRORS = ("auth failed", "insufficient subscription")


class AlpacaLink:
    """One connection at a time to `stream_url` (ws(s)://HOST/v2/sip), with bars, their corrections and statuses."""

    def __init__(self, stream_url: str, key: SecretStr, secret: SecretStr, symbols: Sequence[str]) -> None:
        self._url, self._key, self._secret, self._symbols = stream_url, key, secret, tuple(symbols)

    @staticmethod
    def decode(message: Mapping[str, Any]) -> Decoded:
        """Read one message; what cannot be understood is counted, never raised."""
        return decode(message)

    async def __call__(self, line: Supervisor) -> str:
        """Connect, subscribe, hand every message to `line` until the connection ends; return or raise why it did."""
        stream = _Stream(
            self._key.get_secret_value(),
            self._secret.get_secret_value(),
            raw_data=True,
            websocket_params={"ping_interval": 10, "ping_timeout": 20, "max_queue": 1024, "max_size": 64 << 20},
            url_override=self._url,
        )
        stream.line, stream.wanted = line, set(self._symbols)
        for subscribe in (stream.subscribe_bars, stream.subscribe_updated_bars, stream.subscribe_trading_statuses):
            subscribe(_ignore, *self._symbols)
        try:
            try:
                await stream._start_ws()
            except ValueError as error:
                refused = KeyRefusedError if str(error) in _KEY_ERRORS else FeedError
                raise refused(f"the key was refused ({error})") from None
            await stream._send_subscribe_msg()
            await stream._consume()
        finally:
            await finished(asyncio.create_task(stream.close()), 1.0)
        return "the server closed the stream"


class _Stream(StockDataStream):
    """Hands on every message as it came; ready once the server has named all bars as subscribed."""

    line: Supervisor
    wanted: set[str]

    async def _dispatch(self, msg: dict[str, Any]) -> None:
        if msg.get("T") == "subscription":
            self.wanted -= set(msg.get("bars") or ())
            if not self.wanted and not self.line.up:
                self.line.ready()
        elif msg.get("T") == "error":
            raise FeedError(f"the server says {msg.get('code')}: {msg.get('msg')}")
        self.line.frame(msg, msg.get("T") in _READERS)


async def _ignore(_: object) -> None:
    """Stand in for a handler: messages are taken before they are dispatched."""


def decode(message: Mapping[str, Any]) -> Decoded:
    """Read one message; what cannot be understood is counted, never raised."""
    found = Decoded()
    reader = _READERS.get(str(message.get("T")))
    if reader is None:
        found.unknown += message.get("T") not in ("subscription", "success")
        return found
    try:
        reader(message, found)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        found.corrupt += 1
    return found


def _bar(message: Mapping[str, Any], found: Decoded) -> None:
    vwap, trades = message.get("vw"), message.get("n")
    found.bars.append(
        SeenBar(
            str(message["S"]), start_minute(message["t"].to_unix_nano(), NS_PER_MINUTE),
            float(message["o"]), float(message["h"]), float(message["l"]), float(message["c"]), float(message["v"]),
            math.nan if vwap is None else float(vwap), None if trades is None else int(trades), math.nan,
        )
    )  # fmt: skip


def _status(message: Mapping[str, Any], found: Decoded) -> None:
    code = str(message["sc"])
    if code in _HALTED or code in _RESUMED:
        minute = checked(message["t"].to_unix_nano(), NS_PER_MINUTE) // NS_PER_MINUTE
        found.halts.append((str(message["S"]), code in _HALTED, minute))


_READERS: dict[str, Callable[[Mapping[str, Any], Decoded], None]] = {
    _BARS: _bar,
    _UPDATED: _bar,
    _STATUSES: _status,
}
