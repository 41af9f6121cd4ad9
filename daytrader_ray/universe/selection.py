"""Who may be traded in a session, from what was known before it opened."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from daytrader_ray.universe.config import UniverseConfig


def tradable(universe: UniverseConfig, symbols: Sequence[str], adv: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which symbols may be traded `[session, symbol]`.

    A symbol needs a place in the list and a mean volume `adv` (shares, `[session, symbol]`, earlier sessions only)
    above `min_mean_volume`. NaN (fewer than 3 earlier sessions) is never tradable.
    """
    listed = np.isin(np.array(symbols, dtype=np.str_), np.array(universe.stocks, dtype=np.str_))
    with np.errstate(invalid="ignore"):
        known = np.isfinite(adv) & (adv > universe.min_mean_volume)
    return np.asarray(known & listed[None, :], dtype=np.bool_)


def sector_codes(universe: UniverseConfig, symbols: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return a sector number per symbol `[symbol]`, numbered by sorted sector name."""
    names = [universe.sector_of(symbol) for symbol in symbols]
    order = {name: code for code, name in enumerate(sorted(set(names)))}
    return np.array([order[name] for name in names], dtype=np.int64)
