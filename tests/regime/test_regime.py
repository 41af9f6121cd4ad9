import dataclasses

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM

from daytrader_ray.domain.regime import Regime, RegimeModel
from daytrader_ray.regime import estimates, files
from daytrader_ray.regime.config import RegimeConfig, entry_scale, strategy_table
from daytrader_ray.regime.fit import fit
from daytrader_ray.regime.live import LiveRegime, regime_states
from daytrader_ray.regime.observations import CORRELATION, LOG_RV, observe
from tests.regime.market import N_SLOTS, STOCKS, cut, frames

CONFIG = RegimeConfig()
WITH_VIX = ("AAA", "BBB", "I:VIX", "I:VIX3M", "SPY")


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


def test_the_vix_alone_makes_the_third_state_a_crisis_while_it_is_high():
    whole = frames(symbols=WITH_VIX)
    model = fit(observe(whole, STOCKS, 0, 12), CONFIG, seed=7)
    assert model is not None and model.crisis_vix == 30.0
    late = slice(11 * N_SLOTS + 30, None)
    without = dataclasses.replace(model, inputs=model.inputs[:-2], **_without_last(model, 2))
    whole.panel.close[:, 2] = 29.0
    assert set(regime_states(without, whole)[late]) == {Regime.VOLATILE}
    whole.panel.close[:, 2] = 31.0
    assert set(regime_states(without, whole)[late]) == {Regime.CRISIS}
    whole.panel.close[:, 2] = np.nan
    assert set(regime_states(without, whole)[late]) == {Regime.VOLATILE}, "an unknown VIX is not high"


def _without_last(model: RegimeModel, n: int) -> dict[str, np.ndarray]:
    """Return what is stored by input, without the last inputs."""
    return {name: getattr(model, name)[..., :-n] for name in ("mean", "std", "means", "variances")}


def test_a_session_begins_with_the_regime_that_the_last_one_ended_with(whole, model):
    states = regime_states(model, whole).reshape(12, N_SLOTS)
    assert (states[1:, :9] == states[:-1, -1:]).all(), "what slot 4 says is in force from slot 9 on"


def test_states_take_the_names_of_the_first_sessions_states_however_the_fit_numbers_them(whole, monkeypatch):
    """The third state of the first sessions is named by volatility; later ones by what they resemble."""
    seen = observe(whole, STOCKS, 0, 12)
    config = CONFIG.model_copy(update={"anchor_sessions": 10})
    model, short = fit(seen, config, seed=7), fit(observe(whole, STOCKS, 0, 10), config, seed=7)
    assert model is not None and short is not None
    assert model.anchors.tobytes() == short.anchors.tobytes(), "what came later does not move them"
    assert (np.diff(model.anchors[:, 0]) > 0).all()
    estimate = estimates.hidden_markov

    def shuffled(*given):
        return estimate(*given).ordered(np.array([2, 0, 1]))

    monkeypatch.setitem(estimates.ESTIMATORS, "hmm", shuffled)
    other = fit(seen, config, seed=7)
    assert other is not None and same(other, model)


def test_a_mixture_is_stepped_by_the_same_filter_and_forgets_what_was(whole):
    model = fit(observe(whole, STOCKS, 0, 12), RegimeConfig(model="mixture"), seed=7)
    assert model is not None
    assert (model.transition == model.start).all() and model.start.sum() == pytest.approx(1.0)
    states = regime_states(model, whole).reshape(12, N_SLOTS)[:, 60:]
    assert [(states[k : k + 4] == name).mean() > 0.85 for k, name in ((0, 0), (4, 1), (8, 1))] == [True] * 3
    live = LiveRegime(model, whole.panel.symbols)
    live.warm(cut(whole, 0, 9))
    after_calm = LiveRegime(model, whole.panel.symbols)
    after_calm.warm(cut(whole, 8, 9))
    assert live.probabilities == pytest.approx(after_calm.probabilities, abs=1e-3)


@pytest.mark.parametrize("kind", ["hmm", "mixture"])
def test_a_fit_is_the_same_twice(whole, kind):
    seen, config = observe(whole, STOCKS, 0, 8), RegimeConfig(model=kind)
    first, again = (fit(seen, config, seed=3) for _ in range(2))
    assert first is not None and again is not None and same(first, again)


def test_more_starts_never_give_a_less_likely_model(whole):
    seen = observe(whole, STOCKS, 0, 12)
    z = seen.x[30:, :3]
    z = (z - z.mean(axis=0)) / z.std(axis=0)
    lengths = np.array([len(z)])
    likelihoods = []
    for restarts in (1, 4):
        found = estimates.hidden_markov(z, lengths, RegimeConfig(restarts=restarts), 1)
        assert found is not None
        hmm = GaussianHMM(3, init_params="")
        hmm.startprob_, hmm.transmat_, hmm.means_, hmm.covars_ = (
            found.start,
            found.transition,
            found.means,
            found.variances,
        )
        likelihoods.append(hmm.score(z, lengths))
    assert likelihoods[1] >= likelihoods[0]


def test_absent_inputs_are_left_out_and_named():
    whole = frames(symbols=("AAA", "BBB", "SPY", "TLT"))
    model = fit(observe(whole, STOCKS, 0, 12), CONFIG, seed=7)
    assert model is not None
    assert model.inputs == ("log_rv", "breadth", "mean_corr", "corr_tlt", "trend")
    assert model.left_out == ("corr_qqq", "corr_gld", "vix", "vix_term")
    assert set(regime_states(model, whole)) <= {0, 1, 2}


def test_inputs_whose_gaps_would_take_most_of_the_history_are_left_out_and_short_gaps_are_not():
    """Each input has most of its values, but hardly a row has all of them."""
    whole = frames(n_sessions=40)
    seen = observe(whole, STOCKS, 0, 40)
    for k, (first, last) in enumerate(((0, 15), (13, 25), (24, 40))):
        seen.x[(seen.sessions >= first) & (seen.sessions < last), CORRELATION + k] = np.nan
    model = fit(seen, CONFIG, seed=7)
    assert model is not None and model.left_out[:3] == ("corr_qqq", "corr_tlt", "corr_gld")
    seen = observe(whole, STOCKS, 0, 40)
    seen.x[seen.sessions < 7, CORRELATION] = np.nan
    model = fit(seen, CONFIG, seed=7)
    assert model is not None and model.left_out == ("vix", "vix_term")


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
