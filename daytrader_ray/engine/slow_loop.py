"""The slow loop through one live session: what it has seen, and the budget in force."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import Budget
from daytrader_ray.domain.panel import Panel
from daytrader_ray.engine.budgets import Allocation, Allocator

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]


class SlowLoop:
    """Asks an allocator at the open and at its slow slots, as `engine.budgets.budgets_of` does of stored sessions."""

    def __init__(self, allocator: Allocator, history: Panel, tradable: Bool, n_slots: int) -> None:
        self._allocator, self._slots = allocator, allocator.slots(n_slots)
        self._close = np.full((n_slots, len(history.symbols)), np.nan)
        self._made = [allocator.open(history, tradable)]

    def budget(self, slot: int) -> Budget:
        """Return the budget that the close of `slot` decides by."""
        in_force = [made for made in self._made if self._allocator.in_force(made.slot) <= slot]
        return in_force[-1].budget

    def see(self, slot: int, close: Float64) -> None:
        """Take in the latest closes `[symbol]`; slots come in order, each once."""
        self._close[slot] = close

    def allocate(self, slot: int, signal: Float64, sigma_30: Float64) -> Allocation | None:
        """Make the next budget, after the orders of a slow slot have left; None at any other."""
        if slot not in self._slots:
            return None
        self._made.append(self._allocator.at(slot, self._close[: slot + 1], signal, sigma_30))
        return self._made[-1]
