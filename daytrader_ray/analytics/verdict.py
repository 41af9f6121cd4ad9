"""The one plain sentence on top of every report."""

import math
from dataclasses import dataclass

from daytrader_ray.analytics.measure import Estimate

TOO_SHORT, NOT_ASSESSED = "too short", "not assessed"

SELECTED = "after selection, not corrected"
"""Said of figures of what was chosen because it looked best."""

SYNTHETIC = "sandbox seed"
"""How the names of markets begin that the built-in exchange has made up."""

MIN_DAYS = 120
"""Fewer out-of-sample days than this prove nothing, whatever they show."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the verdict is read from: the best ensemble's out-of-sample days and what they showed."""

    days: int
    total_return: float
    dsr: float
    n_trials: int
    hindsight: str = ""
    """Why the universe was chosen with hindsight; empty when it was not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`label` is `too short` or `not assessed`; `sentence` says it to a person."""

    label: str
    sentence: str


def verdict(evidence: Evidence) -> Verdict:
    """Judge a search: too short below 120 out-of-sample days, otherwise not assessed.

    `not assessed` stands until the test for superior predictive ability and the ledger of all trials are part of the
    verdict: without them no result may be called significant.
    """
    result = _result(evidence)
    tail = f" {evidence.hindsight}" if evidence.hindsight else ""
    if evidence.days < MIN_DAYS:
        return Verdict(
            TOO_SHORT,
            f"Too short: {_days(evidence.days)} out of sample cannot tell skill from luck, at least {MIN_DAYS} are "
            f"needed. {result}{tail}",
        )
    luck = "" if math.isnan(evidence.dsr) else f" Its deflated Sharpe ratio is {evidence.dsr:.2f}."
    return Verdict(
        NOT_ASSESSED,
        f"Not assessed: {_days(evidence.days)} out of sample are enough to ask, but not all tests that correct for "
        f"choosing the best of {evidence.n_trials} ensembles are made. {result}{luck}{tail}",
    )


def run_verdict(days: int, total: Estimate, selected: bool) -> Verdict:
    """Judge one run of `days` sessions by its net return; `selected` where what traded was chosen on such figures."""
    verb = "made" if total.value > 0 else "lost"
    moved = f"{verb} {_size(total.value)}" if total.value else "made no money and lost none"
    made = f"{_days(days)} {moved} after costs{f' ({SELECTED})' if selected else ''}"
    if days < MIN_DAYS:
        return Verdict(
            TOO_SHORT, f"Too short: {made}. That cannot tell skill from luck, at least {MIN_DAYS} days are needed."
        )
    interval = f"its 95 % interval is {total.low:+.2%} to {total.high:+.2%}"
    if total.low <= 0 <= total.high:
        return Verdict(NOT_ASSESSED, f"{made}. Luck alone could do that: {interval}.")
    return Verdict(NOT_ASSESSED, f"{made}; {interval}. That is no proof: no test has corrected for the choice.")


def market_notice(market: str) -> str:
    """Return what a reader must know first of results on a market; empty for a real one.

    >>> market_notice("polygon")
    ''
    """
    if not market.startswith(SYNTHETIC):
        return ""
    return (
        f"Synthetic market ({market}), with a signal of that strength, in bps a minute, PLANTED in it (0: none): these "
        "profits say nothing about any real market."
    )


def _size(total: float) -> str:
    return f"{abs(total):.2%}" if abs(total) >= 0.0001 else "less than 0.01%"


def _days(days: int) -> str:
    return f"{days} day{'' if days == 1 else 's'}"


def _result(evidence: Evidence) -> str:
    n, total = evidence.n_trials, evidence.total_return
    size = _size(total)
    if total > 0:
        return f"The best of {n} ensembles made {size} after costs, before any correction for being chosen as the best."
    if total == 0:
        return f"The best of {n} ensembles made no money and lost none: it found nothing worth trading."
    return f"Even the best of {n} ensembles lost {size} after costs."
