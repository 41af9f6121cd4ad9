"""Statistics of a feature, re-derived with pandas."""

import numpy as np
import pandas as pd
import pytest

from daytrader_ray.features.describe import LAGS, SymbolColumn, describe

SESSION = np.repeat([0, 1, 2], [100, 60, 100])
HORIZON = 30


def make(symbol, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 1e-3, len(SESSION))))
    values = (np.cumsum(rng.normal(0, 1, len(SESSION))) + shift).astype(np.float32)
    values[:14] = np.nan
    values[130:133] = np.nan
    close[:3] = np.nan
    return SymbolColumn(symbol, values, close)


def pandas_statistics(columns):
    frames = [pd.DataFrame({"x": c.values.astype(float), "c": np.log(c.close), "s": SESSION}) for c in columns]
    lagged, ahead, pairs = {lag: [] for lag in LAGS}, [], []
    for frame in frames:
        by = frame.groupby("s")
        for lag in LAGS:
            later = by["x"].shift(-lag)
            lagged[lag].append((frame["x"].corr(later), (frame["x"].notna() & later.notna()).sum()))
        move = by["c"].shift(-HORIZON) - frame["c"]
        ahead.append((frame["x"].corr(move, method="spearman"), (frame["x"].notna() & move.notna()).sum()))
        pairs.append(frame["x"].dropna())
    weighted = {
        lag: np.average(*np.transpose(found)[:1], weights=np.transpose(found)[1]) for lag, found in lagged.items()
    }
    return pd.concat(pairs), weighted, np.average(np.transpose(ahead)[0], weights=np.transpose(ahead)[1])


def test_all_figures_are_those_of_pandas():
    columns = [make("AAA", 1), make("BBB", 2, shift=50.0), make("CCC", 3, shift=-40.0)]
    found = describe(columns, SESSION, HORIZON)
    values, lagged, ahead = pandas_statistics(columns)
    assert (found.bars, found.values) == (3 * (len(SESSION) - 3), len(values))
    assert found.coverage == len(values) / found.bars
    assert found.mean == pytest.approx(values.mean(), rel=1e-6)
    assert found.sd == pytest.approx(values.std(ddof=0), rel=1e-6)
    for level, quantile in found.quantiles.items():
        assert quantile == pytest.approx(values.quantile(level), rel=1e-5)
    assert found.autocorrelation == pytest.approx(lagged, rel=1e-6)
    assert found.next_return == pytest.approx(ahead, rel=1e-6)
    assert found.lowest[0] == "CCC"
    assert found.highest == ("BBB", pytest.approx(np.nanmean(columns[1].values), rel=1e-6))


def test_a_feature_that_knows_the_next_return_correlates_with_it_fully():
    column = make("AAA", 4)
    ahead = np.full(len(SESSION), np.nan, dtype=np.float32)
    ahead[:-HORIZON] = np.log(column.close[HORIZON:] / column.close[:-HORIZON])
    assert describe([SymbolColumn("AAA", ahead, column.close)], SESSION, HORIZON).next_return == pytest.approx(1.0)


@pytest.mark.parametrize("values", [np.nan, 1.0])
def test_a_feature_without_values_or_without_movement_has_no_correlation(values):
    column = SymbolColumn("AAA", np.full(len(SESSION), values, dtype=np.float32), make("AAA", 1).close)
    found = describe([column], SESSION, HORIZON)
    assert np.isnan(found.next_return)
    assert np.isnan(list(found.autocorrelation.values())).all()
    assert (found.lowest is None) == np.isnan(values)


def test_no_symbol_at_all_is_described_as_nothing():
    found = describe([], SESSION, HORIZON)
    assert found.values == 0
    assert np.isnan(found.coverage)
