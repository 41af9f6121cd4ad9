"""What `daytrader audit` looks at: features, the statistics before a session, the universe and the regime."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.panel import Float64
from daytrader_ray.domain.regime import RegimeModel
from daytrader_ray.features.audit_table import Compute, Live, Table, joined, row_table, session_table
from daytrader_ray.features.audited import FeatureTables
from daytrader_ray.features.registry import memory
from daytrader_ray.features.world import World
from daytrader_ray.market_data.statistics import HISTORY, next_session_statistics, session_statistics
from daytrader_ray.regime.live import LiveRegime
from daytrader_ray.regime.observations import HALF_LIFE_MINUTES, WINDOW_MINUTES
from daytrader_ray.universe.config import UNCLASSIFIED, UniverseConfig
from daytrader_ray.universe.criteria import REGISTRY
from daytrader_ray.universe.daily import daily_of
from daytrader_ray.universe.eligibility import eligibility
from daytrader_ray.universe.rotation import SPANS, sector_budgets

Int8 = npt.NDArray[np.int8]

STATISTICS = ("statistics.adv", "statistics.sigma_day")
LONGEST = HISTORY + 1
"""Sessions that statistics look at: their history and the close before it."""
WEEK = 5
"""Sessions for which the sectors' budgets stand."""


@dataclass(frozen=True)
class RegimeSubject:
    """A regime model and the first session that it was not fitted on: before it the model knows the future."""

    model: RegimeModel
    since: dt.date

    def table(self, world: World, states: Int8, first: int = 0) -> Table:
        """Return the table of the regime in force from row `first` on, NaN before `since`."""
        grid = world.grid
        early = np.array([session.date < self.since for session in grid.sessions])[grid.session_of_row[first:]]
        values = np.where(early, np.nan, states.astype(np.float64))
        minutes = grid.bar_minutes
        averages_of_averages = 2
        forgets = averages_of_averages * memory(0.5 ** (minutes / HALF_LIFE_MINUTES)) + WINDOW_MINUTES // minutes
        rows = np.arange(first, grid.n_rows, dtype=np.int64)
        return Table(
            names=("regime.in_force",),
            columns=("market",),
            values=values[:, None, None],
            known=rows,
            minute=grid.minute_of_row[rows],
            age=rows[:, None] + 1,
            warm_up=np.array([forgets], dtype=np.int64),
            shared=np.zeros(1, dtype=np.bool_),
        )

    def history(self, world: World) -> Table:
        """Step through the history."""
        return self.table(world, LiveRegime(self.model, world.panel.symbols).warm(world.panel))

    def live(self, world: World, session: int) -> Table:
        """Warm up with the sessions before `session`, take in the closes of all later bars one by one."""
        live, grid = LiveRegime(self.model, world.panel.symbols), world.grid
        live.warm(world.panel.part(0, session))
        first = int(grid.first_row[session])
        states = [live.step(int(grid.slot_of_row[row]), world.panel.close[row]) for row in range(first, grid.n_rows)]
        return self.table(world, np.array(states, dtype=np.int8), first)


class Subject(NamedTuple):
    """What is audited: computed over a whole `history`, as features in a `batch`, and `live`.

    `rounding` is how far values may differ that know the same, a fraction of their size; 0 asks for equal bits.
    """

    history: Compute
    batch: Compute
    live: Live
    rounding: float


@dataclass(frozen=True)
class Everything:
    """All that the system computes before a decision."""

    features: FeatureTables
    universe: UniverseConfig
    max_sector: float
    regime: RegimeSubject | None

    def history(self, world: World) -> Sequence[Table]:
        """Compute all of it in one piece."""
        statistics = _statistics(world, *session_statistics(world.panel))
        regime = [self.regime.history(world)] if self.regime else []
        return [*self.features.history(world), *statistics, *self._universe(world), *regime]

    def live(self, world: World, session: int) -> Sequence[Table]:
        """Compute what is known before each session opens, and then minute by minute."""
        eves = [world.eve_of(now) for now in range(session, world.n_sessions)]
        parts = [[*_next_statistics(eve), *(table.part(-1, None) for table in self._universe(eve))] for eve in eves]
        regime = [self.regime.live(world, session)] if self.regime else []
        return [*self.features.live(world, session), *map(joined, zip(*parts, strict=True)), *regime]

    def _universe(self, world: World) -> Sequence[Table]:
        """Return every criterion, score and verdict of each symbol, and each sector's budget, before each session."""
        daily = daily_of(world.panel, world.market_cap)
        found = eligibility(self.universe, daily)
        values = {f"universe.{name}": criterion.values(daily) for name, criterion in REGISTRY.items()}
        values |= {"universe.score": found.score, "universe.tradable": found.tradable.astype(np.float64)}
        warm_up = [criterion.sessions for criterion in REGISTRY.values()]
        budgets = sector_budgets(self.universe, world.panel, self.max_sector)
        sectors = (*self.universe.sector_names, UNCLASSIFIED)
        verdicts = np.stack(list(values.values()), axis=2)
        return [
            session_table(world, tuple(values), world.panel.symbols, verdicts, [*warm_up, *[max(warm_up)] * 2]),
            session_table(world, ["universe.sector_budget"], sectors, budgets[:, :, None], [SPANS[-1] + 1 + WEEK]),
        ]


def _statistics(world: World, adv: Float64, sigma_day: Float64, expected_volume: Float64) -> list[Table]:
    """Return the tables of what is known before a session: two by session, and the minutes' expected volume.

    Their age counts sessions in which the symbol traded: of others they know nothing.
    """
    session, traded = world.grid.session_of_row, np.logical_or.reduceat(world.panel.traded, world.grid.first_row[:-1])
    daily = np.stack([adv, sigma_day], axis=2)
    days = session_table(world, STATISTICS, world.panel.symbols, daily, [LONGEST] * 2)
    days = replace(days, age=np.cumsum(traded, axis=0) - traded)
    minutes = row_table(world, ["statistics.expected_volume"], expected_volume[:, :, None], [LONGEST])
    return [days, replace(minutes, known=days.known[session], age=days.age[session])]


def _next_statistics(eve: World) -> list[Table]:
    """Return the lines of the last session, which has no bars yet, as a live session makes them."""
    panel, last = eve.panel, eve.n_sessions - 1
    start, stop = (int(row) for row in eve.grid.first_row[-2:])
    found = next_session_statistics(panel.part(0, last), stop - start, panel.share_factor[last])
    day = _statistics(eve.part(last, last + 1), found.adv[None], found.sigma_day[None], found.expected_volume)
    return [replace(table, known=table.known + start) for table in day]
