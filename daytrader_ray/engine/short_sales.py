"""Rule 201 of the SEC: a stock that falls 10 % is not sold short for the rest of that day and the next."""

from typing import NamedTuple

import numpy as np

from daytrader_ray.domain.jit import njit, plain
from daytrader_ray.domain.panel import Float64, Panel
from daytrader_ray.engine.book import B1, F8

FALL = 0.1
_EXACT = 1.0 + 1e-12
"""90 % of a price in cents is not exact in binary: a low that is just that is at it."""


class ShortSales(NamedTuple):
    """What is known before a session `[symbol]`.

    `restricted` since the session before; `limit` USD: a low at or below it restricts from its bar on (NaN: none does).
    """

    restricted: B1
    limit: F8


@njit
def last_and_least(close: F8, low: F8) -> tuple[F8, F8]:
    """Return each symbol's last close and least low of one session `[slot, symbol]`; NaN and inf where it has none."""
    last, least = np.full(close.shape[1], np.nan), np.full(close.shape[1], np.inf)
    for t in range(close.shape[0]):
        for i in range(close.shape[1]):
            # Comparisons with a NaN are false.
            last[i] = close[t, i] if close[t, i] > 0.0 else last[i]
            least[i] = low[t, i] if low[t, i] < least[i] else least[i]
    return last, least


def short_sales(panel: Panel, session: int, price_factor: Float64) -> ShortSales:
    """Return what Rule 201 says before a session, from the one or two before it in the panel.

    `session` may be the one behind the panel's last; `price_factor` is that session's own `[symbol]`.
    """
    n = len(panel.symbols)
    if session == 0:
        return ShortSales(np.zeros(n, dtype=np.bool_), np.full(n, np.nan))
    last, least = _session(panel, session - 1)
    restricted = np.zeros(n, dtype=np.bool_)
    if session > 1:
        before, _ = _session(panel, session - 2)
        restricted = least <= fall_from(before * panel.price_factor[session - 2] / panel.price_factor[session - 1])
    return ShortSales(restricted, fall_from(last * panel.price_factor[session - 1] / price_factor))


def fall_from(close: Float64) -> Float64:
    """Return the price that is 10 % lower."""
    return (1.0 - FALL) * close * _EXACT


def _session(panel: Panel, session: int) -> tuple[F8, F8]:
    rows = slice(int(panel.grid.first_row[session]), int(panel.grid.first_row[session + 1]))
    return last_and_least(plain(panel.close[rows]), plain(panel.low[rows]))
