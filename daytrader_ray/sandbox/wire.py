"""The server's end of a WebSocket: frames go straight into the transport, so that no client holds the exchange up."""

import asyncio
import struct
from typing import Literal

from aiohttp import web

TEXT, BINARY = 0x1, 0x2
_FINAL = 0x80
_DROPPED = 1006

Sent = Literal["sent", "lost", "overflow"]


class Wire:
    """One accepted connection; every method returns at once.

    A client that leaves more than `queue_bytes` unread, beyond what the kernel buffers, is a slow consumer.
    `silence` loses what is sent, `stall` keeps it back and sends it later in one burst.
    """

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, opcode: int, queue_bytes: int) -> None:
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        self._socket = socket
        self._transport = transport
        self._opcode = opcode
        self._queue_bytes = queue_bytes
        self._loop = asyncio.get_running_loop()
        self._silent_until = 0.0
        self._stalled = False
        self._kept: list[bytes] = []
        self._closing: asyncio.Task[bool] | None = None

    @property
    def is_open(self) -> bool:
        """Return whether frames can still be sent."""
        return not (self._socket.closed or self._closing is not None or self._transport.is_closing())

    def send(self, payload: bytes, fragments: int = 1) -> Sent:
        """Send one message, in `fragments` WebSocket frames; say whether it was lost or is one too many."""
        if not self.is_open or self._loop.time() < self._silent_until:
            return "lost"
        data = _message(payload, self._opcode, fragments)
        waiting = self._transport.get_write_buffer_size() + sum(map(len, self._kept))
        if waiting + len(data) > self._queue_bytes:
            return "overflow"
        if self._stalled:
            self._kept.append(data)
        else:
            self._transport.write(data)
        return "sent"

    def refuse(self, last: bytes, code: int, reason: str) -> None:
        """Send a last message past the bound and close."""
        self._transport.writelines([*self._kept, _message(last, self._opcode, 1)])
        self.close(code, reason)

    def silence(self, seconds: float) -> None:
        """Lose everything for `seconds` from now; 0: until the connection ends."""
        self._silent_until = self._loop.time() + seconds if seconds else float("inf")

    def stall(self, seconds: float) -> None:
        """Keep everything back for `seconds` from now; 0: until the connection ends."""
        self._stalled = True
        if seconds:
            self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._stalled = False
        kept, self._kept = self._kept, []
        if self.is_open:
            self._transport.writelines(kept)

    def close(self, code: int, reason: str = "") -> None:
        """Close with `code`; 1006 drops the connection without a close frame."""
        if code == _DROPPED:
            self._transport.abort()
        elif self._closing is None:
            self._closing = asyncio.create_task(self._socket.close(code=code, message=reason.encode()))


def _message(payload: bytes, opcode: int, fragments: int) -> bytes:
    """Frame a message as RFC 6455 has it, unmasked, as servers do."""
    size = -(-len(payload) // fragments)
    parts = [payload[start : start + size] for start in range(0, len(payload), size)]
    frames = []
    for index, part in enumerate(parts):
        first = (0 if index else opcode) | (_FINAL if index == len(parts) - 1 else 0)
        frames.append(_header(first, len(part)) + part)
    return b"".join(frames)


def _header(first: int, size: int) -> bytes:
    if size < 126:
        return struct.pack("!BB", first, size)
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size)
    return struct.pack("!BBQ", first, 127, size)
