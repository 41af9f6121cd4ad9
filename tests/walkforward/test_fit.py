from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.panel import Frames
from daytrader_ray.models.labels import NO_LABEL
from daytrader_ray.walkforward import fit
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.fit import Market, drawn, fit_and_score, out_of_fold, samples, score
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import Window, WindowSpec, folds_of, windows
from tests.walkforward.markets import N_SLOTS, LastRow, market, planted

CONFIG = SearchConfig()


@pytest.fixture(scope="module")
def frames() -> Frames:
    return planted(n_sessions=10)


def window(frames: Frames, index: int = 0) -> Window:
    return windows(frames.panel.grid, WindowSpec.parse("6s", "2s", "2s"))[index]


def changed_from(frames: Frames, row: int) -> Frames:
    values = frames.features.values.copy()
    values[row:] = np.random.default_rng(0).normal(size=values[row:].shape)
    panel = frames.panel
    prices = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for price in prices.values():
        price[row:] *= 1.1
    features = replace(frames.features, values=values)
    return replace(frames, features=features, panel=replace(panel, **prices))


def test_the_view_and_the_samples_know_nothing_after_their_block(frames: Frames) -> None:
    first, here = window(frames), market(frames)
    end = here.rows(first.fit).stop
    other = market(changed_from(frames, end))
    before, after = view_of(here, first, CONFIG), view_of(other, first, CONFIG)
    np.testing.assert_array_equal(before.features, after.features)
    np.testing.assert_array_equal(before.scaler.mean, after.scaler.mean)
    one = samples(here, before, first.learned, first.train, CONFIG)
    two = samples(other, after, first.learned, first.train, CONFIG)
    np.testing.assert_array_equal(one.windows, two.windows)
    np.testing.assert_array_equal(one.labels, two.labels)
    np.testing.assert_array_equal(one.weights, two.weights)


def test_samples_are_labelled_rows_on_the_grid_and_no_more_than_the_cap(frames: Frames) -> None:
    first, here = window(frames), market(frames)
    view = view_of(here, first, CONFIG)
    everything = samples(here, view, first.learned, first.train, CONFIG)
    assert NO_LABEL not in everything.labels
    assert everything.windows.shape[1:] == (30, 2)
    possible = here.labels.label[here.rows(first.fit)] != NO_LABEL
    on_grid = np.arange(len(possible)) % N_SLOTS % 5 == 4
    full_windows = np.arange(len(possible)) >= 29
    assert len(everything) == (possible & on_grid[:, None] & full_windows[:, None]).sum()
    few = samples(here, view, first.learned, first.train, SearchConfig(max_samples=100))
    assert len(few) == 100


@pytest.mark.parametrize("place", [0, 1])
def test_samples_are_drawn_at_every_time_of_day_of_every_symbol(place: int) -> None:
    n_sessions, n_slots = 100, 76
    rows = np.arange(n_sessions * n_slots)
    for part in drawn([rows] * 100, 10_000, 0, place):
        assert len(np.unique(part % n_slots)) > 40
        assert len(np.unique(part // n_slots)) > 50
    each = np.concatenate(drawn([rows] * 100, 10_000, 0, place)) % n_slots
    assert np.bincount(each, minlength=n_slots) == pytest.approx(np.full(n_slots, 10_000 / n_slots), rel=0.5)


def test_a_label_that_reaches_the_next_block_is_purged(frames: Frames) -> None:
    first, here = window(frames), market(frames)
    view = view_of(here, first, CONFIG)
    stop = here.rows(first.fit).stop
    spans = np.where(here.labels.label != NO_LABEL, stop, here.labels.span_end)
    leaking = Market(frames, replace(here.labels, span_end=spans), here.columns)
    assert len(samples(leaking, view, first.learned, first.train, CONFIG)) == 0


def test_scores_are_missing_exactly_where_a_window_is_incomplete(frames: Frames) -> None:
    values = frames.features.values.copy()
    first = window(frames)
    start = market(frames).rows((first.a[0], first.test[1])).start
    values[start + 7, 2, 0] = np.nan
    here = market(replace(frames, features=replace(frames.features, values=values)))
    got = score(here, view_of(here, first, CONFIG), LastRow(), (first.a[0], first.test[1]), first.train[0])  # type: ignore[arg-type]
    assert got.shape == (4 * N_SLOTS, 4)
    missing = np.argwhere(~np.isfinite(got))
    assert missing.tolist() == [[7, 2]]


def test_a_fit_gives_the_same_bits_twice_and_finds_the_plant(frames: Frames) -> None:
    first, here = window(frames), market(frames)
    view = view_of(here, first, CONFIG)
    one = fit_and_score(here, [(first, view)], "xgboost", CONFIG).scores
    two = fit_and_score(here, [(first, view)], "xgboost", CONFIG).scores
    assert one.tobytes() == two.tobytes()
    drift = frames.features.values[here.rows((first.a[0], first.test[1]))][:, :, 0]
    assert np.corrcoef(one.ravel(), drift.ravel())[0, 1] > 0.5


def test_samples_of_a_fit_and_of_validation_are_cut_once_each(frames: Frames, monkeypatch: pytest.MonkeyPatch) -> None:
    first, here = window(frames), market(frames)
    sight = (first, view_of(here, first, CONFIG))
    asked: list[object] = []
    monkeypatch.setattr(fit, "samples", lambda *given: asked.append(given[2]) or samples(*given))
    fit_and_score(here, [sight], "xgboost", CONFIG.model_copy(update={"importance_samples": 16}))
    assert sorted(asked) == sorted([first.learned, (first.a,)])


def test_a_fit_says_which_feature_it_listens_to_unless_that_is_switched_off(frames: Frames) -> None:
    first, here = window(frames), market(frames)
    sights = [(first, view_of(here, first, CONFIG))]
    told = fit_and_score(here, sights, "xgboost", CONFIG).importances
    assert set(told) == {"permutation", "permutation_error", "gain"}
    assert all(told[kind]["plant.drift"] > 2 * abs(told[kind]["plant.noise"]) for kind in ("permutation", "gain"))
    assert fit_and_score(here, sights, "xgboost", SearchConfig(importance_samples=0)).importances == {}


def test_scores_out_of_fold_know_nothing_of_the_sessions_they_are_for(frames: Frames) -> None:
    first, here = windows(frames.panel.grid, WindowSpec.parse("8s", "2s", "2s"))[0], market(frames)
    fold = folds_of(first, 3)[1]
    assert (first.fit, fold.held_out, fold.learned) == ((0, 6), (2, 4), ((0, 1), (5, 6)))
    held_out = here.rows((1, 5))
    flipped = here.labels.label.copy()
    flipped[held_out] = np.where(flipped[held_out] == NO_LABEL, NO_LABEL, -flipped[held_out])
    other = replace(here, labels=replace(here.labels, label=flipped))
    one, two = (out_of_fold(m, [(fold, view_of(m, fold, CONFIG))], "xgboost", CONFIG) for m in (here, other))
    assert one.tobytes() == two.tobytes()
    scored = np.flatnonzero(np.isfinite(one).all(axis=1))
    assert (scored.min(), scored.max() + 1) == (2 * N_SLOTS, 4 * N_SLOTS)
    assert view_of(here, first, CONFIG).as_dict() != view_of(other, first, CONFIG).as_dict()


def test_with_folds_the_scores_of_the_fit_block_come_first_and_the_rest_stays(frames: Frames) -> None:
    first, here = windows(frames.panel.grid, WindowSpec.parse("8s", "2s", "2s"))[0], market(frames)
    sights = [(one, view_of(here, one, CONFIG)) for one in (first, *folds_of(first, 2))]
    plain, folded = (fit_and_score(here, part, "xgboost", CONFIG).scores for part in (sights[:1], sights))
    assert len(folded) == len(plain) + 6 * N_SLOTS
    np.testing.assert_array_equal(folded[6 * N_SLOTS :], plain)
    assert np.isfinite(folded[29 : 6 * N_SLOTS]).all() and not np.isfinite(folded[:29]).any()


def test_training_rows_without_values_are_refused_by_name(frames: Frames) -> None:
    empty = replace(frames.features, values=np.full_like(frames.features.values, np.nan))
    here = market(replace(frames, features=empty))
    with pytest.raises(DataError, match=r"window 0: none of 2 features .* labelled rows of 2025-11-03"):
        view_of(here, window(frames), CONFIG)
