import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daytrader_ray.domain.folds import halved, purged


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10)), max_size=30), st.integers(0, 50), st.integers(0, 50))
def test_no_kept_sample_touches_a_row_outside_its_block(samples: list[tuple[int, int]], one: int, two: int) -> None:
    start, stop = min(one, two), max(one, two)
    rows = np.array([row for row, _ in samples], dtype=np.int64)
    ends = rows + np.array([length for _, length in samples], dtype=np.int64)
    kept = purged(rows, ends, start, stop)
    assert (rows[kept] >= start).all()
    assert (ends[kept] < stop).all()
    dropped = (rows >= start) & (rows < stop) & ~kept
    assert (ends[dropped] >= stop).all()


def test_the_odd_session_goes_to_the_second_half() -> None:
    assert halved(10, 15) == ((10, 12), (12, 15))
