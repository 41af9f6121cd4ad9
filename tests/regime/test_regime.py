import dataclasses

import numpy as np
import pytest

from daytrader_ray.domain.regime import Regime, RegimeModel
from daytrader_ray.regime import files
from daytrader_ray.regime.config import RegimeConfig, entry_scale, strategy_table
from daytrader_ray.regime.fit import fit
from daytrader_ray.regime.live import LiveRegime, regime_states
from daytrader_ray.regime.observations import LOG_RV, observe
from tests.regime.market import N_SLOTS, STOCKS, cut, frames

CONFIG = RegimeConfig()


@pytest.fixture(scope="module")
def whole():
    return frames()


@pytest.fixture(scope="module")
def model(whole) -> RegimeModel:
    found = fit(observe(whole, STOCKS, 0, 12), CONFIG, seed=7)
    assert found is not None
    return found


def test_states_are_ordered_and_named_by_volatility(whole, model):
    assert np.all(np.diff(model.means[:, 0]) > 0)
    states = regime_states(model, whole).reshape(12, N_SLOTS)[:, 60:]
    assert (states[:4] == Regime.TRENDING).mean() > 0.9
    assert (states[4:8] == Regime.VOLATILE).mean() > 0.9
    assert (states[8:] == Regime.VOLATILE).mean() > 0.9, "a third of the history is no crisis"
    assert model.crisis_vix == CONFIG.crisis_vix


def test_a_rare_violent_state_is_a_crisis():
    whole = frames(seed=3, n_sessions=30)
    rare = observe(whole, STOCKS, 0, 21)
    model = fit(rare, CONFIG.model_copy(update={"crisis_quantile": 0.5}), seed=7)
    assert model is not None
    assert model.crisis_vix == 0.0
    assert (regime_states(model, whole)[-N_SLOTS // 2 :] == Regime.CRISIS).all()


def test_live_steps_give_the_bits_of_the_batch(whole, model):
    batch = regime_states(model, whole)
    live = LiveRegime(model, whole.panel.symbols)
    live.warm(cut(whole, 0, 10))
    later = cut(whole, 10, 12)
    slots = later.grid.slot_of_row
    steps = [live.step(int(slots[row]), later.close[row]) for row in range(later.grid.n_rows)]
    assert steps == batch[10 * N_SLOTS :].tolist()
    other = LiveRegime(model, whole.panel.symbols)
    other.warm(whole.panel)
    assert np.array_equal(other.probabilities, live.probabilities)


def test_the_filter_agrees_with_a_plain_forward_pass(whole, model):
    seen = observe(whole, STOCKS, 3, 4)
    columns = [i for i in range(7) if i != LOG_RV]
    x = np.column_stack([np.log(seen.x[:, LOG_RV] / model.profile[seen.slots]), seen.x[:, columns]])
    z = (x - model.mean) / model.std
    alpha = model.start
    for at in range(len(z)):
        expected = alpha if at == 0 else model.transition.T @ alpha
        density = np.exp(-0.5 * (z[at] - model.means) ** 2 / model.variances) / np.sqrt(2 * np.pi * model.variances)
        alpha = expected * density.prod(axis=1)
        alpha = alpha / alpha.sum()
    live = LiveRegime(model, whole.panel.symbols)
    live.warm(cut(whole, 0, 4))
    assert live.probabilities == pytest.approx(alpha, abs=1e-9)


def test_what_is_observed_takes_effect_five_minutes_later(whole, model):
    live = LiveRegime(model, whole.panel.symbols)
    live.warm(cut(whole, 0, 8))
    day = cut(whole, 8, 9)
    said = []
    for slot in range(N_SLOTS):
        in_force = live.step(slot, day.close[slot])
        if (slot + 1) % 5 == 0:
            said.append(min(int(np.argmax(live.probabilities)), int(Regime.VOLATILE)))
            assert len(said) == 1 or in_force == said[-2]


def test_bars_after_a_minute_change_nothing_up_to_it(whole, model):
    at = 7 * N_SLOTS + 53
    close = whole.panel.close.copy()
    close[at + 1 :] *= np.exp(np.random.default_rng(9).normal(0, 0.02, close[at + 1 :].shape))
    changed = dataclasses.replace(whole, panel=dataclasses.replace(whole.panel, close=close))
    before, after = regime_states(model, whole), regime_states(model, changed)
    assert np.array_equal(before[: at + 1], after[: at + 1])
    assert not np.array_equal(before, after)
    first, second = (fit(observe(f, STOCKS, 0, 7), CONFIG, seed=7) for f in (whole, changed))
    assert first is not None
    assert second is not None
    assert same(first, second)


def same(left: RegimeModel, right: RegimeModel) -> bool:
    pairs = [(getattr(left, f.name), getattr(right, f.name)) for f in dataclasses.fields(RegimeModel)]
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)


def test_absent_inputs_are_left_out_and_named():
    whole = frames(symbols=("AAA", "BBB", "SPY", "TLT"))
    model = fit(observe(whole, STOCKS, 0, 12), CONFIG, seed=7)
    assert model is not None
    assert model.inputs == ("log_rv", "breadth", "mean_corr", "corr_tlt", "trend")
    assert model.left_out == ("corr_qqq", "corr_gld", "vix", "vix_term")
    assert set(regime_states(model, whole)) <= {0, 1, 2}


WITH_VIX = ("AAA", "BBB", "I:VIX", "I:VIX3M", "SPY")


def test_with_index_bars_the_vix_is_an_input_and_live_steps_it_with_the_same_bits():
    whole = frames(symbols=WITH_VIX)
    model = fit(observe(whole, STOCKS, 0, 12), CONFIG, seed=7)
    assert model is not None
    assert model.inputs == ("log_rv", "breadth", "mean_corr", "trend", "vix", "vix_term")
    assert model.left_out == ("corr_qqq", "corr_tlt", "corr_gld")
    live, slots = LiveRegime(model, WITH_VIX), whole.panel.grid.slot_of_row
    steps = [live.step(int(slots[row]), whole.panel.close[row]) for row in range(whole.panel.grid.n_rows)]
    assert steps == regime_states(model, whole).tolist()


def test_a_vix_that_has_stopped_says_nothing_and_the_other_inputs_go_on():
    whole = frames(symbols=WITH_VIX)
    model = fit(observe(whole, STOCKS, 0, 12), CONFIG, seed=7)
    assert model is not None
    others = [k for k, name in enumerate(model.inputs) if not name.startswith("vix")]
    fewer = {name: getattr(model, name)[..., others] for name in ("mean", "std", "means", "variances")}
    without = dataclasses.replace(model, inputs=tuple(model.inputs[k] for k in others), **fewer)
    whole.panel.close[:, 2:4] = np.nan
    assert regime_states(model, whole).tobytes() == regime_states(without, whole).tobytes()
    assert len(set(regime_states(model, whole))) > 1


@pytest.mark.parametrize(("symbols", "sessions"), [(("AAA", "BBB", "TLT"), 12), (("AAA", "SPY"), 2)])
def test_without_spy_or_enough_history_there_is_no_model(symbols, sessions):
    whole = frames(symbols=symbols)
    assert fit(observe(whole, STOCKS, 0, sessions), CONFIG, seed=7) is None
    assert set(regime_states(None, whole)) == {Regime.UNKNOWN}


def test_a_saved_model_comes_back_bit_by_bit(model, tmp_path):
    files.save(model, tmp_path)
    assert same(files.load(tmp_path), model)


def test_each_regime_has_its_strategy_weights_and_scale():
    assert strategy_table(CONFIG).tolist() == [[0.5, 0.5], [0.7, 0.3], [0.3, 0.7], [0.1, 0.1]]
    assert entry_scale(np.array([-1, 0, 1, 2], dtype=np.int8), CONFIG).tolist() == [1.0, 1.0, 1.0, 0.25]
