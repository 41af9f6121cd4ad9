"""The tear sheet of two years and a hundred thousand trades: how large the page is, and how long it takes.

Times are of the processor, so that a busy machine says the same.
"""

import time

from benchmarks.registry import Result, benchmark
from daytrader_ray.dashboard.tearsheet.page import render
from tests.dashboard.runs import made_run

SESSIONS, TRADES_A_DAY, RUNS = 504, 200, 3


@benchmark("report.two_years")
def two_years() -> list[Result]:
    """Render a run that is made up; the page holds every trade and every order."""
    run = made_run(SESSIONS, TRADES_A_DAY)
    times, size = list[float](), 0
    for _ in range(RUNS):
        start = time.process_time()
        size = len(render([run]).text.encode())
        times.append(time.process_time() - start)
    median = sorted(times)[RUNS // 2]
    return [
        Result("report.two_years_mb", size / 1e6, "MB", "", None, None, 0.0, RUNS),
        Result("report.two_years_s", median, "s", "", None, None, (max(times) - min(times)) / median, RUNS),
    ]
