"""empyrical-reloaded computes what both define the same; the two share no code."""

import empyrical
import numpy as np
import pandas as pd
import pytest

from daytrader_ray.analytics.performance import beta, moments, of_returns, sharpe


def series(seed: int) -> pd.Series:
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2023-01-02", periods=int(rng.integers(40, 600)))
    return pd.Series(rng.normal(3e-4, 9e-3, len(days)) + 2e-3 * rng.standard_t(3, len(days)), index=days)


@pytest.mark.parametrize("seed", range(10))
def test_metrics_of_returns_are_those_of_empyrical(seed: int) -> None:
    returns = series(seed)
    got = of_returns(returns.to_numpy())
    wanted = {
        "total_return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns),
        "volatility": empyrical.annual_volatility(returns),
        "sharpe": empyrical.sharpe_ratio(returns),
        "sortino": empyrical.sortino_ratio(returns),
        "max_drawdown": -empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns),
        "var_5": -empyrical.value_at_risk(returns),
        "shortfall_5": -empyrical.conditional_value_at_risk(returns),
    }
    for key, value in wanted.items():
        assert float(got[key]) == pytest.approx(value, rel=1e-9, abs=1e-12), key


def test_the_slope_on_the_market_is_that_of_empyrical() -> None:
    market = series(100)
    returns = 0.7 * market + series(101).to_numpy()[0] * np.arange(len(market)) / len(market)
    assert float(beta(returns.to_numpy(), market.to_numpy())) == pytest.approx(
        empyrical.beta(returns, market), rel=1e-9
    )


def test_many_series_at_once_are_measured_like_each_alone() -> None:
    many = np.random.default_rng(2).normal(0, 0.01, (5, 60))
    together = of_returns(many)
    for k, one in enumerate(many):
        for key, value in of_returns(one).items():
            assert float(together[key][k]) == pytest.approx(float(value), rel=1e-12), key
    assert moments(many)[0].shape == sharpe(many).shape == (5,)
