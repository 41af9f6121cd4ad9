"""The one plain sentence on top of every report."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from daytrader_ray.analytics.assessment import P_BELOW, Assessment
from daytrader_ray.analytics.measure import Estimate

TOO_SHORT, NOT_SIGNIFICANT, SIGNIFICANT = "too short", "not significant", "significant"

NOT_ASSESSED = "not assessed"
"""Of one run whose interval lies above 0: how many were tried before it was chosen, its days cannot tell."""

SELECTED = "after selection, not corrected"
"""Said of figures of what was chosen because it looked best."""

SYNTHETIC = "sandbox seed"
"""How the names of markets begin that the built-in exchange has made up."""

MIN_DAYS = 120
"""Fewer out-of-sample days than this prove nothing, whatever they show."""

DSR_ABOVE = 0.95
"""A significant result's deflated Sharpe ratio is above this."""


@dataclass(frozen=True, slots=True)
class Stands:
    """What a verdict stands on: the best ensemble's members, its first and last day out of sample, and its market.

    `cash` is what it began with in USD: costs grow with size. `looks` are the last days on which this search has been
    judged, sorted, this one included. `hindsight` says why the universe was chosen with hindsight; empty when it was
    not.
    """

    members: Sequence[str]
    first: str
    last: str
    symbols: Sequence[str]
    market: str
    cash: float
    looks: Sequence[str] = ()
    hindsight: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A label in one or two words, and the sentence that says it to a person."""

    label: str
    sentence: str


def verdict(assessment: Assessment, what: Stands) -> Verdict:
    """Judge a search: `too short` below 120 days, else `significant` or `not significant`.

    Significant if and only if its deflated Sharpe ratio is above 0.95, the p-value of superior predictive ability
    below 0.05, and it earned money after costs.
    """
    label = _label(assessment)
    said = (
        _HEADS[label].format(days=_days(assessment.days)),
        _result(assessment, what),
        "" if label == TOO_SHORT or not assessment.earned else _luck(assessment),
        "" if label == TOO_SHORT else _against(assessment, label),
        _looks(what.looks),
        _data(what),
        what.hindsight,
    )
    return Verdict(label, " ".join(filter(None, said)))


_HEADS = {
    TOO_SHORT: f"Too short: {{days}} out of sample cannot tell skill from luck, at least {MIN_DAYS} are needed.",
    NOT_SIGNIFICANT: "Not significant: nothing is proved.",
    SIGNIFICANT: "Significant: luck alone is unlikely, on these days; that promises nothing about others.",
}


def _label(assessment: Assessment) -> str:
    if assessment.days < MIN_DAYS:
        return TOO_SHORT
    proved = assessment.dsr > DSR_ABOVE and assessment.spa < P_BELOW and assessment.earned
    return SIGNIFICANT if proved else NOT_SIGNIFICANT


def _result(assessment: Assessment, what: Stands) -> str:
    total = assessment.intervals["total_return"]
    best = f"best of {_count(assessment.n_search, 'ensemble')}, {' + '.join(what.members)},"
    spent = f"in {_days(assessment.days)} with {what.cash:,.0f} USD"
    if total.value == 0:
        return f"The {best} made no money and lost none {spent}: it found nothing to trade."
    said = f"The {best} made" if total.value > 0 else f"Even the {best} lost"
    return f"{said} {_size(total.value)} after costs {spent}{_interval(total)}."


def _interval(total: Estimate) -> str:
    told = "" if math.isnan(total.low) else f"95 % interval {total.low:+.2%} to {total.high:+.2%}, "
    return f" ({told}{SELECTED})"


def _luck(assessment: Assessment) -> str:
    trials = _count(assessment.n_trials, "different trial")
    earlier = f" ({assessment.n_ledger} of them from earlier searches)" if assessment.n_ledger else ""
    return (
        f"Without any skill the best of them would look this good in {_odds(assessment.spa)} such histories (below "
        f"{100 * P_BELOW:.0f} is significant); its Sharpe ratio deflated for {trials}"
        f"{earlier} is {probability(assessment.dsr, DSR_ABOVE)} (above {DSR_ABOVE} is)."
    )


def _odds(p: float) -> str:
    """Return a p-value as a trader says it."""
    if math.isnan(p):
        return "an unknown number of 100"
    return f"{probability(100 * p, 100 * P_BELOW, 1)} of 100" if p >= LEAST else f"fewer than {100 * LEAST:.1f} of 100"


def _against(assessment: Assessment, label: str) -> str:
    """Return which baselines it beats by more than luck: its own p-value says so and that of the best of all too."""
    if not assessment.spa_against:
        return ""
    p, below = assessment.p_against(), assessment.p_shared
    beaten = [name for name in p if label == SIGNIFICANT and p[name] < below]
    others = _listed({name: p[name] for name in p if name not in beaten}, below, "or")
    rule = f"That takes a significant result and a p value below {below:.4g}, {P_BELOW} shared by {len(p)} comparisons."
    if not beaten:
        return f"It is not proved to beat {others}. {rule}"
    but = f", but is not proved to beat {others}" if others else ""
    return f"It beats {_listed({name: p[name] for name in beaten}, below, 'and')}{but}. {rule}"


def _listed(p: Mapping[str, float], below: float, word: str) -> str:
    said = [f"{name} (p {probability(value, below)})" for name, value in p.items()]
    return f" {word} ".join(filter(None, (", ".join(said[:-1]), *said[-1:])))


def probability(value: float, threshold: float, places: int = 3) -> str:
    """Write a probability, near a threshold with as many places as show on which side of it.

    >>> probability(0.2, 0.05), probability(0.0499, 0.05), probability(0.95004, 0.95), probability(4.99, 5.0, 1)
    ('0.200', '0.0499', '0.95004', '4.99')
    """
    if math.isnan(value):
        return "unknown"
    if value < LEAST:
        return f"below {LEAST}"
    while value != threshold and places < MOST_PLACES and float(f"{value:.{places}f}") == round(threshold, places):
        places += 1
    return f"{value:.{places}f}"


LEAST, MOST_PLACES = 0.001, 9
"""A smaller probability is not told from it; places that suffice to tell any other from a threshold."""


def _looks(days: Sequence[str]) -> str:
    if len(days) < 2:
        return ""
    return f"Looked at {len(days)} times since {days[0]}: each look is another chance for luck."


def _data(what: Stands) -> str:
    return (
        f"Simulated on {_count(len(what.symbols), 'symbol')} of the market {what.market}, {what.first} to {what.last}."
    )


def run_verdict(days: int, total: Estimate, selected: bool) -> Verdict:
    """Judge one run of `days` sessions by its net return; `selected` where what traded was chosen on such figures.

    A run is never significant: what was tried before it is the search's to judge.
    """
    verb = "made" if total.value > 0 else "lost"
    moved = f"{verb} {_size(total.value)}" if total.value else "made no money and lost none"
    made = f"{_days(days)} {moved} after costs{f' ({SELECTED})' if selected else ''}"
    if days < MIN_DAYS:
        return Verdict(
            TOO_SHORT, f"Too short: {made}. That cannot tell skill from luck, at least {MIN_DAYS} days are needed."
        )
    interval = f"its 95 % interval is {total.low:+.2%} to {total.high:+.2%}"
    if total.low > 0:
        return Verdict(
            NOT_ASSESSED,
            f"Not assessed: {made}; {interval}. Whether that is luck, only the search it comes from can say.",
        )
    luck = "Luck alone could do that: " if total.high >= 0 else ""
    return Verdict(NOT_SIGNIFICANT, f"Not significant: {made}. {luck or 'It lost: '}{interval}.")


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
    return _count(days, "day")


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
