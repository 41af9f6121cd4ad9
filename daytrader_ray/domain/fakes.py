"""The ports' fakes: scripted clock and feed, a broker in memory, fixed scores, a journal one can look into."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.ports import Account, BrokerEvent, LiveBar, Tick
from daytrader_ray.domain.trading import Fill, Order


class FakeClock:
    """A `Clock` that gives the ticks it was made with and remembers the answers."""

    def __init__(self, ticks: Sequence[Tick]) -> None:
        self._ticks = list(reversed(ticks))
        self.answered: list[Tick] = []

    async def next_tick(self) -> Tick | None:
        """Return the next tick, None after the last."""
        return self._ticks.pop() if self._ticks else None

    async def done(self, tick: Tick) -> None:
        """Remember the answer."""
        self.answered.append(tick)


class FakeFeed:
    """A `MarketFeed` over a list of bars: each call returns those up to the asked count, or the rest.

    What `stopped` holds is frozen, `told` what quotes and trades say.
    """

    def __init__(self, bars: Sequence[LiveBar]) -> None:
        self._bars = list(bars)
        self._given = 0
        self.stopped: dict[str, str] = {}
        self.told: dict[str, Sequence[float]] = {}

    async def bars(self, n_bars: int | None) -> Sequence[LiveBar]:
        """Return the bars not yet returned."""
        start, self._given = self._given, len(self._bars) if n_bars is None else max(n_bars, self._given)
        return self._bars[start : self._given]

    def ticks(self) -> Mapping[str, Sequence[float]]:
        """Return `told`."""
        return self.told

    def frozen(self) -> Mapping[str, str]:
        """Return `stopped`."""
        return self.stopped


class FakeBroker:
    """A `Broker` that keeps what it was sent; `reply` says which updates an order causes (none by default)."""

    def __init__(
        self,
        account: Account | None = None,
        reply: Callable[[Order], Sequence[BrokerEvent]] | None = None,
    ) -> None:
        self.account = account or Account(100_000.0, 100_000.0, {})
        self.submitted: list[Order] = []
        self.asked: list[Order] = []
        self.flattened = False
        self._reply = reply
        self._events: list[BrokerEvent] = []

    def push(self, *events: BrokerEvent) -> None:
        """Queue updates for the next call of `events`."""
        self._events.extend(events)

    async def submit(self, order: Order) -> None:
        """Keep the order and queue its updates."""
        self.submitted.append(order)
        if self._reply is not None:
            self._events.extend(self._reply(order))

    async def events(self, n_events: int | None) -> Sequence[BrokerEvent]:  # noqa: ARG002 - the port's signature
        """Return everything queued, whatever the count."""
        taken, self._events = self._events, []
        return taken

    async def ask(self, order: Order) -> None:
        """Remember that it was asked for, and tell nothing."""
        self.asked.append(order)

    async def flatten(self) -> AsyncIterator[str]:
        """Remember that it was asked for."""
        self.flattened = True
        yield "everything"

    async def snapshot(self) -> Account:
        """Return the account it was made with."""
        return self.account


class FakeScorer:
    """A `Scorer` with the same score per member for every window."""

    def __init__(self, scores: Sequence[float]) -> None:
        self._scores = np.asarray(scores, dtype=np.float64)

    async def score(self, windows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the scores `[n, member]`."""
        return np.tile(self._scores, (len(windows), 1))


class FakeJournal:
    """A `Journal` in memory: (kind, record) pairs in the order of writing."""

    def __init__(self) -> None:
        self.records: list[tuple[str, Any]] = []

    def order(self, order: Order) -> None:
        """Keep the order."""
        self.records.append(("order", order))

    def fill(self, fill: Fill) -> None:
        """Keep the fill."""
        self.records.append(("fill", fill))

    def note(self, kind: str, values: Mapping[str, Any]) -> None:
        """Keep the note."""
        self.records.append((kind, dict(values)))
