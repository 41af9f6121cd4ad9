"""A run is what was traded: to the cent, with a cause for each USD."""

from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.analytics.run import Manifest, Run
from daytrader_ray.domain.budget import SIZING_STEPS
from daytrader_ray.domain.trading import Fill, Order, OrderKind, Phase, Reason
from daytrader_ray.engine.runner import SessionResult
from daytrader_ray.engine.session import Mark, Sized
from daytrader_ray.engine.trades import carried_fill, round_trips
from daytrader_ray.walkforward.fit import Market
from daytrader_ray.walkforward.record import run_of
from daytrader_ray.walkforward.session_record import as_traded
from daytrader_ray.walkforward.simulate import Purse
from daytrader_ray.walkforward.study import Study
from daytrader_ray.walkforward.trade import Traded, trade
from daytrader_ray.walkforward.trial import Prepared, prepared
from tests.walkforward.markets import market, planted
from tests.walkforward.test_study import inputs_of, study_of

MASK = 0b00011
CASH = 100_000.0


@pytest.fixture(scope="module")
def here() -> Market:
    return market(planted(strength=0.0003))


@pytest.fixture(scope="module")
def study(here: Market) -> Study:
    return study_of(here)


@pytest.fixture(scope="module")
def ready(here: Market, study: Study) -> Prepared:
    return next(prepared(MASK, study, inputs_of(here)))


@pytest.fixture(scope="module")
def traded(study: Study, ready: Prepared) -> Traded:
    return trade(study, ready.window.test, ready.fit.ensemble, ready.said, Purse(CASH, CASH))


def stored(study: Study, parts: list[Traded]) -> Run:
    manifest = Manifest(
        kind="backtest", id="", subject="mask 3", members=("lstm", "cnn"), cash=CASH, bar_minutes=1, seed=7, commit="",
        data="", versions={}, config={"kernel": study.kernel.model_dump(mode="json")},
    )  # fmt: skip
    return run_of(manifest, parts, {"AAA": "one"}, study.costs)


@pytest.fixture(scope="module")
def run(study: Study, traded: Traded) -> Run:
    return stored(study, [traded])


def test_cash_and_positions_of_the_fills_are_the_equity_of_every_bar(run: Run, traded: Traded) -> None:
    panel = traded.frames.panel
    first = dict(zip(run.dates.tolist(), panel.grid.first_row[:-1].tolist(), strict=True))
    cash, held = np.zeros(panel.grid.n_rows), np.zeros(panel.close.shape)
    fills = run.fills
    for k in range(len(fills)):
        row = first[fills.session[k].item()] + fills.slot[k]
        cash[row] -= fills.side[k] * fills.qty[k] * fills.price[k] + fills.fee_usd[k]
        held[row, panel.column(str(fills.symbol[k]))] += fills.side[k] * fills.qty[k]
    worth = (held.cumsum(axis=0) * panel.close).sum(axis=1)
    np.testing.assert_allclose(CASH + cash.cumsum() + worth, run.curve.equity, atol=1e-6)
    np.testing.assert_allclose(CASH + cash.cumsum(), run.curve.cash, atol=1e-6)
    assert run.session_equity[-1] == run.curve.equity[-1] and len(run.spy) == len(run.session_equity)


def test_each_trade_has_its_own_costs_and_its_entry(run: Run) -> None:
    trades, fills = run.trades, run.fills
    assert len(trades) > 10
    for name in ("spread_usd", "impact_usd"):
        assert getattr(trades, name).sum() == pytest.approx(getattr(fills, name).sum())
    assert trades.fees_usd.sum() == pytest.approx(fills.fee_usd.sum())
    entries = run.orders.where(run.orders.kind == int(OrderKind.ENTRY)).client_order_id
    assert set(trades.entry_order) <= set(entries)
    assert run.session_equity[-1] - CASH == pytest.approx(trades.pnl_usd.sum())
    worse = fills.side * (fills.price - fills.base_price) * fills.qty
    np.testing.assert_allclose(worse, fills.spread_usd + fills.impact_usd, atol=1e-6)


def test_each_entry_has_its_scores_weights_and_steps(run: Run, traded: Traded) -> None:
    decisions, grid = run.decisions, traded.frames.panel.grid
    assert len(decisions) == (run.orders.kind == int(OrderKind.ENTRY)).sum()
    assert decisions.scores.shape == decisions.weights.shape == (len(decisions), 2)
    k = len(decisions) // 2
    row = grid.first_row[list(run.dates).index(decisions.session[k])] + decisions.slot[k]
    column = traded.frames.panel.column(str(decisions.symbol[k]))
    assert decisions.steps[k, SIZING_STEPS.index("signal")] == traded.said.signal[row, column]
    place = traded.columns.tolist().index(column)
    np.testing.assert_array_equal(decisions.scores[k], traded.said.scores[row, place, :2])
    assert run.decay is not None and run.decay.n.sum() > 900


def test_sessions_in_parts_are_one_run(study: Study, traded: Traded, run: Run) -> None:
    twice = stored(study, [traded, traded])
    assert len(twice.orders) == 2 * len(run.orders) and len(twice.dates) == 2 * len(run.dates)
    assert len(twice.session_equity) == 2 * len(run.dates) + 1


def test_a_session_over_the_ports_is_the_run_of_its_backtest(study: Study, ready: Prepared) -> None:
    day = ready.window.test[0], ready.window.test[0] + 1
    first = study.frames.panel.grid.bars_per_session[day[0]]
    one = trade(study, day, ready.fit.ensemble, ready.said.part(slice(0, int(first))), Purse(CASH, CASH))
    result = one.result
    marks = [
        Mark(
            slot, 0, int(one.said.regime[slot]), result.equity[slot], result.cash[slot], result.gross_usd[slot],
            result.net_usd[slot], result.hedge_usd[slot], result.beta_usd[slot], CASH, CASH,
        )
        for slot in range(int(first))
    ]  # fmt: skip
    symbols = [one.frames.panel.symbols[column] for column in one.columns]
    sized = [
        Sized(order, 0, result.sizing[order.client_order_id],
              one.said.scores[order.slot, symbols.index(order.symbol)], one.said.weights[order.slot])
        for order in result.orders if order.kind is OrderKind.ENTRY
    ]  # fmt: skip
    lived = SessionResult(
        orders=list(result.orders), fills=list(result.fills), marks=marks, sized=sized,
        allocations=["mine"], verdicts={Reason.DENIED_GROSS: 3},  # type: ignore[list-item]
    )  # fmt: skip
    own = as_traded(lived, one, ())
    assert own.allocations == ("mine",) and own.result.verdicts == {Reason.DENIED_GROSS: 3}
    mine, other = stored(study, [own]), stored(study, [one])
    for name in ("curve", "orders", "fills", "trades", "decisions"):
        for column, values in vars(getattr(other, name)).items():
            np.testing.assert_array_equal(getattr(getattr(mine, name), column), values)
    np.testing.assert_array_equal(mine.session_equity, other.session_equity)


def test_what_a_session_began_with_is_a_carried_trade_from_its_mark_on(study: Study, ready: Prepared) -> None:
    day = ready.window.test[0], ready.window.test[0] + 1
    first = int(study.frames.panel.grid.bars_per_session[day[0]])
    one = trade(study, day, ready.fit.ensemble, ready.said.part(slice(0, first)), Purse(CASH, CASH))
    date, symbol = one.result.dates[0], one.frames.panel.symbols[0]
    brought = carried_fill(date, symbol, -7, 50.0)
    sold = Fill(date, 3, Phase.OPEN, symbol, OrderKind.EXIT, 1, 7, 49.0, 0.5, "bt-sold")
    order = Order(date, 2, symbol, OrderKind.EXIT, 1, 7, None, Reason.CARRIED, "bt-sold")
    result = replace(
        one.result, orders=(order,), fills=(sold,), carried=(brought,), trades=round_trips([brought, sold], [order])
    )
    trades = stored(study, [replace(one, result=result)]).trades
    assert (trades.carried.tolist(), trades.entry_order.tolist(), trades.side.tolist()) == ([True], [""], [-1])
    assert trades.pnl_usd[0] == 7 * 1.0 - 0.5 and Reason(trades.exit_reason[0]) is Reason.CARRIED
