import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.walkforward.windows import Span, WindowSpec, dated, folds_of, latest_train, training_window, windows

HOLIDAYS = {dt.date(2025, 1, 1), dt.date(2025, 1, 20), dt.date(2025, 5, 26), dt.date(2025, 7, 4), dt.date(2025, 9, 1)}


def grid(start: dt.date, end: dt.date) -> SessionGrid:
    days = [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]
    dates = [day for day in days if day.weekday() < 5 and day not in HOLIDAYS]
    return SessionGrid(tuple(Session(date, n * 1440, 390) for n, date in enumerate(dates)))


def sessions(n: int) -> SessionGrid:
    return grid(dt.date(2025, 1, 1), dt.date(2025, 12, 31)).part(0, n)


def test_fourteen_sessions_give_four_windows_of_six_and_two() -> None:
    found = windows(sessions(14), WindowSpec.parse("6s", "2s", "2s"))
    assert [w.train for w in found] == [(0, 6), (2, 8), (4, 10), (6, 12)]
    assert [w.test for w in found] == [(6, 8), (8, 10), (10, 12), (12, 14)]
    assert [w.step for w in found] == [w.test for w in found]
    assert (found[0].fit, found[0].a, found[0].b) == ((0, 4), (4, 5), (5, 6))


@given(st.integers(4, 30), st.integers(1, 10), st.integers(1, 10), st.integers(4, 90))
def test_windows_in_sessions_never_overlap_their_own_test_and_their_steps_tile(
    train: int, test: int, step: int, n: int
) -> None:
    if step > test or n < train + test:
        return
    found = windows(sessions(n), WindowSpec.parse(f"{train}s", f"{test}s", f"{step}s"))
    assert len(found) == (n - train - test) // step + 1
    for w in found:
        assert w.train[0] == w.fit[0] < w.fit[1] == w.a[0] < w.a[1] == w.b[0] < w.b[1] == w.train[1] == w.test[0]
        assert w.step[0] == w.test[0] < w.step[1] <= w.test[1] <= n
        assert w.b[1] - w.b[0] - (w.a[1] - w.a[0]) in (0, 1)
    for before, after in itertools.pairwise(found):
        assert before.step[1] == after.step[0]


@given(st.integers(4, 60), st.integers(0, 8))
def test_folds_hold_out_every_session_of_fit_once_and_learn_from_none_next_to_it(train: int, n_folds: int) -> None:
    window = training_window((0, train))
    folds = folds_of(window, n_folds)
    held_out = [fold.held_out for fold in folds if fold.held_out]
    if n_folds >= 2 and window.fit[1] >= 2 * n_folds + 2:
        assert [s for block in held_out for s in range(*block)] == list(range(*window.fit))
    for fold, block in zip(folds, held_out, strict=True):
        learned = {s for part in fold.learned for s in range(*part)}
        assert learned == set(range(*window.fit)) - set(range(block[0] - 1, block[1] + 1))
        assert (fold.train, fold.a, fold.b) == (window.train, window.a, window.b)
    assert window.learned == (window.fit,)


def test_six_months_one_month_one_week_start_on_the_first_session_of_each_week() -> None:
    calendar = grid(dt.date(2025, 1, 1), dt.date(2025, 12, 31))
    found = windows(calendar, WindowSpec.parse("6m", "1m", "1w"))
    dates = [s.date for s in calendar.sessions]
    assert dates[found[0].test[0]] == dt.date(2025, 7, 7)  # 2 July is the first day with six months before it
    assert dates[found[0].train[0]] == dt.date(2025, 1, 7)
    assert dates[found[0].test[1]] == dt.date(2025, 8, 7) or dates[found[0].test[1] - 1] == dt.date(2025, 8, 6)
    labour_day_week = [w for w in found if dates[w.test[0]] == dt.date(2025, 9, 2)]
    assert len(labour_day_week) == 1
    for before, after in itertools.pairwise(found):
        assert before.step[1] == after.step[0]
    assert len(found) == 22


def test_months_step_by_months() -> None:
    found = windows(grid(dt.date(2025, 1, 2), dt.date(2025, 12, 31)), WindowSpec.parse("3m", "1m", "1m"))
    assert len(found) == 9


def test_a_short_history_is_refused_with_the_arithmetic() -> None:
    with pytest.raises(DataError, match=r"6 sessions of training \+ 2 sessions of test = 8 sessions .* found 7"):
        windows(sessions(7), WindowSpec.parse("6s", "2s", "2s"))
    with pytest.raises(DataError, match="6 months of training"):
        windows(sessions(100), WindowSpec.parse("6m", "1m", "1w"))


@pytest.mark.parametrize("text", ["6", "6d", "", "0s", "-1s", "s6"])
def test_a_span_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--train"):
        Span.parse(text, "train")


def test_a_step_longer_than_the_test_and_a_tiny_training_span_are_refused() -> None:
    with pytest.raises(ConfigError, match="longer than --test"):
        WindowSpec.parse("6s", "2s", "3s")
    with pytest.raises(ConfigError, match="at least 4"):
        windows(sessions(10), WindowSpec.parse("3s", "2s", "2s"))


def test_the_latest_training_span_ends_before_its_stop() -> None:
    calendar = sessions(20)
    assert latest_train(calendar, Span(6, "s"), 20) == (14, 20)
    window = training_window((14, 20))
    assert window.test == window.step == (20, 20)
    with pytest.raises(DataError, match="at least 4"):
        training_window((0, 3))


def test_too_few_windows_are_refused_with_the_arithmetic() -> None:
    spec = WindowSpec.parse("6s", "2s", "2s")
    assert len(windows(sessions(14), spec, at_least=4)) == 4
    with pytest.raises(
        DataError, match=r"for 5 windows: 6 sessions of training \+ 2 .* = 16 .* found 14 .* make 4"
    ) as few:
        windows(sessions(14), spec, at_least=5)
    assert "search.min_windows" in few.value.hint
    with pytest.raises(DataError, match=r"for 50 windows: 6 months .* \+ 49 steps of 1 week = about 392 sessions"):
        windows(grid(dt.date(2025, 1, 1), dt.date(2025, 12, 31)), WindowSpec.parse("6m", "1m", "1w"), at_least=50)


def test_a_window_says_the_first_and_the_last_day_of_each_block() -> None:
    calendar = sessions(14)
    told = dated(calendar, windows(calendar, WindowSpec.parse("6s", "2s", "2s"))[0])
    assert told["train"] == ["2025-01-02", "2025-01-09"]
    assert (told["fit"][1], told["a"], told["test"]) == ("2025-01-07", ["2025-01-08", "2025-01-08"], told["step"])
