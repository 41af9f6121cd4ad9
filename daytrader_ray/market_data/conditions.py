"""What a trade's conditions let it update: prices, only the extremes, only the volume, or nothing.

Polygon's numbers for the sale conditions of the two tapes. The consolidated rules (CTA and UTP plans) say of each
condition whether such a trade may be the open or last price, the high or low, and whether it counts as volume; a trade
with several conditions may do what all of them allow. Conditions not named here allow everything.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

OPEN_CLOSE = np.uint8(1)
HIGH_LOW = np.uint8(2)
VOLUME = np.uint8(4)
ALL = OPEN_CLOSE | HIGH_LOW | VOLUME

_NOTHING = (15, 16, 38, 44, 49, 54)
"""Official open and close, corrected close (they restate a trade), cancelled, as-of cancel, errored."""
_VOLUME_ONLY = (2, 7, 12, 13, 20, 21, 35, 37, 52, 53)
"""Average price, cash, form T, extended hours out of sequence, next day, price variation, stock option, odd lot,
contingent, qualified contingent."""
_NOT_LAST = (5, 10, 22, 29, 32, 33)
"""Bunched sold, derivatively priced, prior reference price, seller, sold, sold out of sequence: high, low, volume."""

_ALLOWED = (
    dict.fromkeys(_NOTHING, 0)
    | dict.fromkeys(_VOLUME_ONLY, int(VOLUME))
    | dict.fromkeys(_NOT_LAST, int(HIGH_LOW | VOLUME))
)
_UNDONE = frozenset((7, 8, 10, 11, 12))
"""Corrections that take a trade back: erroneous, cancelled, and the records about it (10, 11, 12)."""


def trade_updates(
    conditions: Sequence[Sequence[int] | None], corrections: Sequence[int | None] | None = None
) -> npt.NDArray[np.uint8]:
    """Return what each trade updates `[n]`: the sum of `OPEN_CLOSE`, `HIGH_LOW` and `VOLUME`.

    `conditions` are the lists of the `conditions` (REST) or `c` (stream) fields, None where absent; `corrections`
    the `correction` fields.
    """
    known: dict[tuple[int, ...], int] = {}
    updates = np.fromiter((_updates(tuple(codes or ()), known) for codes in conditions), np.uint8, len(conditions))
    if corrections is not None:
        undone = np.fromiter((code in _UNDONE for code in corrections), np.bool_, len(corrections))
        updates[undone] = 0
    return updates


def _updates(codes: tuple[int, ...], known: dict[tuple[int, ...], int]) -> int:
    if codes not in known:
        allowed = int(ALL)
        for code in codes:
            allowed &= _ALLOWED.get(code, int(ALL))
        known[codes] = allowed
    return known[codes]
