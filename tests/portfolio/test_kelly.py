import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytrader_ray.portfolio.kelly import FEWEST, UNPROVEN, buckets_of, scores, sizing_of, true_kelly


def trades(rng: np.random.Generator, n: int, edge: float) -> tuple[np.ndarray, np.ndarray]:
    """Return strengths and net results of n trades whose winners are likelier the stronger the signal."""
    strength = rng.uniform(0.3, 1.0, n)
    won = rng.random(n) < 0.5 + edge * (strength - 0.3)
    return strength, np.where(won, 0.004, -0.004) * rng.uniform(0.5, 1.5, n)


def test_stronger_signals_with_more_edge_have_more_weight_and_the_strongest_all_of_it() -> None:
    strength, net = trades(np.random.default_rng(1), 50_000, 0.3)
    sizing = sizing_of(buckets_of(strength, net), 0.4)
    assert len(sizing.edges) == 5 and sizing.edges[0] == 0.0 and (np.diff(sizing.edges) > 0).all()
    assert (np.diff(sizing.weight) > 0).all() and sizing.weight[-1] == 1.0 and sizing.fraction == 0.4


def test_without_an_edge_of_the_strongest_nothing_is_entered() -> None:
    strength, net = trades(np.random.default_rng(2), 5_000, -0.3)
    assert sizing_of(buckets_of(strength, net), 0.5).weight.max() == 0.0


def allowed(n: int, edge: float) -> float:
    """Return in which share of draws of n trades of this mean, scattered by 40 bps, anything is entered."""
    rng, draws = np.random.default_rng(11), 300
    made = (sizing_of(buckets_of(rng.uniform(0.5, 1.0, n), rng.normal(edge, 0.004, n)), 0.5) for _ in range(draws))
    return sum(bool(one.weight.any()) for one in made) / draws


def test_how_often_noise_is_taken_for_an_edge_and_an_edge_for_noise() -> None:
    assert 0.4 < allowed(150, 0.0) < 0.6 and 0.6 < allowed(500, 0.0) < 0.85
    assert allowed(150, 0.0006) > 0.93 and allowed(500, 0.0006) > 0.98
    assert allowed(150, -0.0006) < 0.08 and allowed(500, -0.0006) < 0.13


def test_a_bucket_that_paid_less_than_the_weaker_one_is_joined_to_it() -> None:
    strength = np.repeat([0.2, 0.5, 0.8], [99, 100, 101])
    net = np.concatenate([np.tile([0.02, -0.01], 50), np.tile([0.01, -0.01], 50), np.tile([0.03, -0.01], 50)])
    found = buckets_of(strength, net)
    assert found.edges.tolist() == [0.0, 0.8] and found.n.tolist() == [199.0, 101.0]
    alike = buckets_of(strength, net[::-1])
    assert alike.edges.tolist() == [0.0] and sizing_of(alike, 0.5).weight.tolist() == [1.0]


def test_a_bucket_by_hand() -> None:
    # 60 winners of 0.02, 40 losers of 0.01: b = 2, p shrunk = (60 + 50 / 3) / 150, f* = p - (1 - p) / 2
    net = np.concatenate([np.full(60, 0.02), np.full(40, -0.01)])
    found = buckets_of(np.full(100, 0.7), net)
    p = (60 + 50 / 3) / 150
    assert found.n.tolist() == [100] and found.p.tolist() == [0.6]
    assert found.win[0] == pytest.approx(0.02) and found.loss[0] == pytest.approx(0.01)
    assert found.score[0] == pytest.approx(p - (1 - p) / 2)


def test_pseudo_trades_alone_have_no_edge_and_many_trades_outweigh_them() -> None:
    p, win, loss = np.full(2, 0.6), np.full(2, 0.03), np.full(2, 0.02)
    few, many = scores(p, win, loss, np.array([0.0, 1e9]))
    assert few == pytest.approx(0.0, abs=1e-12) and many == pytest.approx(0.6 - 0.4 / 1.5)


def test_few_trades_make_fewer_buckets_and_fewer_than_that_say_nothing() -> None:
    rng = np.random.default_rng(3)
    assert len(buckets_of(*trades(rng, 220, 0.6)).edges) == 2
    lost = np.full(FEWEST, -0.01)
    assert sizing_of(buckets_of(np.ones(FEWEST), lost), 0.5).weight.tolist() == [0.0]
    for few in (buckets_of(np.empty(0), np.empty(0)), buckets_of(np.ones(FEWEST - 1), lost[1:])):
        assert sizing_of(few, 0.5) is UNPROVEN and UNPROVEN.fraction == 0.25 and UNPROVEN.weight.tolist() == [1.0]


def test_a_bucket_without_losses_takes_the_mean_loss_of_all() -> None:
    strength = np.repeat([0.2, 0.8], 200)
    net = np.concatenate([np.tile([0.01, -0.01], 100), np.full(200, 0.02)])
    found = buckets_of(strength, net)
    assert found.loss.tolist() == pytest.approx([0.01, 0.01]) and found.win.tolist() == pytest.approx([0.01, 0.02])


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-0.1, 0.1)), max_size=300), st.floats(0.25, 0.5))
def test_whatever_the_trades_weights_are_within_0_and_1_and_edges_ascend(
    made: list[tuple[float, float]], fraction: float
) -> None:
    strength, net = np.array(made).reshape(-1, 2).T
    sizing = sizing_of(buckets_of(strength, net), fraction)
    assert ((sizing.weight >= 0) & (sizing.weight <= 1)).all() and (np.diff(sizing.edges) > 0).all()
    assert (np.diff(sizing.weight) >= 0).all() and sizing.edges.shape == sizing.weight.shape
    assert sizing.fraction == (fraction if len(made) >= FEWEST else 0.25)


def test_true_kelly_maximises_growth_and_falls_with_correlated_positions() -> None:
    p, win, loss = 0.55, 0.012, 0.01
    grid = np.linspace(0.0, 20.0, 200_001)
    growth = p * np.log1p(grid * win) + (1 - p) * np.log1p(-grid * loss)
    assert true_kelly(p, win, loss, 1, 0.0) == pytest.approx(grid[growth.argmax()], abs=1e-3)
    assert true_kelly(p, win, loss, 11, 0.1) == pytest.approx(true_kelly(p, win, loss, 1, 0.0) / 2)
    assert np.isnan(true_kelly(p, 0.0, loss, 1, 0.0)) and np.isnan(true_kelly(p, win, 0.0, 1, 0.0))
