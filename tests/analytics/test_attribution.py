import dataclasses

import numpy as np
import pytest

from daytrader_ray.analytics import attribution
from daytrader_ray.analytics.run import Run
from tests.dashboard.runs import made_run


@pytest.fixture(scope="module")
def run() -> Run:
    return made_run(12)


def test_every_cut_of_the_stocks_adds_up_to_their_result(run: Run) -> None:
    wanted = run.trades.pnl_usd[~run.trades.hedge].sum()
    for cut in (attribution.by_sector, attribution.by_hour, attribution.by_regime, attribution.by_exit):
        parts = cut(run)
        assert sum(part.net_usd.value for part in parts) == pytest.approx(wanted)
        assert sum(part.trades for part in parts) == (~run.trades.hedge).sum()
        assert all(part.gross_usd - part.cost_usd == pytest.approx(part.net_usd.value) for part in parts)
    assert sum(attribution.by_member(run).values()) == pytest.approx(wanted)


def test_symbols_and_sides_hold_the_hedges_apart(run: Run) -> None:
    whole = run.trades.pnl_usd.sum()
    sides = {part.name: part for part in attribution.by_side(run)}
    assert set(sides) == {"hedge", "long", "short"}
    assert sides["hedge"].net_usd.value == pytest.approx(run.trades.pnl_usd[run.trades.hedge].sum())
    assert sum(part.net_usd.value for part in attribution.by_symbol(run)) == pytest.approx(whole)
    assert "SPY" in {part.name for part in attribution.by_symbol(run)}


def test_hours_are_those_of_new_york(run: Run) -> None:
    names = [part.name for part in attribution.by_hour(run)]
    assert names == ["09:30", "10:00", "11:00", "12:00", "13:00"]


def test_a_trade_is_shared_by_the_members_that_spoke_for_it(run: Run) -> None:
    decisions, side = run.decisions, run.stocks.side
    scores = np.zeros_like(decisions.scores)
    scores[:, 0], scores[:, 1], scores[:, 2] = 0.6 * side, 0.2 * side, -0.7 * side
    weights = np.full_like(decisions.weights, 0.2)
    found = attribution.by_member(
        dataclasses.replace(run, decisions=dataclasses.replace(decisions, scores=scores, weights=weights))
    )
    total = run.stocks.pnl_usd.sum()
    assert found["lstm"] == pytest.approx(0.75 * total)
    assert found["cnn"] == pytest.approx(0.25 * total)
    assert found["random_forest"] == found["transformer"] == 0.0
    assert "unknown" not in found


def test_a_trade_that_no_member_spoke_for_is_of_none(run: Run) -> None:
    against = dataclasses.replace(run.decisions, scores=-run.stocks.side[:, None] * np.ones_like(run.decisions.scores))
    found = attribution.by_member(dataclasses.replace(run, decisions=against))
    assert found["unknown"] == pytest.approx(run.stocks.pnl_usd.sum())


def test_trades_whose_decision_is_not_kept_are_of_no_known_member(run: Run) -> None:
    none = run.decisions.where(np.zeros(len(run.decisions), dtype=np.bool_))
    found = attribution.by_member(dataclasses.replace(run, decisions=none))
    assert found["unknown"] == pytest.approx(run.trades.pnl_usd[~run.trades.hedge].sum())


def test_each_part_has_the_interval_of_its_net_result(run: Run) -> None:
    for part in attribution.by_symbol(run):
        assert part.net_usd.low < part.net_usd.value < part.net_usd.high
    assert all(np.isnan(part.net_usd.low) for part in attribution.by_symbol(made_run(3)))
