"""Live bars that jump: withheld from decisions until the next bar says whether the jump was real.

The causal twin of the rule `bad_print` of `clean`: the same thresholds, without the bar that follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from math import log

import numpy as np

from daytrader_ray.market_data.prints import LEAST_GAP, LEAST_MOVE, move_limit

BACK, ON = 0.5, 3.0
"""How far the next bar may come back, and how far go on, in jumps of the withheld bar, to confirm it."""


class Judgement(IntEnum):
    """What to do with a live bar, and with the one withheld before it."""

    ACCEPTED = 0
    SUSPECT = 1
    """Withhold it: its symbol is quiet in this minute and frozen for entries. A bar withheld before is bad."""
    CONFIRMED = 2
    """Accepted, and so is the bar withheld before it."""
    REFUTED = 3
    """Accepted; the bar withheld before it was a bad print."""


@dataclass(slots=True)
class _Bar:
    high: float
    low: float
    close: float


@dataclass(slots=True)
class _State:
    accepted: _Bar
    has_opened: bool = True
    """Whether `accepted` is a bar of this session."""
    withheld: _Bar | None = None
    returns: list[float] = field(default_factory=list)

    @property
    def limit(self) -> float:
        return move_limit(np.array(self.returns)) if self.has_opened else LEAST_GAP


class PriceGuard:
    """Judges the bars of one session in the order in which they come; memory is one return a bar.

    A bar is suspect when its high sticks out above the last accepted bar's, or its low below, by more than 5 % and 10
    robust sigmas of the symbol's returns so far today (5 % alone with fewer than 30). The next bar confirms it by
    coming back at most half of that jump, or going on at most three times as far. The first bar of a symbol is
    measured by its price before the session (`previous`, USD as the session counts), with 20 % in place of the 5;
    without one it is never suspect.
    """

    def __init__(self, previous: Mapping[str, float] | None = None) -> None:
        prices = (previous or {}).items()
        self._states = {
            symbol: _State(_Bar(price, price, price), has_opened=False) for symbol, price in prices if price > 0
        }

    @property
    def suspects(self) -> frozenset[str]:
        """Symbols whose last bar is withheld."""
        return frozenset(symbol for symbol, state in self._states.items() if state.withheld is not None)

    def judge(self, symbol: str, high: float, low: float, close: float) -> Judgement:
        """Return what to do with the next sound bar of `symbol` (raw USD)."""
        bar = _Bar(high, low, close)
        state = self._states.get(symbol)
        if state is None:
            self._states[symbol] = _State(bar)
            return Judgement.ACCEPTED
        before, state.withheld = state.withheld, None
        if before is not None and _confirms(state.accepted, before, bar):
            _accept(state, before)
            _accept(state, bar)
            return Judgement.CONFIRMED
        jump = max(_jumps(state.accepted, bar))
        if jump > LEAST_MOVE and jump > state.limit:
            state.withheld = bar
            return Judgement.SUSPECT
        _accept(state, bar)
        return Judgement.ACCEPTED if before is None else Judgement.REFUTED


def _jumps(accepted: _Bar, bar: _Bar) -> tuple[float, float]:
    """Return how far `bar` sticks out above and below, as log moves."""
    return log(bar.high / accepted.high), log(accepted.low / bar.low)


def _confirms(accepted: _Bar, withheld: _Bar, bar: _Bar) -> bool:
    """Say whether `bar` is near the withheld one or goes on its way, as in a crash of several minutes."""
    up, down = _jumps(accepted, withheld)
    jump, on = (up, log(bar.high / withheld.high)) if up >= down else (down, log(withheld.low / bar.low))
    return -BACK * jump <= on <= ON * jump


def _accept(state: _State, bar: _Bar) -> None:
    if state.has_opened:
        state.returns.append(log(bar.close / state.accepted.close))
    state.accepted, state.has_opened = bar, True
