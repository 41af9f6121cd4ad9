from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata, spearmanr

from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.models.labels import NO_LABEL
from daytrader_ray.models.weights.config import EnsembleConfig
from daytrader_ray.models.weights.mean_reversion import expected_skill
from daytrader_ray.models.weights.rank import rank_ics
from daytrader_ray.models.weights.registry import SCHEMES
from daytrader_ray.models.weights.surface import Evidence, Scored
from tests.models.evidence import MASKS, evidence, inside

NAN = float("nan")
NAMES = tuple(SCHEMES)
SYMMETRIC = tuple(name for name in NAMES if name != "bayesian")
"""TPE draws member by member, so that other members mean other draws."""

seeds = st.integers(0, 2**31 - 1)
masks = st.integers(1, 31)


def weigh(name, given, members, seed=3):
    return SCHEMES[name](given, members, seed)


def members_moved(given, order):
    """The same evidence with its members in another order."""
    moved = [replace(block, scores=block.scores[:, :, order]) for block in (given.a, given.b)]
    return Evidence(*moved, given.fit, given.skills[:, order], given.bar_minutes)


@pytest.mark.parametrize("name", NAMES)
def test_weights_lie_on_the_simplex_of_each_of_the_32_ensembles(name):
    given = evidence()
    for mask in MASKS:
        members = inside(mask)
        table = weigh(name, given, members).table
        assert table.shape == (4, 5)
        assert (table >= 0).all()
        assert not table[:, ~members].any()
        assert table.sum(axis=1) == pytest.approx(np.full(4, float(mask > 0)))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None)
@given(seed=seeds, mask=masks)
def test_the_same_evidence_gives_the_same_bits(name, seed, mask):
    first, again = (weigh(name, evidence(seed, n_sessions=2), inside(mask)) for _ in range(2))
    assert first.table.tobytes() == again.table.tobytes()
    assert (first.online is None) == (again.online is None)
    if first.online is not None:
        assert first.online.loss.tobytes() == again.online.loss.tobytes()


@pytest.mark.parametrize("name", SYMMETRIC)
@settings(max_examples=8, deadline=None)
@given(seed=seeds, mask=masks, order=st.permutations(range(5)))
def test_members_in_another_order_get_the_same_weights(name, seed, mask, order):
    given, order = evidence(seed, n_sessions=2), np.array(order)
    moved = weigh(name, members_moved(given, order), inside(mask)[order]).table
    assert moved == pytest.approx(weigh(name, given, inside(mask)).table[:, order], abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=8, deadline=None)
@given(seed=seeds, mask=masks, silent=st.integers(0, 31))
def test_members_that_never_scored_do_no_harm(name, seed, mask, silent):
    given, members = evidence(seed, n_sessions=2), inside(mask)
    for block in (given.a, given.b):
        block.scores[:, :, inside(silent)] = NAN
    given.skills[:, inside(silent)] = NAN
    table = weigh(name, given, members).table
    assert np.isfinite(table).all()
    assert table.sum(axis=1) == pytest.approx(np.ones(4))
    if not (members & inside(silent)).any():
        told = weigh(name, evidence(seed, n_sessions=2), members).table
        assert np.array_equal(table, told), "what is known of members outside the ensemble must not matter"


@pytest.mark.parametrize("name", NAMES)
def test_a_block_without_anything_known_gives_equal_weights(name):
    given = evidence(missing=1.0)
    given.skills[:] = NAN
    assert weigh(name, given, inside(0b10110)).table == pytest.approx(np.tile([0, 1 / 3, 1 / 3, 0, 1 / 3], (4, 1)))
    nothing = [Scored(*(getattr(block, f.name)[:0] for f in fields(Scored))) for block in (given.a, given.b)]
    empty = Evidence(*nothing, None, given.skills[:0], 1)
    assert weigh(name, empty, inside(0b00011)).table == pytest.approx(np.tile([0.5, 0.5, 0, 0, 0], (4, 1)))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("equal", "mean_reversion")])
def test_the_member_that_knows_weighs_more_than_the_one_that_errs(name):
    given = evidence(n_sessions=12, skills=(-0.3, 0.0, 0.0, 0.0, 0.4))
    table = weigh(name, given, inside(0b11111)).table
    assert (table[:, 4] > table[:, 0]).all()
    assert (table.argmax(axis=1) == 4).all()


def test_skill_is_scipys_rank_correlation_and_half_of_the_weight():
    b = evidence().b
    for member in range(5):
        known = np.isfinite(b.scores[:, :, member]) & np.isfinite(b.forward)
        expected = spearmanr(b.scores[:, :, member][known], b.forward[known]).statistic
        assert b.skill[member] == pytest.approx(expected)
    earned = np.maximum(b.skill, 0) * inside(0b10111)
    expected = 0.5 * earned / earned.sum() + 0.5 * inside(0b10111) / 4
    assert weigh("skill", evidence(), inside(0b10111)).table[0] == pytest.approx(expected)


def test_ties_share_a_rank_and_a_score_without_variation_has_no_skill():
    generator = np.random.default_rng(3)
    scores = np.stack([generator.integers(-2, 3, 500) / 8, np.full(500, 0.25)], axis=1)
    forward = generator.integers(-3, 4, 500) / 100
    expected = np.corrcoef(rankdata(scores[:, 0]), rankdata(forward))[0, 1]
    assert rank_ics(scores, forward) == pytest.approx([expected, 0.0])
    assert not rank_ics(scores[:2], forward[:2]).any()


def test_earnings_are_the_mean_of_score_times_return_by_session():
    b = evidence(n_sessions=3).b
    b.forward[b.session == 1] = NAN
    products = np.nan_to_num(b.scores) * b.forward[:, :, None]
    expected = [np.nanmean(products[b.session == s], axis=(0, 1)) for s in (0, 2)]
    assert b.earnings == pytest.approx(np.array(expected))


def test_bayesian_weights_are_shrunk_to_equal_by_the_sessions_there_are():
    given = evidence(n_sessions=12, skills=(-0.3, 0.0, 0.0, 0.0, 0.4))
    weights = weigh("bayesian", given, inside(0b11111)).table[0]
    share, equal = 12 / (12 + 60), 1 / 5
    searched = (weights - (1 - share) * equal) / share
    assert (searched > -1e-12).all()
    earned = given.b.earnings
    ratio = [(earned @ w).mean() / (earned @ w).std() for w in (searched, np.full(5, equal))]
    assert ratio[0] > ratio[1]


def test_expected_skill_returns_to_its_mean_as_fast_as_it_did():
    generator = np.random.default_rng(2)
    skills = np.zeros((2000, 2))
    for t in range(1, 2000):
        skills[t] = np.array([0.7, 0.0]) * skills[t - 1] + generator.normal(0, 0.03, 2)
    skills += 0.05
    expected = expected_skill(skills)
    assert expected[0] == pytest.approx(0.05 + 0.7 * (skills[-1, 0] - 0.05), abs=0.01)
    assert expected[1] == pytest.approx(0.05, abs=0.01)
    assert expected_skill(np.full((20, 1), 0.03)) == pytest.approx([0.03])


def test_mean_reversion_waits_for_twelve_steps_that_all_its_members_know():
    given, members = evidence(n_steps=12), inside(0b00111)
    weights = weigh("mean_reversion", given, members).table[0]
    deviation = np.sqrt(given.skills[:, :3].var(axis=0).mean())
    odds = np.exp(expected_skill(given.skills[:, :3]) / deviation)
    assert weights[:3] == pytest.approx(odds / odds.sum())
    given.skills[4, 1] = NAN
    assert weigh("mean_reversion", given, members).table[0] == pytest.approx(members / 3)
    assert weigh("mean_reversion", given, inside(0b11101)).table[0] != pytest.approx(inside(0b11101) / 4)


def test_a_scheme_that_has_too_little_to_learn_from_says_so():
    given, members = evidence(n_steps=12, n_sessions=2), inside(0b00111)
    assert not any(weigh(name, given, members).note for name in NAMES)
    given.skills[:8, 1] = NAN
    assert weigh("mean_reversion", given, members).note == "equal: 4 of 12 steps known"
    given.skills[:] = 0.0
    assert weigh("mean_reversion", given, members).note == "equal: no member's skill ever varied"
    assert weigh("bayesian", evidence(n_sessions=1), members).note == "equal: 1 of 2 sessions known"
    unlabelled = replace(given.a, label=np.full_like(given.a.label, NO_LABEL))
    assert weigh("stacking", replace(given, a=unlabelled), members).note == "equal: no scores with labels to learn from"
    blind = replace(given.b, regime=np.full_like(given.b.regime, -1))
    assert weigh("regime", replace(given, b=blind), members).note == "the same in every regime: none is known on B"


def test_weights_by_regime_are_shrunk_to_the_pooled_ones_by_samples():
    given, members = evidence(n_sessions=8), inside(0b11110)
    b = given.b
    table, pooled = weigh("regime", given, members).table, weigh("skill", given, members).table[0]
    crisis = b.regime == 2
    alone = weigh("skill", replace(given, b=replace(b, forward=np.where(crisis[:, None], b.forward, NAN))), members)
    n = np.isfinite(b.forward[crisis]).sum() / 30
    assert table[3] == pytest.approx(n / (n + 2000) * alone.table[0] + 2000 / (n + 2000) * pooled)
    known = replace(given, b=replace(b, regime=np.full_like(b.regime, -1)))
    assert weigh("regime", known, members).table == pytest.approx(np.tile(pooled, (4, 1)))


def test_hedge_weights_are_where_its_state_left_them():
    given, members = evidence(n_sessions=6), inside(0b01101)
    found = weigh("hedge", given, members)
    assert found.online.rounds == 6 * 2
    odds = np.exp(-np.sqrt(8 * np.log(3) / 13) * found.online.loss) * members
    assert found.table == pytest.approx(np.tile(odds / odds.sum(), (4, 1)))
    assert found.online.scale == pytest.approx(np.nanquantile(np.abs(given.b.scores), 0.99, axis=(0, 1)))


def test_stacking_finds_the_coefficients_of_a_logistic_market():
    generator = np.random.default_rng(8)
    given = evidence(n_sessions=12, n_slots=390, missing=0.0)
    truth = np.array([0.0, 5.0, 10.0, 0.0, 20.0])
    up = generator.random(given.a.label.shape) < 1 / (1 + np.exp(-given.a.scores @ truth))
    told = replace(given.a, label=np.where(up, 1, -1).astype(np.int8), weight=np.ones(up.shape))
    n = up.size / 30
    expected = n / (n + 2000) * truth / truth.sum() + 2000 / (n + 2000) / 5
    assert weigh("stacking", replace(given, a=told), inside(31)).table[0] == pytest.approx(expected, abs=0.02)


def test_stacking_learns_from_out_of_fold_scores_too():
    given = evidence(n_sessions=6, out_of_fold=True)
    members = inside(0b11111)
    assert not np.allclose(
        weigh("stacking", given, members).table, weigh("stacking", replace(given, fit=None), members).table
    )


def test_stacking_on_labels_of_one_sign_stays_finite_and_takes_no_side():
    given = evidence()
    rising = replace(given.a, label=np.where(given.a.label == 99, 99, 1).astype(np.int8), scores=given.a.scores - 1.0)
    table = weigh("stacking", replace(given, a=rising), inside(0b11111)).table
    assert table == pytest.approx(np.full((4, 5), 0.2))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "equal"])
def test_a_member_without_skill_gets_less_than_an_equal_share(name):
    given = evidence(n_sessions=12, skills=(0.15, 0.15, 0.0, 0.15, 0.15))
    given.skills[:] += 0.05 * np.array([1, 1, 0, 1, 1]) - 0.02
    table = weigh(name, given, inside(0b11111)).table
    assert (table[:, 2] < 0.2).all()


def test_an_unknown_scheme_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigError, match=r"scheme: .*expected one of equal, skill, .*, best, found 'worst'"):
        EnsembleConfig.parse({"scheme": "worst"}, "search.ensemble")


@pytest.mark.parametrize("values", [{"stacking_folds": 5}, {"scheme": "stacking", "stacking_folds": 1}])
def test_folds_that_no_scheme_can_use_are_refused(values):
    with pytest.raises(ConfigError, match="stacking_folds"):
        EnsembleConfig.parse(values, "search.ensemble")
    assert EnsembleConfig.parse({"scheme": "stacking", "stacking_folds": 5}, "").stacking_folds == 5
