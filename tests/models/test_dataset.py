import numpy as np
import pytest

from daytrader_ray.domain.trading import WINDOW_ROWS
from daytrader_ray.models.dataset import Dataset, LiveWindows, spread_draw, symbol_windows, valid_rows
from tests.models.samples import samples


def rows_with_gaps() -> np.ndarray:
    values = np.random.default_rng(3).standard_normal((200, 4)).astype(np.float32)
    values[:20] = np.nan
    values[70, 2] = np.nan
    values[120:125, 0] = np.nan
    return values


def test_a_window_is_the_last_30_valid_rows_up_to_a_valid_row():
    values = rows_with_gaps()
    valid = valid_rows(values)
    rows, windows = symbol_windows(values, valid)
    assert windows.shape == (valid.sum() - WINDOW_ROWS + 1, WINDOW_ROWS, 4)
    for row, window in zip(rows, windows, strict=True):
        expected = [r for r in range(row + 1) if valid[r]][-WINDOW_ROWS:]
        assert expected[-1] == row
        assert np.array_equal(window, values[expected])


def test_live_windows_are_the_same_windows():
    values = rows_with_gaps()
    rows, windows = symbol_windows(values, valid_rows(values))
    live = LiveWindows(2, 4)
    ended = []
    for row in range(len(values)):
        full = live.step(np.stack([values[row], np.full(4, np.nan, dtype=np.float32)]))
        assert not full[1]
        if full[0]:
            assert np.array_equal(live.windows[0], windows[len(ended)])
            ended.append(row)
    assert ended == rows.tolist()


def test_too_few_valid_rows_give_no_window():
    rows, windows = symbol_windows(np.zeros((29, 3), dtype=np.float32), np.ones(29, dtype=np.bool_))
    assert rows.size == 0
    assert windows.shape == (0, WINDOW_ROWS, 3)


def test_thinning_keeps_an_even_seeded_share():
    dataset, _ = samples(1000, 1)
    thin = dataset.thinned(100, seed=5)
    assert len(thin) == 100
    assert np.array_equal(thin.windows, dataset.thinned(100, seed=5).windows)
    assert dataset.thinned(5000, seed=5) is dataset


@pytest.mark.parametrize(("n", "cap"), [(76 * 400, 400), (76 * 400, 4000), (78 * 100, 5200), (76 * 100, 7599)])
def test_a_draw_has_the_same_share_of_every_stretch_and_of_every_time_of_day(n, cap):
    slots = 78 if n % 78 == 0 else 76
    at = np.array([spread_draw(n, cap, np.random.default_rng([seed, 1])) for seed in range(50)])
    assert (np.diff(at) > 0).all() and at.min() >= 0 and at.max() < n
    of_slot = np.bincount(at.ravel() % slots) / (50 * cap / slots)
    assert of_slot == pytest.approx(np.ones(slots), abs=6 * np.sqrt(slots / (50 * cap)) + 0.05)
    for one in at:
        assert np.bincount(one * 10 // n) == pytest.approx(np.full(10, cap / 10), abs=6)


def test_balanced_weights_give_every_class_the_same_total():
    dataset, _ = samples(500, 2)
    weights = dataset.balanced_weights()
    totals = [weights[dataset.labels == label].sum() for label in (-1, 0, 1)]
    assert np.allclose(totals, 500 / 3)
    joined = Dataset.joined([dataset, dataset])
    assert len(joined) == 1000
