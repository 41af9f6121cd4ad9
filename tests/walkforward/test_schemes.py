"""Every weighting scheme through a window of the search: nothing that it does knows what comes later."""

from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.budget import CONFIDENCE
from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models.weights.config import BEST, EnsembleConfig
from daytrader_ray.models.weights.registry import SCHEMES
from daytrader_ray.models.weights.surface import Evidence, Weighting
from daytrader_ray.regime.config import entry_scale
from daytrader_ray.walkforward import ensemble
from daytrader_ray.walkforward.ensemble import (
    EnsembleFit,
    best_scheme,
    ensemble_signals,
    fit_ensemble,
    validation_of,
)
from daytrader_ray.walkforward.fit import Market
from daytrader_ray.walkforward.kelly import FRACTIONS
from daytrader_ray.walkforward.simulate import Purse, Terms, staged
from daytrader_ray.walkforward.study import Study, WindowInputs, scored_block
from daytrader_ray.walkforward.trial import run_trial
from tests.walkforward.markets import market, planted
from tests.walkforward.test_study import CONFIG, inputs_of, study_of

MASK = 0b01011
STEPS = np.random.default_rng(4).normal(0.02, 0.03, (14, len(MEMBERS)))


@pytest.fixture(scope="module")
def here() -> Market:
    return market(planted(strength=0.0003))


@pytest.fixture(scope="module")
def given(here: Market) -> WindowInputs:
    """The first window, its members blurred so that they differ from each other."""
    generator = np.random.default_rng(1)
    inputs = next(iter(inputs_of(here)))
    scores = inputs.scores + generator.normal(0, 0.2, inputs.scores.shape)
    regimes = generator.integers(-1, 3, len(scores)).astype(np.int8)
    return replace(inputs, scores=scores, regimes=regimes)


def study_with(here: Market, scheme: str) -> Study:
    return study_of(here, CONFIG.model_copy(update={"ensemble": EnsembleConfig(scheme=scheme)}))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_ensemble_is_fitted_without_the_test(here: Market, given: WindowInputs, scheme: str) -> None:
    study, window = study_with(here, scheme), given.window
    found = fit_ensemble(MASK, study, given, STEPS)
    ensemble = found.ensemble
    assert ensemble.scheme == scheme
    assert (ensemble.online is not None) == (scheme == "hedge")
    assert ensemble.weights.sum(axis=1) == pytest.approx(np.ones(4))
    later = given.scores.copy()
    later[study.rows(window.test).start - study.rows(window.a).start :] = 0.5
    _same(found, fit_ensemble(MASK, study, replace(given, scores=later), STEPS))


def test_a_window_tells_its_weights_by_regime_its_regret_its_trips_and_what_its_scheme_lacked(
    here: Market, given: WindowInputs
) -> None:
    found = {name: next(run_trial(MASK, study_with(here, name), [given])) for name in ("regime", "hedge")}
    rows = found["regime"].weights_by_regime
    assert len({tuple(row) for row in rows}) == 4
    assert np.sum(rows, axis=1) == pytest.approx(np.ones(4))
    assert (found["regime"].regret, found["regime"].regret_bound) == (None, None)
    assert found["hedge"].regret < found["hedge"].regret_bound
    waiting = study_with(here, "mean_reversion")
    none, one, three = (next(run_trial(mask, waiting, [given])) for mask in (0, 1, MASK))
    assert three.note == "equal: 0 of 12 steps known"
    assert none.note == one.note == "", "what is no choice needs no word"
    assert next(run_trial(0, study_with(here, "hedge"), [given])).regret is None


def test_round_trips_a_day_are_those_of_the_threshold_and_the_hours_on_b(here: Market, given: WindowInputs) -> None:
    study, window = study_with(here, "equal"), given.window
    ensemble, _, trips, _ = fit_ensemble(MASK, study, given, STEPS)
    b = scored_block(study, given, window.b)
    n_sessions, terms = window.b[1] - window.b[0], Terms(ensemble.threshold, ensemble.hours)
    signal, scale = ensemble_signals(study, b, ensemble), entry_scale(b.regime, study.regime)
    made = staged(study, window.b, signal, scale).result(terms, Purse(study.config.cash, study.config.cash))
    assert trips == len(made.trades) / n_sessions > 0
    nothing = replace(given, scores=np.full_like(given.scores, np.nan))
    assert fit_ensemble(MASK, study, nothing, STEPS).trips_a_day == 0.0


def test_an_ensemble_is_the_same_whether_or_not_other_members_were_fitted(here: Market, given: WindowInputs) -> None:
    study = study_with(here, "hedge")
    outside = [bit for bit in range(len(MEMBERS)) if not MASK >> bit & 1]
    alone = given.scores.copy()
    alone[:, :, outside] = np.nan
    found = fit_ensemble(MASK, study, given, STEPS)
    again = fit_ensemble(MASK, study, replace(given, scores=alone), STEPS)
    assert np.array_equal(found.ensemble.timeframes, again.ensemble.timeframes)
    _same(found, again)


def test_entries_are_sized_by_what_trades_on_b_earned_or_by_the_signal_alone(here: Market, given: WindowInputs) -> None:
    study = study_with(here, "equal")
    found = fit_ensemble(MASK, study, given, STEPS)
    sizing, kelly = found.ensemble.sizing, found.kelly
    assert kelly is not None and kelly.sizing is sizing and sizing.fraction in FRACTIONS
    assert (sizing.weight >= 0.0).all() and (sizing.weight <= 1.0).all() and sizing.weight[-1] == 1.0
    told = kelly.as_dict()
    assert sum(told["trades"]) == found.trips_a_day * (given.window.b[1] - given.window.b[0])
    assert len(told["true_kelly"]) == len(told["edges"]) and kelly.at_once >= 1.0
    plain = replace(study, kernel=study.kernel.model_copy(update={"sizing": "confidence"}))
    simple = fit_ensemble(MASK, plain, given, STEPS)
    assert simple.kelly is None and simple.ensemble.sizing is CONFIDENCE
    assert simple.ensemble.ic == found.ensemble.ic > 0.0


def _same(one: EnsembleFit, other: EnsembleFit) -> None:
    assert np.array_equal(one.ensemble.weights, other.ensemble.weights)
    for name in ("q99", "threshold", "ic"):
        assert getattr(one.ensemble, name) == getattr(other.ensemble, name)
    assert (one.break_even, one.trips_a_day) == (other.break_even, other.trips_a_day)
    assert one.kelly.as_dict() == other.kelly.as_dict()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_signals_up_to_a_bar_know_nothing_of_the_bars_after_it(here: Market, given: WindowInputs, scheme: str) -> None:
    study = study_with(here, scheme)
    ensemble = fit_ensemble(MASK, study, given, STEPS).ensemble
    generator = np.random.default_rng(2)
    test = scored_block(study, given, given.window.test)
    test = replace(test, return_30=generator.normal(0, 0.02, test.return_30.shape))
    signals = ensemble_signals(study, test, ensemble)
    for bar in generator.integers(40, len(signals), 6):
        after = np.arange(len(signals))[:, None] >= bar
        changed = replace(
            test,
            scores=np.where(after[:, :, None], 0.9, test.scores),
            forward=np.where(after, 1.0, test.forward),
            regime=np.where(after[:, 0], 2, test.regime).astype(np.int8),
            return_30=np.where(after, 0.1, test.return_30),
            sigma_30=np.where(after, 0.01, test.sigma_30),
        )
        again = ensemble_signals(study, changed, ensemble)
        assert np.array_equal(signals[:bar], again[:bar], equal_nan=True)
        assert not np.array_equal(signals[bar:], again[bar:], equal_nan=True)


def test_the_best_scheme_is_learned_on_a_judged_on_b_and_then_fitted_as_any_other(
    here: Market, given: WindowInputs
) -> None:
    study, window = study_with(here, BEST), given.window
    evidence = validation_of(study, given, STEPS)
    name = best_scheme(MASK, study, window, evidence)
    found = fit_ensemble(MASK, study, given, STEPS)
    assert found.ensemble.scheme == name in SCHEMES
    _same(found, fit_ensemble(MASK, study_with(here, name), given, STEPS))
    assert best_scheme(1, study, window, evidence) == "equal", "of one member there is nothing to choose"
    assert next(run_trial(MASK, study, [given])).scheme == name


def test_of_schemes_that_do_as_well_the_simplest_is_chosen_and_b_teaches_none_of_them(
    here: Market, given: WindowInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, seen = study_with(here, BEST), []

    def noted(evidence: Evidence, inside: np.ndarray, seed: int) -> Weighting:
        seen.append(evidence)
        return SCHEMES["equal"](evidence, inside, seed)

    monkeypatch.setattr(ensemble, "SCHEMES", {"first": noted, "second": noted})
    evidence = validation_of(study, given, STEPS)
    assert best_scheme(MASK, study, given.window, evidence) == "first"
    assert all(one.b is evidence.a for one in seen) and len(seen) == 2
