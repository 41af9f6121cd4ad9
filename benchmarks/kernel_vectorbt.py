"""The kernel beside vectorbt, on rules that both can express: the same trades, in turns, in one run, with the equity.

vectorbt has no place for an exit at the open before a stop inside the bar, so that a bar is two rows for it: the open
alone, where orders fill, and the whole bar, where stops are hit. A second comparison gives it one row a bar and its
plain arrays of signals, its fastest form, which makes other trades.
"""

import datetime as dt
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import vectorbt as vbt

from benchmarks.registry import Result, benchmark, compared
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.domain.trading import OrderKind
from daytrader_ray.engine.backtest import Plan, Record, trade
from tests.engine.vectorbt_rules import BPS, COSTS, FLAT, KERNEL, N_SLOTS, SHARES, THRESHOLD, Float64, rules

N_SESSIONS, N_SYMBOLS = 60, 100
ENTRY = int(OrderKind.ENTRY)
TICK = 1.01e-4
"""Fills are rounded to 0.0001 USD here and not at all there."""


class Given(NamedTuple):
    """What both sides trade on, `[row, symbol]`."""

    frames: Frames
    signal: Float64


def given(seed: int = 0) -> Given:
    """Return deep markets in which every entry is for 100 shares; prices lie between the ticks, so that none ties."""
    rng = np.random.default_rng(seed)
    days = (dt.date(2025, 6, 2) + dt.timedelta(days=k) for k in range(N_SESSIONS))
    grid = SessionGrid(tuple(Session(day, 29_140_000 + 1440 * k, N_SLOTS) for k, day in enumerate(days)))
    shape = grid.n_rows, N_SYMBOLS
    close = rng.uniform(20, 300, N_SYMBOLS) * np.exp(np.cumsum(rng.normal(0, 0.001, shape), 0))
    open_ = np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.0005, shape))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.0005, shape)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.0005, shape)))
    symbols = tuple(f"S{k:03d}" for k in range(N_SYMBOLS))
    deep = np.full(shape, 1e6)
    panel = Panel(grid, symbols, open_, high, low, close, deep, close, np.ones(shape, dtype=np.bool_))
    atr, known = 0.003 * close, np.ones((N_SESSIONS, N_SYMBOLS))
    features = FeatureMatrix((), np.empty((*shape, 0), dtype=np.float32), atr, atr, atr)
    expected = np.full(shape, SHARES / COSTS.participation)
    signal = np.zeros(shape)
    for row in range(1, len(signal)):
        signal[row] = 0.97 * signal[row - 1] + rng.normal(0, 0.058, N_SYMBOLS)
    return Given(Frames(panel, features, 1e8 * known, 0.02 * known, expected), np.clip(signal, -1, 1))


def ours(one: Given) -> Record:
    """Trade with what vectorbt lacks switched off."""
    plan = Plan(
        np.ones((N_SESSIONS, N_SYMBOLS), dtype=np.bool_), np.arange(N_SYMBOLS), np.full(N_SESSIONS, THRESHOLD),
        np.full((N_SESSIONS, N_SYMBOLS), np.inf),
    )  # fmt: skip
    scale = np.ones(len(one.signal))
    return trade(one.frames, one.signal, scale, plan, KERNEL, COSTS, (0, N_SESSIONS), 1e9)


def theirs(one: Given) -> Callable[[], vbt.Portfolio]:
    """Return the call that simulates the same rules in one account, its inputs laid out before."""
    panel, cost = one.frames.panel, BPS / 10_000

    def rows(opens: Float64, whole: Float64) -> pd.DataFrame:
        return pd.DataFrame(np.stack([opens, whole], axis=1).reshape(2 * len(opens), N_SYMBOLS))

    side = np.vstack([np.zeros((1, N_SYMBOLS)), np.sign(one.signal[:-1])])
    paid = panel.open * (1 + side * cost)
    before = np.vstack([one.frames.features.atr_5[:1], one.frames.features.atr_5[:-1]])
    distance = np.abs(paid - np.round(np.round(paid, 4) - side * 2.0 * before, 2)) / paid
    opens, whole = rows(panel.open, panel.open), rows(panel.open, panel.close)
    high, low, stop = rows(panel.open, panel.high), rows(panel.open, panel.low), rows(distance, distance)

    def simulate() -> vbt.Portfolio:
        return vbt.Portfolio.from_signals(
            whole, open=opens, high=high, low=low, price=whole, signal_func_nb=rules,
            signal_args=(one.signal, np.zeros(N_SYMBOLS, dtype=np.int64)), size=SHARES, slippage=cost, sl_stop=stop,
            stop_entry_price="FillPrice", stop_exit_price="StopMarket", init_cash=1e9, freq="1min", group_by=True,
            cash_sharing=True,
        )  # fmt: skip

    return simulate


def plain(one: Given) -> Callable[[], vbt.Portfolio]:
    """Return the call that simulates entries, exits and stops from plain arrays, one row a bar: its fastest form."""
    panel, signal = one.frames.panel, np.vstack([np.zeros((1, N_SYMBOLS)), one.signal[:-1]])
    slot = (np.arange(len(signal)) % N_SLOTS)[:, None]
    may, flat = slot < N_SLOTS - 1 - FLAT, slot >= N_SLOTS - FLAT
    arrays = (signal >= THRESHOLD) & may, (signal < 0.25 * THRESHOLD) | flat
    shorts = (signal <= -THRESHOLD) & may, (signal > -0.25 * THRESHOLD) | flat
    stop = 2.0 * one.frames.features.atr_5 / panel.close

    def simulate() -> vbt.Portfolio:
        return vbt.Portfolio.from_signals(
            panel.close, *arrays, *shorts, price=panel.open, open=panel.open, high=panel.high, low=panel.low,
            size=SHARES, slippage=BPS / 10_000, sl_stop=stop, init_cash=1e9, freq="1min", group_by=True,
            cash_sharing=True,
        )  # fmt: skip

    return simulate


def our_trades(record: Record) -> Float64:
    """Return `[trade, (symbol, row of the entry, row of the exit, price of each)]`, sorted."""
    found, entered = [], {}
    for session, log in enumerate(record.logs):
        of = log.orders[log.fills[:, 3]]
        for fill, order, price in zip(log.fills.tolist(), of.tolist(), log.fill_price.tolist(), strict=True):
            symbol, row = order[2], session * N_SLOTS + fill[0]
            if order[1] == ENTRY:
                entered[symbol] = row, price
            else:
                first, paid = entered.pop(symbol)
                found.append((symbol, first, row, paid, price))
    return np.array(sorted(found))


def their_trades(portfolio: vbt.Portfolio) -> Float64:
    """Return the same of vectorbt, for which a bar is two rows."""
    of = portfolio.exit_trades.records
    columns = of["col"], of["entry_idx"] // 2, of["exit_idx"] // 2, of["entry_price"], of["exit_price"]
    return np.array(sorted(zip(*(column.tolist() for column in columns), strict=True)))


def cpu(function: Callable[[], object]) -> float:
    """Return the processor seconds of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


@benchmark("kernel.vs_vectorbt")
def vs_vectorbt(runs: int = 5) -> list[Result]:
    """Orders, fills and equity of 60 sessions of 100 symbols, ms of one core, where the trades are the same."""
    one = given()
    same, fastest = theirs(one), plain(one)
    mine, other = our_trades(ours(one)), their_trades(same())
    if mine.shape != other.shape or np.abs(mine - other).max() > TICK:
        raise SystemExit("vectorbt and the kernel make different trades")
    fastest().value()
    same().value()
    times = [(cpu(lambda: ours(one)), cpu(lambda: same().value()), cpu(lambda: fastest().value())) for _ in range(runs)]
    kernel, two_rows, one_row = ([1e3 * t for t in column] for column in zip(*times, strict=True))
    return [
        compared("kernel.vs_vectorbt", "ms", "vectorbt from_signals, two rows a bar, same trades", kernel, two_rows),
        compared("kernel.vs_vectorbt_plain", "ms", "vectorbt from_signals, one row a bar", kernel, one_row),
    ]
