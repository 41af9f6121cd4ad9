"""vectorbt, told the same simple rules (`vectorbt_rules`), makes the same trades at the same prices."""

import math

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt

from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.engine.backtest import Plan, backtest
from tests.engine.markets import frames
from tests.engine.vectorbt_rules import BPS, COSTS, KERNEL, N_SLOTS, SHARES, THRESHOLD, Float64, rules

SYMBOLS = 8


def theirs(panel: Panel, signal: Float64, atr: Float64) -> list[tuple[float, ...]]:
    cost = BPS / 10_000

    def rows(opens: Float64, whole: Float64) -> Float64:
        return np.stack([opens, whole], axis=1).reshape(2 * N_SLOTS, SYMBOLS)

    side = np.vstack([np.zeros((1, SYMBOLS)), np.sign(signal[:-1])])
    paid = panel.open * (1 + side * cost)
    before = np.vstack([atr[:1], atr[:-1]])
    distance = np.abs(paid - np.round(np.round(paid, 4) - side * 2.0 * before, 2)) / paid
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
    plan = Plan(
        np.ones((1, SYMBOLS), dtype=np.bool_), np.arange(SYMBOLS), np.array([THRESHOLD]), np.full((1, SYMBOLS), np.inf)
    )
    result = backtest(market, signal, np.ones(N_SLOTS), plan, KERNEL, COSTS, (0, 1), 1e9)
    symbols = market.panel.symbols
    return sorted(
        (symbols.index(x.symbol), x.entry_slot, x.exit_slot, x.side, x.qty, x.entry_price, x.exit_price, x.pnl_usd)
        for x in result.trades
    )


def market_of(seed: int) -> tuple[Frames, Float64]:
    """Deep markets whose expected volume makes every entry 100 shares; prices between the ticks, so that none ties."""
    drawn = frames(seed, n_sessions=1, n_slots=N_SLOTS, n_symbols=SYMBOLS, minute_vol=0.002)
    rng = np.random.default_rng(seed)
    shape = N_SLOTS, SYMBOLS
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
    expected = np.full(shape, SHARES / COSTS.participation)
    signal = np.clip(rng.normal(0, 0.6, shape), -1, 1)
    for t in range(1, N_SLOTS):
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
