import json

import numpy as np
import pytest

from daytrader_ray.analytics.decay import HORIZONS, Decay, decay, net_edge


def made(n: int = 40_000, strength: float = 1.0) -> Decay:
    rng = np.random.default_rng(5)
    signal = rng.uniform(-1.0, 1.0, n)
    forward = 1e-3 * (strength * signal[:, None] + rng.normal(size=(n, len(HORIZONS))))
    return decay(signal, forward, np.full(n, 4e-4), np.arange(n) // (n // 4))


def test_a_planted_signal_is_worth_more_the_stronger_it_is() -> None:
    found = made()
    assert found.n.sum() == 40_000
    assert (found.gross[-1] > 2 * found.gross[0]).all()
    assert found.gross[-1] == pytest.approx(np.full(len(HORIZONS), 1e-3), abs=5e-4)
    assert found.cost == pytest.approx(np.full(len(found.edges), 4e-4))
    assert found.ic.shape == (4, len(HORIZONS))
    assert found.ic.mean() == pytest.approx(0.5, abs=0.05)
    assert found.a_day[0] == 10_000


def test_what_is_unknown_is_left_out_and_few_samples_give_no_correlation() -> None:
    signal, forward = np.array([0.5, np.nan, -0.5]), np.full((3, len(HORIZONS)), 1e-3)
    forward[0, -1] = np.nan
    found = decay(signal, forward, np.zeros(3), np.zeros(3, dtype=np.int64))
    assert found.n.sum() == 2
    assert np.isnan(found.ic).all()
    assert found.gross[0].tolist() == pytest.approx([0.0] * 5 + [-1e-3])


def test_a_run_without_signals_measures_nothing() -> None:
    none = decay(np.full(3, np.nan), np.zeros((3, len(HORIZONS))), np.zeros(3), np.zeros(3, dtype=np.int64))
    assert len(none.edges) == 0
    assert none.gross.shape == (0, len(HORIZONS))


def test_it_goes_to_json_and_back() -> None:
    found = made(400)
    back = Decay.from_dict(json.loads(json.dumps(found.as_dict())))
    for name in ("edges", "n", "gross", "cost", "a_day", "ic"):
        assert np.array_equal(getattr(found, name), getattr(back, name), equal_nan=True)


def test_the_net_edge_is_that_of_the_strong_signals_after_their_cost() -> None:
    found = made()
    assert net_edge(found, 0.9) == pytest.approx(np.full(len(HORIZONS), 0.95e-3 - 4e-4), abs=1e-4)
    assert net_edge(found, 2.0) == pytest.approx(found.gross[-1] - found.cost[-1])
    none = decay(np.full(3, np.nan), np.zeros((3, len(HORIZONS))), np.zeros(3), np.zeros(3, dtype=np.int64))
    assert np.isnan(net_edge(none, 0.5)).all()
