"""What `features.events` made of the calendar (tests/features/test_events.py) goes through the kernel as it is."""

import numpy as np

from tests.features.oracles.case import Case, Float64


def column(case: Case, k: int) -> Float64:
    return np.full(case.rows.size, np.nan) if case.events is None else case.events[case.rows, case.column, k]


def minutes_to(case: Case) -> Float64:
    return column(case, 0)


def minutes_since(case: Case) -> Float64:
    return column(case, 1)
