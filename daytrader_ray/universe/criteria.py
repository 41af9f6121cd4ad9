"""What makes a stock worth trading: a registry of criteria, each computed from earlier sessions only.

A criterion is a function from `Daily` to float64 `[session, symbol]` and a line in `REGISTRY`. Row s is what is known
before session s opens; NaN says that it is not known. Sums run over windows of fixed length, so that no value depends
on how much older history is loaded.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from pydantic import model_validator

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.indices import SPY
from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.panel import Float64
from daytrader_ray.universe.daily import Daily

VOLUME_SESSIONS, VOLUME_LEAST = 20, 3
ATR_SESSIONS = 14
BETA_SESSIONS, BETA_LEAST = 60, 30


class Use(StrEnum):
    """What a criterion does: keep stocks out, rank them, or nothing."""

    FILTER = "filter"
    SCORE = "score"
    OFF = "off"


class Rule(Config):
    """How a criterion is used and between which values it is met (None: no bound)."""

    use: Use
    low: float | None = None
    high: float | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Rule":
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        return self


@dataclass(frozen=True)
class Criterion:
    """A value of each stock before each session, the sessions it looks back, how it is written, its default rule."""

    title: str
    values: Callable[[Daily], Float64]
    sessions: int
    written: str
    scale: float
    rule: Rule

    def text(self, value: float | None) -> str:
        """Return a value as people read it; `-` where it is not known."""
        return "-" if value is None or not np.isfinite(value) else self.written.format(value / self.scale)


def mean_volume(daily: Daily) -> Float64:
    """Mean volume of the last 20 sessions in the shares of the session itself: a split is no volume.

    Sessions without a trade are left out; NaN with fewer than 3 others.
    """
    return _mean_volume(daily.volume, daily.share_factor)


def atr(daily: Daily) -> Float64:
    """Return the mean true range of the last 14 sessions over the last close (Wilder 1978, a plain mean).

    True range: max(high, close before) - min(low, close before), adjusted. NaN unless the stock traded in all of these
    and in the one before.
    """
    before = daily.close[:-1]
    true_range = np.full(daily.close.shape, np.nan)
    true_range[1:] = np.maximum(daily.high[1:], before) - np.minimum(daily.low[1:], before)
    out = np.full(daily.close.shape, np.nan)
    for session in range(ATR_SESSIONS + 1, len(out)):
        total = sum(true_range[session - ATR_SESSIONS : session])
        out[session] = total / ATR_SESSIONS / daily.close[session - 1]
    return out


def beta(daily: Daily) -> Float64:
    """Slope of daily log returns on those of SPY over the last 60 sessions, adjusted closes.

    Sessions in which either lacks a return are left out; NaN with fewer than 30 others, and without SPY.
    """
    market = daily.column(SPY)
    if market < 0:
        return np.full(daily.close.shape, np.nan)
    returns = np.full(daily.close.shape, np.nan)
    returns[1:] = np.log(daily.close[1:] / daily.close[:-1])
    return _slope(returns, np.ascontiguousarray(returns[:, market]))


def market_cap(daily: Daily) -> Float64:
    """Market capitalisation in USD as the newest report before the session says; NaN without one."""
    return daily.market_cap


REGISTRY: Mapping[str, Criterion] = {
    "volume": Criterion("volume", mean_volume, VOLUME_SESSIONS, "{:.1f} M", 1e6, Rule(use=Use.FILTER, low=10e6)),
    "atr": Criterion("ATR", atr, ATR_SESSIONS + 1, "{:.1f} %", 0.01, Rule(use=Use.FILTER, low=0.02)),
    "beta": Criterion("beta", beta, BETA_SESSIONS + 1, "{:.2f}", 1.0, Rule(use=Use.SCORE, low=1.5)),
    "market_cap": Criterion("market cap", market_cap, 0, "{:.1f} B", 1e9, Rule(use=Use.SCORE, low=1e9, high=100e9)),
}
"""Every criterion by its key in the configuration: 20-session volume, ATR(14), 60-session beta, market cap in USD."""


def completed(given: Any) -> dict[str, Any]:
    """Return the values of every criterion's rule: the registry's, overridden by what is `given` for some of them.

    A criterion may be given as `filter`, `score` or `off` alone (YAML reads a bare off as False).
    """
    if not isinstance(given, Mapping):
        raise ValueError("expected criteria by name")
    for name in set(given) - set(REGISTRY):
        close = difflib.get_close_matches(str(name), REGISTRY, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else f": expected {', '.join(REGISTRY)}"
        raise ValueError(f"no criterion '{name}'{hint}")
    return {name: criterion.rule.model_dump() | _values(given.get(name, {})) for name, criterion in REGISTRY.items()}


def _values(given: Any) -> dict[str, Any]:
    if isinstance(given, Rule):
        return given.model_dump()
    values = dict(given) if isinstance(given, Mapping) else {"use": given}
    return values | ({"use": Use.OFF} if values.get("use") is False else {})


@njit
def _mean_volume(volume: Float64, share_factor: Float64) -> Float64:
    """Return the mean of what is known of the last VOLUME_SESSIONS, oldest first."""
    out = np.full(volume.shape, np.nan)
    for session in range(volume.shape[0]):
        for symbol in range(volume.shape[1]):
            total, known = 0.0, 0
            for past in range(max(session - VOLUME_SESSIONS, 0), session):
                if not np.isnan(volume[past, symbol]):
                    total += volume[past, symbol] * (share_factor[session, symbol] / share_factor[past, symbol])
                    known += 1
            if known >= VOLUME_LEAST:
                out[session, symbol] = total / known
    return out


@njit
def _slope(returns: Float64, market: Float64) -> Float64:
    """Return covariance over variance of the last BETA_SESSIONS in two passes."""
    out = np.full(returns.shape, np.nan)
    for session in range(returns.shape[0]):
        first = max(session - BETA_SESSIONS, 0)
        for symbol in range(returns.shape[1]):
            total_x, total_y, known = 0.0, 0.0, 0
            for past in range(first, session):
                if not np.isnan(returns[past, symbol] + market[past]):
                    total_x += market[past]
                    total_y += returns[past, symbol]
                    known += 1
            if known < BETA_LEAST:
                continue
            mean_x, mean_y, xx, xy = total_x / known, total_y / known, 0.0, 0.0
            for past in range(first, session):
                if not np.isnan(returns[past, symbol] + market[past]):
                    xx += (market[past] - mean_x) ** 2
                    xy += (market[past] - mean_x) * (returns[past, symbol] - mean_y)
            if xx > 0.0:
                out[session, symbol] = xy / xx
    return out
