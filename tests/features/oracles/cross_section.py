from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pandas as pd

from tests.features.oracles.case import Case, Float64, windows


def table(case: Case, value: Callable[[Case], Float64]) -> pd.DataFrame:
    """A value of every symbol `[row, symbol]`, NaN where it has no bar."""
    columns = {}
    for column in range(len(case.panel.symbols)):
        one = case.of(column)
        columns[column] = pd.Series(value(one), index=one.rows).reindex(range(case.panel.grid.n_rows))
    return pd.DataFrame(columns)


def returns(case: Case, minutes: int) -> pd.DataFrame:
    return _returns(case.of(0), minutes)


@lru_cache(maxsize=4)
def _returns(case: Case, minutes: int) -> pd.DataFrame:
    return table(case, lambda one: windows(one.r, one.bars_in(minutes)).sum(axis=1))


def of_members(case: Case, values: pd.DataFrame) -> pd.DataFrame:
    return values.where(case.peers.member[case.panel.grid.session_of_row])


def of_sector(case: Case, values: pd.DataFrame) -> pd.Series:
    sector, proxy = case.peers.sector, case.peers.proxy[case.column]
    if sector[case.column] < 0:
        return values[0] * np.nan
    if proxy >= 0:
        return values[proxy]
    others = [k for k in np.flatnonzero(sector == sector[case.column]) if k != case.column]
    return of_members(case, values)[others].mean(axis=1)


def excess(case: Case, of: str, minutes: int) -> Float64:
    values = returns(case, minutes)
    column = {"spy": case.peers.spy, "qqq": case.peers.qqq}.get(of)
    other = of_sector(case, values) if column is None else values[column] if column >= 0 else values[0] * np.nan
    return (values[case.column] - other).to_numpy()[case.rows]


def excess_sector_5(case: Case) -> Float64:
    return excess(case, "sector", 5)


def excess_sector_15(case: Case) -> Float64:
    return excess(case, "sector", 15)


def excess_sector_30(case: Case) -> Float64:
    return excess(case, "sector", 30)


def excess_spy_5(case: Case) -> Float64:
    return excess(case, "spy", 5)


def excess_spy_15(case: Case) -> Float64:
    return excess(case, "spy", 15)


def excess_spy_30(case: Case) -> Float64:
    return excess(case, "spy", 30)


def excess_qqq_5(case: Case) -> Float64:
    return excess(case, "qqq", 5)


def excess_qqq_15(case: Case) -> Float64:
    return excess(case, "qqq", 15)


def excess_qqq_30(case: Case) -> Float64:
    return excess(case, "qqq", 30)


def standing(case: Case, of: str) -> Float64:
    return _standings(case.of(0), of)[case.column].to_numpy()[case.rows]


@lru_cache(maxsize=4)
def _standings(case: Case, of: str) -> pd.DataFrame:
    """The average rank among the members, from -1 (the lowest) to 1 (the highest)."""
    values = relative_volume(case) if of == "volume" else returns(case, int(of))
    members = of_members(case, values).round(11)
    n = members.count(axis=1)
    return members.rank(axis=1, method="average").mul(2).sub(n + 1, axis=0).div((n - 1).where(n > 1), axis=0)


def relative_volume(case: Case) -> pd.DataFrame:
    return table(case, lambda one: one.volume / np.where(one.expected > 0, one.expected, np.nan))


def rank_return_5(case: Case) -> Float64:
    return standing(case, "5")


def rank_return_15(case: Case) -> Float64:
    return standing(case, "15")


def rank_return_30(case: Case) -> Float64:
    return standing(case, "30")


def rank_volume(case: Case) -> Float64:
    return standing(case, "volume")


def moments(case: Case, other: pd.Series) -> tuple[pd.Series, pd.Series, pd.Series]:
    """EWMAs of x y, y^2 and x^2 over the minutes that both have, once 1e-7 is all that the first one weighs."""
    x = pd.Series(case.r, index=case.rows)
    y = other.reindex(case.rows)
    both = x.notna() & y.notna()
    warm = (1 - 2 / 391) ** (both.cumsum() - 1) <= 1e-7
    products = [(a * b).where(both) for a, b in ((x, y), (y, y), (x, x))]
    xy, yy, xx = (one.ewm(span=390, ignore_na=True).mean().where(warm) for one in products)
    return xy, yy, xx


def beta_spy_390(case: Case) -> Float64:
    xy, yy, _ = moments(case, returns(case, 1)[case.peers.spy])
    return (xy / yy).to_numpy()


def correlation_sector_390(case: Case) -> Float64:
    xy, yy, xx = moments(case, of_sector(case, returns(case, 1)))
    return (xy / np.sqrt(yy * xx)).to_numpy()
