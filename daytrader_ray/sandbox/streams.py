"""All market-data streams of the exchange, as whoever moves its clock sees them."""

import datetime as dt
from collections.abc import Sequence

from daytrader_ray.sandbox.data_stream import DataStream

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


class Streams:
    """Sends a session's data to everybody who follows it, on every protocol.

    The bars of `counted` are counted: the client of a rehearsal waits for that many.
    """

    def __init__(self, counted: Sequence[DataStream], others: Sequence[DataStream]) -> None:
        self._counted = tuple(counted)
        self._all = (*counted, *others)

    @property
    def n_bars(self) -> int:
        """Return the bars that the counted streams have sent since the session began."""
        return sum(stream.n_bars for stream in self._counted)

    @property
    def symbols(self) -> list[str]:
        """Return the symbols that anybody follows, by name."""
        return sorted(set().union(*(stream.symbols for stream in self._all)))

    def begin(self) -> None:
        """Start counting for a new session; subscriptions stay."""
        for stream in self._all:
            stream.begin()

    def send_bars(self, slot: int) -> None:
        """Send bar `slot`, which is over, and what is left of its minute before it."""
        for stream in self._all:
            stream.send_bars(slot)

    def send_inside(self, slot: int, now: dt.datetime) -> None:
        """Send what has happened in minute `slot` up to `now`."""
        before_ns = (now - _EPOCH) // _MICROSECOND * 1_000 + 1
        for stream in self._all:
            stream.send_inside(slot, before_ns)
