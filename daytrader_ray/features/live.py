"""Features of the minute that has just closed: one step of the same kernels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from daytrader_ray.domain.panel import FeatureMatrix, Matrix, Panel
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.sessions import Session
from daytrader_ray.features import step as steps
from daytrader_ray.features.bar import Bars, Float32, Float64, Minute
from daytrader_ray.features.compute import compute_parts, crowd_of
from daytrader_ray.features.extras import Extra
from daytrader_ray.features.trailing import initial_tails, step_extras


@dataclass(frozen=True)
class Warmed:
    """A history that has been stepped through: its features, and `state` and `tails` of `LiveFeatures` after it."""

    features: FeatureMatrix
    state: Float64
    tails: Float64


class LiveFeatures:
    """Feature state of all symbols, stepped minute by minute; the same bits as `features.compute`.

    Parameters
    ----------
    symbols
        In the order of every array `[symbol]`.
    state
        A snapshot `[symbol, N_STATE]` to go on from (copied); the start of all history by default.
    bar_minutes
        Length of a bar.
    peers
        Whom the cross-section compares with, its only session the one that is stepped.
    extras
        The configured features (`FeatureSet.extras`), the last columns.
    tails
        The bars `[symbol, field, bar]` that they remember in the snapshot (copied); none by default.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        state: Float64 | None = None,
        bar_minutes: int = 1,
        peers: Peers | None = None,
        extras: Sequence[Extra] = (),
        tails: Float64 | None = None,
    ) -> None:
        self.symbols = tuple(symbols)
        self.names = (*steps.NAMES, *(extra.feature.name for extra in extras))
        self.bar_minutes = bar_minutes
        self.state = steps.initial_state(len(self.symbols)) if state is None else state.copy()
        self.tails = initial_tails(extras, len(self.symbols)) if tails is None else tails.copy()
        self._extras = tuple(extras)
        self._crowd = crowd_of(len(self.symbols), 1, peers)

    def go_on(self, warmed: Warmed) -> Matrix:
        """Continue after a history that has been stepped through before; return its features."""
        self.state, self.tails = warmed.state.copy(), warmed.tails.copy()
        return warmed.features.values

    def warm(
        self,
        panel: Panel,
        expected_volume: Float64,
        *,
        peers: Peers | None = None,
        ticks: Float64 | None = None,
        events: Float64 | None = None,
    ) -> Float32:
        """Step through history: every row of `panel`, which has the same symbols; the rest as in `compute`.

        Returns the features of that history, float32 `[row, symbol, feature]`.
        """
        return np.concatenate([*self.go_through(panel, expected_volume, peers=peers, ticks=ticks, events=events)])

    def go_through(
        self,
        panel: Panel,
        expected_volume: Float64,
        *,
        peers: Peers | None = None,
        ticks: Float64 | None = None,
        events: Float64 | None = None,
    ) -> Iterator[Float32]:
        """`warm`, some sessions at a time, for callers that need not hold all features at once."""
        if panel.symbols != self.symbols or panel.grid.bar_minutes != self.bar_minutes:
            raise ValueError(f"history of {panel.symbols}, expected {self.symbols} in bars of {self.bar_minutes} min")
        start, extras = (self.state, self.tails), self._extras
        parts = compute_parts(*start, panel, expected_volume, peers=peers, ticks=ticks, events=events, extras=extras)
        for _, part in parts:
            yield np.asarray(part.values)

    def step(self, session: Session, slot: int, bars: Bars) -> tuple[Float32, Float64]:
        """Take in one bar of all symbols, every slot of a session in order.

        `bars` are raw, `[symbol]`, by the panel's NaN rules.

        Returns
        -------
        values
            float32 `[symbol, feature]`, NaN while warming up or without a bar.
        aux
            float64 `[symbol, 3]`: atr_5 (raw USD), return_30, sigma_30.
        """
        n = len(self.symbols)
        values = np.empty((n, len(self.names)), dtype=np.float32)
        aux, cross = np.empty((n, steps.N_AUX)), np.empty((n, steps.N_CROSS))
        minute = Minute(slot, session.n_minutes // self.bar_minutes, session.date.weekday(), self.bar_minutes)
        steps.step(self.state, minute, bars, self._crowd, values, aux, cross)
        if self._extras:
            start = session.open_minute + slot * self.bar_minutes
            values[:, steps.N_FEATURES :] = step_extras(self._extras, bars, start, self.tails)
        return values, aux
