"""A long book meets each named crisis of the sandbox: its limits hold, and once it is halted it is soon flat."""

import pytest

from benchmarks.crises import BOOKS, NAMES, met


@pytest.mark.parametrize("name", NAMES)
def test_limits_hold_through_a_crisis(name: str) -> None:
    for book in BOOKS:
        outcome = met(name, book, n_stocks=10)
        assert outcome.entries > 5
        assert not outcome.wrong
        assert outcome.worst < (0.025 if book == "reckless" else 0.008)
        assert outcome.flat_after is None or outcome.flat_after <= 2
