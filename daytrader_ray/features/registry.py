"""What a feature is, and what holds for all of them.

A symbol's bars are its minutes with a price. A minute without a trade, between trades or in a halt, carries the last
close with volume 0 and is a bar like any other; a minute before its first bar of a session, or after its last one, is
none: all features are NaN and nothing moves. What is defined for odd markets:

- flat window (all closes equal): %B 0.5, width 0, RSI 50, Williams %R -50; realised, Parkinson, Garman-Klass and their
  variation 0; skewness and kurtosis 0 (also where r varies by less than a hundredth of its size);
  all four moments are NaN over fewer than four bars;
- zero volume: OBV, accumulation and VWAP distance are NaN until something has traded in the session, Amihud's ratio
  and the bulk volume's imbalance while nothing has in their window; the relative volume is 0;
- first bar of a session: its r counts from its own open, its true range is H - L, and what is anchored at the open
  starts again; windows reach into the session before;
- a symbol that lists later starts with its first bar, and its warm-up with it;
- 5- and 15-minute aggregates end at multiples of their length in the session, are seen when they are complete (one cut
  short by missing minutes with the symbol's next bar) and stand until the next one is.
"""

import math
from dataclasses import dataclass

SEED_WEIGHT = 1e-7
"""A recursive average is warm when its first value weighs less than this."""
INPUTS = ("bars", "quotes", "trades", "events", "peers")
"""What a feature may read: a symbol's bars, quote bars, trade bars, the calendar of events, other symbols."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the feature matrix.

    Attributes
    ----------
    name
        `family.name_window`.
    formula
        What is computed, with C, H, L, O, V the bar, r = ln(C_t / C_t-1) inside a session (ln(C / O) in its first bar).
    lookback
        Bars that enter with a weight; for a recursive average the bars until older ones weigh less than 1e-7.
    source
        Who defined it.
    inputs
        Which of `INPUTS` it reads.
    nan
        When it is NaN though the symbol has a bar and is warm; empty for never.
    in_minutes
        Whether the lookback counts minutes, whatever the length of a bar.
    """

    name: str
    formula: str
    lookback: int
    source: str
    inputs: tuple[str, ...] = ("bars",)
    nan: str = ""
    in_minutes: bool = False

    @property
    def family(self) -> str:
        """The file in `features/kernels` that computes it."""
        return self.name.split(".")[0]

    @property
    def warm_up(self) -> int:
        """`warm_up_of` bars of one minute."""
        return self.warm_up_of(1)

    def warm_up_of(self, bar_minutes: int) -> int:
        """Bars of the symbol, this one included, before the first value; earlier rows are NaN."""
        return math.ceil(self.lookback / bar_minutes) if self.in_minutes else self.lookback


def memory(decay: float) -> int:
    """Bars until the seed of a recursive average weighs less than 1e-7, `decay` being the weight of its old value."""
    return 1 + math.ceil(math.log(SEED_WEIGHT) / math.log(decay))


def ema_memory(span: int) -> int:
    """`memory` of an exponential average with alpha = 2 / (span + 1)."""
    return memory(1.0 - 2.0 / (span + 1.0))


def wilder_memory(span: int) -> int:
    """`memory` of Wilder's average with alpha = 1 / span."""
    return memory(1.0 - 1.0 / span)
