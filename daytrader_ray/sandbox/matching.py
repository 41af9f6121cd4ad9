"""Fills in decimal arithmetic: what the exchange does with orders inside one bar (`docs/fills.md`).

The backtest has its own implementation in binary arithmetic; the two share nothing but the page that both follow.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from itertools import pairwise

import numpy as np

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.sandbox.source import Dividend, MarketSource, Split

HISTORY = 20
LEAST_HISTORY = 3
PRICE_STEP = Decimal("0.0001")
FEE_STEP = Decimal("0.01")
HALT_MINUTES = 5
"""Without a trade for this long up to the close a symbol is taken for halted in the session's last bar."""
_HALF, _TIE = Decimal("0.5"), Decimal("1e-6")


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known of a symbol before a session: `adv` shares a session, `sigma_day`; None with little history."""

    adv: Decimal | None
    sigma_day: Decimal | None


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution: whole shares, price and fee in USD."""

    qty: int
    price: Decimal
    fee: Decimal


def rounded(value: Decimal, step: Decimal) -> Decimal:
    """Round to multiples of `step`; within 1e-6 of a tie the even neighbour wins.

    >>> rounded(Decimal("10.00005"), PRICE_STEP), rounded(Decimal("0.0150000000001"), FEE_STEP)
    (Decimal('10.0000'), Decimal('0.02'))
    """
    scaled = value / step
    low = scaled.to_integral_value(ROUND_FLOOR)
    if abs(scaled - low - _HALF) < _TIE:
        return (low if low % 2 == 0 else low + 1) * step
    return scaled.to_integral_value(ROUND_HALF_EVEN) * step


def statistics(closes: Iterable[tuple[Decimal, Decimal]]) -> Statistics:
    """Return the statistics of a history of (last close, session volume), oldest first.

    The mean volume and the standard deviation (ddof 1) of daily log returns are those of the last 20 sessions; the
    close before them is the base of the first return.
    """
    history = list(closes)[-HISTORY - 1 :]
    volumes = [volume for _, volume in history[-HISTORY:]]
    if len(volumes) < LEAST_HISTORY:
        return Statistics(None, None)
    logs = [close.ln() for close, _ in history]
    returns = [after - before for before, after in pairwise(logs)]
    mean = sum(returns, Decimal()) / len(returns)
    variance = sum(((r - mean) ** 2 for r in returns), Decimal()) / (len(returns) - 1)
    return Statistics(sum(volumes, Decimal()) / len(volumes), variance.sqrt())


class Matcher:
    """Prices and quantities of fills in one session of a market."""

    def __init__(self, market: MarketSource, costs: CostConfig, session: int) -> None:
        day = market.grid.sessions[session]
        self.n_slots = day.n_minutes
        self._market = market
        self._session = session
        self._costs = costs
        self._fees = costs.fees_on(day.date)
        self._table = sorted(costs.spread_table, key=lambda step: -step.adv_usd)
        self._halts = lru_cache(maxsize=None)(lambda symbol: market.halts(symbol, session))
        self._statistics = lru_cache(maxsize=None)(self._statistics_of)

    def fill_at_open(self, order_id: str, symbol: str, side: int, qty: int, slot: int) -> Execution | None:
        """Fill a market order at the open of bar `slot`, as far as the bar's volume lets it; None: not a share.

        An id that ends in `-flat` is filled whole, and in the last bar so is one that ends in `-exit`, unless nothing
        has traded since HALT_MINUTES. Nothing fills in a halt.
        """
        if self.is_halted(symbol, slot):
            return None
        bars = self._market.bars(symbol, self._session)
        volume = _dec(bars.volume[slot])
        traded = volume > 0
        whole = order_id.endswith("-flat")
        recently = bool(bars.volume[max(0, slot + 1 - HALT_MINUTES) : slot + 1].any())
        if slot == self.n_slots - 1 and recently and order_id.endswith(("-flat", "-exit")):
            base = _dec(bars.open[slot]) if traded else self.last_close(symbol, slot)
            return self._execution(symbol, side, qty, base, slot, volume, urgent=True) if base is not None else None
        if not traded:
            return None
        filled = qty if whole else min(qty, self._share(volume))
        if filled < 1:
            return None
        return self._execution(symbol, side, filled, _dec(bars.open[slot]), slot, volume, urgent=whole)

    def fill_limit_at_open(self, symbol: str, side: int, qty: int, limit: Decimal, slot: int) -> Execution | None:
        """Fill a limit at an open of bar `slot` that is strictly better: with its costs, but never beyond the limit."""
        bars = self._market.bars(symbol, self._session)
        volume, first = _dec(bars.volume[slot]), bars.open[slot]
        filled = min(qty, self._share(volume))
        if filled < 1 or side * (limit - _dec(first)) <= 0:
            return None
        found = self._execution(symbol, side, filled, _dec(first), slot, volume, urgent=False)
        if side * (limit - found.price) >= 0:
            return found
        return Execution(filled, limit, self._fee(side, filled, limit))

    def fill_limit_inside(self, symbol: str, side: int, qty: int, limit: Decimal, slot: int) -> Execution | None:
        """Fill a limit that bar `slot` trades through: at the limit, and a touch is none."""
        bars = self._market.bars(symbol, self._session)
        filled = min(qty, self._share(_dec(bars.volume[slot])))
        if filled < 1:
            return None
        through = _dec(bars.low[slot]) < limit if side > 0 else _dec(bars.high[slot]) > limit
        return Execution(filled, limit, self._fee(side, filled, limit)) if through else None

    def fill_stop(self, symbol: str, side: int, qty: int, stop: Decimal, slot: int) -> Execution | None:
        """Fill a resting stop inside bar `slot` if the bar reaches it: at the stop, or at an open beyond it."""
        bars = self._market.bars(symbol, self._session)
        if bars.volume[slot] == 0:
            return None
        first = _dec(bars.open[slot])
        if side < 0:
            hit, base = _dec(bars.low[slot]) <= stop, min(first, stop)
        else:
            hit, base = _dec(bars.high[slot]) >= stop, max(first, stop)
        if not hit:
            return None
        return self._execution(symbol, side, qty, base, slot, _dec(bars.volume[slot]), urgent=True)

    def last_close(self, symbol: str, before: int) -> Decimal | None:
        """Return the latest close of this session in bars earlier than `before`; None where there is none."""
        bars = self._market.bars(symbol, self._session)
        traded = np.flatnonzero(bars.traded[:before])
        return _dec(bars.close[traded[-1]]) if traded.size else None

    def is_halted(self, symbol: str, slot: int) -> bool:
        """Return whether trading in `symbol` is paused in bar `slot`."""
        return any(halt.start <= slot < halt.stop for halt in self._halts(symbol))

    def known(self, symbol: str) -> Statistics:
        """Return what is known of `symbol` before this session."""
        return self._statistics(symbol)

    def _share(self, volume: Decimal) -> int:
        """Return the shares of a bar of this volume that one order may take."""
        return int((_dec(self._costs.participation) * volume).to_integral_value(ROUND_FLOOR))

    def _execution(
        self, symbol: str, side: int, qty: int, base: Decimal, slot: int, volume: Decimal, *, urgent: bool
    ) -> Execution:
        known = self._statistics(symbol)
        bps, impact = _dec(self._table[-1].half_spread_bps), Decimal()
        if known.adv is not None and known.sigma_day is not None:
            value = known.adv * base
            bps = _dec(next((s.half_spread_bps for s in self._table if _dec(s.adv_usd) <= value), float(bps)))
            liquidity = min(known.adv, volume * self.n_slots) if urgent and volume else known.adv
            impact = base * _dec(self._costs.impact_factor) * known.sigma_day * (qty / liquidity).sqrt()
        half_spread = max(_dec(self._costs.min_half_spread_usd), base * bps / 10_000) * self._curve(slot)
        price = max(rounded(base + side * (half_spread + impact), PRICE_STEP), PRICE_STEP)
        return Execution(qty, price, self._fee(side, qty, price))

    def _curve(self, slot: int) -> Decimal:
        steps = sorted(self._costs.minute_curve, key=lambda step: step.from_minute)
        return _dec(next((step.factor for step in reversed(steps) if step.from_minute <= slot), 1.0))

    def _fee(self, side: int, qty: int, price: Decimal) -> Decimal:
        if side > 0:
            return Decimal()
        sec = price * qty * _dec(self._fees.sec_usd_per_million) / 1_000_000
        taf = min(qty * _dec(self._fees.taf_usd_per_share), _dec(self._fees.taf_cap_usd))
        return rounded(sec, FEE_STEP) + rounded(taf, FEE_STEP)

    def _statistics_of(self, symbol: str) -> Statistics:
        """Return the statistics in shares of today, with closes as if today's splits and dividends had always been."""
        days, history = self._market.grid.sessions, []
        actions = self._market.splits(symbol), self._market.dividends(symbol)
        shares, value = Decimal(1), Decimal(1)
        after = days[self._session].date
        for session in range(self._session - 1, -1, -1):
            bars = self._market.bars(symbol, session)
            traded = np.flatnonzero(bars.volume)
            if not traded.size:
                continue
            close = _dec(bars.close[traded[-1]])
            split, paid = _between(*actions, days[session].date, after)
            shares *= split
            value *= split * (close / (close - paid) if paid else 1)
            history.append((close / value, _dec(bars.volume.sum()) * shares))
            after = days[session].date
            if len(history) > HISTORY:
                break
        return statistics(reversed(history))


def _between(
    splits: Iterable[Split], dividends: Iterable[Dividend], after: dt.date, until: dt.date
) -> tuple[Decimal, Decimal]:
    """Return new shares for one old, and USD paid for an old one, by the actions after `after` up to `until`."""
    ratio, paid = Decimal(1), Decimal()
    for split in splits:
        if after < split.date <= until:
            ratio *= Decimal(split.new) / split.old
    for dividend in dividends:
        if after < dividend.ex_date <= until:
            paid += _dec(dividend.amount)
    return ratio, paid


def _dec(value: float) -> Decimal:
    """Return the decimal that `value` is written as."""
    return Decimal(repr(float(value)))
