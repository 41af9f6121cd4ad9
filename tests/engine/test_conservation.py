"""Books, limits and the close hold in random markets, under random rules and signals; all rules are reached."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.domain.trading import Reason
from tests.engine.cases import Size, case
from tests.engine.conservation import BOUNDS, LIVE_ONLY, coverage, violations
from tests.engine.turning import differences, run

seeds = st.integers(0, 2**32 - 1)
sizes = st.builds(Size, n_sessions=st.integers(1, 3), n_stocks=st.integers(1, 6))


@settings(max_examples=100, deadline=None)
@given(seeds, sizes)
def test_the_books_balance_and_every_limit_holds(seed: int, size: Size) -> None:
    drawn = case(seed, size)
    assert not violations(drawn, run(drawn))


@settings(max_examples=40, deadline=None)
@given(seeds, sizes)
def test_neither_names_nor_places_of_columns_matter(seed: int, size: Size) -> None:
    assert not differences(case(seed, size), seed)


def test_every_rule_and_every_room_is_reached() -> None:
    seen: Counter[str] = Counter()
    for seed in range(300):
        seen += coverage(run(case(seed)))
    reached = {name.split()[-1] for name in seen} | {name.split()[-2] for name in seen if "carried" in name}
    assert not {reason.name for reason in Reason} - reached - {reason.name for reason in LIVE_ONLY}
    assert {f"bound {name}" for name in BOUNDS} <= set(seen)
    assert {"fill ENTRY A", "fill ENTRY B", "fill EXIT A", "fill EXIT B", "fill STOP B", "fill HEDGE A"} <= set(seen)
    assert any(name.endswith("carried") for name in seen)
