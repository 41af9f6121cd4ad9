"""What the streams of all vendors say, in one form."""

from dataclasses import dataclass, field
from typing import NamedTuple

_LAST_MINUTE = 150_000_000
"""In the year 2255; the nanoseconds of a later one do not fit into 64 bits."""


class SeenBar(NamedTuple):
    """A minute bar as a source gave it: `minute` epoch minutes of its start; prices USD, volumes shares.

    `vwap` and `day_volume` (the volume of the day so far) are NaN, `trades` None where the source does not say.
    """

    symbol: str
    minute: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    trades: int | None
    day_volume: float


class Quote(NamedTuple):
    """Best bid and offer: `stamp_ns` epoch ns, prices USD (0 where a side is empty), sizes as the vendor counts."""

    symbol: str
    stamp_ns: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float


class Trade(NamedTuple):
    """One trade: `stamp_ns` epoch ns, price USD, size shares, the vendor's condition codes."""

    symbol: str
    stamp_ns: int
    price: float
    size: float
    conditions: tuple[int, ...]


@dataclass(slots=True)
class Decoded:
    """What one frame says.

    `halts` holds (symbol, whether it stands still, epoch minute); `corrupt`
    counts what could not be read and `unknown` messages of other kinds.
    """

    bars: list[SeenBar] = field(default_factory=list)
    quotes: list[Quote] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    halts: list[tuple[str, bool, int]] = field(default_factory=list)
    corrupt: int = 0
    unknown: int = 0


def checked(stamp: int, per_minute: int) -> int:
    """Return a stamp as it is; `ValueError` where no clock shows it."""
    if not 0 <= stamp <= _LAST_MINUTE * per_minute:
        raise ValueError("not a time")
    return stamp


def start_minute(stamp: int, per_minute: int) -> int:
    """Return the epoch minute that begins at a stamp of so many units a minute; `ValueError` where none does."""
    minute, rest = divmod(stamp, per_minute)
    if rest or not 0 <= minute <= _LAST_MINUTE:
        raise ValueError("no whole minute of any clock")
    return minute
