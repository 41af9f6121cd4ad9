import itertools
import math
import statistics

import numpy as np
import pytest

from daytrader_ray.analytics.cscv import N_BINS, Pbo, halves, pbo


def by_hand(returns: np.ndarray, blocks: int) -> list[float]:
    """Return the logits of every split in plain Python, as the paper writes the procedure."""
    columns = [list(map(float, column)) for column in returns.T]
    sizes = [len(part) for part in np.array_split(range(len(returns)), blocks)]
    ends = list(itertools.accumulate(sizes))
    days = [range(end - size, end) for size, end in zip(sizes, ends, strict=True)]

    def ratio(column: list[float], chosen: tuple[int, ...]) -> float:
        values = [column[t] for block in chosen for t in days[block]]
        spread = statistics.pstdev(values)
        return statistics.fmean(values) / spread if spread > 0 else 0.0

    logits = []
    for inside in itertools.combinations(range(blocks), blocks // 2):
        outside = tuple(block for block in range(blocks) if block not in inside)
        here = [ratio(column, inside) for column in columns]
        there = [ratio(column, outside) for column in columns]
        chosen = there[here.index(max(here))]
        rank = sum(value < chosen for value in there) + (sum(value == chosen for value in there) + 1) / 2
        omega = rank / (len(columns) + 1)
        logits.append(math.log(omega / (1 - omega)))
    return logits


@pytest.mark.parametrize(("days", "columns"), [(16, 3), (61, 7), (159, 4)])
def test_every_logit_is_that_of_the_procedure_in_plain_python(days: int, columns: int) -> None:
    returns = np.random.default_rng(days).normal(0.0003, 0.01, (days, columns))
    returns[: days // 2, 0] = 0.0
    found = pbo(returns)
    wanted = by_hand(returns, 8)
    assert found.blocks == 8 and len(found.logits) == math.comb(8, 4)
    assert found.logits == pytest.approx(wanted)
    assert found.value == sum(logit <= 0 for logit in wanted) / len(wanted)


def test_sixteen_blocks_are_cut_from_160_days_on() -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, (165, 3))
    found = pbo(returns)
    assert found.blocks == 16 and len(found.logits) == math.comb(16, 8)
    some = slice(0, None, 401)
    splits = list(itertools.combinations(range(16), 8))[some]
    assert np.flatnonzero(halves(16)[some][3]).tolist() == list(splits[3])
    assert found.logits[some] == pytest.approx(some_by_hand(returns, splits))


def some_by_hand(returns: np.ndarray, splits: list[tuple[int, ...]]) -> list[float]:
    """Return the logits of some splits into 16 blocks, numpy cutting the days."""
    parts = np.array_split(returns, 16)
    logits = []
    for inside in splits:
        here, there = (
            np.concatenate([part for k, part in enumerate(parts) if (k in inside) is wanted])
            for wanted in (True, False)
        )
        best = int(np.argmax(here.mean(axis=0) / here.std(axis=0)))
        ratios = there.mean(axis=0) / there.std(axis=0)
        rank = int((ratios <= ratios[best]).sum())
        logits.append(math.log(rank / (returns.shape[1] + 1 - rank)))
    return logits


def test_where_every_gain_is_taken_back_the_choice_always_fails() -> None:
    """The paper's case of full overfit: columns of mean 0, so that the best of one half is the worst of the other."""
    returns = np.random.default_rng(2).normal(0.0, 0.01, (320, 20))
    assert pbo(returns - returns.mean(axis=0)).value > 0.99


def test_a_series_that_is_always_the_best_is_never_overfit() -> None:
    returns = np.random.default_rng(3).normal(0.0, 0.01, (320, 20))
    returns[:, 7] += 0.005
    assert pbo(returns).value == 0.0


def test_without_skill_the_choice_fails_half_the_time() -> None:
    rng = np.random.default_rng(4)
    found = [pbo(rng.normal(0.0, 0.01, (160, 31))).value for _ in range(20)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


def test_equals_share_the_mean_of_their_ranks_and_the_order_of_columns_does_not_matter() -> None:
    one = np.random.default_rng(5).normal(0.001, 0.01, (64, 1))
    assert pbo(np.hstack([one, one, one])).logits == pytest.approx(np.zeros(70), abs=1e-12)
    assert pbo(np.hstack([one, one])).value == 1.0
    returns = np.random.default_rng(6).normal(0.0, 0.01, (80, 9))
    assert pbo(returns[:, ::-1]).logits == pytest.approx(pbo(returns).logits)


def test_a_series_that_never_traded_has_a_ratio_of_zero() -> None:
    loser = np.random.default_rng(7).normal(-0.01, 0.01, (80, 1))
    found = pbo(np.hstack([loser, np.zeros((80, 1))]))
    assert found.value == 0.0 and found.logits == pytest.approx(np.full(70, math.log(2.0)))


@pytest.mark.parametrize("shape", [(15, 5), (0, 5), (200, 1), (200, 0)])
def test_too_few_days_or_series_have_none(shape: tuple[int, int]) -> None:
    found = pbo(np.zeros(shape))
    assert math.isnan(found.value) and found.blocks == 0 and not len(found.logits)
    edges, counts = found.histogram()
    assert len(edges) == N_BINS + 1 and not counts.any()


def test_the_bars_up_to_zero_are_the_overfit_splits() -> None:
    found = Pbo(0.5, np.array([-2.0, -0.1, 0.0, 0.1, 1.9, 2.0]), 8)
    edges, counts = found.histogram()
    assert edges[N_BINS // 2] == 0.0 and counts.sum() == 6
    assert counts[: N_BINS // 2].sum() == 3
    assert counts[0] == 1 and counts[-1] == 2
    real = pbo(np.random.default_rng(8).normal(0.0, 0.01, (160, 31)))
    edges, counts = real.histogram()
    assert edges[N_BINS // 2] == 0.0 and counts[: N_BINS // 2].sum() == round(real.value * len(real.logits))
