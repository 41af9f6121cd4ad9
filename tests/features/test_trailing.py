"""Extras over trailing windows: batch equals live, whole equals parts, and nothing but the window is seen."""

import numpy as np
import pytest

from daytrader_ray.features.bar import Bars
from daytrader_ray.features.compute import bars_of, compute
from daytrader_ray.features.extras import parse
from daytrader_ray.features.live import LiveFeatures
from daytrader_ray.features.step import NAMES
from daytrader_ray.features.trailing import initial_tails, run_extras, step_extras

OWN = """
import numpy as np

LOOKBACK = {"noise": 50}


def noise(bars, n):
    spread = np.log(bars.high / bars.low)
    return np.convolve(spread, np.ones(n))[: len(spread)] + np.nanmean(bars.vwap) + bars.volume.sum() + bars.minute[0]


def huge(bars):
    return bars.close * 1e300


def infinite(bars):
    with np.errstate(divide="ignore"):
        return 1.0 / (bars.close - bars.close)
"""


@pytest.fixture(scope="module")
def extras(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "my_features.py"
    path.write_text(OWN)
    texts = ("CCI(20)", "RSI(5)", "OBV", f"{path}:noise(5)", f"{path}:huge", f"{path}:infinite", "MAXINDEX(9)")
    return tuple(parse(text) for text in texts)


@pytest.fixture(scope="module")
def split(panel_maker):
    panel = panel_maker(n_sessions=4)
    panel.price_factor[2:, 0], panel.share_factor[2:, 0] = 2.0, 2.0
    return panel


def columns(panel):
    return [bars_of(panel, np.full(panel.close.shape, np.nan), column) for column in range(len(panel.symbols))]


def rows(bars, part):
    return Bars(*(field[part] for field in bars))


def batch(extras, panel):
    tails, minutes = initial_tails(extras, len(panel.symbols)), panel.grid.minute_of_row
    found = [run_extras(extras, bars, minutes, tail) for bars, tail in zip(columns(panel), tails, strict=True)]
    return np.stack(found, axis=1), tails


def same(one, other):
    assert one.dtype == other.dtype
    assert one.tobytes() == other.tobytes()


def test_minute_by_minute_gives_the_bits_of_the_whole_history(extras, split):
    values, tails = batch(extras, split)
    live = initial_tails(extras, len(split.symbols))
    by_symbol = columns(split)
    for row, minute in enumerate(split.grid.minute_of_row.tolist()):
        bars = Bars(*(np.array([field[row] for field in fields]) for fields in zip(*by_symbol, strict=True)))
        same(step_extras(extras, bars, minute, live), values[row])
    same(live, tails)


@pytest.mark.parametrize("cut", [1, 19, 390, 391, 700, 1000])
def test_a_history_in_two_parts_gives_the_bits_of_one(extras, split, cut):
    values, tails = batch(extras, split)
    minutes = split.grid.minute_of_row
    for column, bars in enumerate(columns(split)):
        tail = initial_tails(extras, 1)[0]
        first = run_extras(extras, rows(bars, slice(cut)), minutes[:cut], tail)
        second = run_extras(extras, rows(bars, slice(cut, None)), minutes[cut:], tail)
        same(np.concatenate([first, second]), values[:, column])
        same(tail, tails[column])


def test_rows_without_a_bar_or_a_full_window_are_nan_and_all_others_have_a_value(extras, split):
    values, _ = batch(extras, split)
    for column in range(len(split.symbols)):
        there = np.isfinite(split.close[:, column])
        bars = np.cumsum(there)
        for k, extra in enumerate(extras[:4]):
            due = there & (bars >= extra.feature.warm_up)
            np.testing.assert_array_equal(np.isfinite(values[:, column, k]), due)


def test_a_value_depends_on_the_bars_of_its_window_alone(extras, split):
    values, _ = batch(extras, split)
    bars, minutes, row = columns(split)[2], split.grid.minute_of_row, 900
    for k, extra in enumerate(extras):
        window = slice(row + 1 - extra.window, row + 1)
        alone = run_extras([extra], rows(bars, window), minutes[window], initial_tails([extra], 1)[0])
        same(alone[-1:], values[row : row + 1, 2, k : k + 1])


def test_what_is_not_finite_is_nan(extras, split):
    values, _ = batch(extras, split)
    assert np.isnan(values[..., 4]).all()
    assert np.isnan(values[..., 5]).all()


def test_a_split_does_not_change_what_a_function_sees(extras, split, panel_maker):
    plain = panel_maker(n_sessions=4)
    halved = panel_maker(n_sessions=4)
    rows_after = slice(int(halved.grid.first_row[2]), None)
    for prices in (halved.open, halved.high, halved.low, halved.close, halved.vwap):
        prices[rows_after, 0] /= 2.0
    halved.volume[rows_after, 0] *= 2.0
    halved.price_factor[2:, 0], halved.share_factor[2:, 0] = 2.0, 2.0
    same(batch(extras, halved)[0], batch(extras, plain)[0])


def test_without_extras_there_is_no_column_and_no_memory(split):
    values, tails = batch((), split)
    assert values.shape == (split.grid.n_rows, len(split.symbols), 0)
    assert tails.size == 0
    bars = Bars(*(np.array([field[0] for field in fields]) for fields in zip(*columns(split), strict=True)))
    assert step_extras((), bars, 0, tails).shape == (len(split.symbols), 0)


def test_the_matrix_ends_with_the_extras_for_history_and_live_alike(extras, split, expected_volume):
    expected = expected_volume[: split.grid.n_rows]
    whole = compute(split, expected, extras=extras)
    assert whole.names == (*NAMES, *(extra.feature.name for extra in extras))
    same(np.ascontiguousarray(whole.values[:, :, len(NAMES) :]), batch(extras, split)[0])
    same(np.ascontiguousarray(whole.values[:, :, : len(NAMES)]), compute(split, expected).values)
    live = LiveFeatures(split.symbols, extras=extras)
    begun = int(split.grid.first_row[2])
    same(live.warm(split.part(0, 2), expected[:begun]), whole.values[:begun])
    again = LiveFeatures(split.symbols, live.state, extras=extras, tails=live.tails)
    by_symbol = columns(split)
    for row in range(begun, begun + 100):
        session, slot = split.grid.sessions[split.grid.session_of_row[row]], int(split.grid.slot_of_row[row])
        bars = Bars(*(np.array([field[row] for field in fields]) for fields in zip(*by_symbol, strict=True)))
        bars = bars._replace(expected_volume=expected[row])
        same(again.step(session, slot, bars)[0], whole.values[row])
