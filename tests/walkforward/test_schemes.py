"""Every weighting scheme through a window of the search: nothing that it does knows what comes later."""

from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models.weights.config import EnsembleConfig
from daytrader_ray.models.weights.registry import SCHEMES
from daytrader_ray.walkforward.ensemble import ensemble_signals, fit_ensemble
from daytrader_ray.walkforward.fit import Market
from daytrader_ray.walkforward.study import Study, WindowInputs, scored_block
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
    ensemble, break_even = fit_ensemble(MASK, study, given, STEPS)
    assert ensemble.scheme == scheme
    assert (ensemble.online is not None) == (scheme == "hedge")
    assert ensemble.weights.sum(axis=1) == pytest.approx(np.ones(4))
    later = given.scores.copy()
    later[study.rows(window.test).start - study.rows(window.a).start :] = 0.5
    again, same = fit_ensemble(MASK, study, replace(given, scores=later), STEPS)
    assert np.array_equal(ensemble.weights, again.weights)
    assert (ensemble.q99, ensemble.threshold, break_even) == (again.q99, again.threshold, same)


def test_an_ensemble_is_the_same_whether_or_not_other_members_were_fitted(here: Market, given: WindowInputs) -> None:
    study = study_with(here, "hedge")
    outside = [bit for bit in range(len(MEMBERS)) if not MASK >> bit & 1]
    alone = given.scores.copy()
    alone[:, :, outside] = np.nan
    ensemble, break_even = fit_ensemble(MASK, study, given, STEPS)
    again, same = fit_ensemble(MASK, study, replace(given, scores=alone), STEPS)
    assert np.array_equal(ensemble.weights, again.weights)
    assert np.array_equal(ensemble.timeframes, again.timeframes)
    assert (ensemble.q99, ensemble.threshold, break_even) == (again.q99, again.threshold, same)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_signals_up_to_a_bar_know_nothing_of_the_bars_after_it(here: Market, given: WindowInputs, scheme: str) -> None:
    study = study_with(here, scheme)
    ensemble, _ = fit_ensemble(MASK, study, given, STEPS)
    generator = np.random.default_rng(2)
    test = scored_block(study, given, given.window.test)
    test = replace(test, return_30=generator.normal(0, 0.02, test.return_30.shape))
    signals = ensemble_signals(study, test, ensemble)
    for cut in generator.integers(40, len(signals), 6):
        after = np.arange(len(signals))[:, None] >= cut
        changed = replace(
            test,
            scores=np.where(after[:, :, None], 0.9, test.scores),
            forward=np.where(after, 1.0, test.forward),
            regime=np.where(after[:, 0], 2, test.regime).astype(np.int8),
            return_30=np.where(after, 0.1, test.return_30),
            sigma_30=np.where(after, 0.01, test.sigma_30),
        )
        again = ensemble_signals(study, changed, ensemble)
        assert np.array_equal(signals[:cut], again[:cut], equal_nan=True)
        assert not np.array_equal(signals[cut:], again[cut:], equal_nan=True)
