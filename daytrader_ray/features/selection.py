"""Which features the members of a window see: rules, one after the other, each with its reason in words.

Everything is estimated on labelled rows of the training window. A rule is a function and a line in `RULES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.folds import session_folds
from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.selection import Choice, Selection

Bool = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

BINS = 10
"""Quantile bins of the mutual information."""

CHUNK = 4096
"""So many rows are correlated at a time: they fit the processor's cache."""

N_CLASSES = 3
FOLDS = 4
"""Blocks of sessions that recursive elimination holds out in turn."""

FEWEST = 5
"""Recursive elimination stops here."""


class SelectionConfig(Config):
    """How a window chooses its features."""

    top: int = Field(default=30, ge=1, description="most features that the members see")
    keep: tuple[str, ...] = Field(
        default=("lag.return_1",),
        description="features that only a constant or missing values can drop, as far as the feature set has them; "
        "the network on Gramian fields draws them from lag.return_1",
    )
    max_missing: float = Field(default=0.2, ge=0, le=1, description="a feature unknown in more of the rows is dropped")
    max_correlation: float = Field(
        default=0.95, gt=0, le=1, description="of two with a higher |Spearman| the one that tells less is dropped"
    )
    eliminate: bool = Field(
        default=False, description="then drop step by step what boosted trees do not miss on held-out sessions (slow)"
    )


class Rows(NamedTuple):
    """Rows to learn from or to be judged on: `values` `[n, feature]`, `classes` 0 to 2 and `weights` `[n]`."""

    values: Float32
    classes: Int64
    weights: Float64


Judge = Callable[[Rows, Rows], tuple[float, Float64]]
"""Fits on the first rows; returns its skill on the second (more is better) and the weight of each feature."""


@dataclass(frozen=True)
class Evidence:
    """Labelled training rows `[n]`: all that a rule may look at.

    Attributes
    ----------
    names, stocks
        Names of the features, and of the symbols that `symbols` counts.
    rows
        Raw values float32 `[n, feature]`, NaN where unknown; classes 0 to 2; weights.
    sessions, symbols
        Number of each row's session and symbol `[n]`.
    judge
        The model that recursive elimination asks.
    """

    names: tuple[str, ...]
    stocks: tuple[str, ...]
    rows: Rows
    sessions: Int64
    symbols: Int64
    judge: Judge

    def wished(self, columns: Int64, config: SelectionConfig) -> Bool:
        """Return which of the features `columns` are to be kept whatever they tell `[column]`."""
        return np.array([self.names[k] in config.keep for k in columns], dtype=np.bool_)

    @cached_property
    def known(self) -> Bool:
        """Where a feature has a value `[n, feature]`."""
        return np.isfinite(self.rows.values)

    @cached_property
    def ranks(self) -> Float64:
        """Rank of each known value among those of its feature, in (0, 1), ties averaged; else NaN `[feature, n]`."""
        ranks = np.full(self.rows.values.shape[::-1], np.nan)
        for feature, row in enumerate(ranks):
            known = self.known[:, feature]
            values = self.rows.values[known, feature]
            row[known] = _mid_ranks(values, np.argsort(values))
        return ranks

    @cached_property
    def mutual_information(self) -> Float64:
        """Mutual information of each feature with the class in nats, less its bias, NaN where unknown `[feature]`."""
        rows = self.rows
        return np.array([mutual_information(rank, rows.classes, rows.weights) for rank in self.ranks])


Rule = Callable[[Evidence, Int64, SelectionConfig], Mapping[int, str]]
"""Given the columns still kept, returns those to drop, each with the reason in words."""


def mutual_information(rank: Float64, classes: Int64, weights: Float64) -> float:
    """Return the plug-in mutual information (nats) of one feature, on quantile bins, with the class, less its bias.

    `rank` in (0, 1), NaN where unknown `[n]`. The bias is (bins - 1)(classes - 1) / 2N (Miller 1955) of the bins and
    classes that occur, N the effective number of weighted rows, (sum w)^2 / sum w^2. NaN without any weight.
    """
    known = np.isfinite(rank)
    weight = weights[known]
    total = weight.sum()
    if not total > 0:
        return float("nan")
    cell = (rank[known] * BINS).astype(np.int64) * N_CLASSES + classes[known]
    joint = np.bincount(cell, weight, BINS * N_CLASSES).reshape(BINS, N_CLASSES) / total
    of_bin, of_class = joint.sum(axis=1), joint.sum(axis=0)
    apart = np.outer(of_bin, of_class)
    filled = joint > 0
    found = (joint[filled] * np.log(joint[filled] / apart[filled])).sum()
    freedom = (np.count_nonzero(of_bin) - 1) * (np.count_nonzero(of_class) - 1)
    return float(found - freedom * (weight**2).sum() / (2.0 * total**2))


def rank_correlation(ranks: Float64) -> Float64:
    """Return the correlation of each two `ranks` `[feature, n]` on the rows where both are known `[feature, feature]`.

    0 where it is not defined. Rounded to 1e-9, so that no library's order of summing decides about a limit.
    """
    n, sums, squares, products = np.zeros((4, len(ranks), len(ranks)))
    for start in range(0, ranks.shape[1], CHUNK):
        part = ranks[:, start : start + CHUNK]
        known = np.isfinite(part)
        values, mask = np.where(known, part - 0.5, 0.0), known.astype(np.float64)
        n += mask @ mask.T
        sums += values @ mask.T
        squares += values**2 @ mask.T
        products += values @ values.T
    n = np.maximum(n, 1.0)
    covariance = products - sums * sums.T / n
    variance = squares - sums**2 / n
    scale = np.sqrt(np.maximum(variance * variance.T, 0.0))
    found = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 1e-9)
    return np.asarray(np.round(found, 9))


def missing(evidence: Evidence, kept: Int64, config: SelectionConfig) -> Mapping[int, str]:
    """Drop what is unknown too often, or always for a stock: a row with a gap is lost to every member.

    A stock with less than half the mean number of rows (it listed lately) has no say.
    """
    share = 1.0 - evidence.known.sum(axis=0) / max(len(evidence.sessions), 1)
    found = {int(k): f"unknown in {share[k]:.0%} of the rows" for k in kept if share[k] > config.max_missing}
    count = np.bincount(evidence.symbols, minlength=len(evidence.stocks))
    for stock in np.flatnonzero(count >= max(count.mean() / 2, 1)):
        ever = evidence.known[evidence.symbols == stock].any(axis=0)
        found |= {int(k): f"never known for {evidence.stocks[stock]}" for k in kept if not ever[k] and k not in found}
    return found


def constant(evidence: Evidence, kept: Int64, config: SelectionConfig) -> Mapping[int, str]:  # noqa: ARG001 - no option
    """Drop what never changes."""
    values = evidence.rows.values
    low = np.fmin.reduce(values, axis=0, initial=np.inf)
    high = np.fmax.reduce(values, axis=0, initial=-np.inf)
    return {int(k): "one value only" for k in kept if not high[k] > low[k]}


def redundant(evidence: Evidence, kept: Int64, config: SelectionConfig) -> Mapping[int, str]:
    """Of two features with nearly the same ranks keep the one that is wished for, else the one that tells more."""
    correlation, wished = rank_correlation(evidence.ranks[kept]), evidence.wished(kept, config)
    stay: list[int] = []
    found: dict[int, str] = {}
    for k in _best_first(evidence, kept, config):
        twins = np.flatnonzero(np.abs(correlation[k, np.array(stay, dtype=np.int64)]) > config.max_correlation)
        if wished[k] or not len(twins):
            stay.append(k)
        else:
            twin = stay[twins[0]]
            why = "which the configuration keeps" if wished[twin] else "which tells more"
            found[int(kept[k])] = f"Spearman {correlation[k, twin]:+.3f} with {evidence.names[kept[twin]]}, {why}"
    return found


def weak(evidence: Evidence, kept: Int64, config: SelectionConfig) -> Mapping[int, str]:
    """Keep the features that are wished for, and up to `top` in all those with the most mutual information."""
    order, wished = _best_first(evidence, kept, config), evidence.wished(kept, config)
    return {
        int(kept[k]): f"number {place} of {len(kept)} by mutual information"
        for place, k in enumerate(order, start=1)
        if place > config.top and not wished[k]
    }


def scattered(evidence: Evidence, kept: Int64, config: SelectionConfig) -> Mapping[int, str]:
    """Drop what has the most gaps, one by one, while gaps here and there together cost more than `max_missing` rows."""
    gaps = ~evidence.known[:, kept] & ~evidence.wished(kept, config)
    found: dict[int, str] = {}
    while (lost := gaps.any(axis=1).sum() / max(len(gaps), 1)) > config.max_missing:
        worst = int(gaps.sum(axis=0).argmax())
        found[int(kept[worst])] = f"most gaps of those that together leave {lost:.0%} of the rows incomplete"
        gaps[:, worst] = False
    return found


def eliminated(evidence: Evidence, kept: Int64, config: SelectionConfig) -> Mapping[int, str]:
    """Drop a fifth at a time, the least useful first, and keep the set with the most skill on held-out sessions.

    Folds are whole sessions with one session of embargo on either side (Guyon et al. 2002 on purged folds).
    """
    folds = session_folds(evidence.sessions, FOLDS) if config.eliminate else []
    if not folds:
        return {}
    best, most, here = kept, -np.inf, kept
    fewest = max(FEWEST, int(evidence.wished(kept, config).sum()))
    while len(here):
        skill, importance = _judged(evidence, here, folds)
        importance[evidence.wished(here, config)] = np.inf
        if skill >= most:
            best, most = here, skill
        if len(here) <= fewest:
            break
        n_less = min(max(1, len(here) // 5), len(here) - fewest)
        here = np.sort(here[np.argsort(-importance, kind="stable")[: len(here) - n_less]])
    return {int(k): f"not missed on held-out sessions by the other {len(best)}" for k in np.setdiff1d(kept, best)}


RULES: Mapping[str, Rule] = {
    "missing": missing,
    "constant": constant,
    "redundant": redundant,
    "weak": weak,
    "scattered": scattered,
    "eliminated": eliminated,
}
"""All rules in the order in which they are applied."""


def select(evidence: Evidence, config: SelectionConfig) -> Selection:
    """Apply all rules; each sees only what the ones before it kept."""
    kept = np.arange(len(evidence.names), dtype=np.int64)
    dropped: dict[int, str] = {}
    for rule in RULES.values():
        dropped |= rule(evidence, kept, config)
        kept = np.array([k for k in kept if k not in dropped], dtype=np.int64)
    known = np.isfinite(evidence.mutual_information)
    information = [float(x) if ok else None for x, ok in zip(evidence.mutual_information, known, strict=True)]
    return Selection(tuple(Choice(n, information[k], dropped.get(k, "")) for k, n in enumerate(evidence.names)))


def _best_first(evidence: Evidence, kept: Int64, config: SelectionConfig) -> list[int]:
    """Return the positions in `kept`: the wished ones, then by mutual information; of equals the earlier feature."""
    information = np.nan_to_num(evidence.mutual_information[kept], nan=-np.inf)
    return [int(k) for k in np.lexsort((-information, ~evidence.wished(kept, config)))]


def _judged(evidence: Evidence, kept: Int64, folds: list[tuple[Bool, Bool]]) -> tuple[float, Float64]:
    """Return mean skill and mean importance over the folds."""
    rows = evidence.rows
    values = rows.values[:, kept]
    parts = [[Rows(values[rows_], rows.classes[rows_], rows.weights[rows_]) for rows_ in fold] for fold in folds]
    judged = [evidence.judge(train, test) for train, test in parts]
    return float(np.mean([skill for skill, _ in judged])), np.mean([weight for _, weight in judged], axis=0)


@njit
def _mid_ranks(values: Float32, order: Int64) -> Float64:
    """Return (rank + 1/2) / n of `values` `[n]`, ties averaged; `order` sorts them."""
    n = len(values)
    ranks = np.empty(n)
    start = 0
    while start < n:
        stop = start + 1
        while stop < n and values[order[stop]] == values[order[start]]:
            stop += 1
        for k in range(start, stop):
            ranks[order[k]] = (start + stop) / (2.0 * n)
        start = stop
    return ranks
