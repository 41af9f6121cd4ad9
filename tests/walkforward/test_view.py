import json
from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.panel import Frames
from daytrader_ray.features.selection import SelectionConfig
from daytrader_ray.models.labels import NO_LABEL
from daytrader_ray.models.scaling import View
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.fit import samples
from daytrader_ray.walkforward.view import rows_of, view_of
from daytrader_ray.walkforward.windows import Window, WindowSpec, windows
from tests.walkforward.markets import N_SLOTS, market, planted

CONFIG = SearchConfig()


@pytest.fixture(scope="module")
def frames() -> Frames:
    return planted(n_sessions=10)


def first_window(frames: Frames) -> Window:
    return windows(frames.panel.grid, WindowSpec.parse("8s", "2s", "2s"))[0]


def with_feature(frames: Frames, name: str, values: np.ndarray) -> Frames:
    features = frames.features
    joined = np.concatenate([features.values, values[:, :, None].astype(np.float32)], axis=2)
    return replace(frames, features=replace(features, names=(*features.names, name), values=joined))


class Watched:
    """A matrix as it may lie on disk: two accesses and no more, each written down."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.shape = values, values.shape
        self.read: list[int] = []

    def __getitem__(self, key: tuple[slice, int]) -> np.ndarray:
        rows, column = key
        assert isinstance(rows, slice) and type(column) is int
        self.read.append(column)
        return self.values[rows, column]


def test_the_matrix_is_read_symbol_by_symbol_each_once(frames: Frames) -> None:
    window, matrix = first_window(frames), Watched(frames.features.values)
    watched = market(replace(frames, features=replace(frames.features, values=matrix)))
    view = view_of(watched, window, CONFIG)
    assert matrix.read == [0, 1, 2, 3]
    assert view.as_dict() == view_of(market(frames), window, CONFIG).as_dict()


def test_what_cannot_warm_up_is_dropped_and_not_its_rows(frames: Frames) -> None:
    window = first_window(frames)
    young = np.random.default_rng(1).standard_normal(frames.panel.close.shape)
    young[: 4 * N_SLOTS] = np.nan
    here = market(with_feature(frames, "plant.young", young))
    view, without = view_of(here, window, CONFIG), view_of(market(frames), window, CONFIG)
    assert view.selection.features == without.selection.features == frames.features.names
    assert "unknown in" in view.selection.choices[2].dropped
    parts = [samples(m, v, window.learned, window.train, CONFIG) for m, v in ((here, view), (market(frames), without))]
    np.testing.assert_array_equal(parts[0].windows, parts[1].windows)


def test_the_plant_tells_more_than_noise_and_the_best_are_kept(frames: Frames) -> None:
    window, one = first_window(frames), SearchConfig(selection=SelectionConfig(top=1))
    view = view_of(market(frames), window, one)
    assert view.selection.features == ("plant.drift",)
    told = [choice.mutual_information for choice in view.selection.choices]
    assert told[0] > 10 * abs(told[1])
    assert view.scaler.mean.shape == (1,)


def test_the_evidence_is_the_samples_of_the_block(frames: Frames) -> None:
    window, here = first_window(frames), market(frames)
    evidence = rows_of(here, window.learned, CONFIG)
    rows = here.rows(window.fit)
    labelled = here.labels.label[rows] != NO_LABEL
    labelled &= (np.arange(len(labelled)) % N_SLOTS % 5 == 4)[:, None]
    at, column = np.nonzero(labelled)
    order = np.lexsort((at, column))
    at, column = at[order] + rows.start, column[order]
    np.testing.assert_array_equal(evidence.rows.values, frames.features.values[at, column])
    np.testing.assert_array_equal(evidence.rows.classes, here.labels.label[at, column] + 1)
    np.testing.assert_array_equal(evidence.rows.weights, here.labels.weight[at, column])
    np.testing.assert_array_equal(evidence.symbols, column)
    np.testing.assert_array_equal(evidence.sessions, at // N_SLOTS)


def test_the_evidence_is_thinned_evenly_to_the_cap(frames: Frames) -> None:
    evidence = rows_of(market(frames), first_window(frames).learned, SearchConfig(max_samples=100))
    assert len(evidence.sessions) == 100
    assert np.bincount(evidence.symbols) == pytest.approx(np.full(4, 25), abs=5)


def test_a_view_comes_back_from_json_to_the_bit(frames: Frames) -> None:
    view = view_of(market(frames), first_window(frames), CONFIG)
    again = View.from_dict(json.loads(json.dumps(view.as_dict())))
    assert again.selection == view.selection
    assert again.scaler.mean.tobytes() == view.scaler.mean.tobytes()
    assert again.scaler.std.tobytes() == view.scaler.std.tobytes()
