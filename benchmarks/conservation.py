"""Ten thousand random markets, rules and signals: do books and limits hold, and was every rule reached."""

import time
from collections import Counter

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console

from benchmarks.registry import Result, benchmark
from daytrader_ray.domain.trading import Reason
from tests.engine.cases import Size, case
from tests.engine.conservation import LIVE_ONLY, coverage, violations
from tests.engine.turning import differences, run

MARKETS = 10_000


@benchmark("engine.conservation")
def conservation() -> list[Result]:
    """Draw the markets with hypothesis, check each, print what was reached; a rule that was not is an error."""
    seen: Counter[str] = Counter()
    sizes = st.builds(Size, n_sessions=st.integers(1, 3), n_stocks=st.integers(1, 6))
    start = time.perf_counter()

    @settings(max_examples=MARKETS, deadline=None, database=None, phases=(Phase.generate, Phase.shrink))
    @given(st.integers(0, 2**32 - 1), sizes)
    def holds(seed: int, size: Size) -> None:
        drawn = case(seed, size)
        result = run(drawn)
        assert not violations(drawn, result)
        assert not differences(drawn, seed)
        seen.update(coverage(result))
        seen["markets"] += 1

    holds()
    wall = time.perf_counter() - start
    for name, count in sorted(seen.items()):
        Console().print(f"{count:>10,}  {name}")
    reached = {word for name in seen for word in name.split()}
    missing = {reason.name for reason in Reason} - {reason.name for reason in LIVE_ONLY} - reached
    assert not missing, f"never reached: {sorted(missing)}"
    return [Result("engine.conservation_markets", seen["markets"], "markets", f"{wall:.0f} s", None, None, 0.0, 1)]
