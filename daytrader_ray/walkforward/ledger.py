"""What the ledger of trials says about a search: how many other curves were tried on its days, and how they did."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.overfitting import daily_sharpe
from daytrader_ray.analytics.performance import daily_returns
from daytrader_ray.domain.content import digest_of_arrays, key_of
from daytrader_ray.domain.ledger import Entry
from daytrader_ray.domain.trading import N_ENSEMBLES, members_of

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Page:
    """What a search's entries share: its id, digests of its configuration and settings, its ISO days out of sample."""

    search: str
    configuration: str
    settings: str
    dates: tuple[str, ...]

    def key(self, mask: int) -> str:
        """Return the key of a trial: not the data's end, so that a curve that merely grew is the same trial."""
        return key_of({"mask": mask, "configuration": self.configuration, "first": self.dates[0]})

    def entry(self, mask: int, equity: Collection[float]) -> Entry:
        """Return what the ledger keeps of a trial, of its session equities `[day + 1]`."""
        return Entry(
            key=self.key(mask),
            mask=mask,
            members=members_of(mask),
            search=self.search,
            configuration=self.configuration,
            settings=self.settings,
            first=self.dates[0],
            last=self.dates[-1],
            days=len(self.dates),
            sharpe=float(np.nan_to_num(daily_sharpe(_returns(equity)))),
            curve=curve_digest(self.dates, equity),
            looks=(self.dates[-1],),
        )

    def holds(self, entry: Entry) -> bool:
        """Return whether an entry is a trial of this search.

        So is what an earlier program made of the same settings on days within these: it was the same thing tried.
        """
        within = self.dates[0] <= entry.first and entry.last <= self.dates[-1]
        return entry.key == self.key(entry.mask) or (entry.settings == self.settings and within)

    def looks(self, ledger: Iterable[Entry]) -> list[str]:
        """Return the last days that the trials of this search have been judged on, sorted, this one included."""
        return sorted({self.dates[-1], *(day for entry in ledger if self.holds(entry) for day in entry.looks)})

    def others(self, ledger: Iterable[Entry], curves: Collection[str]) -> Float64:
        """Return the daily Sharpe ratios of other trials that share a day with these, each distinct curve once.

        `curves` are the digests of this search's: it counts its own trials itself. Ratios `[trial]` come in the order
        of the entries' keys, so that the same ledger gives the same bits.
        """
        known, found = set(curves), list[float]()
        for entry in sorted(ledger, key=lambda one: one.key):
            shared = entry.first <= self.dates[-1] and self.dates[0] <= entry.last
            if shared and not self.holds(entry) and entry.curve not in known:
                known.add(entry.curve)
                found.append(entry.sharpe)
        return np.array(found, dtype=np.float64)


def in_ledger(mask: int) -> bool:
    """Return whether a trial is one of the ledger's: an ensemble, neither cash nor a baseline."""
    return 0 < mask < N_ENSEMBLES


def page_of(result: Mapping[str, Any]) -> Page:
    """Return what the entries of a stored result share."""
    return Page(result["id"], result["configuration"], result["settings_key"], tuple(result["dates"]))


def curve_digest(dates: Collection[str], equity: Collection[float]) -> str:
    """Return the digest of a curve: its days and daily returns, of session equities `[day + 1]`."""
    return digest_of_arrays([np.array(list(dates), dtype="datetime64[D]"), _returns(equity)])


def _returns(equity: Collection[float]) -> Float64:
    return daily_returns(np.array(list(equity), dtype=np.float64))
