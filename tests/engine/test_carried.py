"""A session that begins with what a halt has carried into it goes on as if the one before had been traded with it."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.trading import Reason
from daytrader_ray.engine.backtest import Plan, backtest
from daytrader_ray.engine.book import Carried
from daytrader_ray.engine.config import KernelConfig
from tests.engine.test_day import BUY, FIRST, FREE, N, market


@pytest.mark.parametrize(("ratio", "qty"), [(1.0, 200), (2.0, 400)])
def test_a_session_that_begins_with_a_position_is_the_second_of_two(ratio: float, qty: int) -> None:
    frames = market({11: {"open": 49.98}, N + 2: {"open": 50.5 / ratio}}, 50.0, 2, ("AAA",), ratio)
    signal = np.zeros(frames.panel.close.shape)
    for row, value in sorted(BUY.items()):
        signal[row:, 0] = value
    plan = Plan(
        tradable=np.ones((2, 1), dtype=np.bool_),
        sector=np.zeros(1, dtype=np.int64),
        threshold=np.full(2, 0.5),
        sector_limit=np.full((2, 1), np.inf),
        halts={FIRST: np.arange(N)[:, None] >= 50},
    )
    rules = KernelConfig(sizing="confidence", orders="limit", max_position=0.15)
    given = frames, signal, np.ones(len(signal))
    both = backtest(*given, plan, rules, FREE, (0, 2))
    cash, peak = float(both.cash[N - 1]), float(both.equity[:N].max())
    begun = replace(plan, carried={"AAA": Carried(200, 49.98, 48.98, 0.5, 50.0)})
    second = backtest(*given, begun, rules, FREE, (1, 2), cash, peak=peak)
    for name in ("equity", "cash", "gross_usd", "net_usd"):
        np.testing.assert_array_equal(getattr(second, name), getattr(both, name)[N:])
    np.testing.assert_array_equal(second.session_equity, both.session_equity[1:])
    day = FIRST + dt.timedelta(days=1)
    assert list(second.orders) == [order for order in both.orders if order.session == day]
    assert list(second.fills) == [fill for fill in both.fills if fill.session == day]
    (trade,) = second.trades
    assert trade.carried and trade.reason is Reason.CARRIED and trade.qty == qty
    assert trade.pnl_usd == pytest.approx(second.session_equity[1] - second.session_equity[0], abs=1e-6)
