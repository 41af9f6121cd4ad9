from dataclasses import replace

import numpy as np
import pytest

from benchmarks.portfolio import climb
from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.portfolio.ladder import Answer, Ladder, Step
from daytrader_ray.portfolio.limits import broken, exposures
from tests.portfolio.problems import limits, returns

LEAST = PortfolioConfig(scheme="min_variance")


def test_two_hundred_damaged_inputs_all_have_answers_within_the_limits_and_every_step_is_reached() -> None:
    answers: list[Answer] = []
    for seed in range(70):
        found, wrong = climb(seed)
        assert wrong == ["", "", ""]
        answers += found
    assert len(answers) == 210
    assert {answer.step for answer in answers} >= set(Step) - {Step.INVERSE_VOLATILITY}
    for answer in answers:
        tried = [why.split(":")[0] for why in answer.refused]
        above = [step for step in Step if step in tried]
        assert tried == above and answer.step not in tried


def test_the_same_request_has_the_same_bits() -> None:
    for one, other in zip(climb(3)[0], climb(3)[0], strict=True):
        assert np.array_equal(one.weights, other.weights) and one[1:] == other[1:]


def test_a_return_out_of_reach_is_halved_and_said() -> None:
    rng = np.random.default_rng(1)
    covariance, mu = np.cov(returns(rng, 12).T), rng.normal(0, 1e-6, 12)
    answer = Ladder(replace_target(50.0), limits(12)).answer(covariance, mu)
    assert answer.step == Step.HALF_TARGET and len(answer.refused) == 1
    assert answer.refused[0].startswith("min_variance: at most 0.0")


def test_exposures_that_cannot_be_neutral_lead_to_risk_parity() -> None:
    rng = np.random.default_rng(2)
    kept = replace(limits(12), exposures=exposures(["net"], limits(12).sector, np.ones(12)))
    answer = Ladder(LEAST, kept).answer(np.cov(returns(rng, 12).T), np.full(12, 1e-3))
    assert answer.step == Step.RISK_PARITY and [why.split(":")[0] for why in answer.refused] == list(Step)[:2]


def test_where_risk_parity_finds_nothing_the_weights_go_by_volatility(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daytrader_ray.portfolio.ladder.sector_parity", lambda *_: np.full(4, np.nan))
    kept = limits(4, n_sectors=1, cap=1.0, leverage=1.0, max_sector=1.0)
    answer = Ladder(PortfolioConfig(scheme="risk_parity"), kept).answer(np.diag([1.0, 4.0, 16.0, 16.0]), np.zeros(4))
    assert answer.step == Step.INVERSE_VOLATILITY and answer.refused == ("risk_parity: not finite",)
    assert answer.weights == pytest.approx([0.5, 0.25, 0.125, 0.125])


def test_without_any_covariance_the_weights_before_are_kept_and_at_first_they_are_equal() -> None:
    ladder, unknown = Ladder(PortfolioConfig(scheme="risk_parity"), limits(8)), np.full((8, 8), np.nan)
    first = ladder.answer(unknown, np.zeros(8))
    assert first.step == Step.EQUAL and first.weights == pytest.approx(0.05)
    known = ladder.answer(np.diag(np.arange(1.0, 9.0)), np.zeros(8))
    after = ladder.answer(unknown, np.zeros(8))
    assert after.step == Step.PREVIOUS and np.array_equal(after.weights, known.weights)


def test_a_stock_without_a_variance_has_no_weight() -> None:
    rng = np.random.default_rng(4)
    covariance = np.cov(returns(rng, 6).T)
    covariance[2] = covariance[:, 2] = np.nan
    answer = Ladder(LEAST, limits(6)).answer(covariance, rng.normal(0, 1e-3, 6))
    assert answer.step == Step.MIN_VARIANCE and answer.weights[2] == 0.0 and broken(answer.weights, limits(6)) == ""


def replace_target(bps: float) -> PortfolioConfig:
    return PortfolioConfig(scheme="min_variance", target_bps=bps)
