import numpy as np
import pytest

from daytrader_ray.models.online import Online, bars_of_round, hedge_step, learnt, new_hedge, regret, run_rounds

EVERY = 30
NAN = float("nan")
ALL = np.ones(3, dtype=np.bool_)


def bars(n_sessions, n_symbols=2, n_members=3, n_slots=390, seed=1):
    """Random scores and returns: slot, scores, return_30, sigma_30."""
    generator = np.random.default_rng(seed)
    n_rows = n_sessions * n_slots
    scores = generator.normal(0, 0.05, (n_rows, n_symbols, n_members))
    return_30 = generator.normal(0, 0.003, (n_rows, n_symbols))
    sigma_30 = np.full((n_rows, n_symbols), 0.003)
    return np.tile(np.arange(n_slots), n_sessions), scores, return_30, sigma_30


def run(online, inside, given, every=EVERY):
    hedge = new_hedge(online, inside, given[2].shape[1])
    run_rounds(hedge, every, *given)
    return hedge


def test_weights_start_equal_over_the_members_of_the_ensemble():
    hedge = new_hedge(Online.untaught(np.ones(3)), np.array([True, False, True]), 1)
    assert hedge.weights.tolist() == [0.5, 0.0, 0.5]
    assert not new_hedge(Online.untaught(np.ones(3)), np.zeros(3, dtype=np.bool_), 1).weights.any()


def test_one_round_adds_the_documented_losses_and_moves_the_weights():
    hedge = new_hedge(Online.untaught(np.array([0.1, 0.1, 0.2])), ALL, 2)
    start = np.array([[0.05, -0.05, 0.4], [0.1, NAN, NAN]])
    sigma, later = np.array([0.01, 0.01]), np.array([0.01, -0.08])
    for slot in range(29):
        hedge_step(hedge, EVERY, slot, np.full((2, 3), NAN), later, sigma)
    hedge_step(hedge, EVERY, 29, start, np.full(2, NAN), sigma)
    for slot in range(30, 59):
        hedge_step(hedge, EVERY, slot, start, later, sigma)
    assert hedge.weights.tolist() == pytest.approx([1 / 3] * 3)
    hedge_step(hedge, EVERY, 59, start, later, sigma)
    y = np.array([0.5, -1.0])
    s = np.array([[0.5, -0.5, 1.0], [1.0, 1.0, 1.0]])  # in the second row the two that sleep get the ensemble's score
    loss = ((1 - s * y[:, None]) / 2).mean(axis=0)
    own = ((1 - np.array([1 / 3, 1.0]) * y) / 2).mean()
    state = learnt(hedge)
    assert state.rounds == 1
    assert state.loss == pytest.approx(loss)
    assert state.own_loss == pytest.approx(own) == pytest.approx(loss.mean())
    eta = np.sqrt(8 * np.log(3) / 2)
    assert hedge.weights == pytest.approx(np.exp(-eta * loss) / np.exp(-eta * loss).sum())


def test_a_round_is_closed_in_its_own_session_only():
    given = bars(2, n_slots=59)
    assert learnt(run(Online.untaught(np.ones(3)), ALL, given)).rounds == 0
    assert learnt(run(Online.untaught(np.ones(3)), ALL, bars(2, n_slots=60))).rounds == 2
    assert learnt(run(Online.untaught(np.ones(3)), ALL, bars(2))).rounds == 24
    assert learnt(run(Online.untaught(np.ones(3)), ALL, bars(2, n_slots=78), bars_of_round(5))).rounds == 24
    assert learnt(run(Online.untaught(np.ones(3)), ALL, bars(2, n_slots=7), bars_of_round(60))).rounds == 12


def test_the_bars_between_the_ends_of_rounds_teach_nothing():
    slots, *rest = bars(3)
    ends = (slots + 1) % EVERY == 0
    whole = run(Online.untaught(np.full(3, 0.1)), ALL, (slots, *rest))
    sparse = run(Online.untaught(np.full(3, 0.1)), ALL, (slots[ends], *(values[ends] for values in rest)))
    assert np.array_equal(whole.weights, sparse.weights)
    assert learnt(whole).own_loss == learnt(sparse).own_loss


def test_a_restart_from_plain_values_goes_on_with_the_same_bits():
    slots, *rest = bars(4)
    first, second = slice(0, 780), slice(780, None)
    whole = run(Online.untaught(np.full(3, 0.1)), ALL, (slots, *rest))
    half = run(Online.untaught(np.full(3, 0.1)), ALL, (slots[first], *(values[first] for values in rest)))
    resumed = run(learnt(half), ALL, (slots[second], *(values[second] for values in rest)))
    assert np.array_equal(whole.weights, resumed.weights)
    assert learnt(resumed).rounds == learnt(whole).rounds == 48
    assert np.array_equal(learnt(whole).loss, learnt(resumed).loss)


def test_a_round_whose_start_was_missed_or_unscored_teaches_nothing():
    slots, scores, return_30, sigma_30 = bars(1)
    missed = np.delete(np.arange(390), 59)
    given = (slots[missed], scores[missed], return_30[missed], sigma_30[missed])
    assert learnt(run(Online.untaught(np.ones(3)), ALL, given)).rounds == 10
    scores[59] = NAN
    sigma_30[89] = NAN
    return_30[209] = NAN
    assert learnt(run(Online.untaught(np.ones(3)), ALL, (slots, scores, return_30, sigma_30))).rounds == 9


def test_a_member_without_scores_or_scale_keeps_its_place():
    slots, scores, return_30, sigma_30 = bars(20)
    scores[:, :, 1] = NAN
    hedge = run(Online.untaught(np.full(3, 0.1)), ALL, (slots, scores, return_30, sigma_30))
    assert learnt(hedge).loss[1] == pytest.approx(learnt(hedge).own_loss)
    unscaled = run(Online.untaught(np.array([0.1, NAN, 0.1])), ALL, bars(20))
    assert np.array_equal(unscaled.weights, hedge.weights)


def stochastic(n_rounds):
    """Five members of unequal skill, a year of returns."""
    generator = np.random.default_rng(11)
    y = generator.normal(0, 1, (n_rounds, 3))
    skill = np.array([0.0, 0.02, 0.05, -0.03, 0.1])
    return y, skill * y[:, :, None] + generator.normal(0, 1, (n_rounds, 3, 5))


def adversarial(n_rounds):
    """Members that are right by turns: whoever leads is wrong next, the worst case of following the leader."""
    y = np.ones((n_rounds, 3))
    right = np.zeros(5)
    scores = np.empty((n_rounds, 3, 5))
    for t in range(n_rounds):
        leader = int(np.argmax(right))
        scores[t] = np.where(np.arange(5) == leader, -1.0, 1.0 if t % 2 else -1.0)
        right += scores[t, 0]
    return y, scores


@pytest.mark.parametrize("market", [stochastic, adversarial])
@pytest.mark.parametrize("mask", [0b11111, 0b00110, 0b10000])
def test_a_years_regret_to_the_best_member_stays_under_the_bound(market, mask):
    n_sessions, per_session = 252, 12
    y, scores_at_start = market(n_sessions * per_session)
    slots = np.tile(np.arange(390), n_sessions)
    scores = np.full((len(slots), 3, 5), NAN)
    return_30 = np.full((len(slots), 3), NAN)
    starts = np.flatnonzero((slots + 1) % EVERY == 0).reshape(n_sessions, 13)
    scores[starts[:, :-1].ravel()] = scores_at_start
    return_30[starts[:, 1:].ravel()] = 0.006 * y
    inside = np.array([bool(mask >> k & 1) for k in range(5)])
    sigma_30 = np.full(return_30.shape, 0.003)
    hedge = run(Online.untaught(np.ones(5)), inside, (slots, scores, return_30, sigma_30))
    measured, bound = regret(learnt(hedge), inside)
    assert learnt(hedge).rounds == 3024
    assert measured <= bound
    assert bound == pytest.approx(2 * np.sqrt(3024 * np.log(inside.sum()) / 2) + np.sqrt(np.log(inside.sum()) / 8))
    if market is stochastic and mask == 0b11111:
        assert hedge.weights.argmax() == 4
