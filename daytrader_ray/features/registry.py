"""What a feature is, and every feature there is, in the order of the matrix."""

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
    """

    name: str
    formula: str
    lookback: int
    source: str
    inputs: tuple[str, ...] = ("bars",)
    nan: str = ""

    @property
    def family(self) -> str:
        """The file in `features/kernels` that computes it."""
        return self.name.split(".")[0]

    @property
    def warm_up(self) -> int:
        """Bars of the symbol, this one included, before the first value; earlier rows are NaN."""
        return self.lookback


def memory(decay: float) -> int:
    """Bars until the seed of a recursive average weighs less than 1e-7, `decay` being the weight of its old value."""
    return 1 + math.ceil(math.log(SEED_WEIGHT) / math.log(decay))


def ema_memory(span: int) -> int:
    """`memory` of an exponential average with alpha = 2 / (span + 1)."""
    return memory(1.0 - 2.0 / (span + 1.0))


def wilder_memory(span: int) -> int:
    """`memory` of Wilder's average with alpha = 1 / span."""
    return memory(1.0 - 1.0 / span)
