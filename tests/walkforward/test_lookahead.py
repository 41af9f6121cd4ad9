"""Nothing looks ahead, from bars to orders: change all bars after a random minute, and all before stays bit-identical.

The chain is the real one: statistics, features, labels, five fitted members, regime, weights, scale, threshold,
signals, orders and fills, with members that score at every bar and every five minutes. A planted leak in any single
quantity must be named.
"""

import dataclasses

import numpy as np
import pytest

from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.features.compute import compute
from daytrader_ray.regime.live import regime_states
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.ensemble import ensemble_signals, weights_at
from daytrader_ray.walkforward.replay import bundle_scores, replay
from daytrader_ray.walkforward.study import scored
from daytrader_ray.walkforward.train import Learned
from tests.walkforward.chain import CONFIG, N_TRAIN, Compute, frames_of, learned_on, made_up, study_of, trained_on

CADENCES = (CONFIG, CONFIG.model_copy(update={"score_every_minutes": 5}))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return made_up()


def outcome(frames: Frames, learned: Learned, row: int, config: SearchConfig) -> dict[str, object]:
    """Return everything decided up to and including `row`, which lies after the training."""
    bundle = trained_on(frames, learned, config)
    _, study = study_of(frames, config)
    panel = frames.panel
    grid, session = panel.grid, N_TRAIN
    rows = slice(int(grid.first_row[session]), int(grid.first_row[session + 1]))
    slot = row - rows.start
    states = regime_states(bundle.regime, frames)
    scores = bundle_scores(bundle, frames.features, grid, np.arange(rows.start, rows.stop), study.columns)
    block = (session, session + 1)
    here = scored(study, scores, states[rows], block)
    signals, weights = ensemble_signals(study, here, bundle.ensemble), weights_at(study, here, bundle.ensemble)
    result = replay(bundle, study, frames, block, 1e5).result
    matrix = frames.features
    found: dict[str, object] = {
        f"feature {name}": matrix.values[: row + 1, :, k].tobytes() for k, name in enumerate(matrix.names)
    }
    for name in ("atr_5", "return_30", "sigma_30"):
        found[name] = getattr(matrix, name)[: row + 1].tobytes()
    found |= {
        "statistics": (frames.adv[: session + 1].tobytes(), frames.sigma_day[: session + 1].tobytes()),
        "fitted": (bundle.ensemble.q99, bundle.scaler.mean.tobytes(), bundle.features),
        "ensemble": [getattr(bundle.ensemble, name).tobytes() for name in ("weights", "timeframes", "hours")],
        "weights": weights[: slot + 1].tobytes(),
        "regime": states[: row + 1].tobytes(),
        "scores": scores[: slot + 1].tobytes(),
        "signals": signals[: slot + 1].tobytes(),
        "orders": [order for order in result.orders if order.slot <= slot],
        "fills": [fill for fill in result.fills if fill.slot <= slot],
        "equity": result.equity[: slot + 1].tobytes(),
    }
    return found


def changed_after(panel: Panel, row: int, rng: np.random.Generator) -> Panel:
    """Return a panel with other prices and volumes in every bar, and other factors in every session, after `row`."""
    factor = np.exp(rng.normal(0, 0.01, panel.close[row + 1 :].shape).cumsum(axis=0))
    prices = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close", "vwap")}
    for values in prices.values():
        values[row + 1 :] = np.round(values[row + 1 :] * factor, 2)
    volume = panel.volume.copy()
    volume[row + 1 :] = np.ceil(volume[row + 1 :] * rng.uniform(0.2, 5.0, volume[row + 1 :].shape))
    tomorrow = int(panel.grid.session_of_row[row]) + 1
    factors = {name: getattr(panel, name).copy() for name in ("price_factor", "share_factor")}
    for values in factors.values():
        values[tomorrow:] *= rng.uniform(0.1, 7.0, values[tomorrow:].shape)
    return dataclasses.replace(panel, **prices, volume=volume, **factors)


def leaks(panel: Panel, row: int, features: Compute = compute) -> list[str]:
    """Return the names of what differs up to `row` when everything after it is another market."""
    worlds = [frames_of(each, features) for each in (panel, changed_after(panel, row, np.random.default_rng(row)))]
    fitted, found = [learned_on(frames) for frames in worlds], list[str]()
    for config in CADENCES:
        before, after = (outcome(*world, row, config) for world in zip(worlds, fitted, strict=True))
        assert before["orders"], "a day without orders proves nothing"
        found += [name for name, value in before.items() if after[name] != value]
    return found


def test_features_scores_weights_and_orders_up_to_a_random_minute_do_not_know_what_follows(panel: Panel) -> None:
    first = int(panel.grid.first_row[N_TRAIN])
    row = first + int(np.random.default_rng(20251201).integers(150, 330))
    assert leaks(panel, row) == []


def test_a_planted_leak_is_found_and_named(panel: Panel) -> None:
    def leaking(bars: Panel, expected: np.ndarray) -> object:
        matrix = compute(bars, expected)
        values = matrix.values.copy()
        k = matrix.names.index("lag.return_1")
        values[:-1, :, k] = values[1:, :, k]
        return dataclasses.replace(matrix, values=values)

    found = leaks(panel, int(panel.grid.first_row[N_TRAIN]) + 200, leaking)
    assert "feature lag.return_1" in found
    assert not [name for name in found if name.startswith("feature ") and name != "feature lag.return_1"]
