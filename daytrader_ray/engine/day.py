"""One session of a backtest, bar by bar, in the order of events of `docs/fills.md`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from daytrader_ray.domain.budget import Budget, Sizing
from daytrader_ray.domain.jit import njit_flat
from daytrader_ray.domain.trading import OrderKind
from daytrader_ray.engine.book import B1, CASH, EQUITY, F8, I8, Book, apply_fill, open_session
from daytrader_ray.engine.entries import DENIED_THRESHOLD
from daytrader_ray.engine.fills import (
    Bar,
    Costs,
    Liquidity,
    fill_fee,
    is_stop_reached,
    limit_at_open,
    limit_inside,
    market_fill,
    stop_fill,
)
from daytrader_ray.engine.kernel import protect, release, step
from daytrader_ray.engine.log import INTRABAR, OPEN, Log, log_fill, log_orders
from daytrader_ray.engine.short_sales import ShortSales
from daytrader_ray.engine.values import Intents, Rules, Scratch, Snapshot

CANCEL_STOP, _, _, STOP, _, _ = (int(k) for k in OrderKind)
N_CURVES = 6


class BudgetTable(NamedTuple):
    """`Budget`s one under another: `[budget]` and `[budget, symbol]`."""

    cap: F8
    gross_scale: F8
    neutral: I8
    hedge: I8
    hedge_weight: F8
    beta: F8


def stacked(budgets: Sequence[Budget]) -> BudgetTable:
    """Return the table of some budgets."""
    return BudgetTable(*(np.ascontiguousarray([getattr(one, name) for one in budgets]) for name in Budget._fields))


class Day(NamedTuple):
    """One session: bars, signals and events `[slot, symbol]`; threshold, scale, `reducing` and `budget` `[slot]`.

    The rest is known before it `[symbol]`, `sector_limit` `[sector]`; `budgets` are those that `budget` counts. Of the
    session's course: `quiet` bars since the last trade, `resting` limits that may still fill, both 0 before it, and
    what `short_sales` restricts.
    """

    open: F8
    high: F8
    low: F8
    close: F8
    volume: F8
    signal: F8
    atr: F8
    expected_volume: F8
    event_scale: F8
    halted: B1
    threshold: F8
    scale: F8
    reducing: I8
    budget: I8
    budgets: BudgetTable
    tradable: B1
    sector: I8
    sector_limit: F8
    shortable: B1
    short_sales: ShortSales
    is_hedge: B1
    hedge_cap: F8
    liquidity: Liquidity
    quiet: I8
    resting: I8


@njit_flat
def _fill(
    book: Book, log: Log, t: int, phase: int, i: int, kind: int, side: int, qty: int, price: float, line: int,
    costs: Costs, cooldown: int,
) -> None:  # fmt: skip
    fee = fill_fee(side, qty, price, costs)
    apply_fill(book, i, kind, side, qty, price, fee, t, cooldown)
    log_fill(log, t, phase, qty, line, price, fee)


@njit_flat
def run_day(
    book: Book,
    day: Day,
    sizing: Sizing,
    rules: Rules,
    costs: Costs,
    scratch: Scratch,
    out: Intents,
    log: Log,
    curve: F8,
) -> None:
    """Trade one session: per bar the open, then resting stops and limits, then the decision at the close.

    Writes `curve` `[slot, (equity, cash, gross, net, net beta, net of the hedges)]` in USD and the log; the
    book is left as the session leaves it.
    """
    n_slots, n_symbols = day.close.shape
    open_session(book)
    quiet, resting, restricted = day.quiet, day.resting, day.short_sales.restricted
    pending = first_pending = n_resting = 0
    for t in range(n_slots):
        bar = Bar(day.open[t], day.high[t], day.low[t], day.volume[t], book.mark, quiet)
        halted = day.halted[t]

        # A: orders decided at the last close meet the open; then every position gets its stop.
        for k in range(pending):
            kind, i, side, asked, limit = out.kind[k], out.symbol[k], out.side[k], out.qty[k], out.price[k]
            if kind in (CANCEL_STOP, STOP):
                continue
            qty, price, reason = 0, 0.0, out.reason[k]
            if halted[i]:
                pass
            elif limit > 0.0:
                qty, price = limit_at_open(i, side, asked, limit, t, bar, day.liquidity, costs)
            else:
                qty, price = market_fill(i, kind, side, asked, reason, t, n_slots, bar, day.liquidity, costs)
            if qty > 0:
                _fill(book, log, t, OPEN, i, kind, side, qty, price, first_pending + k, costs, rules.cooldown_bars)
            elif limit > 0.0 and not halted[i]:
                resting[i] = 1
                n_resting += 1
        n = protect(book, rules, True, out)
        log_orders(log, t, out, n)

        # B: resting stops inside the bar, then limits that the open has not filled.
        for i in range(n_symbols):
            if not is_stop_reached(book, i, bar) or halted[i]:
                continue
            price = stop_fill(book, i, t, n_slots, bar, day.liquidity, costs)
            if price > 0.0:
                side, qty = -1 if book.qty[i] > 0 else 1, abs(book.qty[i])
                _fill(book, log, t, INTRABAR, i, STOP, side, qty, price, log.line[0, i], costs, rules.cooldown_bars)
        if n_resting > 0:
            n_resting = 0
            for i in range(n_symbols):
                if resting[i] == 0:
                    continue
                resting[i] = 0
                kind, limit = book.limit_kind[i], book.limit_price[i]
                side = 1 if book.limit_qty[i] > 0 else -1
                qty = limit_inside(i, side, abs(book.limit_qty[i]), limit, bar, costs)
                if qty > 0:
                    line = log.line[1, i]
                    _fill(book, log, t, INTRABAR, i, kind, side, qty, limit, line, costs, rules.cooldown_bars)

        # C: what is left of limits is cancelled, stops go under what is not sold, and the close is decided upon.
        n = release(book, out)
        log_orders(log, t, out, n)
        n = protect(book, rules, False, out)
        log_orders(log, t, out, n)
        for i in range(n_symbols):
            quiet[i] = 0 if day.volume[t, i] > 0.0 else quiet[i] + 1
            restricted[i] |= day.low[t, i] <= day.short_sales.limit[i]
        at, ahead = day.budget[t], min(t + 1, n_slots - 1)
        budget = Budget(
            day.budgets.cap[at], day.budgets.gross_scale[at], day.budgets.neutral[at], day.budgets.hedge[at],
            day.budgets.hedge_weight[at], day.budgets.beta[at],
        )  # fmt: skip
        now = Snapshot(
            day.close[t], day.signal[t], day.atr[t], day.expected_volume[ahead], day.sector, day.tradable, quiet,
            day.event_scale[t], day.sector_limit, day.high[t], day.low[t], halted, day.shortable, restricted,
            day.reducing[t], budget, day.is_hedge, day.hedge_cap,
        )  # fmt: skip
        first_pending = log.counts[0]
        pending = step(book, t, n_slots, now, day.threshold[t], day.scale[t], sizing, rules, scratch, out)
        log_orders(log, t, out, pending)
        curve[t, 0], curve[t, 1] = book.money[EQUITY], book.money[CASH]
        for k in range(N_CURVES - 2):
            curve[t, k + 2] = scratch.marked[k]
        n = 0
        for i in range(n_symbols):
            if scratch.verdict[i] != DENIED_THRESHOLD:
                log.verdicts[scratch.verdict[i]] += 1
                n += 1
        log.verdicts[DENIED_THRESHOLD] += n_symbols - n
