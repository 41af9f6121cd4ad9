"""The synthetic market: minute bars of any symbol as a pure function of (seed, symbol, session).

Regimes change from session to session and set drift and volatility of one market factor, whose volatility also
remembers the sessions before and moves within the day; sector factors; betas; a U-shape of volatility and volume over
the day; Student-t noise; minutes without a trade and thin ones; splits, dividends, listings, and on request halts and
crises. Planted and tradable, in stocks: a hidden AR(1) state z with a half-life of 45 minutes, begun anew each
session, adds `signal_strength * z` bps a minute to the return and leaves a footprint in the bars: volume grows with
|z| and on minutes that move the way of z, and the VWAP leans that way. Nothing here looks like any real instrument,
and no result on it says anything about one.
"""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.actions import dividends_of, share_ratio, splits_of
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.crises import DEFAULT_SECTOR, Crisis, Stress, own_halt, stress_of
from daytrader_ray.sandbox.factors import BPS, OVERNIGHT, SECTOR_BPS, Factors, ar1, day_shape, frozen, tails
from daytrader_ray.sandbox.listing import DELISTED_AFTER, INDICES, LISTED_IN, NAMED_STOCKS, SECTORS
from daytrader_ray.sandbox.paths import LEAST_VOLUME, cents, prices, volume, vwap
from daytrader_ray.sandbox.source import Dividend, Halt, Listing, Quotes, SessionBars, Split, Trades
from daytrader_ray.sandbox.ticks_made import MINUTE_NS, Minute, no_quotes, no_trades, quotes_of, trades_of
from daytrader_ray.sandbox.traits import FUNDS, KNOWN_SYMBOL, Traits, symbol_key, traits_of

Float64 = npt.NDArray[np.float64]

SIGNAL_HALF_LIFE = 45.0
IC_MINUTES = 30
LEVEL_REVERSION = 0.06
"""Share of the distance to its own level that a price comes back overnight, so that it stays near it."""
CACHED_SESSIONS = 2048
TURNOVER_DAYS = 150.0
"""Shares outstanding are what trades in this many sessions."""
LIQUID_SPREAD_BPS, LIQUID_USD = 0.5, 25e9
"""The spread at this many USD traded a day; it grows with the square root of what is missing."""


@dataclass(frozen=True)
class _Drawn:
    """One session of a symbol: its bars, its whole log return, the planted state `[slot]`."""

    bars: SessionBars
    move: float
    state: Float64


class Market:
    """Bars of any symbol in any order; earlier sessions' returns are kept because a session opens where they led.

    Examples
    --------
    >>> from daytrader_ray.domain.sessions import Session
    >>> day = Session(dt.date(2025, 11, 28), open_minute=29_405_670, n_minutes=210)
    >>> Market(SandboxConfig(), SessionGrid((day,))).bars("AAPL", 0).close.shape
    (210,)
    """

    def __init__(self, config: SandboxConfig, grid: SessionGrid) -> None:
        self.config = config
        self.grid = grid
        self._crises: dict[int, list[Crisis]] = {}
        for crisis in config.crises:
            self._crises.setdefault(grid.index_of(crisis.session), []).append(crisis)
        self._factors = Factors(config.seed, grid)
        self._log_opens: dict[str, list[float]] = {}
        self._session = lru_cache(maxsize=CACHED_SESSIONS)(self._make)
        self._traits = lru_cache(maxsize=None)(lambda symbol: traits_of(config.seed, symbol))
        self._splits: dict[str, tuple[Split, ...]] = {}
        self._dividends: dict[str, tuple[Dividend, ...]] = {}

    def traits(self, symbol: str) -> Traits:
        """Return what kind of instrument `symbol` is; a `DataError` where no such symbol can be listed."""
        if not KNOWN_SYMBOL.fullmatch(symbol) and symbol not in INDICES:
            raise DataError(f"symbol {symbol!r}: expected capital letters and digits like 'AAPL'")
        return self._traits(symbol)

    def bars(self, symbol: str, session: int) -> SessionBars:
        """Return the bars of `symbol` in session number `session` of the grid."""
        self._check(session)
        self.traits(symbol)
        return self._session(symbol, session).bars

    def listing(self) -> tuple[Listing, ...]:
        """Return the named stocks, funds and indices, by symbol."""
        names = sorted({*NAMED_STOCKS, *FUNDS, *INDICES})
        return tuple(self.listed(name) for name in names if LISTED_IN.get(name, 0) < len(self.grid.sessions))

    def listed(self, symbol: str) -> Listing:
        """Return the reference data of any symbol; one that lists after the grid's end is not known yet."""
        traits, days = self.traits(symbol), self.grid.sessions
        first, last = LISTED_IN.get(symbol, -1), DELISTED_AFTER.get(symbol, len(days))
        if first >= len(days):
            raise DataError(f"{symbol} is not listed before {days[-1].date}")
        old = dt.date(1980, 1, 2) + dt.timedelta(days=symbol_key(symbol) % 13_000)
        sector = SECTORS.get(traits.sector) if traits.kind == "CS" else None
        return Listing(
            symbol=symbol,
            name=traits.name,
            kind=traits.kind,
            sector=traits.sector,
            sic_code=sector.sic_code if sector else "",
            sic_description=sector.sic_description if sector else "",
            listed=old if first < 0 else days[first].date,
            delisted=days[last].date if last < len(days) else None,
        )

    def shares(self, symbol: str, session: int) -> float:
        """Return the shares outstanding on that day, splits counted; NaN for an index."""
        traits = self.traits(symbol)
        if traits.kind == "INDEX":
            return float("nan")
        return float(np.rint(traits.volume * TURNOVER_DAYS)) * self._ratio(symbol, session)

    def splits(self, symbol: str) -> tuple[Split, ...]:
        """Return the splits of a symbol inside the grid, by date."""
        if symbol not in self._splits:
            self._splits[symbol] = splits_of(self.traits(symbol), symbol, self.grid)
        return self._splits[symbol]

    def dividends(self, symbol: str) -> tuple[Dividend, ...]:
        """Return the dividends of a symbol with an ex-date inside the grid, by date."""
        if symbol not in self._dividends:
            self._dividends[symbol] = dividends_of(self.traits(symbol), symbol, self.grid, self.splits(symbol))
        return self._dividends[symbol]

    def halts(self, symbol: str, session: int) -> tuple[Halt, ...]:
        """Return the trading pauses of a symbol, by start."""
        self._check(session)
        stress = self._stress(symbol, session)
        return stress.halts if stress else ()

    def quotes(self, symbol: str, session: int, slot: int) -> Quotes:
        """Return the quotes of one minute; none of an index, in a halt, and before the first trade of the day."""
        bars, traits = self.bars(symbol, session), self.traits(symbol)
        known = np.flatnonzero(bars.traded[: slot + 1])
        halted = any(halt.start <= slot < halt.stop for halt in self.halts(symbol, session))
        if traits.kind == "INDEX" or halted or not known.size:
            return no_quotes()
        minute = self._minute(bars, session, slot)
        if not bars.traded[slot]:
            last = float(bars.close[known[-1]])
            minute = Minute(minute.start_ns, last, last, last, last, 0.0, last)
        stress = self._stress(symbol, session)
        spread = minute.close * BPS * _spread_bps(traits) * (float(stress.spread[slot]) if stress else 1.0)
        usual_size = 0.02 * traits.volume / len(bars.close) * self._ratio(symbol, session)
        rng = np.random.default_rng((self.config.seed, symbol_key(symbol), session, 2, slot))
        return quotes_of(rng, minute, spread, usual_size, 0.15 * float(self._session(symbol, session).state[slot]))

    def trades(self, symbol: str, session: int, slot: int) -> Trades:
        """Return the trades of one minute, which make exactly its bar; none in an index."""
        bars = self.bars(symbol, session)
        if not bars.traded[slot] or bars.volume[slot] == 0:
            return no_trades()
        rng = np.random.default_rng((self.config.seed, symbol_key(symbol), session, 3, slot))
        return trades_of(rng, self._minute(bars, session, slot))

    def revision(self, symbol: str, session: int, slot: int) -> SessionBars:
        """Return one bar `[1]` as an earlier, incomplete report had it: a part of its volume and range is missing."""
        return incomplete(self.bars(symbol, session), slot)

    def truth(self, session: int) -> dict[str, Any]:
        """Return what is behind the bars of a session: regime, factors (bps `[slot]`), crises, planted signal."""
        self._check(session)
        factor = self._factors.market(session)
        return {
            "session": self.grid.sessions[session].date.isoformat(),
            "regime": self._factors.regimes(session)[-1],
            "market_bps": _bps(factor.returns + self._broad(session)),
            "market_minute_sd_bps": _bps(factor.minute_sd),
            "gap_bps": round(factor.gap / BPS, 3),
            "sectors_bps": {name: _bps(self._factors.sector(name, session)) for name in SECTORS},
            "crises": [crisis.model_dump(mode="json") for crisis in self._crises.get(session, ())],
            "signal": self._signal(session),
        }

    def state(self, symbol: str, session: int) -> Float64:
        """Return the planted state z `[slot]` of a symbol, zero where nothing is planted."""
        self.bars(symbol, session)
        return self._session(symbol, session).state

    def _signal(self, session: int) -> dict[str, Any]:
        """Describe what is planted; its information coefficient is that of z with the next 30 minutes' return."""
        strength, rho = self.config.signal_strength, 0.5 ** (1.0 / SIGNAL_HALF_LIFE)
        lags = np.arange(1, IC_MINUTES + 1)
        covariance = strength * BPS * float(np.sum(rho**lags))
        spread = np.abs(lags[:, None] - lags[None, :])
        explained = (strength * BPS) ** 2 * float(np.sum(rho**spread))
        market = float(np.mean(self._factors.market(session).minute_sd ** 2))
        stocks = [self._traits(symbol) for symbol in NAMED_STOCKS]
        variances = [(s.noise_bps * BPS) ** 2 + s.beta**2 * market for s in stocks]
        ics = [covariance / np.sqrt(explained + IC_MINUTES * variance) for variance in variances]
        return {
            "strength_bps": strength,
            "half_life_minutes": SIGNAL_HALF_LIFE,
            "horizon_minutes": IC_MINUTES,
            "information_coefficient": round(float(np.mean(ics)), 6),
        }

    def _check(self, session: int) -> None:
        if not 0 <= session < len(self.grid.sessions):
            raise DataError(f"session {session}: the market has sessions 0 to {len(self.grid.sessions) - 1}")

    def _is_listed(self, symbol: str, session: int) -> bool:
        return LISTED_IN.get(symbol, 0) <= session <= DELISTED_AFTER.get(symbol, session)

    def _ratio(self, symbol: str, session: int) -> float:
        """Return how many shares of a session one share of the first day has become."""
        return share_ratio(self.splits(symbol), None, self.grid.sessions[session].date)

    def _minute(self, bars: SessionBars, session: int, slot: int) -> Minute:
        start = (self.grid.sessions[session].open_minute + slot) * MINUTE_NS
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.vwap)
        return Minute(start, *(float(column[slot]) for column in columns))

    def _stress(self, symbol: str, session: int) -> Stress | None:
        """Return what crises and halts do to a symbol; None on a usual day."""
        traits, n_bars = self._traits(symbol), self.grid.sessions[session].n_minutes
        found = ((crisis, _exposure(crisis, symbol, traits)) for crisis in self._crises.get(session, ()))
        hits = [(crisis, exposure) for crisis, exposure in found if exposure is not None]
        own, jump = None, 0.0
        if traits.kind == "CS" and self.config.halt_chance > 0:
            rng = np.random.default_rng((self.config.seed, symbol_key(symbol), session, 4))
            if rng.random() < self.config.halt_chance:
                own, jump = own_halt(rng, n_bars)
        if not hits and own is None:
            return None
        return stress_of(hits, own, jump, n_bars)

    def _broad(self, session: int) -> Float64:
        """Return what the crises of the whole market add to its factor `[slot]`."""
        broad = [(crisis, 1.0) for crisis in self._crises.get(session, ()) if _is_broad(crisis)]
        return stress_of(broad, None, 0.0, self.grid.sessions[session].n_minutes).returns

    def _make(self, symbol: str, session: int) -> _Drawn:
        """Draw a session of a symbol."""
        traits = self._traits(symbol)
        n_bars = self.grid.sessions[session].n_minutes
        if traits.kind == "INDEX":
            return self._make_index(symbol, session)
        if not self._is_listed(symbol, session):
            return _Drawn(untraded(n_bars), 0.0, np.zeros(n_bars))
        rng = np.random.default_rng((self.config.seed, symbol_key(symbol), session))
        factor, stress = self._factors.market(session), self._stress(symbol, session)
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
        log_close = np.cumsum(returns)
        ratio = self._ratio(symbol, session)
        level = self._log_open(symbol, session) - float(np.log(ratio))
        made = prices(rng, level, level + log_close, sd)
        quiet = traits.quiet if stress is None else np.maximum(traits.quiet, stress.quiet)
        traded = rng.random(n_bars) >= quiet
        shares = volume(rng, traits, ratio, state, returns)
        if stress is not None:
            shares = shares * stress.volume
            for halt in stress.halts:
                traded[halt.start : halt.stop] = False
        shares = np.where(traded, np.maximum(np.rint(shares), LEAST_VOLUME), 0.0)
        bars = _masked(made, shares, vwap(rng, made, state), traded)
        return _Drawn(bars, float(log_close[-1]), frozen(state))

    def _noise(self, rng: np.random.Generator, traits: Traits, session: int, sd: Float64) -> Float64:
        """Return what moves a symbol beside the market `[slot]`: its sector and itself, `sd` together in stocks."""
        own = tails(rng, len(sd))
        if not traits.sector:
            return sd * own
        sector = traits.sector_beta * self._factors.sector(traits.sector, session)
        share = traits.sector_beta * SECTOR_BPS / traits.noise_bps if traits.kind == "CS" else 0.0
        return sector + sd * float(np.sqrt(1.0 - share * share)) * own

    def _make_index(self, symbol: str, session: int) -> _Drawn:
        broad = [(crisis, 1.0) for crisis in self._crises.get(session, ()) if _is_broad(crisis)]
        n_bars = self.grid.sessions[session].n_minutes
        stress = stress_of(broad, None, 0.0, n_bars)
        first, points = self._factors.volatility_index(symbol, session, stress)
        rng = np.random.default_rng((self.config.seed, symbol_key(symbol), session, 1))
        made = prices(rng, float(np.log(first)), np.log(points), np.full(n_bars, 4e-4))
        traded = np.ones(n_bars, dtype=np.bool_)
        for halt in stress.halts:
            traded[halt.start : halt.stop] = False
        nothing = np.zeros(n_bars)
        return _Drawn(_masked(made, nothing.copy(), np.full(n_bars, np.nan), traded), 0.0, nothing)

    def _log_open(self, symbol: str, session: int) -> float:
        """Log price (before all splits) at which a session opens.

        The close before, a gap, the dividend that the buyer no longer gets, and a pull to the symbol's own level.
        """
        traits = self._traits(symbol)
        home = float(np.log(traits.price))
        opens = self._log_opens.setdefault(symbol, [home])
        while len(opens) <= session:
            before = len(opens) - 1
            close = opens[before] + self._session(symbol, before).move
            rng = np.random.default_rng((self.config.seed, symbol_key(symbol), before, 1))
            own = traits.noise_bps * BPS * OVERNIGHT * float(rng.standard_normal())
            gap = traits.beta * self._factors.market(before + 1).gap + own
            stress = self._stress(symbol, before + 1)
            gap += (stress.gap if stress else 0.0) + self._ex_dividend(symbol, before + 1, close)
            opens.append(close + gap - LEVEL_REVERSION * (close - home))
        return opens[session]

    def _ex_dividend(self, symbol: str, session: int, log_close: float) -> float:
        """Return the fall in log price on an ex-date, 0 on every other."""
        date = self.grid.sessions[session].date
        paid = sum(d.amount for d in self.dividends(symbol) if d.ex_date == date)
        return float(np.log1p(-paid * self._ratio(symbol, session) / np.exp(log_close))) if paid else 0.0


def untraded(n_bars: int) -> SessionBars:
    """Return a session without a trade."""
    gone = frozen(np.full(n_bars, np.nan))
    return SessionBars(gone, gone, gone, gone, frozen(np.zeros(n_bars)), gone, np.zeros(n_bars, dtype=np.bool_))


def incomplete(bars: SessionBars, slot: int) -> SessionBars:
    """Return bar `slot` of `bars` as a session `[1]` whose last tenth of volume and widest prices are missing."""
    one = slice(slot, slot + 1)
    open_, close = bars.open[one], bars.close[one]
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    high, low = top + cents(0.5 * (bars.high[one] - top)), bottom - cents(0.5 * (bottom - bars.low[one]))
    shares = np.ceil(0.9 * bars.volume[one])
    middle = np.clip(bars.vwap[one], cents(low), cents(high))
    return SessionBars(open_, cents(high), cents(low), close, shares, middle, bars.traded[one])


def _masked(
    made: tuple[Float64, Float64, Float64, Float64], shares: Float64, mean: Float64, traded: npt.NDArray[np.bool_]
) -> SessionBars:
    columns = [frozen(np.where(traded, x, np.nan)) for x in (*made, mean)]
    return SessionBars(columns[0], columns[1], columns[2], columns[3], frozen(shares), columns[4], traded)


def _is_broad(crisis: Crisis) -> bool:
    return not crisis.symbols and crisis.name != "sector_crash"


def _exposure(crisis: Crisis, symbol: str, traits: Traits) -> float | None:
    """Return how far a symbol follows a crisis: 1 where it is meant, its beta in the whole market, None if spared."""
    if crisis.name == "sector_crash":
        meant = {sector_in(name) for name in crisis.symbols} or {DEFAULT_SECTOR}
        return 1.0 if traits.sector in meant else None
    if crisis.symbols:
        return 1.0 if symbol in crisis.symbols else None
    return traits.beta


def sector_in(symbol: str) -> str:
    """Return the sector that a symbol belongs to, the same for every seed."""
    return traits_of(0, symbol).sector


def _spread_bps(traits: Traits) -> float:
    """Return the usual spread in bps of the price, by USD traded a day (splits do not change it)."""
    return LIQUID_SPREAD_BPS * float(np.sqrt(max(LIQUID_USD / (traits.volume * traits.price), 1.0)))


def _bps(values: Float64) -> list[float]:
    out: list[float] = np.round(values / BPS, 3).tolist()
    return out
