"""The seams of the live loop: what the pure core is handed from outside, one to five methods each."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.trading import Fill, Order, Phase


@dataclass(frozen=True, slots=True)
class Tick:
    """One phase of one minute, as the clock announces it.

    `n_events` and `n_bars` are the trade updates and bars since the session began that belong to this phase and all
    earlier ones; None where the clock (a live one) cannot know.
    """

    slot: int
    phase: Phase
    n_events: int | None
    n_bars: int | None


@dataclass(frozen=True, slots=True)
class LiveBar:
    """One bar from a stream: `minute` epoch minutes of its start, prices USD, volume shares, vwap NaN if unknown."""

    symbol: str
    minute: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float


@dataclass(frozen=True, slots=True)
class BrokerEvent:
    """One trade update: `event` as the venue names it (new, fill, partial_fill, canceled, rejected, expired).

    `qty` and `price` belong to this execution and are 0 for events that are none.
    """

    event: str
    client_order_id: str
    symbol: str
    side: int
    qty: int
    price: float
    execution_id: str


@dataclass(frozen=True, slots=True)
class Account:
    """The broker's books: cash and equity USD, signed whole-share positions by symbol."""

    cash: float
    equity: float
    positions: Mapping[str, int]


class Clock(Protocol):
    """Announces the phases of the session; holds time until each is answered where the other side allows it."""

    async def next_tick(self) -> Tick | None:
        """Wait for the next phase; None after the last one."""
        ...

    async def done(self, tick: Tick) -> None:
        """Say that the phase has been processed and all its orders have been sent."""
        ...


class MarketFeed(Protocol):
    """Live bars, and what quotes and trades say beside them."""

    async def bars(self, n_bars: int | None) -> Sequence[LiveBar]:
        """Return the bars not yet returned, waiting until `n_bars` in total have arrived (None: do not wait)."""
        ...

    def ticks(self) -> Mapping[str, Sequence[float]]:
        """Return, by symbol, what quotes and trades say of the minute that `bars` has closed (`features.bar.TICKS`).

        A symbol that is not followed, or of which nothing came, is not there.
        """
        ...

    def frozen(self) -> Mapping[str, str]:
        """Return why each symbol that must not be entered now must not: `halt`, `suspect price`, `stale`."""
        ...


class Broker(Protocol):
    """An account that takes orders and tells what becomes of them."""

    async def submit(self, order: Order) -> None:
        """Send one order (a cancel waits for the outcome, several at once); `BrokerError` when its fate is unknown."""
        ...

    async def events(self, n_events: int | None) -> Sequence[BrokerEvent]:
        """Return the updates not yet returned, waiting until `n_events` in total have arrived (None: do not wait)."""
        ...

    async def ask(self, order: Order) -> None:
        """Ask what became of an order of unknown fate: what is known of it is among the next events.

        One that never arrived comes back as `rejected`, one that ended without a share as its end; `BrokerError` while
        the venue does not say. One that has ended, or got shares, of which no update comes by the next ask, makes
        `events` raise `BrokerError`: updates are missing.
        """
        ...

    def flatten(self) -> AsyncIterator[str]:
        """Cancel every open order, then close every position at market; tell what was done, refused and not finished.

        It ends by itself.
        """
        ...

    async def snapshot(self) -> Account:
        """Return the broker's own books."""
        ...


class Scorer(Protocol):
    """The models of a bundle: in this process or behind Ray Serve."""

    async def score(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Score scaled windows `[n, WINDOW_ROWS, feature]` to `[n, member]`; a member that failed is NaN."""
        ...


class Journal(Protocol):
    """An append-only record: written to disk before the thing it records is done."""

    def order(self, order: Order) -> None:
        """Record an order that is about to be sent."""
        ...

    def fill(self, fill: Fill) -> None:
        """Record an execution."""
        ...

    def note(self, kind: str, values: Mapping[str, Any]) -> None:
        """Record anything else: an alarm, a decision, an end of session."""
        ...
