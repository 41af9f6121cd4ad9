"""Features of the minute that has just closed: one step of the same kernels."""

from collections.abc import Sequence

import numpy as np

from daytrader_ray.domain.panel import Panel
from daytrader_ray.features import step as steps
from daytrader_ray.features.bar import Bars, Float32, Float64, Minute
from daytrader_ray.features.compute import REFERENCE, bars_of, calendar_of, compute_symbol, return_15


class LiveFeatures:
    """Feature state of all symbols, stepped minute by minute; the same bits as `features.compute`.

    Parameters
    ----------
    symbols
        In the order of every array `[symbol]`.
    reference
        The market proxy that `excess_15` subtracts; without it `excess_15` is NaN.
    state
        A snapshot `[symbol, N_STATE]` to go on from (copied); the start of all history by default.
    bar_minutes
        Length of a bar.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        reference: str = REFERENCE,
        state: Float64 | None = None,
        bar_minutes: int = 1,
    ) -> None:
        self.symbols = tuple(symbols)
        self.names = steps.NAMES
        self.bar_minutes = bar_minutes
        self.state = steps.initial_state(len(self.symbols)) if state is None else state.copy()
        self._reference = self.symbols.index(reference) if reference in self.symbols else -1

    def warm(self, panel: Panel, expected_volume: Float64) -> Float32:
        """Step through history: every row of `panel`, which has the same symbols; `expected_volume` `[row, symbol]`.

        Returns the features of that history, float32 `[row, symbol, feature]`.
        """
        if panel.symbols != self.symbols or panel.grid.bar_minutes != self.bar_minutes:
            raise ValueError(f"history of {panel.symbols}, expected {self.symbols} in bars of {self.bar_minutes} min")
        calendar = calendar_of(panel.grid)
        market = None
        if self._reference >= 0:
            bars = bars_of(panel, expected_volume, self._reference)
            market = return_15(bars, calendar, self.state[self._reference])
        values = np.empty((panel.grid.n_rows, len(self.symbols), steps.N_FEATURES), dtype=np.float32)
        for column in range(len(self.symbols)):
            bars = bars_of(panel, expected_volume, column)
            values[:, column] = compute_symbol(bars, calendar, market, self.state[column]).values
        return values

    def step(self, slot: int, n_slots: int, weekday: int, bars: Bars) -> tuple[Float32, Float64]:
        """Take in one minute, every slot of a session in order; `bars` are raw, `[symbol]`, by the panel's NaN rules.

        Returns
        -------
        values
            float32 `[symbol, feature]`, NaN while warming up or without a bar.
        aux
            float64 `[symbol, 3]`: atr_5 (raw USD), return_30, sigma_30.
        """
        values = np.empty((len(self.symbols), steps.N_FEATURES), dtype=np.float32)
        aux = np.empty((len(self.symbols), steps.N_AUX))
        minute = Minute(slot, n_slots, weekday, self.bar_minutes)
        steps.step(self.state, minute, bars, self._reference, values, aux)
        return values, aux
