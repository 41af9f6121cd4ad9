"""The synthetic market: minute bars of any symbol as a pure function of (seed, symbol, session).

Regimes change from session to session and set drift and volatility of one market factor, whose volatility also
remembers the sessions before and moves within the day; sector factors; betas; a U-shape of volatility and volume over
the day; Student-t noise; minutes without a trade and thin ones; splits, dividends, listings, and on request halts and
crises. Planted and tradable, in stocks: a hidden AR(1) state z with a half-life of 45 minutes, begun anew each
session, adds `signal_strength * z` bps a minute to the return and leaves a footprint in the bars: volume grows with
|z| and on minutes that move the way of z, and the VWAP leans that way. Nothing here looks like any real instrument,
and no result on it says anything about one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import NS_PER_MINUTE, SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.crises import Stress, Stresses
from daytrader_ray.sandbox.factors import BPS, OVERNIGHT, SECTOR_BPS, Factors, ar1, day_shape, frozen, tails
from daytrader_ray.sandbox.listing import NAMED_STOCKS
from daytrader_ray.sandbox.paths import LEAST_VOLUME, incomplete, masked, prices, untraded, volume, vwap
from daytrader_ray.sandbox.reference import Reference, is_listed
from daytrader_ray.sandbox.source import Halt, Quotes, SessionBars, Trades
from daytrader_ray.sandbox.ticks_made import Minute, no_quotes, no_trades, quotes_of, spread_bps, trades_of
from daytrader_ray.sandbox.traits import Traits, symbol_key
from daytrader_ray.sandbox.truth import SIGNAL_HALF_LIFE, signal_of, truth_of

Float64 = npt.NDArray[np.float64]

LEVEL_REVERSION = 0.06
"""Share of the distance to its own level that a price comes back overnight, so that it stays near it."""
CACHED_SESSIONS = 2048
INDEX_MINUTE_SD = 4e-4
LEAN = 0.15
"""Log of how many times more is bid than offered for each standard deviation of the planted state."""


@dataclass(frozen=True)
class _Path:
    """What moves a symbol in a session `[slot]`, and the generator that draws the rest of it."""

    rng: np.random.Generator
    state: Float64
    returns: Float64
    sd: Float64
    stress: Stress | None


@dataclass(frozen=True)
class _Drawn:
    """One session of a symbol: its bars and the planted state `[slot]`."""

    bars: SessionBars
    state: Float64


class Market(Reference):
    """Bars of any symbol in any order; earlier sessions' returns are kept because a session opens where they led.

    Examples
    --------
    >>> import datetime as dt
    >>> from daytrader_ray.domain.sessions import Session
    >>> day = Session(dt.date(2025, 11, 28), open_minute=29_405_670, n_minutes=210)
    >>> Market(SandboxConfig(), SessionGrid((day,))).bars("AAPL", 0).close.shape
    (210,)
    """

    def __init__(self, config: SandboxConfig, grid: SessionGrid) -> None:
        super().__init__(config.seed, grid)
        self.config = config
        self._stresses = Stresses(config.crises, config.halt_chance, config.seed, grid)
        self._factors = Factors(config.seed, grid)
        self._moves: dict[tuple[str, int], float] = {}
        self._log_opens: dict[str, list[float]] = {}
        self._session = lru_cache(maxsize=CACHED_SESSIONS)(self._make)

    def bars(self, symbol: str, session: int) -> SessionBars:
        """Return the bars of `symbol` in session number `session` of the grid."""
        return self._session(symbol, session).bars

    def state(self, symbol: str, session: int) -> Float64:
        """Return the planted state z `[slot]` of a symbol, zero where nothing is planted."""
        return self._session(symbol, session).state

    def halts(self, symbol: str, session: int) -> tuple[Halt, ...]:
        """Return the trading pauses of a symbol, by start."""
        self._check(session)
        stress = self._stresses.of(symbol, self.traits(symbol), session)
        return stress.halts if stress else ()

    def quotes(self, symbol: str, session: int, slot: int) -> Quotes:
        """Return the quotes of one minute; none of an index, in a halt, and before the first trade of the day."""
        drawn, traits = self._session(symbol, session), self.traits(symbol)
        bars = drawn.bars
        known = np.flatnonzero(bars.traded[: slot + 1])
        halted = any(halt.start <= slot < halt.stop for halt in self.halts(symbol, session))
        if traits.kind == "INDEX" or halted or not known.size:
            return no_quotes()
        minute = self._minute(bars, session, slot)
        if not bars.traded[slot]:
            last = float(bars.close[known[-1]])
            minute = Minute(minute.start_ns, last, last, last, last, 0.0, last)
        stress = self._stresses.of(symbol, traits, session)
        spread = minute.close * BPS * spread_bps(traits) * (float(stress.spread[slot]) if stress else 1.0)
        usual_size = 0.02 * traits.volume / len(bars.close) * self.share_ratio(symbol, session)
        rng = np.random.default_rng((self.seed, symbol_key(symbol), session, 2, slot))
        return quotes_of(rng, minute, spread, usual_size, LEAN * float(drawn.state[slot]))

    def trades(self, symbol: str, session: int, slot: int) -> Trades:
        """Return the trades of one minute, which make exactly its bar; none in an index."""
        bars = self.bars(symbol, session)
        if bars.volume[slot] == 0:
            return no_trades()
        rng = np.random.default_rng((self.seed, symbol_key(symbol), session, 3, slot))
        return trades_of(rng, self._minute(bars, session, slot))

    def revision(self, symbol: str, session: int, slot: int) -> SessionBars:
        """Return one bar `[1]` as an earlier, incomplete report had it: a part of its volume and range is missing."""
        return incomplete(self.bars(symbol, session), slot)

    def truth(self, session: int) -> dict[str, Any]:
        """Return what is behind the bars of a session; see `truth_of`."""
        self._check(session)
        factors, stocks = self._factors, [self.traits(symbol) for symbol in NAMED_STOCKS]
        signal = signal_of(self.config.signal_strength, stocks, factors.market(session).minute_sd)
        crises = self._stresses.crises(session)
        body = truth_of(factors, session, self._stresses.market(session), crises, signal)
        return {"session": self.grid.sessions[session].date.isoformat(), **body}

    def _check(self, session: int) -> None:
        if not 0 <= session < len(self.grid.sessions):
            raise DataError(f"session {session}: the market has sessions 0 to {len(self.grid.sessions) - 1}")

    def _minute(self, bars: SessionBars, session: int, slot: int) -> Minute:
        start = (self.grid.sessions[session].open_minute + slot) * NS_PER_MINUTE
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.vwap)
        return Minute(start, *(float(column[slot]) for column in columns))

    def _make(self, symbol: str, session: int) -> _Drawn:
        """Draw a session of a symbol."""
        self._check(session)
        traits = self.traits(symbol)
        n_bars = self.grid.sessions[session].n_minutes
        if traits.kind == "INDEX":
            return self._make_index(symbol, session)
        if not is_listed(symbol, session):
            return _Drawn(untraded(n_bars), np.zeros(n_bars))
        path = self._path(symbol, session)
        rng, stress, ratio = path.rng, path.stress, self.share_ratio(symbol, session)
        level = self._log_open(symbol, session) - float(np.log(ratio))
        made = prices(rng, level, level + np.cumsum(path.returns), path.sd)
        quiet = traits.quiet if stress is None else np.maximum(traits.quiet, stress.quiet)
        traded = rng.random(n_bars) >= quiet
        shares = volume(rng, traits, ratio, path.state, path.returns)
        if stress is not None:
            shares = shares * stress.volume
            _still(traded, stress)
        shares = np.where(traded, np.maximum(np.rint(shares), LEAST_VOLUME), 0.0)
        return _Drawn(masked(made, shares, vwap(rng, made, path.state), traded), frozen(path.state))

    def _make_index(self, symbol: str, session: int) -> _Drawn:
        """Draw a volatility index, which stands still when the whole market does."""
        stress, n_bars = self._stresses.market(session), self.grid.sessions[session].n_minutes
        first, points = self._factors.volatility_index(symbol, session, stress)
        rng = np.random.default_rng((self.seed, symbol_key(symbol), session, 1))
        made = prices(rng, float(np.log(first)), np.log(points), np.full(n_bars, INDEX_MINUTE_SD))
        traded = np.ones(n_bars, dtype=np.bool_)
        if stress is not None:
            _still(traded, stress)
        return _Drawn(masked(made, np.zeros(n_bars), np.full(n_bars, np.nan), traded), np.zeros(n_bars))

    def _path(self, symbol: str, session: int) -> _Path:
        """Draw what moves a symbol in a session; its whole return is kept for the sessions after."""
        traits = self._traits(symbol)
        rng = np.random.default_rng((self.seed, symbol_key(symbol), session))
        factor, stress = self._factors.market(session), self._stresses.of(symbol, traits, session)
        n_bars = len(factor.returns)
        noise_sd = traits.noise_bps * BPS * day_shape(n_bars, 1.2, 0.3)
        state = ar1(rng.standard_normal(n_bars + 1), SIGNAL_HALF_LIFE)
        if not traits.signal or self.config.signal_strength == 0:
            state = np.zeros(n_bars)
        returns = traits.beta * factor.returns + self._noise(rng, traits, session, noise_sd)
        returns += self.config.signal_strength * BPS * state
        sd = np.hypot(noise_sd, traits.beta * factor.minute_sd)
        if stress is not None:
            returns = returns + stress.returns
            sd = sd * np.sqrt(stress.spread)
        self._moves[symbol, session] = float(returns.sum())
        return _Path(rng, state, returns, sd, stress)

    def _noise(self, rng: np.random.Generator, traits: Traits, session: int, sd: Float64) -> Float64:
        """Return what moves a symbol beside the market `[slot]`: its sector and itself, `sd` together in stocks."""
        own = sd * tails(rng, len(sd))
        if not traits.sector:
            return own
        share = traits.sector_beta * SECTOR_BPS / traits.noise_bps if traits.kind == "CS" else 0.0
        sector = traits.sector_beta * self._factors.sector(traits.sector, session)
        return sector + float(np.sqrt(1.0 - share * share)) * own

    def _log_open(self, symbol: str, session: int) -> float:
        """Log price (before all splits) at which a session opens.

        The close before, a gap, the dividend that the buyer no longer gets, and a pull to the symbol's own level.
        """
        traits = self._traits(symbol)
        home = float(np.log(traits.price))
        opens = self._log_opens.setdefault(symbol, [home])
        while len(opens) <= session:
            before = len(opens) - 1
            if (symbol, before) not in self._moves:
                self._path(symbol, before)
            close = opens[before] + self._moves[symbol, before]
            opens.append(close + self._gap(symbol, before + 1, close) - LEVEL_REVERSION * (close - home))
        return opens[session]

    def _gap(self, symbol: str, session: int, log_close: float) -> float:
        """Return the log return from the close before to the open of a session."""
        traits = self._traits(symbol)
        rng = np.random.default_rng((self.seed, symbol_key(symbol), session - 1, 1))
        gap = traits.noise_bps * BPS * OVERNIGHT * float(rng.standard_normal())
        gap += traits.beta * self._factors.market(session).gap
        stress = self._stresses.of(symbol, traits, session)
        if stress is not None:
            gap += stress.gap
        paid = self.paid(symbol, session)
        if paid:
            gap += float(np.log1p(-paid * self.share_ratio(symbol, session) / np.exp(log_close)))
        return gap


def _still(traded: npt.NDArray[np.bool_], stress: Stress) -> None:
    """Mark the minutes of all halts as without a trade."""
    for halt in stress.halts:
        traded[halt.start : halt.stop] = False
