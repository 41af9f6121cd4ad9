"""Orders, fills and their names: the words that kernel, matchers, broker and journal share."""

import datetime as dt
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cache

MEMBERS = ("lstm", "cnn", "random_forest", "xgboost", "transformer")
"""Model names in the order of the mask's bits: bit i of a mask is MEMBERS[i]; mask 0 is cash."""

BASELINES = ("logistic", "boosting")
"""What the members are compared with: fitted and scored beside them in a search, never part of an ensemble."""

SCORERS = MEMBERS + BASELINES
"""All that is fitted, in the order of score columns; baseline k alone is the mask `1 << (len(MEMBERS) + k)`."""

N_ENSEMBLES = 1 << len(MEMBERS)
"""Subsets of the members, cash among them: the masks below this number."""

EQUAL = 1 << len(SCORERS)
"""Bit of a mask whose members are weighed equally, whatever the scheme."""

MASKS = (*range(N_ENSEMBLES), *(N_ENSEMBLES << k for k in range(len(BASELINES))), EQUAL | (N_ENSEMBLES - 1))
"""What a search tries: every ensemble, then each baseline alone, then all members weighed equally."""

WINDOW_ROWS = 30
"""Number of valid feature rows a member sees at once."""


def members_of(mask: int) -> tuple[str, ...]:
    """Return the members of an ensemble mask, or the baseline that a mask of its own stands for.

    >>> members_of(0b01001)
    ('lstm', 'xgboost')
    """
    return tuple(name for bit, name in enumerate(SCORERS) if mask >> bit & 1)


def name_of(mask: int) -> str:
    """Return what a trial of a search is called.

    >>> name_of(0), name_of(0b01001), name_of(MASKS[-1])
    ('cash', 'lstm + xgboost', 'equal')
    """
    return "equal" if mask & EQUAL else " + ".join(members_of(mask)) or "cash"


class OrderKind(IntEnum):
    """What an intent asks the broker to do."""

    CANCEL_STOP = 1
    """Cancel the symbol's resting stop (always right before an EXIT)."""
    EXIT = 2
    """Sell or cover the whole position: at market, immediate-or-cancel, or with a limit for one bar."""
    ENTRY = 3
    """Open a position: at market, immediate-or-cancel, or with a limit for one bar."""
    STOP = 4
    """Rest a stop for the whole position, good for the day."""
    CANCEL = 5
    """Cancel what is left of the symbol's limit order: its bar is over."""
    HEDGE = 6
    """Trade a hedge instrument towards its target, at market, immediate-or-cancel."""


class Reason(IntEnum):
    """Why an order exists, or why a wish was denied."""

    NONE = 0
    SIGNAL = 1
    """Entry: |signal| at or over the threshold."""
    PROTECT = 2
    """Stop placed under a position."""
    STOP = 3
    """The resting stop was hit."""
    SIGNAL_EXIT = 4
    REVERSED = 5
    TIME_EXIT = 6
    FLATTEN = 7
    """End of day: flat before the close."""
    HALTED = 8
    """The daily loss limit was reached."""
    UNPROTECTED = 9
    """The venue took no stop for the position, twice: it is sold, and the symbol is left alone for the day."""
    CARRIED = 10
    """A halt kept the position through the close before: it is sold."""
    HEDGE = 11
    """Towards the target of a hedge instrument."""
    TRAIL = 12
    """The stop follows the price."""
    UNFILLED = 13
    """The bar of a limit order is over."""
    DENIED_THRESHOLD = 20
    DENIED_POSITION = 21
    DENIED_COOLDOWN = 22
    DENIED_TRADES = 23
    DENIED_SESSION = 24
    DENIED_HISTORY = 25
    DENIED_SHORT = 26
    DENIED_SECTOR = 27
    DENIED_GROSS = 28
    DENIED_CASH = 29
    """No buying power left."""
    DENIED_SIZE = 30
    """Less than one share after every cap."""
    DENIED_BLOCKED = 31
    """An order of this symbol has an unknown fate, or is still on its way."""
    DENIED_QUIET = 32
    """No trade for some minutes: the last price is no basis, and a feed that is gone looks the same."""
    DENIED_EVENT = 33
    """Too near to an event of the calendar."""
    DENIED_NET = 34
    DENIED_BETA = 35
    DENIED_REDUCING = 36
    """Told to open nothing: a stale feed, an order of unknown fate, or by command."""
    DENIED_RULE_201 = 37
    """A stock that fell 10 % is not sold short that day and the next."""
    DENIED_BORROW = 38
    """Not easy to borrow."""
    DENIED_EDGE = 39
    """Trades at this |signal| had no edge on validation (Kelly weight 0)."""
    DENIED_HALT = 40
    """Trading in the symbol is halted."""
    DENIED_HELD = 41
    """The signal is that of an earlier bar: entries are decided at the bars at which members score."""


class Phase(StrEnum):
    """The three parts of a minute in which orders and bars move."""

    OPEN = "A"
    INTRABAR = "B"
    CLOSE = "C"


@dataclass(frozen=True, slots=True)
class Order:
    """One order as sent (or, in a backtest, as it would be sent).

    `slot` is the bar at whose close it was decided (a STOP placed after a fill at the open of bar t has slot t).
    `side` +1 buys, -1 sells. `stop_price` USD, only for STOP; `limit_price` USD of an entry or an exit with one, None
    at market.
    """

    session: dt.date
    slot: int
    symbol: str
    kind: OrderKind
    side: int
    qty: int
    stop_price: float | None
    reason: Reason
    client_order_id: str
    limit_price: float | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution: `price` USD a share rounded to 1e-4, `fee` USD rounded to 1e-2 (our own arithmetic)."""

    session: dt.date
    slot: int
    phase: Phase
    symbol: str
    kind: OrderKind
    side: int
    qty: int
    price: float
    fee: float
    client_order_id: str


def client_order_id(run: str, session: dt.date, slot: int, symbol: str, kind: OrderKind, urgent: bool = False) -> str:
    """Return the id an order always gets, so that sending it twice cannot make two orders.

    An urgent exit ends in `flat` instead of `exit`: the loopback exchange fills it whole.

    >>> client_order_id("ab12", dt.date(2025, 12, 2), 7, "AAPL", OrderKind.ENTRY)
    'ab12-20251202-007-AAPL-entry'
    """
    word = "flat" if urgent and kind is OrderKind.EXIT else _WORDS[kind]
    return f"{run}-{_stamp(session)}-{slot:03d}-{symbol}-{word}"


_WORDS = {kind: kind.name.lower() for kind in OrderKind}


@cache
def _stamp(session: dt.date) -> str:
    return f"{session:%Y%m%d}"


URGENT = frozenset({Reason.FLATTEN, Reason.HALTED, Reason.UNPROTECTED, Reason.CARRIED})


def is_urgent(reason: Reason) -> bool:
    """Return whether an exit for this reason is filled whole, whatever the bar's volume."""
    return reason in URGENT
