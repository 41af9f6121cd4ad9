import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.market_data.bars import NO_STAMP, US_PER_MINUTE, CleanInput
from daytrader_ray.market_data.clean import Verdict, clean

OPEN = 29_000_000
GRID = SessionGrid((Session(dt.date(2025, 2, 20), OPEN, 390),))
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
        (at(-1), GOOD, Verdict.OUTSIDE_SESSION),
        (at(390), GOOD, Verdict.OUTSIDE_SESSION),
    ],
)
def test_each_fault_has_its_name(stamp: int, values: tuple[float, ...], verdict: Verdict) -> None:
    result = clean(table([(stamp, values)]), GRID)
    assert result.verdict.tolist() == [verdict]
    assert result.reasons() == ([] if verdict == Verdict.ACCEPTED else [verdict.name.lower()])


def test_of_rows_with_one_stamp_the_first_sound_one_is_accepted() -> None:
    broken = (10.0, 9.0, 9.5, 10.0, 1.0)
    result = clean(table([(at(5), broken), (at(5), GOOD), (at(2), GOOD), (at(5), GOOD)]), GRID)
    assert result.accepted.tolist() == [2, 1]
    assert result.reasons() == ["ohlc_order", "duplicate_stamp"]


def test_nothing_is_accepted_where_there_is_no_session() -> None:
    assert clean(table([(at(0), GOOD)]), SessionGrid(())).reasons() == ["outside_session"]


prices = st.floats(min_value=-5.0, max_value=20.0) | st.just(float("nan"))
rows = st.tuples(st.integers(at(-2), at(3)) | st.sampled_from([at(0), at(1)]), st.tuples(*[prices] * 5))


@given(st.lists(rows, max_size=12))
def test_every_row_is_accepted_or_quarantined_and_accepted_ones_ascend(drawn: list) -> None:
    source = table(drawn)
    result = clean(source, GRID)
    assert sorted([*result.accepted.tolist(), *result.quarantined.tolist()]) == list(range(len(drawn)))
    assert (np.diff(source.stamp_us[result.accepted]) > 0).all()
    assert (source.low[result.accepted] > 0).all()
