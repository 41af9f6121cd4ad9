import numpy as np

from tests.features.oracles.case import Case, Float64


def start(case: Case) -> Float64:
    """Minutes from the open to each bar."""
    return case.slot * float(case.panel.grid.bar_minutes)


def length(case: Case) -> Float64:
    """Minutes of each bar's session."""
    return np.array([session.n_minutes for session in case.panel.grid.sessions])[case.session]


def minute_sin(case: Case) -> Float64:
    return np.sin(2 * np.pi * start(case) / 390)


def minute_cos(case: Case) -> Float64:
    return np.cos(2 * np.pi * start(case) / 390)


def to_close(case: Case) -> Float64:
    return 1 - (start(case) + case.panel.grid.bar_minutes) / length(case)


def weekday(case: Case) -> Float64:
    return np.array([session.date.weekday() / 4 for session in case.panel.grid.sessions])[case.session]


def first_hour(case: Case) -> Float64:
    return (start(case) < 60).astype(float)


def last_hour(case: Case) -> Float64:
    return (length(case) - start(case) <= 60).astype(float)


def half_day(case: Case) -> Float64:
    return (length(case) < 390).astype(float)
