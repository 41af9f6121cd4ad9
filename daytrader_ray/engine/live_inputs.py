"""A session's bars as they come, made into what a decision needs: windows to score, prices, ATR, regime."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.cadence import bars_between
from daytrader_ray.domain.panel import Matrix
from daytrader_ray.domain.ports import LiveBar
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.trading import WINDOW_ROWS
from daytrader_ray.engine.market import Market
from daytrader_ray.engine.minutes import LiveMinutes
from daytrader_ray.features.bar import EVENTS, TICKS, Bars, without
from daytrader_ray.features.live import LiveFeatures
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.dataset import LiveWindows, valid_rows
from daytrader_ray.regime.live import LiveRegime

Float64 = npt.NDArray[np.float64]
NO_TICKS: Mapping[str, Sequence[float]] = MappingProxyType({})
_LOOK_BACK = 2000
"""Rows of a history in which the last windows are looked for at a time."""


class LiveInputs:
    """Features, windows and regime of one session, warm from its history.

    After each minute: `minutes` has the prices, `aux` `[symbol, 3]` ATR_5 in USD, 30-minute return and its sigma,
    `regime` the state, `scored` the numbers of the symbols whose windows were returned; `unscored` names, by symbol,
    why a stock that may be traded and did trade in the last minute ended no window. Where members do not score at every
    bar (`domain.cadence`), both are empty in between.
    """

    def __init__(self, bundle: Bundle, market: Market) -> None:
        grid, n = market.history.grid, len(market.history.symbols)
        self._bundle, self._market = bundle, market
        self._score_every = bars_between(bundle.ensemble.score_every_minutes, grid.bar_minutes)
        self.symbols = market.history.symbols
        self.minutes = LiveMinutes(self.symbols, market.session.open_minute, grid.bar_minutes)
        self.aux = np.full((n, 3), np.nan)
        self.scored = np.zeros(0, dtype=np.int64)
        self.unscored: dict[str, str] = {}
        self.regime = int(Regime.UNKNOWN)
        self._warm()

    def _warm(self) -> None:
        """Run the history through features, windows and regime, so that the first bar continues where it ended."""
        market, bundle, grid = self._market, self._bundle, self._market.history.grid
        n, peers = len(grid.sessions), market.peers
        past, today = (None, None) if peers is None else (peers.part(0, n), peers.part(n, n + 1))
        self._features = LiveFeatures(self.symbols, bar_minutes=grid.bar_minutes, peers=today, extras=market.extras)
        if market.warmed is not None:
            parts: Iterable[Matrix] = [self._features.go_on(market.warmed)]
        else:
            ticks, events = market.past_ticks, market.past_events
            parts = self._features.go_through(
                market.history, market.expected_history, peers=past, ticks=ticks, events=events
            )
        self._selected = np.array([self._features.names.index(name) for name in bundle.features], dtype=np.int64)
        self._windows = LiveWindows(len(self.symbols), self._selected.size)
        self._known = np.zeros(self._selected.size, dtype=np.bool_)
        last = [np.empty((0, self._selected.size), dtype=np.float32) for _ in self.symbols]
        for part in parts:
            last = [np.concatenate([old, self._last_rows(part, k)])[-WINDOW_ROWS:] for k, old in enumerate(last)]
        for column, rows in enumerate(last):
            self._windows.fill(column, rows)
        self._filter = LiveRegime(bundle.regime, self.symbols) if bundle.regime is not None else None
        if self._filter is not None:
            self._filter.warm(market.history)

    def _last_rows(self, history: Matrix, column: int) -> npt.NDArray[np.float32]:
        """Return a symbol's last WINDOW_ROWS valid rows `[row, feature]`, scaled; fewer where there are no more."""
        rows = np.empty((0, self._selected.size), dtype=np.float32)
        stop = history.shape[0]
        while stop > 0 and len(rows) < WINDOW_ROWS:
            start = max(0, stop - _LOOK_BACK)
            scaled = self._bundle.scaler.transform(history[start:stop, column][:, self._selected])
            if self._market.tradable[column]:
                self._known |= np.isfinite(scaled).any(axis=0)
            rows, stop = np.concatenate([scaled[valid_rows(scaled)], rows]), start
        return rows[-WINDOW_ROWS:]

    @property
    def unknown(self) -> list[str]:
        """Features of the bundle that none of the symbols that may be traded has had in all history."""
        names = zip(self._bundle.features, self._known, strict=True)
        return [name for name, known in names if not known] if self._market.tradable.any() else []

    def take(
        self, slot: int, bars: Sequence[LiveBar], ticks: Mapping[str, Sequence[float]] = NO_TICKS
    ) -> npt.NDArray[np.float32]:
        """Take in the minute's bars; return the windows `[n, WINDOW_ROWS, feature]` to be scored, by symbol.

        There are none at a bar at which members do not score.
        Bars of later minutes wait for theirs; bars of earlier ones come too late for a decision already made and are
        counted in `minutes.late`. `ticks` are those of `MarketFeed.ticks`.
        """
        market = self._market
        minute = Bars(
            *self.minutes.lay(slot, bars), market.statistics.expected_volume[slot], market.price_factor,
            market.share_factor, *self._beside(slot, ticks),
        )  # fmt: skip
        values, self.aux = self._features.step(market.session, slot, minute)
        if self._filter is not None:
            self.regime = self._filter.step(slot, minute.close)
        scaled = self._bundle.scaler.transform(values[:, self._selected])
        asked = market.tradable & ((slot + 1) % self._score_every == 0)
        due = self._windows.step(scaled) & asked
        self.scored = np.flatnonzero(due)
        self.unscored = self._why_not(scaled, minute.traded & asked & ~due)
        return self._windows.windows[self.scored]

    def _why_not(self, scaled: npt.NDArray[np.float32], silent: npt.NDArray[np.bool_]) -> dict[str, str]:
        """Return what keeps each of the `silent` symbols `[symbol]` from ending a window."""
        missing, why = ~np.isfinite(scaled), {}
        for i in np.flatnonzero(silent):
            named = self._bundle.features[int(missing[i].argmax())]
            why[self.symbols[i]] = f"{named} has no value" if missing[i].any() else "too few bars with all features"
        return why

    def _beside(self, slot: int, ticks: Mapping[str, Sequence[float]]) -> tuple[Float64, Float64]:
        """Return the ticks and the events of one minute `[symbol, 6]`, `[symbol, 2]`, NaN where there are none."""
        told, events = without(len(self.symbols), TICKS), self._market.events
        for i, symbol in enumerate(self.symbols):
            told[i] = ticks.get(symbol, np.nan)
        return told, without(len(self.symbols), EVENTS) if events is None else events[slot]
