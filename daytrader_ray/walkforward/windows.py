"""Walk-forward windows: train on one span of sessions, test on the next, move on by a step."""

import datetime as dt
import itertools
import re
from calendar import monthrange
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np

from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.folds import halved
from daytrader_ray.domain.sessions import Session, SessionGrid

Unit = Literal["s", "w", "m"]
UNIT_WORDS: dict[Unit, str] = {"s": "sessions", "w": "weeks", "m": "months"}
SESSIONS_IN: dict[Unit, int] = {"s": 1, "w": 5, "m": 21}
"""How many sessions a unit has, holidays left aside."""
MIN_TRAIN_SESSIONS = 4
"""Two sessions to learn from and two for validation."""

Block = tuple[int, int]
"""Sessions `start` to `stop - 1`."""


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as the user writes it: `6s` sessions, `2w` weeks or `6m` months."""

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """Read `6s`, `2w` or `6m`; a `ConfigError` says which option was wrong.

        >>> str(Span.parse("6m", "train"))
        '6 months'
        """
        match = re.fullmatch(r"\s*(\d+)\s*([swm])\s*", text)
        if match is None or int(match[1]) < 1:
            raise ConfigError(
                f"--{name} {text!r} is not a span: expected a number and s, w or m, as in 6s, 2w or 6m",
                "s counts sessions, w weeks, m months",
            )
        unit: Unit = "s" if match[2] == "s" else "w" if match[2] == "w" else "m"
        return cls(int(match[1]), unit)

    def __str__(self) -> str:
        word = UNIT_WORDS[self.unit]
        return f"{self.count} {word if self.count != 1 else word[:-1]}"

    def days(self) -> float:
        """Return the rough length in calendar days, to compare spans of different units."""
        return self.count * {"s": 1.4, "w": 7.0, "m": 30.4}[self.unit]

    def sessions(self) -> int:
        """Return the length in sessions, exact where the unit is sessions."""
        return self.count * SESSIONS_IN[self.unit]


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How long to train, how long to test, how far to step."""

    train: Span
    test: Span
    step: Span

    @classmethod
    def parse(cls, train: str, test: str, step: str) -> Self:
        """Read three spans; a step longer than the test would leave days that no test ever sees and is refused."""
        spec = cls(Span.parse(train, "train"), Span.parse(test, "test"), Span.parse(step, "step"))
        if spec.step.days() > spec.test.days() * 1.01:
            raise ConfigError(f"--step {step} is longer than --test {test}: the days between would never be tested")
        return spec

    def __str__(self) -> str:
        return f"train {self.train}, test {self.test}, step {self.step}"


@dataclass(frozen=True, slots=True)
class Window:
    """One walk-forward window; every field but `index` is a block of sessions `(start, stop)`.

    `train` holds `fit` (learned from), `a` (early stopping) and `b` (weights, scale, threshold) in this order. `step`
    is the first part of `test`, the one that enters the stitched equity curve. A fold of the window also has
    `held_out`, the part of `fit` that it does not learn from.
    """

    index: int
    train: Block
    fit: Block
    a: Block
    b: Block
    test: Block
    step: Block
    held_out: Block | None = None

    @property
    def learned(self) -> tuple[Block, ...]:
        """Return the parts of `fit` that are learned from: all of it, or what is left around `held_out`.

        An embargo of a session on either side of it is not learned from either (Lopez de Prado 2018, chapter 7).
        """
        if self.held_out is None:
            return (self.fit,)
        around = (self.fit[0], self.held_out[0] - 1), (self.held_out[1] + 1, self.fit[1])
        return tuple(block for block in around if block[1] > block[0])


def folds_of(window: Window, n_folds: int) -> list[Window]:
    """Return the window with each of `n_folds` runs of whole sessions of `fit` held out, oldest first.

    Folds that would leave nothing to learn from are not there; none for `n_folds` 0.
    """
    cuts = np.linspace(window.fit[0], window.fit[1], n_folds + 1).round().astype(int).tolist() if n_folds else []
    found = [replace(window, held_out=block) for block in itertools.pairwise(cuts) if block[1] > block[0]]
    return [fold for fold in found if fold.learned]


def window_of(index: int, train: Block, test: Block, step: Block) -> Window:
    """Complete a window: validation is the last max(2, round(20 %)) training sessions, halved into A and B."""
    n_validation = max(2, round(0.2 * (train[1] - train[0])))
    a, b = halved(train[1] - n_validation, train[1])
    return Window(index, train, (train[0], a[0]), a, b, test, step)


def training_window(train: Block) -> Window:
    """Return the window that fits on `train` and tests nothing, as a published bundle needs it."""
    n_sessions = train[1] - train[0]
    if train[0] < 0 or n_sessions < MIN_TRAIN_SESSIONS:
        raise DataError(f"training needs at least {MIN_TRAIN_SESSIONS} sessions, found {max(n_sessions, 0)}")
    return window_of(0, train, (train[1], train[1]), (train[1], train[1]))


def latest_train(grid: SessionGrid, train: Span, stop: int) -> Block:
    """Return the sessions of one training span that ends before session `stop`."""
    after = grid.sessions[stop - 1].date + dt.timedelta(days=1)
    date = grid.sessions[stop].date if stop < len(grid.sessions) else after
    return _back(grid, train, stop, date), stop


def windows(grid: SessionGrid, spec: WindowSpec, at_least: int = 1) -> tuple[Window, ...]:
    """Return every whole window of the grid, oldest first.

    T is the first session of a week where the step is in weeks, otherwise every `step` sessions or months from the
    first possible one on. A `DataError` gives the arithmetic when there are fewer than `at_least`.
    """
    starts = _starts(grid, spec)
    found: list[Window] = []
    for index, (at, date) in enumerate(starts):
        stop = _forward(grid, spec.test, at, date)
        if stop is None:
            break
        train = _back(grid, spec.train, at, date), at
        if train[1] - train[0] < MIN_TRAIN_SESSIONS:
            raise ConfigError(
                f"--train {spec.train} holds {train[1] - train[0]} sessions before {grid.sessions[at].date}: "
                f"at least {MIN_TRAIN_SESSIONS} are needed (two to learn from, two for validation)"
            )
        after = starts[index + 1][0] if index + 1 < len(starts) else stop
        found.append(window_of(index, train, (at, stop), (at, min(stop, after))))
    if len(found) < at_least:
        raise _too_short(grid, spec, len(found), at_least)
    return tuple(found)


def dated(grid: SessionGrid, window: Window) -> dict[str, list[str]]:
    """Return the first and the last day of each block of a window, in plain values."""
    blocks = {name: getattr(window, name) for name in ("train", "fit", "a", "b", "test", "step")}
    return {
        name: [str(grid.sessions[session].date) for session in (start, stop - 1)]
        for name, (start, stop) in blocks.items()
    }


def _too_short(grid: SessionGrid, spec: WindowSpec, found: int, at_least: int) -> DataError:
    n, steps = len(grid.sessions), at_least - 1
    span = f" ({grid.sessions[0].date} to {grid.sessions[-1].date})" if n else ""
    needed = spec.train.sessions() + spec.test.sessions() + steps * spec.step.sessions()
    exact = spec.train.unit == spec.test.unit == "s" and (spec.step.unit == "s" or not steps)
    wanted = "one window" if at_least == 1 else f"{at_least} windows"
    moved = f" + {steps} steps of {spec.step}" if steps else ""
    return DataError(
        f"the history is too short for {wanted}: {spec.train} of training + {spec.test} of test{moved} = "
        f"{'' if exact else 'about '}{needed} sessions are needed, found {n} sessions{span}"
        + (f", which make {found} window{'s' if found > 1 else ''}" if found else ""),
        "download or import more bars, or shorten --train, --test and --step"
        + ("; search.min_windows asks for fewer windows, which prove less" if at_least > 1 else ""),
    )


def _starts(grid: SessionGrid, spec: WindowSpec) -> list[tuple[int, dt.date]]:
    """Return each T as a session and the calendar day that its spans are counted from."""
    n = len(grid.sessions)
    first = next((at for at in range(1, n) if _may_start(grid, spec, at)), n)
    if first == n:
        return []
    if spec.step.unit == "s":
        return [(at, grid.sessions[at].date) for at in range(first, n, spec.step.count)]
    date = grid.sessions[first].date
    if spec.step.unit == "w":
        date -= dt.timedelta(days=date.weekday())
    found: list[tuple[int, dt.date]] = []
    while (at := _index_from(grid.sessions, here := _shift(date, spec.step, len(found)))) < n:
        found.append((at, here))
    return found


def _may_start(grid: SessionGrid, spec: WindowSpec, at: int) -> bool:
    date = grid.sessions[at].date
    if spec.step.unit == "w" and date.isocalendar()[:2] == grid.sessions[at - 1].date.isocalendar()[:2]:
        return False
    if spec.train.unit == "s":
        return at >= spec.train.count
    wanted = _shift(date, spec.train, -1)
    return int(np.busday_count(wanted, grid.sessions[0].date)) <= 1  # one holiday may open the span


def _back(grid: SessionGrid, span: Span, stop: int, date: dt.date) -> int:
    return max(stop - span.count, 0) if span.unit == "s" else _index_from(grid.sessions, _shift(date, span, -1))


def _forward(grid: SessionGrid, span: Span, at: int, date: dt.date) -> int | None:
    """Return the session after the span that starts at session `at`; None where the history ends inside it."""
    if span.unit == "s":
        return at + span.count if at + span.count <= len(grid.sessions) else None
    end = _shift(date, span, 1)
    last = grid.sessions[-1].date
    if last < end and int(np.busday_count(last + dt.timedelta(days=1), end)) > 1:  # one holiday may close the span
        return None
    return _index_from(grid.sessions, end)


def _index_from(sessions: tuple[Session, ...], date: dt.date) -> int:
    return sum(session.date < date for session in sessions)


def _shift(date: dt.date, span: Span, times: int) -> dt.date:
    if span.unit == "w":
        return date + dt.timedelta(weeks=times * span.count)
    months = date.year * 12 + date.month - 1 + times * span.count
    year, month = divmod(months, 12)
    return dt.date(year, month + 1, min(date.day, monthrange(year, month + 1)[1]))
