"""What a window tells of its regimes, and what a search tells of all windows."""

import json

import numpy as np
import pytest

from daytrader_ray.domain.regime import Regime
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.regime.live import regime_states
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.regimes import fit_regime, regime_result, window_states
from daytrader_ray.walkforward.windows import Window, window_of
from tests.regime.market import N_SLOTS, STOCKS, frames

CONFIG = RegimeConfig()


def two_windows() -> list[Window]:
    return [window_of(k, (k, 8 + 2 * k), (8 + 2 * k, 12), (8 + 2 * k, 10 + 2 * k)) for k in (0, 1)]


@pytest.fixture(scope="module")
def whole():
    return frames()


def test_a_window_filters_with_the_model_of_the_history_before_its_test(whole):
    window = two_windows()[0]
    states, told = window_states(whole, STOCKS, window, CONFIG, 7)
    model = fit_regime(cut(whole, (0, 8)), STOCKS, window, CONFIG, 7)
    assert states.tobytes() == regime_states(model, whole)[window.a[0] * N_SLOTS :].tobytes()
    now = told["now"]
    assert now["transition"] == model.transition.tolist() and now["states"] == ["trending", "volatile", "crisis"]
    assert now["minutes"] == pytest.approx(5 / (1 - np.diag(model.transition)))
    assert sum(now["shares"].values()) == pytest.approx(1) and sum(now["probabilities"]) == pytest.approx(1)
    assert told["left_out"] == ["vix", "vix_term"]
    assert json.loads(json.dumps(told)) == told


def test_the_path_is_the_regime_in_force_and_the_close_of_every_observation_of_the_steps(whole):
    used = two_windows()
    states, told = zip(*(window_states(whole, STOCKS, window, CONFIG, 7) for window in used), strict=True)
    found = regime_result(whole.panel, used, states, told)
    rows = [row for row in range(8 * N_SLOTS, 12 * N_SLOTS) if row % N_SLOTS % 5 == 4]
    assert found["path"]["minute"] == whole.panel.grid.minute_of_row[rows].tolist()
    assert found["path"]["close"] == whole.panel.close[rows, whole.panel.column("SPY")].tolist()
    second = states[1][np.array(rows[-2 * N_SLOTS // 5 :]) - used[1].a[0] * N_SLOTS]
    assert found["path"]["state"][-2 * N_SLOTS // 5 :] == second.tolist()
    numbers = np.array(found["path"]["state"])
    assert found["shares"] == {Regime(k).name.lower(): pytest.approx((numbers == k).mean()) for k in set(numbers)}
    assert found["now"]["as_of"] == "2025-11-14T22:00Z", "the end of the last bar"
    assert found["now"]["transition"] == told[1]["now"]["transition"]


def test_without_spy_the_path_has_no_prices_and_no_model():
    whole = frames(symbols=("AAA", "BBB"))
    window = two_windows()[1]
    states, told = window_states(whole, STOCKS, window, CONFIG, 7)
    assert told["now"] is None and "log_rv" in told["left_out"]
    found = regime_result(whole.panel, [window], [states], [told])
    assert found["now"] is None and found["shares"] == {"unknown": 1.0}
    assert set(found["path"]["close"]) == {None} and set(found["path"]["state"]) == {int(Regime.UNKNOWN)}
