"""The same case under other names or with its columns in another order: what must not matter.

Ties go by column. So names may change under everything; hedges may stand anywhere between the stocks; stocks may change
places where no two signals tie.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import Budget, Budgets
from daytrader_ray.engine.backtest import BacktestResult, backtest
from tests.engine.cases import HEDGES, Case

Int64 = npt.NDArray[np.int64]
Line = tuple[object, ...]


def run(case: Case) -> BacktestResult:
    """Backtest a case."""
    return backtest(case.frames, case.signals, case.scale, case.plan, case.kernel, case.costs, case.sessions, case.cash)


def differences(drawn: Case, seed: int) -> list[str]:
    """Return what changed that must not have, in words; empty where nothing did."""
    rng = np.random.default_rng(seed)
    untied = apart(drawn, rng)
    other, names = renamed(drawn, rng)
    pairs = {
        "names": (_lines(run(drawn)), _lines(run(other), names)),
        "places of hedges": (_lines(run(drawn)), _lines(run(turned(drawn, between(drawn, rng))))),
        "places": (_lines(run(untied)), _lines(run(turned(untied, anywhere(untied, rng))))),
    }
    found = [f"{what} matter" for what, (left, right) in pairs.items() if sorted(left) != sorted(right)]
    return found + ["names change an order of events"] * (pairs["names"][0] != pairs["names"][1])


def _lines(result: BacktestResult, names: dict[str, str] | None = None) -> list[Line]:
    names = names or {}
    return [
        (f.session, f.slot, f.phase, names.get(f.symbol, f.symbol), int(f.kind), f.side, f.qty, f.price, f.fee)
        for f in result.fills
    ]


def renamed(case: Case, rng: np.random.Generator) -> tuple[Case, dict[str, str]]:
    """Return the case with the names of its stocks shuffled over their columns, and the old name of each new one."""
    symbols = case.frames.panel.symbols
    stocks = [symbol for symbol in symbols if symbol not in HEDGES]
    new = dict(zip(stocks, rng.permutation(stocks).tolist(), strict=True))
    panel = dataclasses.replace(case.frames.panel, symbols=tuple(new.get(symbol, symbol) for symbol in symbols))
    other = dataclasses.replace(case, frames=dataclasses.replace(case.frames, panel=panel))
    return other, {to: symbol for symbol, to in new.items()}


def between(case: Case, rng: np.random.Generator) -> Int64:
    """Return an order of the columns in which hedges stand elsewhere; neither they nor stocks change places."""
    hedge = np.isin(case.frames.panel.symbols, HEDGES)
    to = rng.permutation(hedge)
    turn = np.empty(len(hedge), dtype=np.int64)
    turn[to], turn[~to] = np.flatnonzero(hedge), np.flatnonzero(~hedge)
    return turn


def anywhere(case: Case, rng: np.random.Generator) -> Int64:
    """Return an order of the columns in which hedges stand elsewhere and stocks have changed places."""
    turn = between(case, rng)
    stocks = ~np.isin(case.frames.panel.symbols, HEDGES)[turn]
    turn[stocks] = rng.permutation(turn[stocks])
    return turn


def apart(case: Case, rng: np.random.Generator) -> Case:
    """Return the case with signals that do not tie: in neutral mode one sector, none unknown and none clipped.

    Two stocks alone in a neutral sector would always tie.
    """
    signals, plan = case.signals * rng.uniform(0.99, 1.0, case.signals.shape), case.plan
    n_stocks = sum(symbol not in HEDGES for symbol in case.frames.panel.symbols)
    neutral = n_stocks != 2 and rng.random() < 0.5
    if neutral:
        signals = 0.5 * np.nan_to_num(signals)
        plan = dataclasses.replace(plan, sector=np.zeros_like(plan.sector))
    elif plan.budgets:
        items = tuple(one._replace(neutral=0) for one in plan.budgets.items)
        plan = dataclasses.replace(plan, budgets=Budgets(plan.budgets.at, items))
    return dataclasses.replace(case, signals=signals, plan=plan)


def turned(case: Case, turn: np.ndarray) -> Case:
    """Return the same case with its symbols in another order."""
    frames, plan, n = case.frames, case.plan, len(turn)

    def columns(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array[..., turn])

    panel = dataclasses.replace(
        frames.panel,
        symbols=tuple(frames.panel.symbols[i] for i in turn),
        **{
            field.name: columns(getattr(frames.panel, field.name))
            for field in dataclasses.fields(frames.panel)
            if field.name not in ("grid", "symbols")
        },
    )
    features = dataclasses.replace(frames.features, atr_5=columns(frames.features.atr_5))
    by_symbol = ("adv", "sigma_day", "expected_volume", "half_spread_bps")
    arrays = {name: columns(getattr(frames, name)) for name in by_symbol}
    other = dataclasses.replace(frames, panel=panel, features=features, **arrays)
    where = np.empty(n, dtype=np.int64)
    where[turn] = np.arange(n)

    def budget(of: Budget) -> Budget:
        hedge = int(where[of.hedge]) if of.hedge >= 0 else -1
        return of._replace(
            cap=columns(of.cap), hedge=hedge, hedge_weight=columns(of.hedge_weight), beta=columns(of.beta)
        )

    budgets = plan.budgets and Budgets(plan.budgets.at, tuple(budget(of) for of in plan.budgets.items))
    mirrored = dataclasses.replace(
        plan,
        tradable=columns(plan.tradable),
        sector=columns(plan.sector),
        event_scale={day: columns(scale) for day, scale in plan.event_scale.items()},
        shortable=columns(plan.shortable),
        halts={day: columns(halts) for day, halts in plan.halts.items()},
        budgets=budgets,
    )
    return dataclasses.replace(case, frames=other, signals=columns(case.signals), plan=mirrored)
