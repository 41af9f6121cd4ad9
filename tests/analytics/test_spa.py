import math

import numpy as np
import pytest
from arch.bootstrap import SPA

from daytrader_ray.analytics.bootstrap import counted, resampled
from daytrader_ray.analytics.spa import deviations, spa


def series(days: int, columns: int, mean: float = 0.0, seed: int = 0) -> np.ndarray:
    """Return correlated daily returns with memory, the last columns worse than the first."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((days + 1, columns)) + rng.standard_normal((days + 1, 1))
    return 0.01 * (0.8 * noise[1:] + 0.5 * noise[:-1]) + mean * np.linspace(1.0, -2.0, columns)


def of_arch(excess: np.ndarray, block: float, *, studentized: bool, reps: int) -> dict[str, float]:
    """Return arch's p-values; it never divides by the deviation, which is asked of it by scaling the series before."""
    scaled = excess / deviations(excess, block) if studentized else excess
    test = SPA(np.zeros(len(scaled)), -scaled, block_size=int(block), reps=reps, seed=5)
    test.compute()
    return dict(test.pvalues)


@pytest.mark.parametrize(("mean", "seed"), [(0.0, 1), (0.0015, 2), (0.003, 3)])
def test_p_values_are_those_of_arch_within_the_error_of_both_bootstraps(mean: float, seed: int) -> None:
    excess = series(250, 6, mean, seed)
    found = spa(excess, seed=7)
    theirs = of_arch(excess, found.block, studentized=True, reps=1500)
    plain = of_arch(excess, found.block, studentized=False, reps=1500)
    for ours, other in (
        (found.p, theirs["consistent"]),
        (found.lower, theirs["lower"]),
        (found.upper, theirs["upper"]),
        (found.reality_check, plain["upper"]),
    ):
        middle = 0.5 * (ours + other)
        assert ours == pytest.approx(other, abs=4 * math.sqrt(middle * (1 - middle) * (1 / 2000 + 1 / 1500)) + 1e-3)
    assert found.lower <= found.p <= found.upper


@pytest.mark.parametrize("block", [1, 4, 9])
def test_deviations_are_those_of_arch_and_of_many_samples(block: int) -> None:
    excess = series(120, 3)
    test = SPA(np.zeros(len(excess)), -excess, block_size=block, reps=1, seed=1)
    test.compute()
    assert deviations(excess, block) ** 2 == pytest.approx(test._loss_diff_var, rel=1e-10)
    counts = counted(resampled(120, 6000, block, np.random.default_rng(2)))
    drawn = math.sqrt(120) * (counts @ excess / 120).std(axis=0)
    assert deviations(excess, block) == pytest.approx(drawn, rel=0.05)


def test_counts_give_the_means_of_the_samples_that_they_count() -> None:
    chosen = resampled(30, 40, 3.0, np.random.default_rng(3))
    values = series(30, 2)
    assert counted(chosen).sum(axis=1) == pytest.approx(np.full(40, 30.0))
    assert counted(chosen) @ values / 30 == pytest.approx(values[chosen].mean(axis=1))


def test_a_planted_series_is_found_and_a_loss_has_a_probability_of_one() -> None:
    noise = series(250, 5)
    planted = noise - noise.mean(axis=0)
    planted[:, 3] += 0.006
    found = spa(planted, seed=1)
    assert found.p == found.upper == pytest.approx(1 / 2001)
    lost = spa(planted - 0.02, seed=1)
    assert lost.p == lost.lower == lost.upper == 1.0


def test_hopeless_series_cost_the_upper_bound_power_but_not_the_consistent_one() -> None:
    rng = np.random.default_rng(8)
    good = rng.normal(0.0025, 0.01, (250, 1))
    hopeless = rng.normal(-0.02, 0.01, (250, 30))
    found = spa(np.hstack([good, hopeless]), seed=1)
    alone = spa(good, seed=1)
    assert found.p == pytest.approx(alone.p, abs=0.02)
    assert found.upper > 3 * found.p


def test_series_without_variation_and_copies_change_nothing() -> None:
    excess = series(200, 4, 0.001)
    found = spa(excess, seed=1)
    with_flat = spa(np.hstack([excess, np.zeros((200, 2)), np.full((200, 1), 0.01)]), seed=1)
    assert with_flat == found
    doubled = spa(np.hstack([excess, excess]), seed=1)
    assert (doubled.p, doubled.reality_check) == (found.p, found.reality_check)


def test_one_series_is_the_bootstrap_of_its_mean() -> None:
    excess = series(200, 1, 0.0018, seed=4)
    found = spa(excess, seed=2)
    assert found.p == found.upper == found.reality_check
    z = math.sqrt(200) * excess.mean() / float(deviations(excess, found.block)[0])
    assert found.p == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), abs=0.03)


@pytest.mark.parametrize("excess", [np.zeros((100, 3)), np.ones((9, 2)) * np.arange(9.0)[:, None], np.empty((50, 0))])
def test_nothing_that_varies_and_too_few_days_have_no_p_value(excess: np.ndarray) -> None:
    found = spa(excess, seed=1)
    assert math.isnan(found.p) and math.isnan(found.reality_check)


def test_the_seed_fixes_every_p_value() -> None:
    excess = series(150, 4, 0.0005)
    assert spa(excess, seed=3) == spa(excess, seed=3)
    assert spa(excess, seed=3) != spa(excess, seed=4)
