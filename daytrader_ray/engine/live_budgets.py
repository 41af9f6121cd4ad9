"""The slow loop of a session under way: which budget is in force, and the next one."""

from collections.abc import Sequence

import numpy as np

from daytrader_ray.domain.budget import Budget
from daytrader_ray.domain.panel import Panel
from daytrader_ray.engine.budgets import Allocation, Allocator, Bool, Float64


class LiveBudgets:
    """Budgets as bars come: `opened` is what was said before the first, `budget` is in force at the last close."""

    def __init__(self, allocator: Allocator, history: Panel, tradable: Bool, n_slots: int) -> None:
        self._allocator = allocator
        self.opened = allocator.open(history, tradable)
        self.budget: Budget = self.opened.budget
        self._slots: Sequence[int] = allocator.slots(n_slots)
        self._close = np.full((n_slots, len(history.symbols)), np.nan)
        self._signal = np.full((n_slots, len(history.symbols)), np.nan)
        self._made: dict[int, Budget] = {}

    def take(self, slot: int, close: Float64) -> None:
        """Take in the closes `[symbol]` of a bar; what was made for its close comes into force."""
        self._close[slot] = close
        for due in [at for at in self._made if at <= slot]:
            self.budget = self._made.pop(due)

    def allocate(self, slot: int, signal: Float64, sigma_30: Float64) -> Allocation | None:
        """Take in a close's signals; return what is said at a slow slot, in force five minutes later, or None."""
        self._signal[slot] = signal
        if slot not in self._slots:
            return None
        made = self._allocator.at(slot, self._close, self._signal, sigma_30)
        self._made[self._allocator.in_force(slot)] = made.budget
        return made
