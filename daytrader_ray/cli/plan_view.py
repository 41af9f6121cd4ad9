"""What `daytrader search --dry-run` prints."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daytrader_ray.cluster.plan import Plan

BLOCKS = {"fit": "learn", "a": "A: stop, calibrate", "b": "B: weigh, threshold", "test": "test"}


def show(plan: "Plan") -> None:
    """Print every window by its dates, then the work."""
    from rich.console import Console
    from rich.table import Table

    from daytrader_ray.walkforward.windows import dated

    console = Console(stderr=True)
    table = Table("#", *BLOCKS.values(), title=f"{plan.spec}: {len(plan.windows)} windows", title_justify="left")
    for window in plan.windows:
        dates = dated(plan.grid, window)
        table.add_row(str(window.index), *(" to ".join(dates[name]) for name in BLOCKS))
    console.print(table)
    for line in lines(plan):
        console.print(line, soft_wrap=True)


def lines(plan: "Plan") -> Iterator[str]:
    """Yield what a search would do, in sentences."""
    sessions, work = plan.grid.sessions, plan.work
    yield f"{len(sessions)} sessions, {sessions[0].date} to {sessions[-1].date}."
    needed = f"Fits: {plan.fits.members} of members and {plan.fits.baselines} of baselines"
    if work is None:
        yield f"{needed}. Which of them are kept, time and memory are known when `daytrader features` has run."
        return
    yield (
        f"{needed}, of which {work.cached.members} and {work.cached.baselines} are kept; "
        f"{plan.fits.all - work.cached.all} to make, {plan.at_once} at once."
    )
    if plan.minutes is None:
        yield f"Time: not known before this store has seen one of each: {', '.join(plan.untimed)}."
    else:
        yield f"Time: about {plan.minutes:.1f} minutes on {plan.cpus} CPUs, as the last such work here took."
    yield f"Memory: about {plan.gib:.1f} GiB."
