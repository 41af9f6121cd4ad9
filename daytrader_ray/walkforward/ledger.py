"""What the ledger of trials says about a search: how many other curves were tried on its days, and how they did."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.overfitting import daily_sharpe
from daytrader_ray.analytics.performance import daily_returns
from daytrader_ray.domain.content import digest_of_arrays
from daytrader_ray.domain.ledger import Entry

Float64 = npt.NDArray[np.float64]


def entries_of(result: Mapping[str, Any]) -> list[Entry]:
    """Return what a search's result adds to the ledger: its ensembles, without cash and the baselines."""
    dates = result["dates"]
    return [
        Entry(
            key=trial["key"],
            mask=trial["mask"],
            members=tuple(trial["members"]),
            search=result["id"],
            configuration=result["configuration"],
            first=dates[0],
            last=dates[-1],
            days=len(dates),
            sharpe=float(np.nan_to_num(daily_sharpe(_returns(trial["equity"])))),
            curve=curve_digest(dates, trial["equity"]),
        )
        for trial in result["trials"]
        if trial["key"] is not None
    ]


def curve_digest(dates: Collection[str], equity: Collection[float]) -> str:
    """Return the digest of a curve: its days and daily returns, of session equities `[day + 1]`."""
    return digest_of_arrays([np.array(list(dates), dtype="datetime64[D]"), _returns(equity)])


def _returns(equity: Collection[float]) -> Float64:
    return daily_returns(np.array(list(equity), dtype=np.float64))


def overlapping(entries: Iterable[Entry], first: str, last: str) -> list[Entry]:
    """Return the entries whose curves share a day with those from `first` to `last`."""
    return [entry for entry in entries if entry.first <= last and first <= entry.last]


def ratios(entries: Iterable[Entry], keys: Collection[str], curves: Collection[str]) -> Float64:
    """Return the daily Sharpe ratios of other trials, each distinct curve once `[trial]`.

    `keys` and `curves` are those of the search that asks: it counts its own trials itself. Entries come in the order of
    their keys, so that the same ledger gives the same bits.
    """
    known, found = set(curves), list[float]()
    for entry in sorted(entries, key=lambda one: one.key):
        if entry.key not in keys and entry.curve not in known:
            known.add(entry.curve)
            found.append(entry.sharpe)
    return np.array(found, dtype=np.float64)
