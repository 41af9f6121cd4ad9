"""vectorbt, told the same simple rules, makes the same trades at the same prices.

A bar is two rows for it, because its order of events has no place for an exit at the open before a stop inside the bar:
a row of the open alone, where orders fill, and one of the whole bar, where stops are hit. What it can express: entries
from a threshold on at the next open, of one size, longs and shorts, a stop, exits by time, by signal and before the
close, a proportional cost.
"""

import math

import numba
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import vectorbt as vbt
from vectorbt.portfolio.enums import SignalContext

from daytrader_ray.domain.costs import CostConfig, CurveStep, FeeSchedule, SpreadStep
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.engine.backtest import Plan, backtest
from daytrader_ray.engine.config import KernelConfig
from tests.engine.markets import frames

Float64 = npt.NDArray[np.float64]

N, SYMBOLS, SHARES, THRESHOLD, BPS = 390, 8, 100, 0.5, 3.0
TIME_EXIT, MIN_HOLD, FLAT = 40, 15, 5


@numba.njit  # type: ignore[untyped-decorator]
def rules(c: SignalContext, signal: Float64, entered: npt.NDArray[np.int64]) -> tuple[bool, bool, bool, bool]:
    """Long entry, long exit, short entry, short exit at a row."""
    t = c.i // 2 - 1
    if c.i % 2 == 1 or t < 0:
        return False, False, False, False
    now = signal[t, c.col]
    side = 1 if c.position_now > 0 else -1
    if c.position_now != 0:
        age = t - entered[c.col] + 1
        out = t >= N - 1 - FLAT or age >= TIME_EXIT or side * now <= -THRESHOLD
        out = out or (side * now < 0.25 * THRESHOLD and age >= MIN_HOLD)
        return False, out and side > 0, False, out and side < 0
    enter = abs(now) >= THRESHOLD and t + 1 < N - 1 - FLAT
    if enter:
        entered[c.col] = t + 1
    return enter and now > 0, False, enter and now < 0, False


def theirs(panel: Panel, signal: Float64, atr: Float64) -> list[tuple[float, ...]]:
    cost = BPS / 10_000

    def rows(opens: Float64, whole: Float64) -> Float64:
        return np.stack([opens, whole], axis=1).reshape(2 * N, SYMBOLS)

    side = np.vstack([np.zeros((1, SYMBOLS)), np.sign(signal[:-1])])
    paid = np.round(panel.open * (1 + side * cost), 4)
    before = np.vstack([atr[:1], atr[:-1]])
    distance = np.abs(paid - np.round(paid - side * 2.0 * before, 2)) / paid
    opens = panel.open
    portfolio = vbt.Portfolio.from_signals(
        pd.DataFrame(rows(opens, panel.close)),
        open=pd.DataFrame(rows(opens, opens)),
        high=pd.DataFrame(rows(opens, panel.high)),
        low=pd.DataFrame(rows(opens, panel.low)),
        price=pd.DataFrame(rows(opens, panel.close)),
        signal_func_nb=rules,
        signal_args=(signal, np.zeros(SYMBOLS, dtype=np.int64)),
        size=SHARES,
        slippage=cost,
        sl_stop=pd.DataFrame(rows(distance, distance)),
        stop_entry_price="FillPrice",
        stop_exit_price="StopMarket",
        init_cash=1e9,
        freq="1min",
    )
    found = portfolio.exit_trades.records
    side = np.where(found["direction"] == 0, 1, -1)
    columns = (found["col"], found["entry_idx"] // 2, found["exit_idx"] // 2, side, found["size"])
    prices = (found["entry_price"], found["exit_price"], found["pnl"])
    return sorted(zip(*(c.tolist() for c in (*columns[:3], side, columns[4], *prices)), strict=True))


def ours(market: Frames, signal: Float64) -> list[tuple[float, ...]]:
    costs = CostConfig(
        min_half_spread_usd=0.0,
        spread_table=(SpreadStep(adv_usd=0.0, half_spread_bps=BPS),),
        minute_curve=(CurveStep(from_minute=0, factor=1.0),),
        impact_factor=0.0,
        fees=(FeeSchedule(from_date="2020-01-01", sec_usd_per_million=0, taf_usd_per_share=0, taf_cap_usd=0),),
    )
    kernel = KernelConfig(
        max_position=1.0, max_sector=4.0, max_gross=4.0, max_net=4.0, max_beta=4.0, buying_power=4.0,
        sizing="confidence", orders="market", max_daily_loss=0.99, flat_minutes=FLAT, min_hold_minutes=MIN_HOLD,
        time_exit_minutes=TIME_EXIT, cooldown_minutes=0, max_trades_per_symbol=N,
    )  # fmt: skip
    plan = Plan(
        np.ones((1, SYMBOLS), dtype=np.bool_), np.arange(SYMBOLS), np.array([THRESHOLD]), np.full((1, SYMBOLS), np.inf)
    )
    result = backtest(market, signal, np.ones(N), plan, kernel, costs, (0, 1), 1e9)
    symbols = market.panel.symbols
    return sorted(
        (symbols.index(x.symbol), x.entry_slot, x.exit_slot, x.side, x.qty, x.entry_price, x.exit_price, x.pnl_usd)
        for x in result.trades
    )


def market_of(seed: int) -> tuple[Frames, Float64]:
    """Deep markets whose expected volume makes every entry 100 shares; prices between the ticks, so that none ties."""
    drawn = frames(seed, n_sessions=1, n_slots=N, n_symbols=SYMBOLS, minute_vol=0.002)
    rng = np.random.default_rng(seed)
    shape = N, SYMBOLS
    close = rng.uniform(20, 300, SYMBOLS) * np.exp(np.cumsum(rng.normal(0, 0.002, shape), 0))
    open_ = np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.001, shape))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.001, shape)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.001, shape)))
    panel = Panel(
        drawn.panel.grid, drawn.panel.symbols, open_, high, low, close, np.full(shape, 1e6), close,
        np.ones(shape, dtype=np.bool_),
    )  # fmt: skip
    atr = 0.003 * close
    features = FeatureMatrix(("none",), np.zeros((*shape, 1), np.float32), atr, atr, atr)
    expected = np.full(shape, SHARES / CostConfig().participation)
    signal = np.clip(rng.normal(0, 0.6, shape), -1, 1)
    for t in range(1, N):
        stay = rng.random(SYMBOLS) < 0.9
        signal[t, stay] = signal[t - 1, stay]
    return Frames(panel, features, drawn.adv, drawn.sigma_day, expected), signal


@pytest.mark.parametrize("seed", range(10))
def test_vectorbt_makes_the_same_trades(seed: int) -> None:
    market, signal = market_of(seed)
    mine, other = ours(market, signal), theirs(market.panel, signal, market.features.atr_5)
    assert len(mine) > 100
    assert [trade[:5] for trade in mine] == [trade[:5] for trade in other]
    tick = 1e-4
    for left, right in zip(mine, other, strict=True):
        assert math.isclose(left[5], right[5], abs_tol=tick)
        assert math.isclose(left[6], right[6], abs_tol=tick)
        assert math.isclose(left[7], right[7], abs_tol=2 * tick * SHARES)
