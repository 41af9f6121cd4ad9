"""The slow loop: at the open and every hour, what stocks may have and how the book is hedged until the next time.

At the open it knows the sessions before, and its budget is in force from the first close on. After that it knows the
bars up to a full hour, and its budget is in force from the close five minutes later, in backtest, rehearsal and live.
What it says of a session depends on that session and the twenty before alone: the same bits wherever it is asked.
"""

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import ThreadpoolController

from daytrader_ray.domain.budget import Budget, Budgets, unlimited
from daytrader_ray.domain.indices import QQQ, SPY, VIX, VIX3M
from daytrader_ray.domain.panel import Panel
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.portfolio.covariance import known, ledoit_wolf, mean_correlation, updated
from daytrader_ray.portfolio.hedges import best_hedge, betas, is_fear
from daytrader_ray.portfolio.ladder import Ladder
from daytrader_ray.portfolio.limits import Limits, caps, exposures

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

SESSIONS = 20
"""Sessions before today that covariances and betas are measured on."""
EVERY_MINUTES, DELAY_MINUTES, RETURN_MINUTES = 60, 5, 5
OPEN = NONE = -1


class Allocation(NamedTuple):
    """A budget, the `slot` at whose close it was made (OPEN: before the first), and how it was found.

    `step` of the ladder ("" without a scheme), `refused` why the ones above it were left; `crowding` is the mean
    correlation of the stocks (NaN: not measured), `fear` whether the rule of fear holds.
    """

    slot: int
    budget: Budget
    step: str = ""
    refused: tuple[str, ...] = ()
    crowding: float = float("nan")
    fear: bool = False

    def told(self, symbols: Sequence[str]) -> dict[str, Any]:
        """Return what to note of it, in plain values; caps, betas and targets by symbol."""
        budget, by_symbol = self.budget, dict[str, dict[str, float]]()
        for name, values in (("cap", budget.cap), ("beta", budget.beta), ("hedge_weight", budget.hedge_weight)):
            known = zip(symbols, values.tolist(), strict=True)
            by_symbol[name] = {symbol: value for symbol, value in known if value == value and value != 0.0}
        return {
            "slot": self.slot,
            "step": self.step,
            "refused": self.refused,
            "crowding": None if math.isnan(self.crowding) else self.crowding,
            "fear": self.fear,
            "gross_scale": budget.gross_scale,
            "neutral": bool(budget.neutral),
            "hedge": symbols[budget.hedge] if budget.hedge != NONE else "",
            **by_symbol,
        }


class Allocator:
    """The slow loop of one set of symbols; `open` begins each session, `at` follows at each of its slow slots.

    `sector` `[symbol]` are numbers, `ic` is the signal's rank correlation with returns on validation: an expected
    return of 30 minutes is ic * sigma_30 * signal (Grinold 1989).
    """

    def __init__(
        self,
        config: PortfolioConfig,
        kernel: KernelConfig,
        symbols: Sequence[str],
        sector: Int64,
        bar_minutes: int,
        ic: float,
    ) -> None:
        self._config, self._kernel, self._symbols, self._sector = config, kernel, tuple(symbols), sector
        self._bar_minutes, self._ic = bar_minutes, ic

    def slots(self, n_slots: int) -> list[int]:
        """Return the slots of a session after whose close `at` is called."""
        every = max(1, EVERY_MINUTES // self._bar_minutes)
        last = n_slots - self.in_force(0)
        return list(range(every - 1, last, every)) if self._config.is_hourly else []

    def in_force(self, slot: int) -> int:
        """Return the first slot that decides by a budget made at `slot`."""
        return 0 if slot == OPEN else slot + max(1, DELAY_MINUTES // self._bar_minutes)

    def open(self, history: Panel, tradable: Bool) -> Allocation:
        """Begin the session after the last one of `history`; `tradable` `[symbol]` are its stocks."""
        n = len(history.grid.sessions)
        past = history.part(max(0, n - SESSIONS), n)
        return self.begin(daily_returns(past), past.close[-1:], tradable)

    def begin(self, days: Sequence[Float64], latest: Float64, tradable: Bool) -> Allocation:
        """Begin a session on `daily_returns` of the sessions before and their last closes `[0 or 1, symbol]`."""
        with _threads().limit(limits=1):
            unknown = np.full(len(self._symbols), np.nan)
            returns = np.concatenate([unknown[None, :][:0], *days])
            market = self._column(SPY)
            beta = betas(returns, market) if market != NONE else unknown
            self._free = unlimited(len(beta), self._kernel.max_position)._replace(beta=beta)
            if not self._config.is_hourly:
                return Allocation(OPEN, self._free)
            self._measure(returns, tradable)
            return self._allocate(OPEN, self._covariance, latest[0] if len(latest) else unknown, unknown, unknown)

    def at(self, slot: int, close: Float64, signal: Float64, sigma_30: Float64) -> Allocation:
        """Return what is said on the bars up to the close of `slot`.

        `close` and `signal` `[bar, symbol]` are those of the session so far: of signals the latest one known in the
        last hour counts; `sigma_30` `[symbol]` is that of this close (NaN: none).
        """
        with _threads().limit(limits=1):
            today = five_minute_returns(close[: slot + 1], self._bar_minutes)[:, self._used]
            every = max(1, EVERY_MINUTES // self._bar_minutes)
            recent = _latest_known(signal[max(0, slot + 1 - every) : slot + 1])
            return self._allocate(slot, updated(self._covariance, today), close[slot], recent, sigma_30)

    def _measure(self, returns: Float64, tradable: Bool) -> None:
        """Measure on the `returns` `[row, symbol]` of the sessions before what stands for the whole day."""
        kernel, enough = self._kernel, known(returns)
        is_hedge = np.isin(self._symbols, list(kernel.hedge.caps))
        self._stocks = np.flatnonzero(tradable & enough & ~is_hedge)
        funds = np.flatnonzero(np.isin(self._symbols, (SPY, QQQ)) & is_hedge & enough)
        self._used = np.append(self._stocks, funds)
        self._covariance = ledoit_wolf(returns[:, self._used])
        sector = np.unique(self._sector[self._stocks], return_inverse=True)[1]
        sums = exposures(self._config.neutral, sector, np.nan_to_num(self._free.beta[self._stocks], nan=1.0))
        leverage = min(kernel.max_gross, kernel.buying_power)
        self._limits = Limits(kernel.max_position, kernel.max_sector, leverage, sector, sums)
        self._ladder = Ladder(self._config, self._limits)

    def _allocate(
        self, slot: int, covariance: Float64, close: Float64, signal: Float64, sigma_30: Float64
    ) -> Allocation:
        config, stocks = self._config, self._stocks
        wish, among = np.nan_to_num(signal[stocks]), covariance[: len(stocks), : len(stocks)]
        size, found = np.abs(wish), Allocation(slot, self._free, crowding=mean_correlation(among))
        if config.scheme != "none":
            answer = self._ladder.answer(among, max(self._ic, 0.0) * np.nan_to_num(sigma_30[stocks]) * wish)
            budget, size = self._free._replace(cap=self._caps(answer.weights)), np.abs(answer.weights)
            found = found._replace(budget=budget, step=answer.step, refused=answer.refused)
        fear = is_fear(self._value(close, VIX), self._value(close, VIX3M), config.fear)
        scale = config.fear.gross if fear else 1.0
        budget = found.budget._replace(
            cap=found.budget.cap * scale,
            gross_scale=scale,
            neutral=int(found.crowding > config.crowded),
            hedge=self._hedge(covariance, wish, size),
            hedge_weight=self._held_in_fear() if fear else self._free.hedge_weight,
        )
        return found._replace(budget=budget, fear=fear)

    def _caps(self, weights: Float64) -> Float64:
        """Return the most of equity in each symbol; one of which too little is known has the least of all."""
        out = np.full(len(self._symbols), self._kernel.max_position / 4.0)
        out[self._stocks] = caps(weights, self._limits)
        return out

    def _hedge(self, covariance: Float64, wish: Float64, size: Float64) -> int:
        """Return the symbol that hedges the book of `size` `[stock]` in the direction of `wish`, long without one."""
        book = np.zeros(len(self._used))
        book[: len(wish)] = np.where(wish < 0.0, -1.0, 1.0) * (size if size.any() else 1.0)
        best = best_hedge(covariance, book, range(len(wish), len(book))) if self._config.beta_hedge else NONE
        return int(self._used[best]) if best != NONE else NONE

    def _held_in_fear(self) -> Float64:
        """Return the targets of the other hedges `[symbol]`, none beyond its cap."""
        out = np.zeros(len(self._symbols))
        for symbol, weight in self._config.fear.hold.items():
            most = self._kernel.hedge.caps.get(symbol, 0.0)
            if (i := self._column(symbol)) != NONE:
                out[i] = np.clip(weight, -most, most)
        return out

    def _column(self, symbol: str) -> int:
        return self._symbols.index(symbol) if symbol in self._symbols else NONE

    def _value(self, close: Float64, symbol: str) -> float:
        column = self._column(symbol)
        return float(close[column]) if column != NONE else float("nan")


def five_minute_returns(close: Float64, bar_minutes: int) -> Float64:
    """Return the log returns `[row, symbol]` of one session from one full five minutes to the next."""
    every = max(1, RETURN_MINUTES // bar_minutes)
    return np.diff(np.log(close[every - 1 :: every]), axis=0)


def daily_returns(panel: Panel) -> list[Float64]:
    """Return the 5-minute returns of each session `[session][row, symbol]`."""
    ends, minutes = panel.grid.first_row.tolist(), panel.grid.bar_minutes
    return [five_minute_returns(panel.close[a:b], minutes) for a, b in itertools.pairwise(ends)]


def budgets_of(
    allocator: Allocator, panel: Panel, block: tuple[int, int], tradable: Bool, signal: Float64, sigma_30: Float64
) -> tuple[Budgets, tuple[Allocation, ...]]:
    """Return the budgets of the sessions `[start, stop)` of `panel`, and how each was found, oldest first.

    `panel` begins at least 20 sessions before `start` where there are as many; `tradable` is `[session of panel,
    symbol]`, `signal` and `sigma_30` are `[row of the block, symbol]`.
    """
    start, stop = block
    first, made, before = panel.grid.first_row, list[Allocation](), max(0, start - SESSIONS)
    days = daily_returns(panel.part(before, stop))
    at = np.empty(int(first[stop] - first[start]), dtype=np.int64)
    for s in range(start, stop):
        rows = slice(int(first[s] - first[start]), int(first[s + 1] - first[start]))
        close, today = panel.close[first[s] : first[s + 1]], at[rows]
        latest = panel.close[max(0, first[s] - 1) : first[s]]
        made.append(allocator.begin(days[max(0, s - SESSIONS) - before : s - before], latest, tradable[s]))
        today[:] = len(made) - 1
        for slot in allocator.slots(len(close)):
            made.append(allocator.at(slot, close, signal[rows], sigma_30[rows][slot]))
            today[allocator.in_force(slot) :] = len(made) - 1
    return Budgets(at, tuple(one.budget for one in made)), tuple(made)


def _latest_known(values: Float64) -> Float64:
    """Return the last known of `values` `[bar, symbol]` by symbol; NaN where there is none."""
    back = np.isfinite(values)[::-1].argmax(axis=0)  # 0 too where none is known: the last, unknown one
    return np.asarray(values[len(values) - 1 - back, np.arange(values.shape[1])])


@functools.cache
def _threads() -> ThreadpoolController:
    """Return what holds the linear algebra to one thread: more of them could sum in another order."""
    return ThreadpoolController()
