"""What the audit looks at in this room: features in history and live, and functions of bars over a whole history."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import FeatureMatrix, Panel
from daytrader_ray.domain.peers import Peers
from daytrader_ray.features.audit_table import Compute, Table, row_table
from daytrader_ray.features.bar import EVENTS, TICKS, Bars, Bool, Float64, without
from daytrader_ray.features.compute import bars_of, compute
from daytrader_ray.features.events import event_minutes
from daytrader_ray.features.extras import History
from daytrader_ray.features.feature_set import FeatureSet
from daytrader_ray.features.kernels.past import bars_of as bars_of_minutes
from daytrader_ray.features.kernels.ranges import ATR_MINUTES, ATR_WARM_UP
from daytrader_ray.features.live import LiveFeatures
from daytrader_ray.features.trailing import adjusted
from daytrader_ray.features.world import World

Function = Callable[[History], npt.ArrayLike]

RANGES = ("atr_5", "return_30", "sigma_30")
ROUNDING = 1e-9
"""Tolerance of `lookahead` for a user's function: sums of vectorised libraries may depend on the length of the data."""


@dataclass(frozen=True)
class FeatureTables:
    """Tables of the features of a set, and of the ranges; `expected_volume` makes what relative volume is relative to.

    It takes a panel and returns `[row, symbol]`; a world that brings its own is not asked for it.
    """

    features: FeatureSet
    expected_volume: Callable[[Panel], Float64]

    def history(self, world: World) -> Sequence[Table]:
        """Compute all rows in one piece."""
        extras = self.features.extras
        return self._tables(world, compute(world.panel, self._expected(world), extras=extras, **_inputs(world)))

    def live(self, world: World, session: int) -> Sequence[Table]:
        """Warm up with the sessions before `session`; take in all later ones minute by minute, as live does."""
        whole = replace(world, expected_volume=self._expected(world))
        past, later = whole.part(0, session), whole.part(session, whole.n_sessions)
        symbols, extras, minutes = world.panel.symbols, self.features.extras, world.grid.bar_minutes
        live = LiveFeatures(symbols, bar_minutes=minutes, extras=extras)
        live.warm(past.panel, self._expected(past), **_inputs(past))
        steps = []
        for now, date in enumerate(later.grid.sessions):
            day = later.part(now, now + 1)
            live = LiveFeatures(symbols, live.state, minutes, day.peers, extras, live.tails)
            steps += [live.step(date, slot, bars) for slot, bars in enumerate(_minutes(day, self._expected(day)))]
        values, aux = (np.stack(part) for part in zip(*steps, strict=True))
        return self._tables(later, FeatureMatrix(live.names, values, *(aux[:, :, k] for k in range(len(RANGES)))))

    def _expected(self, world: World) -> Float64:
        return self.expected_volume(world.panel) if world.expected_volume is None else world.expected_volume

    def _tables(self, world: World, matrix: FeatureMatrix) -> Sequence[Table]:
        features = self.features.features
        minutes = world.grid.bar_minutes
        warm_up = [feature.warm_up_of(minutes) for feature in features]
        shared = ["peers" in feature.inputs for feature in features]
        ranges = np.stack([getattr(matrix, name) for name in RANGES], axis=2)
        of_ranges = [(ATR_WARM_UP + 1) * bars_of_minutes(ATR_MINUTES, minutes)]
        of_ranges += [bars_of_minutes(30, minutes), bars_of_minutes(60, minutes)]
        values = np.asarray(matrix.values[:])
        return row_table(world, matrix.names, values, warm_up, shared), row_table(world, RANGES, ranges, of_ranges)


class _Inputs(TypedDict):
    peers: Peers | None
    ticks: Float64 | None
    events: Float64 | None


def _inputs(world: World) -> _Inputs:
    return {"peers": world.peers, "ticks": world.ticks, "events": event_rows(world)}


def _minutes(day: World, expected: Float64) -> Iterator[Bars]:
    """Yield the bars `[symbol]` of each minute of a world of one session."""
    panel, events = day.panel, event_rows(day)
    n = len(panel.symbols)
    for row in range(day.grid.n_rows):
        yield Bars(
            open=panel.open[row],
            high=panel.high[row],
            low=panel.low[row],
            close=panel.close[row],
            volume=panel.volume[row],
            vwap=panel.vwap[row],
            traded=panel.traded[row],
            expected_volume=expected[row],
            price_factor=panel.price_factor[0],
            share_factor=panel.share_factor[0],
            ticks=without(n, TICKS) if day.ticks is None else day.ticks[row],
            events=without(n, EVENTS) if events is None else events[row],
        )


def event_rows(world: World) -> Float64 | None:
    """Return what the events of a world are in each row `[row, symbol, 2]`."""
    if world.events is None:
        return None
    ends = world.grid.minute_of_row + world.grid.bar_minutes
    return np.stack([event_minutes(*one, ends) for one in world.events], axis=1)


def whole_history(functions: Mapping[str, Function], warm_up: Mapping[str, int]) -> Compute:
    """Return what computes functions of bars over the whole history of each symbol, NaN where it has no bar."""

    def run(world: World) -> Sequence[Table]:
        values = np.full((*world.panel.close.shape, len(functions)), np.nan)
        for column in range(len(world.panel.symbols)):
            there = np.isfinite(world.panel.close[:, column])
            if there.any():
                bars = _bars(world, column, there)
                values[there, column] = np.stack([np.asarray(f(bars)) for f in functions.values()], axis=1)
        return [row_table(world, tuple(functions), values, [warm_up[name] for name in functions])]

    return run


def _bars(world: World, column: int, there: Bool) -> History:
    """Return one symbol's adjusted bars, those that there are."""
    bars = bars_of(world.panel, world.panel.volume, column)
    fields = adjusted(bars, world.grid.minute_of_row)[:, there]
    fields.flags.writeable = False
    return History(*fields)
