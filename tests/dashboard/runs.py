"""Runs made by hand, for tests and looks at the tear sheet: trades are drawn, everything else follows from them."""

import datetime as dt
from typing import Any

import numpy as np

from daytrader_ray.analytics.decay import HORIZONS, decay
from daytrader_ray.analytics.run import Curve, Decisions, Fills, Kind, Manifest, Orders, Run, Trades
from daytrader_ray.domain.trading import MEMBERS, OrderKind, Reason

SLOTS = 390
CASH = 100_000.0
SYMBOLS = np.array(["AAPL", "AMD", "BAC", "COST", "JPM", "KO", "MSFT", "NVDA", "WMT", "XOM"])
SECTORS = np.array(
    ["Technology"] * 2 + ["Finance", "Staples", "Finance", "Staples"] + ["Technology"] * 2 + ["Staples", "Energy"]
)
EXITS = np.array([Reason.SIGNAL_EXIT, Reason.STOP, Reason.TIME_EXIT, Reason.REVERSED, Reason.FLATTEN])
N_STEPS = 15


def made_run(
    n_sessions: int = 40, a_day: int = 30, kind: Kind = "backtest", edge_bps: float = 2.0, seed: int = 1
) -> Run:
    """Return a run of `n_sessions` with `a_day` round trips each, of which some are hedges."""
    rng = np.random.default_rng(seed)
    dates = np.busday_offset("2024-01-02", np.arange(n_sessions), roll="forward")
    trades = _trades(rng, dates, a_day, edge_bps)
    orders, fills = _orders(trades), _fills(trades)
    pnl = np.array([trades.pnl_usd[trades.session == day].sum() for day in dates])
    equity = CASH + np.concatenate([[0.0], pnl.cumsum()])
    spy = 480.0 * np.cumprod(np.concatenate([[1.0], 1.0 + rng.normal(4e-4, 8e-3, n_sessions)]))
    return Run(
        manifest=_manifest(kind, n_sessions),
        dates=dates,
        session_equity=equity,
        spy=spy,
        curve=_curve(rng, dates, equity, trades),
        orders=orders,
        fills=fills,
        trades=trades,
        decisions=_decisions(rng, trades),
        decay=_decay(rng),
    )


def _trades(rng: np.random.Generator, dates: Any, a_day: int, edge_bps: float) -> Trades:
    n = len(dates) * a_day
    session = np.repeat(dates, a_day)
    which, side = rng.integers(0, len(SYMBOLS), n), rng.choice([-1, 1], n)
    hedge = rng.random(n) < 0.05
    entry = np.concatenate([1 + rng.permutation(249)[:a_day] for _ in dates])
    leave = entry + 1 + np.minimum(rng.gamma(2.0, 22.0, n).astype(np.int64), 119)
    price = np.round(50.0 + 10.0 * which + rng.normal(0, 1, n), 4)
    qty = np.maximum((rng.uniform(400, 5000, n) / price).astype(np.int64), 1)
    moved = edge_bps * 1e-4 + 3e-3 * rng.standard_t(4, n)
    exit_price = np.round(price * (1.0 + side * moved), 4)
    spread, impact = qty * price * 1e-4, qty * price * 6e-5
    fees = np.round(qty * 0.000166 * 2 + 0.01, 2)
    symbol = np.where(hedge, "SPY", SYMBOLS[which])
    order = np.lexsort((leave, session))
    table = Trades(
        session=session,
        symbol=symbol,
        sector=np.where(hedge, "hedge", SECTORS[which]),
        side=side,
        qty=qty,
        entry_slot=entry,
        exit_slot=leave,
        entry_price=price,
        exit_price=exit_price,
        fees_usd=fees,
        spread_usd=spread,
        impact_usd=impact,
        pnl_usd=side * qty * (exit_price - price) - fees,
        exit_reason=np.where(hedge, int(Reason.HEDGE), rng.choice(EXITS, n, p=[0.45, 0.2, 0.15, 0.1, 0.1])),
        regime=rng.choice([0, 1, 2], n, p=[0.7, 0.25, 0.05]),
        hedge=hedge,
        carried=np.zeros(n, dtype=np.bool_),
        entry_order=np.array([_id(s, t - 1, i, "entry") for s, t, i in zip(session, entry, symbol, strict=True)]),
    )
    return table.where(order)


def _id(session: Any, slot: int, symbol: str, word: str) -> str:
    return f"bt-{session.astype(dt.date):%Y%m%d}-{slot:03d}-{symbol}-{word}"


def _orders(trades: Trades) -> Orders:
    """Return an entry, a stop, its cancel and an exit for each trade."""
    n = len(trades)
    kinds = np.tile([int(OrderKind.ENTRY), int(OrderKind.STOP), int(OrderKind.CANCEL_STOP), int(OrderKind.EXIT)], n)
    before, after = trades.entry_slot - 1, trades.exit_slot - 1
    slots = np.stack([before, trades.entry_slot, after, after], 1).ravel()
    sides = np.stack([trades.side, -trades.side, -trades.side, -trades.side], 1).ravel()
    prices = np.stack([trades.entry_price, trades.entry_price * (1 - 0.01 * trades.side)] + [np.full(n, np.nan)] * 2, 1)
    signal, protect = np.full(n, int(Reason.SIGNAL)), np.full(n, int(Reason.PROTECT))
    session, symbol = np.repeat(trades.session, 4), np.repeat(trades.symbol, 4)
    words = np.tile(["entry", "stop", "cancel_stop", "exit"], n)
    return Orders(
        session=session,
        slot=slots,
        symbol=symbol,
        kind=kinds,
        side=sides,
        qty=np.repeat(trades.qty, 4),
        price=prices.ravel(),
        reason=np.stack([signal, protect, trades.exit_reason, trades.exit_reason], 1).ravel(),
        client_order_id=np.array([_id(s, t, i, w) for s, t, i, w in zip(session, slots, symbol, words, strict=True)]),
    )


def _fills(trades: Trades) -> Fills:
    """Return both fills of each trade; half of the costs on each side."""
    n = len(trades)
    price = np.stack([trades.entry_price, trades.exit_price], 1).ravel()
    side = np.stack([trades.side, -trades.side], 1).ravel()
    spread, impact = np.repeat(trades.spread_usd / 2, 2), np.repeat(trades.impact_usd / 2, 2)
    qty = np.repeat(trades.qty, 2)
    return Fills(
        session=np.repeat(trades.session, 2),
        slot=np.stack([trades.entry_slot, trades.exit_slot], 1).ravel(),
        phase=np.full(2 * n, "A"),
        symbol=np.repeat(trades.symbol, 2),
        kind=np.tile([int(OrderKind.ENTRY), int(OrderKind.EXIT)], n),
        side=side,
        qty=qty,
        price=price,
        base_price=price - side * (spread + impact) / qty,
        spread_usd=spread,
        impact_usd=impact,
        fee_usd=np.repeat(trades.fees_usd / 2, 2),
        client_order_id=_orders(trades).client_order_id.reshape(-1, 4)[:, [0, 3]].ravel(),
    )


def _curve(rng: np.random.Generator, dates: Any, equity: Any, trades: Trades) -> Curve:
    """Return books whose exposure is that of the trades and whose equity walks from session to session."""
    n = len(dates)
    number = np.searchsorted(dates, trades.session)
    columns = {}
    for name, value in (
        ("gross_usd", trades.notional_usd),
        ("net_usd", trades.side * trades.notional_usd),
        ("hedge_usd", np.where(trades.hedge, trades.side * trades.notional_usd, 0.0)),
    ):
        steps = np.zeros((n, SLOTS + 1))
        np.add.at(steps, (number, trades.entry_slot), value)
        np.add.at(steps, (number, trades.exit_slot), -value)
        columns[name] = steps.cumsum(axis=1)[:, :SLOTS].ravel()
    walk = np.cumsum(rng.normal(0, 12.0, (n, SLOTS)), axis=1)
    bridge = walk - walk[:, -1:] * np.linspace(0, 1, SLOTS)
    line = equity[:-1, None] + np.diff(equity)[:, None] * np.linspace(0, 1, SLOTS) + bridge
    marked = line.ravel()
    return Curve(
        session=np.repeat(dates, SLOTS),
        slot=np.tile(np.arange(SLOTS), n),
        equity=marked,
        cash=marked - columns["net_usd"],
        beta_usd=columns["net_usd"] - columns["hedge_usd"],
        regime=np.repeat(rng.choice([0, 1, 2], n, p=[0.7, 0.25, 0.05]), SLOTS),
        **columns,
    )


def _decisions(rng: np.random.Generator, trades: Trades) -> Decisions:
    stocks = trades.where(~trades.hedge)
    n = len(stocks)
    steps = np.abs(rng.normal(1000, 300, (n, N_STEPS)))
    steps[:, 0], steps[:, 1], steps[:, 2] = stocks.side * rng.uniform(0.3, 1, n), 0.3, 0.05
    steps[:, 3], steps[:, 4], steps[:, 5], steps[:, 6] = 0.5, rng.uniform(0, 1, n), 1.0, 1.0
    steps[:, 7], steps[:, -1] = stocks.notional_usd, rng.choice([-1, 0, 1, 5], n)
    weights = np.tile(np.arange(1, 6) / 15, (n, 1))
    return Decisions(
        client_order_id=stocks.entry_order,
        session=stocks.session,
        slot=stocks.entry_slot - 1,
        symbol=stocks.symbol,
        regime=stocks.regime,
        steps=steps,
        scores=stocks.side[:, None] * rng.uniform(-0.2, 1, (n, len(MEMBERS))),
        weights=weights,
    )


def _decay(rng: np.random.Generator) -> Any:
    n = 6000
    signal = rng.normal(0, 0.3, n).clip(-1, 1)
    shape = np.sqrt(np.array(HORIZONS) / 30.0)
    forward = 1e-3 * shape * (0.4 * signal[:, None] + rng.normal(size=(n, len(HORIZONS))))
    return decay(signal, forward, np.full(n, 2.5e-4), np.arange(n) // 300)


def _manifest(kind: Kind, n_sessions: int) -> Manifest:
    return Manifest(
        kind=kind,
        id=f"{kind}-0123456789ab",
        subject="bundle ab12cd34",
        members=MEMBERS,
        cash=CASH,
        bar_minutes=1,
        seed=7,
        commit="0123abcd",
        data="f00dfeed",
        versions={"python": "3.11", "numpy": "2.3"},
        config={"kernel": {"max_position": 0.05, "orders": "limit"}, "costs": {"participation": 0.05}},
        notices=("Made by hand: these figures are of no market.",),
        denied={"threshold": 1200, "size": 12, "gross": 3},
        budgets={"risk_parity": 20, "half_target": 120},
    )
