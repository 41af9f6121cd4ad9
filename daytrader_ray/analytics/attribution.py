"""Where the money came from: round trips added up by symbol, sector, hour, regime, side, exit and member."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daytrader_ray.analytics.bootstrap import interval
from daytrader_ray.analytics.measure import Estimate, added, draws, held_minutes, lookup, number_of
from daytrader_ray.analytics.performance import ratio
from daytrader_ray.analytics.run import Run, Trades
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.trading import Reason

OPENING_MINUTE = 9 * 60 + 30
"""Sessions open at 09:30 in New York."""

MINUTES_OF_AN_HOUR = 60


@dataclass(frozen=True)
class Part:
    """Trades that have something in common: `net_usd` after their own costs, `net_bps` of the value entered.

    `net_usd` has its 95 % interval, by the bootstrap of sessions.
    """

    name: str
    trades: int
    win_rate: float
    gross_usd: float
    cost_usd: float
    net_usd: Estimate
    net_bps: float
    minutes: float


def by_symbol(run: Run) -> tuple[Part, ...]:
    """Return a part for each symbol, hedges among them, the best first."""
    return _largest_first(_parts(run, run.trades, run.trades.symbol.tolist()))


def by_sector(run: Run) -> tuple[Part, ...]:
    """Return a part for each sector of the stocks, the best first."""
    stocks = run.stocks
    return _largest_first(_parts(run, stocks, stocks.sector.tolist()))


def by_hour(run: Run) -> tuple[Part, ...]:
    """Return a part for each hour of New York in which stocks were entered."""
    stocks = run.stocks
    hours = (OPENING_MINUTE + stocks.entry_slot * run.manifest.bar_minutes) // MINUTES_OF_AN_HOUR
    return _parts(run, stocks, [f"{hour:02d}:00" if hour != OPENING_MINUTE // 60 else "09:30" for hour in hours])


def by_regime(run: Run) -> tuple[Part, ...]:
    """Return a part for each regime in force at the entry."""
    stocks = run.stocks
    return _parts(run, stocks, [Regime(code).name.lower() for code in stocks.regime])


def by_side(run: Run) -> tuple[Part, ...]:
    """Return long, short and, apart, the hedges."""
    trades = run.trades
    names = np.where(trades.hedge, "hedge", np.where(trades.side > 0, "long", "short"))
    return _parts(run, trades, names.tolist())


def by_exit(run: Run) -> tuple[Part, ...]:
    """Return a part for each reason for which stocks were sold."""
    stocks = run.stocks
    return _largest_first(_parts(run, stocks, [Reason(code).name.lower() for code in stocks.exit_reason]))


def by_member(run: Run) -> dict[str, float]:
    """Return the net USD of stocks by member: each trade's among those that spoke for it, by `w_m f_m` at its entry.

    The signal also knows the minutes before, so that the scores of the minute may be near 0 or against it: shares of
    their plain sum would have no bound. A trade for which none spoke is under `unknown`.
    """
    decisions, stocks = run.decisions, run.stocks
    lines, found = lookup(decisions.client_order_id, stocks.entry_order)
    said = (decisions.weights * np.nan_to_num(decisions.scores))[lines] if len(decisions) else np.zeros((len(lines), 0))
    agreed = np.where(found[:, None], np.maximum(stocks.side[:, None] * said, 0.0), 0.0)
    total = agreed.sum(axis=1)
    shares = ratio(agreed, total[:, None])
    known = total > 0.0
    usd = (shares[known] * stocks.pnl_usd[known, None]).sum(axis=0)
    parts = dict(zip(run.manifest.members, usd.tolist(), strict=False))
    return parts if known.all() else parts | {"unknown": float(stocks.pnl_usd[~known].sum())}


def _parts(run: Run, trades: Trades, names: Sequence[str]) -> tuple[Part, ...]:
    """Add up `trades` by name, in the order of names."""
    labels, which = np.unique(np.array(names, dtype=np.str_), return_inverse=True)
    n = len(labels)
    count, net, cost = (added(which, v, n) for v in (np.ones(len(trades)), trades.pnl_usd, trades.cost_usd))
    wins = ratio(added(which, trades.pnl_usd > 0, n), count)
    minutes = ratio(added(which, held_minutes(run, trades), n), count)
    bps = 1e4 * ratio(net, added(which, trades.notional_usd, n))
    cells = which * len(run.dates) + number_of(run, trades.session)
    by_session = added(cells, trades.pnl_usd, n * len(run.dates)).reshape(n, len(run.dates))
    samples = draws(run) @ by_session.T
    return tuple(
        Part(
            name=str(labels[k]),
            trades=int(count[k]),
            win_rate=float(wins[k]),
            gross_usd=float(net[k] + cost[k]),
            cost_usd=float(cost[k]),
            net_usd=Estimate(float(net[k]), *interval(samples[:, k])),
            net_bps=float(bps[k]),
            minutes=float(minutes[k]),
        )
        for k in range(n)
    )


def _largest_first(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: (-part.net_usd.value, part.name)))
