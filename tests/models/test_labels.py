import datetime as dt
import math

import numpy as np
import pytest

from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.models.labels import NO_LABEL, LabelConfig, triple_barrier


def frames_of(open_, high=None, low=None, close=None, *, n_sessions=1, traded=None, atr=1.0, bar_minutes=1):
    shape = (len(open_), 1)
    sessions = tuple(
        Session(dt.date(2025, 7, 1 + i), 29_190_000 + 1440 * i, len(open_) * bar_minutes // n_sessions)
        for i in range(n_sessions)
    )
    column = [np.array(a if a is not None else open_, dtype=float).reshape(shape) for a in (open_, high, low, close)]
    traded = np.ones(shape, dtype=bool) if traded is None else np.array(traded).reshape(shape)
    panel = Panel(SessionGrid(sessions, bar_minutes), ("AAA",), *column, np.ones(shape), column[0] * np.nan, traded)
    nothing = np.full(shape, np.nan)
    features = FeatureMatrix((), np.empty((*shape, 0), np.float32), np.full(shape, atr), nothing, nothing)
    return Frames(panel, features, nothing, nothing, nothing)


def label_all(frames):
    return triple_barrier(frames, LabelConfig())


def flat_prices(n=60, price=100.0):
    return [np.full(n, price) for _ in range(4)]


def test_the_first_barrier_touched_gives_the_class_and_ends_the_span():
    open_, high, low, close = flat_prices()
    high[10] = 101.5
    low[20] = 98.5
    labels = label_all(frames_of(open_, high, low, close))
    assert labels.label[3, 0] == 1
    assert labels.span_end[3, 0] == 10
    assert labels.label[10, 0] == -1
    assert labels.span_end[10, 0] == 20
    assert labels.label[9, 0] == 1, "the entry bar itself counts"


def test_both_barriers_in_one_bar_are_class_zero_and_end_there():
    open_, high, low, close = flat_prices()
    high[10], low[10] = 102.0, 98.0
    labels = label_all(frames_of(open_, high, low, close))
    assert labels.label[3, 0] == 0
    assert labels.span_end[3, 0] == 10


def test_the_vertical_barrier_is_the_open_thirty_minutes_after_the_entry():
    open_, high, low, close = flat_prices()
    open_[34] = 100.7
    labels = label_all(frames_of(open_, high, low, close))
    assert labels.label[3, 0] == 0
    assert labels.span_end[3, 0] == 34
    assert labels.forward_return[3, 0] == math.log(100.7 / 100)


def test_the_book_is_sold_five_minutes_before_the_close():
    open_, high, low, close = flat_prices()
    open_[55] = 100.2
    labels = label_all(frames_of(open_, high, low, close))
    assert labels.span_end[40, 0] == 55
    assert labels.forward_return[40, 0] == math.log(100.2 / 100)
    assert labels.label[53, 0] == 0
    assert labels.span_end[53, 0] == 55
    assert (labels.label[54:, 0] == NO_LABEL).all()
    assert np.isnan(labels.forward_return[54:, 0]).all()


def test_no_label_leaves_its_session():
    open_ = np.round(100 + np.cumsum(np.random.default_rng(1).normal(0, 0.2, 180)), 2)
    labels = label_all(frames_of(open_, n_sessions=3))
    rows = np.flatnonzero(labels.label[:, 0] != NO_LABEL)
    assert (labels.span_end[rows, 0] // 60 == rows // 60).all()
    assert (labels.span_end[rows, 0] > rows).all()


def test_a_row_has_no_label_when_the_next_bar_did_not_trade_or_atr_is_unknown():
    traded = np.ones(60, dtype=bool)
    traded[10] = False
    labels = label_all(frames_of(flat_prices()[0], traded=traded))
    assert labels.label[9, 0] == NO_LABEL
    assert np.isnan(labels.forward_return[9, 0])
    assert labels.weight[9, 0] == 0
    cold = label_all(frames_of(flat_prices()[0], atr=np.nan))
    assert (cold.label == NO_LABEL).all()
    assert np.isfinite(cold.forward_return[3, 0])


def test_where_the_data_end_early_the_last_close_is_the_exit():
    prices = flat_prices()
    prices[3][29] = 100.4
    for price in prices:
        price[30:] = np.nan
    labels = label_all(frames_of(*prices, traded=np.arange(60) < 30))
    assert labels.forward_return[20, 0] == math.log(100.4 / 100)
    assert labels.span_end[20, 0] == 29
    assert labels.label[28, 0] == 0
    assert labels.label[29, 0] == NO_LABEL


def test_nothing_after_the_span_changes_a_label():
    rng = np.random.default_rng(3)
    open_ = np.round(100 + np.cumsum(rng.normal(0, 0.3, 120)), 2)
    before = label_all(frames_of(open_, open_ + 0.2, open_ - 0.2, open_ + 0.1, n_sessions=2))
    for t in (5, 30, 48, 70):
        end = before.span_end[t, 0]
        changed = open_.copy()
        changed[end + 1 :] *= 1.3
        after = label_all(frames_of(changed, changed + 0.2, changed - 0.2, changed + 0.1, n_sessions=2))
        assert after.label[t, 0] == before.label[t, 0]
        assert after.span_end[t, 0] == end


def test_labels_equal_a_plain_reading_of_the_rule():
    rng = np.random.default_rng(7)
    open_ = np.round(100 + np.cumsum(rng.normal(0, 0.4, 120)), 2)
    high, low = open_ + rng.random(120), open_ - rng.random(120)
    labels = label_all(frames_of(open_, high, low, open_))
    for t in range(114):
        entry, vertical = open_[t + 1], min(t + 31, 115)
        touches = [(row, high[row] >= entry + 1.5, low[row] <= entry - 1.5) for row in range(t + 1, vertical)]
        touched = [(row, int(up) - int(down)) for row, up, down in touches if up or down]
        row, side = touched[0] if touched else (vertical, 0)
        assert (labels.label[t, 0], labels.span_end[t, 0]) == (side, row)
    assert {-1, 0, 1} <= set(labels.label[:, 0].tolist())


def test_a_sample_alone_has_full_weight_and_shared_bars_halve_it():
    open_, high, low, close = flat_prices(40)
    high[9] = 101.5
    labels = label_all(frames_of(open_, high, low, close))
    move = math.log(101.5 / 100)
    assert labels.weight[7, 0] == pytest.approx(move * (1 / 2 + 1 / 2) / 2), "bars 8, 9 are used by sample 4 too"
    assert labels.weight[4, 0] == pytest.approx(move), "on the grid of 5 minutes, alone on bars 5 to 9"


def test_horizons_are_minutes_in_five_minute_bars_too():
    labels = label_all(frames_of(flat_prices(78)[0], bar_minutes=5))
    assert labels.span_end[3, 0] == 10
    assert labels.span_end[76, 0] == 76
    assert labels.span_end[75, 0] == 77
