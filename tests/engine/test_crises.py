"""A long book meets each named crisis of the sandbox: its limits hold, and once it is halted it is soon flat."""

import pytest

from benchmarks.crises import NAMES, met


@pytest.mark.parametrize("name", NAMES)
def test_limits_hold_through_a_crisis(name: str) -> None:
    for hedged in (False, True):
        outcome = met(name, hedged, n_stocks=10)
        assert outcome.entries > 20
        assert not outcome.wrong
        assert outcome.worst < 0.05
        assert outcome.minutes_to_flat is None or outcome.minutes_to_flat <= 2
