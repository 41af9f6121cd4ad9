"""Who may be traded in a session, and why, from what was known before it opened."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from daytrader_ray.domain.panel import Bool, Float64, Panel
from daytrader_ray.universe.config import Membership, UniverseConfig
from daytrader_ray.universe.criteria import REGISTRY, Rule, Use, mean_volume
from daytrader_ray.universe.daily import Daily, daily_of
from daytrader_ray.universe.peers import members_of


@dataclass(frozen=True)
class Eligibility:
    """The verdict on each symbol before each session, with all that led to it; arrays are `[session, symbol]`.

    `member` says whether the list had it on that day, `traded_before` whether it traded in the session before; `values`
    and `met` hold each criterion in use (NaN is never met); `score` in [0, 1] is the mean degree to which the scoring
    criteria are met; `passed` are the members that traded and are pinned or meet all filters; of them `tradable` are
    those that have a place.
    """

    universe: UniverseConfig
    dates: tuple[dt.date, ...]
    symbols: tuple[str, ...]
    member: Bool
    traded_before: Bool
    values: Mapping[str, Float64]
    met: Mapping[str, Bool]
    score: Float64
    passed: Bool
    tradable: Bool

    def reason(self, session: int, symbol: str) -> str:
        """Return why `symbol` may or may not be traded in a session, in words."""
        column = self.symbols.index(symbol)
        if not self.member[session, column]:
            return _not_a_member(self.universe.membership.get(symbol, Membership()), self.dates[session])
        if not self.traded_before[session, column]:
            return "did not trade in the session before"
        faults = self.faults(session, symbol)
        if not faults:
            met = [REGISTRY[name].title for name in self.filters]
            verdict = f"meets {', '.join(met)}" if met else "no filter is on"
        elif symbol in self.universe.pinned:
            return f"pinned, though {'; '.join(faults)}"
        else:
            verdict = "; ".join(faults)
        if self.passed[session, column] and not self.tradable[session, column]:
            return f"{verdict}, but better scores than {self.score[session, column]:.2f} fill all places"
        return verdict

    def faults(self, session: int, symbol: str) -> list[str]:
        """Return the filters that `symbol` fails before a session, each with its value and the bound."""
        column = self.symbols.index(symbol)
        failed = [name for name in self.filters if not self.met[name][session, column]]
        return [_fault(name, float(self.values[name][session, column]), self.universe) for name in failed]

    @property
    def filters(self) -> list[str]:
        """Return the criteria that keep stocks out."""
        return [name for name in self.values if self.universe.eligibility[name].use is Use.FILTER]


def tradable(universe: UniverseConfig, panel: Panel, market_cap: Float64) -> Bool:
    """Return which symbols may be traded in each session of a panel `[session, symbol]`, from earlier ones only.

    `market_cap` `[session, symbol]` is USD as known before each session; NaN: not known.
    """
    return eligibility(universe, daily_of(panel, market_cap)).tradable


def eligibility(universe: UniverseConfig, daily: Daily) -> Eligibility:
    """Judge every symbol before every session."""
    rules = {name: rule for name, rule in universe.eligibility.items() if rule.use is not Use.OFF}
    values = {name: REGISTRY[name].values(daily) for name in rules}
    met = {name: _is_met(rule, values[name]) for name, rule in rules.items()}
    scoring = [_degree(rule, values[name]) for name, rule in rules.items() if rule.use is Use.SCORE]
    score = sum(scoring, np.zeros(daily.close.shape)) / max(len(scoring), 1)
    member = members_of(universe, daily.symbols, daily.dates)
    traded_before = np.zeros_like(member)
    traded_before[1:] = daily.traded[:-1]
    passed = np.logical_and.reduce([met[name] for name, rule in rules.items() if rule.use is Use.FILTER] or [member])
    pinned = np.isin(np.array(daily.symbols), np.array(universe.pinned, dtype=np.str_))
    passed = (passed | pinned) & member & traded_before
    chosen = passed if universe.max_symbols is None else _best(universe.max_symbols, passed, pinned, score, daily)
    return Eligibility(universe, daily.dates, daily.symbols, member, traded_before, values, met, score, passed, chosen)


def _best(places: int, passed: Bool, pinned: Bool, score: Float64, daily: Daily) -> Bool:
    """Return who has a place: pinned stocks always, then by score, then by mean volume."""
    volume = np.nan_to_num(mean_volume(daily))
    chosen = passed & pinned
    for session in range(len(chosen)):
        order = np.lexsort((-volume[session], -score[session]))
        others = [column for column in order if passed[session, column] and not pinned[column]]
        chosen[session, others[: max(places - int(chosen[session].sum()), 0)]] = True
    return chosen


def _is_met(rule: Rule, values: Float64) -> Bool:
    return np.asarray(values == np.clip(values, rule.low, rule.high), dtype=np.bool_)


def _degree(rule: Rule, values: Float64) -> Float64:
    """Return 1 between the bounds, outside the ratio to the bound that is missed, 0 for what is not known.

    A bound of 0 or less has no ratio: what misses it has degree 0.
    """
    bound = np.clip(values, rule.low, rule.high)
    ratio = np.divide(np.minimum(values, bound), np.maximum(values, bound), out=np.zeros_like(values), where=bound > 0)
    return np.where(values == bound, 1.0, np.clip(np.nan_to_num(ratio), 0.0, 1.0))


def _fault(name: str, value: float, universe: UniverseConfig) -> str:
    criterion, rule = REGISTRY[name], universe.eligibility[name]
    if not np.isfinite(value):
        return f"{criterion.title} is not known"
    below = rule.low is not None and value < rule.low
    bound, side = (rule.low, "below") if below else (rule.high, "above")
    return f"{criterion.title} {criterion.text(value)} is {side} {criterion.text(bound)}"


def _not_a_member(span: Membership, day: dt.date) -> str:
    if span.since is not None and day < span.since:
        return f"not in the list before {span.since}"
    return f"not in the list after {span.until}" if span.until is not None else "not in the list"
