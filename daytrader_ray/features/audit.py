"""The audit (METHODS 12): nothing knows the future, a warm-up is long enough, live is what history was.

What is audited is passed in as a `Compute`, from a history to tables of values, so that features, extras, a user's own
function, the universe and the regime are held to the same rules.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from daytrader_ray.features.audit_table import Bool, Compute, Live, Table, Values
from daytrader_ray.features.registry import SEED_WEIGHT
from daytrader_ray.features.world import World, moments

Progress = Callable[[int, int], None]
Tolerance = tuple[float, float]
"""Fractions of max(|x|, median |x|) and, for `DIFFERENCES`, of the largest |x|."""
EXACT: Tolerance = (0.0, 0.0)
"""Equal bits."""

TOLERANCE = 1e-6
"""Of max(|x|, median |x|): by how much equal values may differ (METHODS 1)."""
SEEDS = 3.0 * SEED_WEIGHT
"""Of the largest |x|: what a warm-up leaves of where the averages of a difference began."""
DIFFERENCES = ("momentum.macd_", "momentum.ema_strength_", "trend.ema_")
"""Features that are differences of averages: near 0 where these meet, so that what is left of a start is no fraction of
the value."""


@dataclass(frozen=True)
class Difference:
    """A value of `symbol` at `minute` (epoch, UTC) that is `now` another than `then`, and what was done in between."""

    symbol: str
    minute: int
    then: float
    now: float
    cause: str


@dataclass
class Finding:
    """What was found about one quantity.

    `checked` counts the values that were compared (0: it has none in this data); `difference` is the first one found.
    """

    name: str
    checked: int = 0
    difference: Difference | None = None


class _Ledger:
    """Findings by name, in the order of the tables."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self.findings = {name: Finding(name) for table in tables for name in table.names}

    def enter(self, then: Table, now: Values, ready: Bool | None, tolerance: Tolerance, cause: str) -> None:
        """Compare `then` with `now` `[line, column, name]`, where `ready` (same shape) or everywhere."""
        known = np.isfinite(then.values)
        differ = _differences(then, now, tolerance)
        if ready is not None:
            known &= ready
            differ &= ready
        counts, wrong = known.sum(axis=(0, 1)), np.atleast_1d(differ.any(axis=(0, 1)))
        for k, name in enumerate(then.names):
            finding = self.findings[name]
            finding.checked += int(counts[k])
            if wrong[k] and finding.difference is None:
                line, column = (int(at[0]) for at in np.nonzero(differ[:, :, k]))
                pair = float(then.values[line, column, k]), float(now[line, column, k])
                finding.difference = Difference(then.columns[column], int(then.minute[line]), *pair, cause)

    def close(self) -> list[Finding]:
        """Return the findings."""
        return list(self.findings.values())


def lookahead(
    world: World,
    compute: Compute,
    n_moments: int,
    rng: np.random.Generator,
    rounding: float = 0.0,
    progress: Progress | None = None,
) -> list[Finding]:
    """Change, and then cut, everything after random moments: all that was known before must stay what it was.

    `rounding` is how far values may differ, a fraction of max(|x|, median |x|); 0 asks for equal bits. `progress` is
    told (done, all) moments.
    """
    truth = compute(world)
    ledger = _Ledger(truth)
    rows = moments(world.panel, n_moments, rng)
    for done, row in enumerate(rows, start=1):
        minute = utc(int(world.grid.minute_of_row[row]))
        others = [("changes", world.changed_after(int(row), rng))]
        if row > 0:  # of a history of one bar an honest function may make nothing
            others.append(("is cut off", world.cut_after(int(row))))
        for verb, other in others:
            for then, now in zip(truth, compute(other), strict=True):
                n = int(np.searchsorted(then.known, row, side="right"))
                before = then.part(0, min(n, len(now.known)))
                ledger.enter(
                    before, now.values[: len(before.known)], None, (rounding, 0.0), f"all {verb} after {minute}"
                )
        if progress is not None:
            progress(done, len(rows))
    return ledger.close()


def warmup(world: World, compute: Compute, starts: Iterable[int], progress: Progress | None = None) -> list[Finding]:
    """Let the history begin with later sessions: from the declared warm-up on, values must agree within `TOLERANCE`.

    A history with `expected_volume` keeps it: that statistic needs 20 sessions, and would hide shorter warm-ups.
    """
    truth = compute(world)
    ledger = _Ledger(truth)
    sessions, last = world.grid.sessions, len(world.grid.sessions)
    wanted = list(starts)
    for done, start in enumerate(wanted, start=1):
        cause = f"history begins on {sessions[start].date}, not on {sessions[0].date}"
        for whole, now in zip(truth, compute(world.part(start, last)), strict=True):
            then = whole.part(len(whole.known) - len(now.known), len(whole.known))
            ledger.enter(then, now.values, _ready(then, now), (TOLERANCE, SEEDS), cause)
        if progress is not None:
            progress(done, len(wanted))
    return ledger.close()


def parity(world: World, compute: Compute, live: Live, session: int) -> list[Finding]:
    """Compare a history in one piece with `live` from `session` on: equal bits."""
    truth = compute(world)
    ledger = _Ledger(truth)
    for whole, now in zip(truth, live(world, session), strict=True):
        then = whole.part(len(whole.known) - len(now.known), len(whole.known))
        ledger.enter(then, now.values, None, EXACT, "made minute by minute")
    return ledger.close()


def utc(minute: int) -> str:
    """Return an epoch minute as text."""
    return f"{np.datetime64(minute, 'm')}Z".replace("T", " ")


def _ready(then: Table, now: Table) -> Bool:
    """Return `[line, column, name]`: old enough in `now`, or as young in both; without a value nothing is claimed."""
    old: Bool = (now.age[:, :, None] >= now.warm_up) | (now.age == then.age)[:, :, None]
    ready = np.where(now.shared, old.all(axis=1, keepdims=True), old)
    return np.asarray(ready & ~np.isnan(now.values), dtype=np.bool_)


def _differences(table: Table, now: Values, tolerance: Tolerance) -> Bool:
    """Return where a table and `now` `[line, column, name]` differ; NaN equals NaN."""
    then = table.values
    if tolerance == EXACT:
        bits = f"u{then.dtype.itemsize}"
        differ = then.view(bits) != now.view(bits)
    else:
        size = np.where(np.isfinite(then), np.abs(then), np.nan)
        middle, largest = (
            np.array([_of(size[:, :, k], what) for k in range(size.shape[2])]) for what in (np.median, np.max)
        )
        seeds = tolerance[1] * largest * [name.startswith(DIFFERENCES) for name in table.names]
        with np.errstate(invalid="ignore"):
            near = np.abs(now - then) <= np.fmax(tolerance[0] * np.fmax(size, middle), seeds)
        differ = (then != now) & ~near
    return np.asarray(differ & ~(np.isnan(then) & np.isnan(now)), dtype=np.bool_)


def _of(values: Values, what: Callable[[Values], float]) -> float:
    known = values[~np.isnan(values)]
    return float(what(known)) if len(known) else 0.0
