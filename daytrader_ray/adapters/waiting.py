"""Waiting in one event loop until something has arrived, with a limit."""

import asyncio
from collections.abc import Callable
from contextlib import suppress


class Arrivals:
    """Wakes all that wait for a condition each time something arrives."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def announce(self) -> None:
        """Say that something arrived or failed; to be called in the loop's thread."""
        self._event.set()

    async def next(self, seconds: float) -> None:
        """Return when something has arrived since the last wait, at the latest after `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()

    async def until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return when `ready()` holds; `TimeoutError` after `seconds`."""
        async with asyncio.timeout(seconds):
            while not ready():
                self._event.clear()
                await self._event.wait()


async def finished(task: asyncio.Task[None], seconds: float) -> None:
    """Wait until `task` has ended; cancel it after `seconds`. Its own failure is not raised here."""
    _, pending = await asyncio.wait([task], timeout=seconds)
    if pending:
        task.cancel()
        await asyncio.wait([task], timeout=seconds)
