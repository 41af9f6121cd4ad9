import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.trading import Reason
from daytrader_ray.engine.backtest import BacktestResult
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.trades import Trade
from daytrader_ray.engine.trips import trips_of
from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.costs import fill_costs, round_trip_costs
from daytrader_ray.walkforward.cut import cut, without_features
from daytrader_ray.walkforward.fit import Market, score
from daytrader_ray.walkforward.result import capacity_dict, so_far, stitch, trial_dict
from daytrader_ray.walkforward.simulate import Purse, Terms, staged
from daytrader_ray.walkforward.study import Study, WindowInputs, scored
from daytrader_ray.walkforward.trial import WindowResult, held_by_session, run_trial, session_ics, trade_table
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import WindowSpec, windows
from tests.walkforward.markets import LastRow, market, planted

CONFIG = SearchConfig(trips_a_day=4000.0)


def study_of(here: Market, config: SearchConfig = CONFIG) -> Study:
    n_symbols, n_sessions = len(here.frames.panel.symbols), len(here.frames.panel.grid.sessions)
    return Study(
        frames=without_features(here.frames),
        labels=here.labels,
        columns=here.columns,
        tradable=np.ones((n_sessions, n_symbols), dtype=np.bool_),
        sector=np.arange(n_symbols, dtype=np.int64),
        sector_limit=np.full((n_sessions, n_symbols), np.inf),
        kernel=KernelConfig(),
        costs=CostConfig(),
        regime=RegimeConfig(),
        config=config,
    )


def inputs_of(here: Market, spec: str = "2s") -> Iterator[WindowInputs]:
    """Members lstm and xgboost see the plant, cnn sees noise, the others never score."""
    for window in windows(here.frames.panel.grid, WindowSpec.parse("6s", spec, "2s")):
        view = view_of(here, window, CONFIG)
        block = window.a[0], window.test[1]
        members = [score(here, view, LastRow(feature), block, window.train[0]) for feature in (0, 1, 0)]  # type: ignore[arg-type]
        nothing = np.full_like(members[0], np.nan)
        stack = np.stack([members[0], members[1], nothing, members[2], nothing], axis=2)
        yield WindowInputs(window, stack, np.full(len(stack), Regime.UNKNOWN, dtype=np.int8))


@pytest.fixture(scope="module")
def here() -> Market:
    return market(planted(strength=0.0003))


@pytest.fixture(scope="module")
def results(here: Market) -> dict[int, list[WindowResult]]:
    return {mask: list(run_trial(mask, study_of(here), inputs_of(here))) for mask in (0, 1, 2, 3)}


def test_the_slow_loop_is_asked_at_each_open_and_each_hour_of_the_test(here: Market) -> None:
    study = replace(study_of(here), portfolio=PortfolioConfig(scheme="min_variance"))
    asked = [window.caps["budgets"] for window in run_trial(1, study, inputs_of(here))]
    assert {sum(steps.values()) for steps in asked} == {
        4
    }  # two sessions of two hours; what the second says is too late
    assert asked[-1].pop("risk_parity") == 2 and set(asked[-1]) <= {"min_variance", "half_target"}


def test_cash_stays_cash(results: dict[int, list[WindowResult]]) -> None:
    assert {value for window in results[0] for value in window.equity} == {100_000.0}
    assert all(math.isinf(window.threshold) for window in results[0])


def test_the_member_that_sees_the_plant_earns_and_the_blind_one_does_not_trade_much(
    results: dict[int, list[WindowResult]],
) -> None:
    assert results[1][-1].equity[-1] > 100_500.0
    assert all(window.rank_ic > 0.1 for window in results[1])
    assert results[2][-1].equity[-1] < 100_300.0


def test_equity_carries_from_step_to_step_and_stitches_to_one_curve(results: dict[int, list[WindowResult]]) -> None:
    for before, after in zip(results[1], results[1][1:], strict=False):
        assert after.equity[0] == before.equity[-1]
    trial = stitch(1, results[1])
    assert len(trial.equity) == 1 + 8
    assert trial.performance.trades == sum(len(window.trade_pnl_usd) for window in results[1])
    gained = sum(pnl for window in results[1] for pnl in window.trade_pnl_usd)
    assert trial.equity[-1] - 100_000.0 == pytest.approx(gained, abs=1e-6)


def test_only_the_first_step_of_an_overlapping_test_enters_the_curve(here: Market) -> None:
    long = list(run_trial(1, study_of(here), inputs_of(here, "4s")))
    assert all(len(window.equity) == 3 for window in long)
    assert all(window.test["days"] == 4 for window in long)


def test_nothing_after_the_test_changes_a_result(here: Market) -> None:
    shorter = market(cut(here.frames, (0, 10)))
    full = list(run_trial(1, study_of(here), inputs_of(here)))[:2]
    short = list(run_trial(1, study_of(shorter), inputs_of(shorter)))
    assert [w.as_dict() for w in full] == [w.as_dict() for w in short]


def test_the_bound_on_round_trips_raises_the_threshold(here: Market, results: dict[int, list[WindowResult]]) -> None:
    tight = list(run_trial(1, study_of(here, SearchConfig(trips_a_day=30.0)), inputs_of(here)))
    assert all(a.threshold > b.threshold for a, b in zip(tight, results[1], strict=True))


def test_costs_of_fills_add_up_to_what_the_trades_lost_to_them(here: Market) -> None:
    study = replace(study_of(here), kernel=KernelConfig(orders="market"))
    window = next(run_trial(1, study, inputs_of(here)))
    costs = window.costs
    assert costs["traded_usd"] > 0
    per_usd = (costs["spread_usd"] + costs["impact_usd"]) / costs["traded_usd"]
    expected = round_trip_costs(here.frames, (6, 8), study.costs, 5_000.0)
    assert per_usd == pytest.approx(float(np.nanmean(expected)) / 2, rel=0.6)
    assert len(fill_costs(here.frames, (), (), study.costs).base_price) == 0


def test_round_trips_cost_more_at_the_open_and_unknown_volume_pays_the_widest_spread(here: Market) -> None:
    frames: Frames = here.frames
    got = round_trip_costs(frames, (0, 1), CostConfig(), 5_000.0)
    assert (got[0] > got[60]).all()
    frames.adv[0, 1], keep = np.nan, frames.adv[0, 1]
    blind = round_trip_costs(frames, (0, 1), CostConfig(), 5_000.0)
    frames.adv[0, 1] = keep
    assert blind[60, 1] > got[60, 1]


def test_what_a_trial_shows_so_far_ends_with_its_curve_and_cash_has_no_ratio(
    results: dict[int, list[WindowResult]],
) -> None:
    told = [so_far(results[1][:n]) for n in (1, 2, 3, 4)]
    trial = stitch(1, results[1])
    assert [one["window"] for one in told] == [0, 1, 2, 3]
    assert told[-1]["equity_usd"] == trial.equity[-1] and told[-1]["trades"] == trial.performance.trades
    assert told[-1]["sharpe"] == trial.performance.sharpe > 0.0
    assert so_far(results[0])["sharpe"] == 0.0
    assert trial_dict(stitch(0, results[0]), 7)["metrics"]["sharpe"] is None


def test_costs_and_trades_of_the_step_are_told_session_by_session_and_by_regime(
    results: dict[int, list[WindowResult]],
) -> None:
    for window in results[1]:
        assert {len(usd) for usd in window.paid.values()} == {len(window.equity) - 1}
        assert {name: pytest.approx(sum(usd)) for name, usd in window.paid.items()} == {
            name: window.costs[name] for name in window.paid
        }
        assert [regime for regime, found in window.by_regime.items() if found["trades"]] == ["unknown"]
        assert window.by_regime["unknown"]["trades"] == len(window.trade_pnl_usd)
        assert window.by_regime["unknown"]["pnl_usd"] == pytest.approx(sum(window.trade_pnl_usd))
        assert window.scheme == "skill" and window.fraction == window.kelly["fraction"]


def test_other_costs_move_the_same_trades_and_capacity_falls_with_size(results: dict[int, list[WindowResult]]) -> None:
    trial = stitch(1, results[1])
    free, paid, twice = trial_dict(trial, 7)["cost_sweep"]
    assert [one["factor"] for one in (free, paid, twice)] == [0.0, 1.0, 2.0]
    assert free["total_return"] > paid["total_return"] == pytest.approx(trial.performance.total_return)
    assert paid["total_return"] > twice["total_return"]
    curve = capacity_dict(trial)
    at_one = curve["factor"].index(1.0)
    assert curve["sharpe"][at_one] == pytest.approx(trial.performance.sharpe)
    assert curve["sharpe"][at_one] >= curve["sharpe"][-1]


def test_the_drawdown_inside_the_day_is_that_of_the_whole_bar_by_bar_curve(here: Market) -> None:
    """Session highs, lows and falls give the same figure as one long curve of bar closes."""
    from types import SimpleNamespace

    from daytrader_ray.analytics.performance import max_drawdown
    from daytrader_ray.walkforward.result import intraday_drawdown

    rng = np.random.default_rng(4)
    days = [day for day in np.split(1e5 * np.exp(np.cumsum(rng.normal(0, 0.002, 240))), 8)]
    parts = []
    for some in (days[:3], days[3:]):
        parts.append(
            SimpleNamespace(
                equity=[1e5],
                highs=[day.max() for day in some],
                lows=[day.min() for day in some],
                falls=[max_drawdown(day)[0] for day in some],
            )
        )
    whole = np.concatenate([[1e5], *days])
    assert intraday_drawdown(parts) == pytest.approx(max_drawdown(whole)[0])


def test_a_session_without_scores_does_not_dilute_the_rank_correlation(here: Market) -> None:
    study, block = study_of(here), (0, 2)
    rows = study.rows(block)
    forward = here.labels.forward_return[rows]
    scores = np.repeat(forward[:, :, None], 3, axis=2)
    scores[: int(here.frames.panel.grid.first_row[1]), :, 0] = np.nan
    scores[:, :, 1] = np.nan
    found = scored(study, scores, np.full(len(scores), Regime.UNKNOWN, dtype=np.int8), block)
    np.testing.assert_allclose(session_ics(found, found.scores, slice(None)), [1.0, np.nan, 1.0])


def test_a_score_of_zero_counts_in_the_test_as_it_does_on_b(here: Market) -> None:
    study, block = study_of(here), (0, 1)
    forward = here.labels.forward_return[study.rows(block)]
    scores = np.where(np.abs(forward) > 0.001, forward, 0.0)[:, :, None]
    found = scored(study, scores, np.full(len(scores), Regime.UNKNOWN, dtype=np.int8), block)
    assert 0.1 < (scores == 0.0).mean() < 0.9
    np.testing.assert_allclose(session_ics(found, found.scores, slice(None)), found.skill)


def test_trades_of_hedges_are_no_trades_of_the_search_and_what_is_held_is_the_whole_book(here: Market) -> None:
    made = replace(simulated(here), session_equity=np.array([1000.0, 1000.0, 1000.0]))
    frames = cut(here.frames, (0, 2))
    dates = [session.date for session in frames.panel.grid.sessions]
    one = Trade(dates[0], "AAA", 1, 10, 100, 110, 10.0, 11.0, 0.0, 10.0, Reason.TIME_EXIT)
    told = replace(made, trades=(one, replace(one, hedge=True), replace(one, carried=True, exit_slot=1)))
    table = trade_table(told, frames, 1)
    assert table.pnl_usd.tolist() == [10.0, 10.0] and table.minutes.tolist() == [10.0, 291.0]
    assert held_by_session(told, frames).tolist() == pytest.approx([1.5, 1.5])


def simulated(here: Market) -> BacktestResult:
    """Return a backtest of two sessions without an order, that has held half as much again as it owned."""
    study, rows = study_of(here), study_of(here).rows((0, 2))
    shape = here.frames.panel.close[rows].shape
    terms = Terms(math.inf, np.ones(2))
    made = staged(study, (0, 2), np.full(shape, np.nan), np.ones(shape[0])).result(terms, Purse(1000.0, 1000.0))
    return replace(made, gross_usd=1.5 * made.equity)


def test_what_is_hard_to_borrow_is_never_sold_short_in_the_search(here: Market) -> None:
    symbols = here.frames.panel.symbols
    study, block = study_of(here), (6, 8)
    signal = np.full(here.frames.panel.close[study.rows(block)].shape, -0.9)

    def sides(*names: str) -> set[tuple[str, int]]:
        told = replace(study, kernel=KernelConfig(sizing="confidence", hard_to_borrow=names))
        made = staged(told, block, signal, np.ones(len(signal))).result(Terms(0.5, np.ones(2)), Purse(1e5, 1e5))
        return {(trade.symbol, trade.side) for trade in made.trades}

    short = sides()
    assert short and {side for _, side in short} == {-1}
    name = min(short)[0]
    assert name in symbols and sides(name) == short - {(name, -1)}


def test_round_trips_as_flat_arrays_are_those_of_the_orders_and_fills_to_the_bit(here: Market) -> None:
    study, block = study_of(here), (6, 10)
    generator = np.random.default_rng(8)
    signal = generator.uniform(-1, 1, here.frames.panel.close[study.rows(block)].shape)
    stage = staged(study, block, signal, np.ones(len(signal)))
    terms, purse = Terms(0.6, np.ones(2)), Purse(1e6, 1e6)
    whole, record = stage.result(terms, purse), stage.record(terms, purse)
    found = trips_of(record, signal.shape[1])
    dates = list(whole.dates)
    assert len(whole.trades) > 100 and record.session_equity.tolist() == whole.session_equity.tolist()
    assert found.session.tolist() == [dates.index(trade.session) for trade in whole.trades]
    assert [here.frames.panel.symbols[i] for i in found.symbol] == [trade.symbol for trade in whole.trades]
    for name in ("entry_slot", "exit_slot", "carried", "pnl_usd"):
        assert getattr(found, name).tolist() == [getattr(trade, name) for trade in whole.trades], name
    assert found.notional_usd.tolist() == [trade.qty * trade.entry_price for trade in whole.trades]
    nothing = stage.record(Terms(math.inf, np.ones(2)), purse)
    assert len(trips_of(nothing, signal.shape[1]).symbol) == 0
