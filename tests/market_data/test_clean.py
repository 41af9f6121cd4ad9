import dataclasses
import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytrader_ray.domain.sessions import US_PER_MINUTE, Session, SessionGrid
from daytrader_ray.market_data.bars import NO_STAMP, CleanInput
from daytrader_ray.market_data.clean import Previous, Verdict, clean

OPEN = 29_000_000
DAY = 1440
DATE = dt.date(2025, 2, 20)
GRID = SessionGrid((Session(DATE, OPEN, 390),))
HALF_DAY = SessionGrid((Session(DATE, OPEN, 210), Session(DATE + dt.timedelta(days=1), OPEN + DAY, 390)))
GOOD = (10.0, 11.0, 9.0, 10.5, 100.0)


def table(rows: list[tuple[int, tuple[float, ...]]]) -> CleanInput:
    values = np.array([values for _, values in rows], dtype=np.float64).reshape(-1, 5)
    stamps = np.array([stamp for stamp, _ in rows], dtype=np.int64)
    return CleanInput(stamps, *values.T, vwap=np.full(len(rows), np.nan))


def at(slot: int) -> int:
    return (OPEN + slot) * US_PER_MINUTE


@pytest.mark.parametrize(
    ("stamp", "values", "verdict"),
    [
        (at(0), GOOD, Verdict.ACCEPTED),
        (at(389), GOOD, Verdict.ACCEPTED),
        (at(3), (10.0, 10.0, 10.0, 10.0, 0.0), Verdict.ACCEPTED),
        (at(3), (10.0, 11.0, 9.0, np.nan, 1.0), Verdict.NOT_FINITE),
        (at(3), (10.0, np.inf, 9.0, 10.0, 1.0), Verdict.NOT_FINITE),
        (at(3), (10.0, 11.0, 9.0, 10.0, np.nan), Verdict.NOT_FINITE),
        (NO_STAMP, GOOD, Verdict.NOT_FINITE),
        (at(3), (10.0, 11.0, 0.0, 10.0, 1.0), Verdict.NON_POSITIVE_PRICE),
        (at(3), (10.0, 11.0, 9.0, 10.0, -1.0), Verdict.NEGATIVE_VOLUME),
        (at(3), (10.0, 9.5, 9.0, 9.2, 1.0), Verdict.OHLC_ORDER),
        (at(3), (10.0, 11.0, 10.6, 10.5, 1.0), Verdict.OHLC_ORDER),
        (at(3) + 1, GOOD, Verdict.OFF_GRID),
        (at(-331), GOOD, Verdict.OUTSIDE_SESSION),
        (at(630), GOOD, Verdict.OUTSIDE_SESSION),
        (at(-DAY), GOOD, Verdict.OUTSIDE_SESSION),
        (at(DAY), GOOD, Verdict.OUTSIDE_SESSION),
    ],
)
def test_each_fault_has_its_name(stamp: int, values: tuple[float, ...], verdict: Verdict) -> None:
    result = clean(table([(stamp, values)]), GRID)
    assert result.verdict.tolist() == [verdict]
    assert result.reasons() == ([] if verdict == Verdict.ACCEPTED else [verdict.name.lower()])


@pytest.mark.parametrize(("vwap", "verdict"), [(np.inf, "not_finite"), (0.0, "non_positive_price"), (10.2, None)])
def test_a_vwap_may_be_missing_but_not_impossible(vwap: float, verdict: str | None) -> None:
    source = dataclasses.replace(table([(at(3), GOOD)]), vwap=np.array([vwap]))
    assert clean(source, GRID).reasons() == ([verdict] if verdict else [])


@pytest.mark.parametrize("slot", [-330, -1, 390, 629])
def test_extended_hours_are_counted_and_neither_stored_nor_quarantined(slot: int) -> None:
    result = clean(table([(at(slot), GOOD), (at(0), GOOD)]), GRID)
    assert (result.accepted.tolist(), result.reasons()) == ([1], [])
    assert result.counts() == {"accepted": 1, "extended_hours": 1}


@pytest.mark.parametrize(
    ("slot", "verdict"),
    [
        (209, "accepted"),
        (210, "outside_session"),
        (-330, "extended_hours"),
        (1109, "outside_session"),
        (1110, "extended_hours"),
        (1440, "accepted"),
    ],
)
def test_nothing_comes_after_the_close_of_a_half_day(slot: int, verdict: str) -> None:
    assert clean(table([(at(slot), GOOD)]), HALF_DAY).counts() == {verdict: 1}


@pytest.mark.parametrize(("slot", "verdict"), [(0, "accepted"), (5, "accepted"), (385, "accepted"), (3, "off_grid")])
def test_bars_of_five_minutes_start_every_five_minutes(slot: int, verdict: str) -> None:
    assert clean(table([(at(slot), GOOD)]), SessionGrid(GRID.sessions, 5)).counts() == {verdict: 1}


def flat(price: float, volume: float = 100.0) -> tuple[float, ...]:
    return price, price, price, price, volume


def test_from_the_tenth_identical_bar_on_the_feed_is_stale() -> None:
    same = [(at(slot), flat(10.0)) for slot in range(14)]
    result = clean(table([*same, (at(14), flat(10.01)), (at(15), flat(10.0))]), GRID)
    assert result.counts() == {"accepted": 11, "stale_feed": 5}
    assert result.quarantined.tolist() == [9, 10, 11, 12, 13]


def test_equal_prints_of_a_thin_stock_half_an_hour_apart_are_not_stale() -> None:
    rows = [(at(slot), flat(50.0)) for slot in range(0, 390, 30)]
    assert clean(table(rows), GRID).counts() == {"accepted": 13}


@pytest.mark.parametrize("volume", [[0.0] * 14, [100.0, 101.0] * 7])
def test_bars_without_volume_or_with_changing_volume_are_not_stale(volume: list[float]) -> None:
    rows = [(at(slot), flat(10.0, v)) for slot, v in enumerate(volume)]
    assert clean(table(rows), GRID).counts() == {"accepted": 14}


def test_a_run_of_identical_bars_ends_with_the_session() -> None:
    rows = [(at(slot), flat(10.0)) for slot in (*range(381, 390), *range(DAY, DAY + 9))]
    two = SessionGrid((*GRID.sessions, Session(DATE + dt.timedelta(days=1), OPEN + DAY, 390)))
    assert clean(table(rows), two).counts() == {"accepted": 18}


def closes(prices: list[float]) -> CleanInput:
    return table([(at(slot), flat(price, 100.0 + slot)) for slot, price in enumerate(prices)])


@pytest.mark.parametrize(
    ("prices", "bad"),
    [
        ([10, 10, 10.6, 10, 10], [2]),
        ([10, 10, 9.4, 10.1, 10], [2]),
        ([10, 10, 10.4, 10, 10], []),
        ([10, 10, 10.6, 10.6, 10], []),
        ([10, 10, 10.8, 10.3, 10], []),
        ([10, 9.8, 9.6, 9.4, 9.2, 9.5, 9.9], []),
        ([10.7, 10, 10, 10], []),
        ([10, 10, 10, 10.7], []),
        ([10, 100, 10], [1]),
    ],
)
def test_only_a_single_bar_that_jumps_and_comes_back_is_a_bad_print(prices: list[float], bad: list[int]) -> None:
    result = clean(closes(prices), GRID)
    assert result.quarantined.tolist() == bad
    assert set(result.reasons()) <= {"bad_print"}


def test_a_bad_print_inside_a_bar_is_found_by_its_high_or_low() -> None:
    rows = [(at(slot), flat(10.0, slot)) for slot in range(9)]
    rows[4] = (at(4), (10.0, 10.0, 1.0, 10.0, 5.0))
    rows[6] = (at(6), (10.0, 13.0, 10.0, 10.0, 5.0))
    assert clean(table(rows), GRID).quarantined.tolist() == [4, 6]


def test_wide_bars_among_wide_bars_are_no_bad_prints() -> None:
    rows = [(at(slot), (10.0, 11.0, 9.0, 10.5, slot)) for slot in range(9)]
    rows[4] = (at(4), flat(10.0))
    assert clean(table(rows), GRID).reasons() == []


def quiet(n: int = 390, step: int = 1) -> list[tuple[int, tuple[float, ...]]]:
    """Return bars whose prices drift a little from one to the next, from the open on."""
    close = 10 * np.exp(np.cumsum(np.random.default_rng(4).normal(0, 3e-4, n)))
    first = np.append(10.0, close[:-1])
    return [
        (at(slot * step), (o, max(o, c), min(o, c), c, 100.0 + slot))
        for slot, (o, c) in enumerate(zip(first.tolist(), close.tolist(), strict=True))
    ]


@pytest.mark.parametrize("first", [0, 200, 387])
@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("factor", [1.5, 10.0, 0.5, 0.001])
def test_highs_and_lows_that_no_open_or_close_confirms_are_bad_prints(first: int, length: int, factor: float) -> None:
    rows, bad = quiet(), list(range(first, first + length)) if first < 300 else list(range(390 - length, 390))
    for slot in bad:
        stamp, (o, high, low, c, volume) = rows[slot]
        rows[slot] = stamp, (o, max(high, high * factor), min(low, low * factor), c, volume)
    result = clean(table(rows), GRID)
    assert result.quarantined.tolist() == bad
    assert set(result.reasons()) == {"bad_print"}


def test_four_bars_in_a_row_are_no_print_and_neither_is_a_crash_of_two_minutes() -> None:
    rows = quiet()
    for slot in range(200, 204):
        rows[slot] = rows[slot][0], (10.0, 15.0, 10.0, 10.0, slot)
    rows[100] = rows[100][0], (10.0, 10.0, 7.0, 7.5, 1e6)
    rows[101] = rows[101][0], (7.5, 9.9, 7.0, 9.9, 1e6)
    rows[0] = rows[0][0], (12.0, 12.5, 10.0, 10.0, 1e6)
    rows[389] = rows[389][0], (10.0, 13.0, 10.0, 12.9, 1e6)
    assert clean(table(rows), GRID).reasons() == []


def test_a_bar_alone_between_halts_is_no_bad_print() -> None:
    rows = quiet(100)
    halted = [*rows[:40], (at(50), flat(11.2, 5000.0)), *rows[60:]]
    assert clean(table(halted), GRID).reasons() == []
    halted[40] = at(50), (10.0, 13.0, 10.0, 10.0, 5000.0)
    assert clean(table(halted), GRID).reasons() == []


def test_bars_of_five_minutes_have_neighbours_five_minutes_away() -> None:
    rows = quiet(78, 5)
    rows[30] = rows[30][0], (10.0, 15.0, 10.0, 10.0, 5.0)
    assert clean(table(rows), SessionGrid(GRID.sessions, 5)).quarantined.tolist() == [30]


def test_a_wild_session_has_a_wider_limit() -> None:
    rng = np.random.default_rng(5)
    path = 10 * np.exp(np.cumsum(rng.normal(0, 0.01, 60)))
    path[30:] *= path[29] / path[30]
    spiked = path.copy()
    spiked[30] *= 1.08
    assert clean(closes(spiked.tolist()), GRID).reasons() == []
    spiked[30] *= 1.2
    assert clean(closes(spiked.tolist()), GRID).quarantined.tolist() == [30]


def test_a_jump_over_night_is_no_bad_print() -> None:
    rows = [(at(slot), flat(price, slot + 1.0)) for slot, price in ((388, 10), (389, 10), (DAY, 11), (DAY + 1, 10))]
    two = SessionGrid((*GRID.sessions, Session(DATE + dt.timedelta(days=1), OPEN + DAY, 390)))
    assert clean(table(rows), two).reasons() == []


TWO = SessionGrid((*GRID.sessions, Session(DATE + dt.timedelta(days=1), OPEN + DAY, 390)))
NEXT = TWO.sessions[1].date


def two_days(second: float, volume: float = 100.0) -> CleanInput:
    first = [(at(slot), flat(70.0, 100.0)) for slot in range(3)]
    return table([*first, *((at(DAY + slot), flat(second, volume)) for slot in range(3))])


@pytest.mark.parametrize("ratio", [2, 3, 7, 20, 0.5, 0.1, 1.5, 2 / 3, 1 / 80, 1 / 200, 100])
def test_a_jump_at_the_ratio_of_a_split_needs_the_split_in_the_table(ratio: float) -> None:
    source = two_days(70.0 * 1.01 / ratio, 100.0 * ratio)
    result = clean(source, TWO)
    assert result.quarantined.tolist() == [3, 4, 5]
    assert set(result.reasons()) == {"unexplained_split"}
    assert clean(source, TWO, splits={NEXT: ratio}).reasons() == []
    assert set(clean(source, TWO, splits={DATE: ratio}).reasons()) == {"unexplained_split"}


def test_a_split_that_the_prices_do_not_show_is_as_wrong() -> None:
    assert set(clean(two_days(70.0), TWO, splits={NEXT: 7.0}).reasons()) == {"unexplained_split"}


@pytest.mark.parametrize(("second", "volume"), [(55.0, 100.0), (35.0, 580.0), (70.0 / 3, 870.0), (68.0, 100.0)])
def test_other_jumps_and_jumps_on_heavy_volume_are_news(second: float, volume: float) -> None:
    assert clean(two_days(second, volume), TWO).reasons() == []


def test_the_first_session_is_judged_by_what_was_before_it() -> None:
    source = closes([10.0, 10.1, 10.2])
    before = Previous(DATE - dt.timedelta(days=3), 20.0, np.array([2000.0, 3000.0]))
    assert set(clean(source, GRID, before).reasons()) == {"unexplained_split"}
    assert clean(source, GRID, before, {DATE - dt.timedelta(days=1): 2.0}).reasons() == []
    assert set(clean(source, GRID, before, {DATE - dt.timedelta(days=3): 2.0}).reasons()) == {"unexplained_split"}
    assert clean(source, GRID, dataclasses.replace(before, dollar_volume=np.array([100.0]))).reasons() == []
    assert clean(source, GRID).reasons() == []


def test_regular_hours_are_compared_with_regular_hours_where_these_are_known() -> None:
    days = [DATE + dt.timedelta(days=k) for k in range(6)]
    grid = SessionGrid(tuple(Session(day, OPEN + DAY * k, 390) for k, day in enumerate(days)))
    rows = [(at(DAY * k), flat(35.0 if k == 5 else 70.0, 580.0 if k == 5 else 100.0)) for k in range(6)]
    all_hours = Previous(DATE - dt.timedelta(days=1), 70.0, np.full(20, 70.0 * 200))
    assert clean(table(rows), grid, all_hours).reasons() == []


@pytest.mark.parametrize(
    ("slot", "verdict"),
    [
        (-570, "extended_hours"),
        (-375, "extended_hours"),
        (869, "extended_hours"),
        (210, "extended_hours"),
        (209, "accepted"),
        (-571, "outside_session"),
    ],
)
def test_an_index_is_computed_all_day_long(slot: int, verdict: str) -> None:
    assert clean(table([(at(slot), flat(20.0, 0.0))]), HALF_DAY, of_index=True).counts() == {verdict: 1}


def test_an_index_has_no_volume_and_no_splits() -> None:
    assert clean(two_days(35.0, 0.0), TWO, Previous(DATE, 70.0, np.zeros(3))).counts() == {"accepted": 6}


def test_of_rows_with_one_stamp_the_first_sound_one_is_accepted() -> None:
    broken = (10.0, 9.0, 9.5, 10.0, 1.0)
    result = clean(table([(at(5), broken), (at(5), GOOD), (at(2), GOOD), (at(5), GOOD)]), GRID)
    assert result.accepted.tolist() == [2, 1]
    assert result.reasons() == ["ohlc_order", "duplicate_stamp"]


def test_nothing_is_accepted_where_there_is_no_session() -> None:
    assert clean(table([(at(0), GOOD)]), SessionGrid(())).reasons() == ["outside_session"]


prices = st.floats(min_value=-5.0, max_value=20.0) | st.just(float("nan"))
rows = st.tuples(st.integers(at(-400), at(3)) | st.sampled_from([at(0), at(1)]), st.tuples(*[prices] * 5))


@given(st.lists(rows, max_size=12))
def test_every_row_is_accepted_or_quarantined_and_accepted_ones_ascend(drawn: list) -> None:
    source = table(drawn)
    result = clean(source, GRID)
    extended = np.flatnonzero(result.verdict == Verdict.EXTENDED_HOURS).tolist()
    assert sorted([*result.accepted.tolist(), *result.quarantined.tolist(), *extended]) == list(range(len(drawn)))
    assert sum(result.counts().values()) == len(drawn)
    assert (np.diff(source.stamp_us[result.accepted]) > 0).all()
    assert (source.low[result.accepted] > 0).all()
