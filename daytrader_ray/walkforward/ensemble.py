"""An ensemble fitted on the validation of a window, and the signals that it gives.

Nothing is fitted to the test: weights, scale and thresholds come from A and B, scores from members that ended their
training before them, skills from steps that are over.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.overfitting import daily_sharpe
from daytrader_ray.analytics.performance import daily_returns
from daytrader_ray.domain.budget import CONFIDENCE, Sizing
from daytrader_ray.domain.cadence import bars_between, is_scored
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.trading import EQUAL, members_of
from daytrader_ray.engine.backtest import Record
from daytrader_ray.engine.trips import trips_of
from daytrader_ray.models.ensemble import (
    Ensemble,
    Rules,
    State,
    new_state,
    rules_of,
    signals,
    timeframe_means,
    weights_in_force,
)
from daytrader_ray.models.online import Online
from daytrader_ray.models.thresholds import break_even_threshold, hour_factor, hour_of, q99
from daytrader_ray.models.weights.config import BEST
from daytrader_ray.models.weights.rank import rank_ics
from daytrader_ray.models.weights.registry import SCHEMES
from daytrader_ray.models.weights.simplex import proportional
from daytrader_ray.models.weights.surface import Evidence, Scored
from daytrader_ray.regime.config import entry_scale, strategy_table
from daytrader_ray.walkforward.costs import round_trip_costs
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.kelly import Kelly, fit_kelly
from daytrader_ray.walkforward.simulate import Purse, Stage, Terms, staged
from daytrader_ray.walkforward.study import Study, WindowInputs, scored, scored_block
from daytrader_ray.walkforward.windows import Block, Window

Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
Loop = Callable[[Rules, State, Int64, Float64, Int8, Float64, Float64], Float64]

STOCKS_OF_THE_BOUND = 60
"""`SearchConfig.trips_a_day` is meant for this many stocks and scaled to the ones there are."""

CANDIDATES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
"""Quantiles of |signal| on B at which the count threshold is looked for."""

NOW = np.array([1.0, 0.0, 0.0])
ALWAYS = np.ones(2)


class EnsembleFit(NamedTuple):
    """An ensemble, its break-even threshold, the round trips a day that it makes on B, and what these say of size.

    `kelly` is None where entries are sized by |signal| alone.
    """

    ensemble: Ensemble
    break_even: float
    trips_a_day: float
    kelly: Kelly | None


def fit_ensemble(mask: int, study: Study, given: WindowInputs, skills: Float64) -> EnsembleFit:
    """Fit ensemble `mask` on the validation of a window.

    `skills` `[step, member]` are the members' out-of-sample rank ICs in the steps before, oldest first.
    """
    evidence = validation_of(study, given, skills)
    scheme = "equal" if mask & EQUAL else study.config.ensemble.scheme
    if scheme == BEST:
        scheme = best_scheme(mask, study, given.window, evidence)
    return _fitted(mask, study, scheme, evidence, given.window.b)


def best_scheme(mask: int, study: Study, window: Window, evidence: Evidence) -> str:
    """Return the scheme with the highest net Sharpe ratio on B, traded by the kernel; of equals the simplest.

    Each scheme learns weights, scale, thresholds and sizes on A as it will on B and is judged on B, which it has not
    seen: on the days that it learned from the most flexible one would win. There is nothing to choose for an ensemble
    of one member.
    """
    if len(members_of(mask)) < 2:
        return next(iter(SCHEMES))
    before = replace(evidence, b=evidence.a)
    found = {name: _fitted(mask, study, name, before, window.a) for name in SCHEMES}
    ratios = {name: _ratio_on(study, window.b, evidence.b, one) for name, one in found.items()}
    return max(ratios, key=lambda name: ratios[name])


def _ratio_on(study: Study, block: Block, found: Scored, fitted: EnsembleFit) -> float:
    """Return the net Sharpe ratio of an ensemble on a block after the one it was fitted on; 0 where it never trades."""
    ensemble, cash = fitted.ensemble, study.config.cash
    signal = ensemble_signals(study, found, ensemble)
    stage = staged(study, block, signal, entry_scale(found.regime, study.regime))
    terms = Terms(ensemble.threshold, ensemble.hours, ensemble.sizing, None, ensemble.score_every_minutes)
    record = stage.record(terms, Purse(cash, cash))
    return float(np.nan_to_num(daily_sharpe(daily_returns(record.session_equity))))


def _fitted(mask: int, study: Study, scheme: str, evidence: Evidence, block: Block) -> EnsembleFit:
    """Fit ensemble `mask` by a scheme on the evidence's B, which is a block of sessions."""
    ensemble, b = weighed(mask, study, scheme, evidence), evidence.b
    means = _over(study, b, from_start(ensemble), timeframe_means)
    ensemble = replace(ensemble, timeframes=timeframe_weights(means, b.forward))
    ensemble = replace(ensemble, q99=q99(means @ ensemble.timeframes))
    return _with_thresholds(study, block, b, ensemble)


def validation_of(study: Study, given: WindowInputs, skills: Float64) -> Evidence:
    """Return all that a scheme may weigh by."""
    window, fit = given.window, None
    if given.fit_scores is not None:
        unknown = np.full(len(given.fit_scores), Regime.UNKNOWN, dtype=np.int8)
        fit = scored(study, given.fit_scores, unknown, window.fit)
    a, b = (scored_block(study, given, block) for block in (window.a, window.b))
    minutes = study.frames.panel.grid.bar_minutes
    return Evidence(a, b, fit, skills, minutes, study.config.score_every_minutes)


def weighed(mask: int, study: Study, scheme: str, evidence: Evidence) -> Ensemble:
    """Return ensemble `mask` with the weights of a scheme, and no signal yet."""
    n_members = evidence.b.scores.shape[2]
    nothing = Ensemble(scheme, mask, np.zeros((len(Regime), n_members)), NOW, 0.0, math.inf, ALWAYS)
    found = SCHEMES[scheme](evidence, nothing.inside, study.config.seed)
    note = found.note if nothing.inside.sum() > 1 else ""
    every = study.config.score_every_minutes
    return replace(nothing, weights=found.table, online=found.online, note=note, score_every_minutes=every)


def from_start(ensemble: Ensemble) -> Ensemble:
    """Return an ensemble as it was before B: weights that learn while trading have learnt nothing yet."""
    return ensemble if ensemble.online is None else replace(ensemble, online=Online.untaught(ensemble.online.scale))


def timeframe_weights(means: Float64, forward: Float64) -> Float64:
    """Return the weights of the timeframes `[3]`: half for the score now, half in proportion to skill above 0 on B.

    The score now is what the members were taught; `means` `[row, symbol, 3]`, `forward` `[row, symbol]`.
    """
    skill = rank_ics(means, forward)
    return 0.5 * NOW + 0.5 * proportional(skill, np.ones(len(skill), dtype=np.bool_)) if (skill > 0.0).any() else NOW


def ensemble_signals(study: Study, found: Scored, ensemble: Ensemble) -> Float64:
    """Return the signals of a block `[row, symbol of the panel]`, NaN for symbols without a score column."""
    out = np.full((len(found.slot), len(study.frames.panel.symbols)), np.nan)
    out[:, study.columns] = _over(study, found, ensemble, signals)
    return out


def weights_at(study: Study, found: Scored, ensemble: Ensemble) -> Float64:
    """Return the weights in force at each bar of a block `[row, member]`."""
    if ensemble.online is None:
        return ensemble.weights[found.regime.astype(np.int64) + 1]
    return _over(study, found, ensemble, weights_in_force)


def _over(study: Study, found: Scored, ensemble: Ensemble, loop: Loop) -> Float64:
    """Run one of the compiled loops over the bars of a block."""
    minutes = study.frames.panel.grid.bar_minutes
    return loop(
        rules_of(ensemble, strategy_table(study.regime), minutes),
        new_state(ensemble, len(study.columns), minutes),
        found.slot,
        found.scores,
        found.regime,
        found.return_30,
        found.sigma_30,
    )


def _with_thresholds(study: Study, block: Block, b: Scored, ensemble: Ensemble) -> EnsembleFit:
    """Return the ensemble with its threshold and the factors of the hours."""
    signal = ensemble_signals(study, b, from_start(ensemble))
    position_usd = study.kernel.max_position * study.config.cash
    cost = round_trip_costs(study.frames, block, study.costs, position_usd)[:, study.columns]
    mine = signal[:, study.columns]
    break_even = break_even_threshold(mine, b.forward, cost)
    bound = _Bound(study, block, signal, entry_scale(b.regime, study.regime))
    threshold, trips = bound.threshold(break_even)
    hours = _hours(study, b, mine, np.sign(mine) * b.forward - cost, threshold)
    if (hours < 1.0).any():
        more = bound.trips(threshold, hours)
        hours, trips = (hours, more) if more <= bound.most else (ALWAYS, trips)
    ensemble = replace(ensemble, threshold=threshold, hours=hours, ic=float(rank_ics(mine[:, :, None], b.forward)[0]))
    if study.kernel.sizing == "confidence":
        return EnsembleFit(ensemble, break_even, trips, None)
    kelly = fit_kelly(cut(study.frames, block), signal, study.columns, partial(bound.traded, threshold, hours))
    note = "; ".join(filter(None, (ensemble.note, kelly.note if math.isfinite(threshold) else "")))
    return EnsembleFit(replace(ensemble, sizing=kelly.sizing, note=note), break_even, trips, kelly)


def _hours(study: Study, b: Scored, signal: Float64, net: Float64, threshold: float) -> Float64:
    """Return the factors of the threshold in the first and the last hour of a session `[2]`."""
    if math.isinf(threshold):
        return ALWAYS
    grid = study.frames.panel.grid
    hour, ahead = hour_of(grid.bar_minutes), grid.bars_per_session[b.session] - b.slot
    found = []
    for rows in (b.slot < hour, ahead <= hour):
        session = np.broadcast_to(b.session[rows, None], signal[rows].shape)
        found.append(hour_factor(np.abs(signal[rows]).ravel(), net[rows].ravel(), session.ravel(), threshold))
    return np.array(found)


@dataclass(frozen=True)
class _Bound:
    """The bound on round trips on B, and what the kernel needs to keep it: signals `[row, symbol]`, scale `[row]`."""

    study: Study
    block: Block
    signal: Float64
    scale: Float64

    @cached_property
    def stage(self) -> Stage:
        """Return B, ready to be traded."""
        return staged(self.study, self.block, self.signal, self.scale)

    @property
    def most(self) -> float:
        """Return how many round trips a day there may be."""
        n_stocks = float(self.study.tradable[slice(*self.block)].sum(axis=1).mean())
        return self.study.config.trips_a_day * n_stocks / STOCKS_OF_THE_BOUND

    def threshold(self, break_even: float) -> tuple[float, float]:
        """Return the smallest |signal| from `break_even` on that keeps the bound, and its round trips a day.

        Infinity and 0 where there is none.
        """
        grid = self.study.frames.panel.grid
        every = bars_between(self.study.config.score_every_minutes, grid.bar_minutes)
        said = self.signal[is_scored(grid.slot_of_row[self.study.rows(self.block)], every)]
        sizes = np.abs(said[np.isfinite(said) & (said != 0.0)])
        if math.isinf(break_even) or not len(sizes):
            return math.inf, 0.0
        steps = [float(size) for size in np.quantile(sizes, CANDIDATES)]
        candidates = [break_even, *(step for step in steps if step > break_even)]
        made = ((threshold, self.trips(threshold, ALWAYS)) for threshold in candidates)
        return next((found for found in made if found[1] <= self.most), (math.inf, 0.0))

    def trips(self, threshold: float, hours: Float64) -> float:
        """Return the round trips a day that the kernel makes on B."""
        found = self.traded(threshold, hours, CONFIDENCE)
        return len(trips_of(found, self.signal.shape[1]).symbol) / (self.block[1] - self.block[0])

    def traded(self, threshold: float, hours: Float64, sizing: Sizing) -> Record:
        """Trade B, without a slow loop."""
        cash = self.study.config.cash
        terms = Terms(threshold, hours, sizing, score_every_minutes=self.study.config.score_every_minutes)
        return self.stage.record(terms, Purse(cash, cash))
