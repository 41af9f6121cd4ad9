import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf as sklearn_ledoit_wolf

from daytrader_ray.portfolio.covariance import (
    HALF_LIFE,
    LEAST,
    correlation_of,
    known,
    ledoit_wolf,
    mean_correlation,
    repaired,
    updated,
)
from tests.portfolio.problems import returns


def test_the_shrunk_covariance_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    for n, rows in ((3, 400), (40, 1500), (60, 50)):
        sample = returns(rng, n, rows)
        assert ledoit_wolf(sample) == pytest.approx(sklearn_ledoit_wolf(sample)[0], rel=1e-10, abs=1e-18)


def test_an_unknown_return_counts_as_the_mean_of_its_symbol() -> None:
    sample = returns(np.random.default_rng(2), 4)
    gaps, filled = sample.copy(), sample.copy()
    gaps[::7, 1] = np.nan
    filled[::7, 1] = np.delete(sample[:, 1], np.arange(0, len(sample), 7)).mean()
    assert ledoit_wolf(gaps) == pytest.approx(ledoit_wolf(filled), rel=1e-10)


def test_the_day_moves_correlations_towards_its_own_and_leaves_variances() -> None:
    rng = np.random.default_rng(3)
    before = ledoit_wolf(rng.normal(0, 1e-3, (1500, 3)))
    together = np.repeat(rng.normal(0, 1e-3, (78, 1)), 3, axis=1)
    after = updated(before, together)
    assert np.diag(after) == pytest.approx(np.diag(before), rel=1e-12)
    assert mean_correlation(before) == pytest.approx(0.0, abs=0.05) and mean_correlation(after) > 0.4
    assert np.linalg.eigvalsh(after).min() > 0.0


def test_the_update_is_exponential_and_one_return_after_another_gives_the_same() -> None:
    rng = np.random.default_rng(4)
    before, today = ledoit_wolf(returns(rng, 5)), returns(rng, 5, 12)
    sigma = np.sqrt(np.diag(before))
    moments, decay = correlation_of(before), 0.5 ** (1 / HALF_LIFE)
    for row in today / sigma:
        moments = decay * moments + (1 - decay) * np.outer(row, row)
    assert updated(before, today) == pytest.approx(correlation_of(moments) * np.outer(sigma, sigma), rel=1e-12)
    assert updated(before, today[:0]) == pytest.approx(before, rel=1e-12)


def test_a_symbol_is_known_with_enough_returns_that_move() -> None:
    sample = returns(np.random.default_rng(5), 4, 2 * LEAST)
    sample[LEAST:, 1] = np.nan
    sample[LEAST - 1 :, 2] = np.nan
    sample[:, 3] = 0.0
    assert known(sample).tolist() == [True, True, False, False]
    assert not known(np.empty((0, 4))).any()


def test_what_is_no_covariance_is_repaired_and_a_good_one_left_alone() -> None:
    good = ledoit_wolf(returns(np.random.default_rng(6), 6))
    found, there = repaired(good)
    assert there.all() and found == pytest.approx(good, rel=1e-12)
    bad = good.copy()
    bad[0, 0], bad[1, 1] = np.nan, -1.0
    bad[2, 3] = bad[3, 2] = np.inf
    bad[4, 5] = bad[5, 4] = 9.0
    found, there = repaired(bad)
    assert there.tolist() == [False, False, True, True, True, True]
    assert np.linalg.eigvalsh(found).min() > 0.0
    assert np.diag(found) == pytest.approx(np.diag(good)[2:], rel=1e-12)
    unknown = np.diag([1.0, 2.0])
    unknown[0, 1] = unknown[1, 0] = np.inf
    assert repaired(unknown)[0].tolist() == [[1.0, 0.0], [0.0, 2.0]]


def test_one_symbol_or_none_has_no_mean_correlation() -> None:
    assert mean_correlation(np.eye(1)) == 0.0 and mean_correlation(np.empty((0, 0))) == 0.0
