"""Weekly sector rotation: how strong each sector has been, and what share of the book it may hold.

The strength of a sector before session s is the mean over h = 5 and 20 sessions of

    sum of x over the last h sessions / (sd(x) * sqrt(h)),    x = r_proxy - r_SPY,

with r daily log returns of adjusted closes and sd over the last 20 sessions (METHODS 8): a sector's excess return in
units of its own noise. Proxy is the sector's fund or, without one, the equal-weight mean of its members. Strengths are
taken before the first session of each week and stand until the next. Budgets are

    max_sector * min(1, exp((strength - mean of the known strengths) / temperature)):

a softmax of the strengths, each weight relative to their geometric mean instead of their sum. A sector of average
strength or more, and one whose strength is not known, may hold what the kernel allows, a weaker one less.
"""

import datetime as dt
from collections.abc import Sequence

import numpy as np

from daytrader_ray.domain.panel import Float64, Panel
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.daily import Daily, daily_of
from daytrader_ray.universe.peers import peers_of

SPANS = (5, 20)
LEAST = 15
"""Sessions of the last 20 of which the excess return must be known."""
LEAST_SD = 1e-9
"""Returns that vary less do not vary: the rest is rounding."""


def sector_budgets(universe: UniverseConfig, panel: Panel, max_sector: float) -> Float64:
    """Return the most gross exposure of each sector, a fraction of equity `[session, sector]`, at most `max_sector`.

    Sectors are numbered as by `sector_codes`: after those of `universe.sector_names` come all symbols without one,
    whose limit is `max_sector`. A row uses earlier sessions only. With the rotation off every limit is `max_sector`.
    """
    shape = len(panel.grid.sessions), len(universe.sector_names) + 1
    if not universe.rotation.enabled:
        return np.full(shape, max_sector)
    return budgets_of(universe, strengths(universe, daily_of(panel)), max_sector)


def budgets_of(universe: UniverseConfig, strength: Float64, max_sector: float) -> Float64:
    """Return the budgets `[session, sector + 1]` of strengths `[session, sector]`; an unknown one (NaN) is average."""
    above = np.nan_to_num(strength - _mean(strength)[:, None])
    shares = np.exp(np.minimum(above, 0.0) / universe.rotation.temperature)
    return np.column_stack([max_sector * shares, np.full(len(strength), max_sector)])


def strengths(universe: UniverseConfig, daily: Daily) -> Float64:
    """Return the strength of each sector `[session, sector]`, standing for the whole week.

    NaN where SPY is missing, fewer than 15 of the last 20 excess returns are known, or they do not vary.
    """
    excess = _excess(universe, daily)
    out = np.full(excess.shape, np.nan)
    for first, stop in weeks(daily.dates):
        out[first:stop] = _strength(excess[max(first - SPANS[-1], 0) : first])
    return out


def weeks(dates: Sequence[dt.date]) -> list[tuple[int, int]]:
    """Return the calendar weeks of the sessions as (first, one after the last)."""
    starts = [s for s, day in enumerate(dates) if s == 0 or day.isocalendar()[:2] != dates[s - 1].isocalendar()[:2]]
    return list(zip(starts, [*starts[1:], len(dates)], strict=True))


def _excess(universe: UniverseConfig, daily: Daily) -> Float64:
    """Return the daily log return of each sector's proxy less that of SPY `[session, sector]`."""
    peers = peers_of(universe, daily.symbols, daily.dates)
    returns = np.full(daily.close.shape, np.nan)
    returns[1:] = np.log(daily.close[1:] / daily.close[:-1])
    proxies = np.full((len(daily.dates), len(universe.sector_names)), np.nan)
    if peers.spy < 0:
        return proxies
    for number, name in enumerate(universe.sector_names):
        fund = daily.column(universe.proxies.get(name, ""))
        if fund >= 0:
            proxies[:, number] = returns[:, fund]
        else:
            ours = peers.member & (peers.sector == number)
            proxies[:, number] = _mean(np.where(ours, returns, np.nan))
    excess: Float64 = proxies - returns[:, [peers.spy]]
    return excess


def _mean(values: Float64) -> Float64:
    """Return the mean of each row's known values, NaN without any."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    mean: Float64 = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return mean


def _strength(window: Float64) -> Float64:
    """Return the strength `[sector]` from the excess returns of the sessions before `[at most 20, sector]`."""
    out = np.full(window.shape[1], np.nan)
    for sector, column in enumerate(window.T):
        known = column[np.isfinite(column)]
        if len(known) < LEAST or (sd := float(known.std(ddof=1))) < LEAST_SD:
            continue
        spans = (column[-span:][np.isfinite(column[-span:])] for span in SPANS)
        out[sector] = float(np.mean([part.sum() / (sd * np.sqrt(max(len(part), 1))) for part in spans]))
    return out
