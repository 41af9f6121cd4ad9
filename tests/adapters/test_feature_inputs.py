"""What the store knows beside bars, laid on the grid: nothing is NaN or absent, and nothing is known early."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
import structlog.testing

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.feature_inputs import (
    event_panel,
    event_rows,
    event_scales,
    tick_panel,
    tick_rows,
    unknown_kinds,
)
from daytrader_ray.adapters.spreads import half_spreads
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import EVENTS, QUOTE_BARS, TRADE_BARS, Kind
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Panel
from daytrader_ray.engine.config import EventRule

GRID = session_grid(dt.date(2025, 12, 1), dt.date(2025, 12, 3))
OPEN = [session.open_minute for session in GRID.sessions]


def stamp(minute: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(60 * minute, dt.UTC)


def table(schema: pa.Schema, **columns: list) -> pa.Table:
    n = len(next(iter(columns.values())))
    return pa.table({f.name: pa.array(columns.get(f.name, [1] * n), f.type) for f in schema}, schema=schema)


@pytest.fixture
def store(tmp_path) -> ParquetStore:
    return ParquetStore(str(tmp_path))


def with_events(store: ParquetStore, symbol: str, *rows: tuple) -> None:
    """Store rows of (timestamp, known_at, kind, note) or (timestamp, known_at, kind, note, withdrawn_at)."""
    given = [dict(zip(EVENTS.names, row, strict=False)) for row in rows]
    store.write_table(Kind.EVENTS, symbol, "events", pa.Table.from_pylist(given, EVENTS))


def test_minutes_of_quotes_and_trades_lie_in_their_rows(store: ParquetStore) -> None:
    at = [stamp(OPEN[0] - 1), stamp(OPEN[0]), stamp(OPEN[1] + 2)]
    quotes = table(QUOTE_BARS, timestamp=at, spread_mean_bps=[1.0, 2.0, None], imbalance=[0.1, 0.2, 0.3])
    store.write_table(Kind.QUOTE_BARS, "AAPL", "2025-12", quotes)
    trades = table(TRADE_BARS, timestamp=at[1:2], tick_imbalance=[-0.5], trades=[7], mean_size=[120.0])
    store.write_table(Kind.TRADE_BARS, "AAPL", "2025-12", trades)
    both = tick_rows(store, "AAPL", GRID, quotes=True, trades=True)
    assert both is not None and both[0].tolist() == [2.0, 0.2, 1.0, -0.5, 7.0, 120.0]
    second = int(GRID.first_row[1]) + 2
    assert np.isnan(both[second, 0]) and both[second, 1:3].tolist() == [0.3, 1.0] and np.isnan(both[second, 3:]).all()
    assert np.flatnonzero(np.isfinite(both).any(axis=1)).tolist() == [0, second]
    only = tick_panel(store, ("AAPL", "SPY"), GRID, quotes=(), trades=("AAPL",))
    assert only is not None and np.isnan(only[:, 1]).all() and np.isnan(only[:, 0, :3]).all()
    assert only[0, 0, 3:].tolist() == both[0, 3:].tolist()


def test_half_spreads_are_those_of_stored_quotes_or_of_bars_or_unknown(store: ParquetStore) -> None:
    grid = session_grid(dt.date(2025, 12, 1), dt.date(2025, 12, 5))
    at = [stamp(session.open_minute) for session in grid.sessions]
    quotes = table(QUOTE_BARS, timestamp=at, spread_mean_bps=[2.0, 4.0, 6.0, 8.0, 99.0])
    store.write_table(Kind.QUOTE_BARS, "AAPL", "2025-12", quotes)
    low = 100.0 + np.random.default_rng(1).integers(0, 2, (grid.n_rows, 2)) / 10
    panel = Panel(grid, ("AAPL", "SPY"), low, low + 0.1, low, low, 0 * low, low, low > 0)
    quoted, bars, nothing = (
        half_spreads(store, panel, CostConfig(spread=kind)) for kind in ("quoted", "estimated", "table")
    )
    assert quoted[3:, 0].tolist() == [2.0, 2.5] and np.isnan(quoted[:3]).all() and np.isnan(quoted[:, 1]).all()
    assert np.isfinite(bars[3:]).all() and (bars[3:] > 0).all() and np.isnan(nothing).all()


def test_without_ticks_there_is_nothing_and_none_for_bars_of_another_length(store: ParquetStore) -> None:
    assert tick_panel(store, ("AAPL", "SPY"), GRID, ("AAPL",), ("SPY",)) is None
    five = session_grid(dt.date(2025, 12, 1), dt.date(2025, 12, 1), 5)
    quotes = table(QUOTE_BARS, timestamp=[stamp(OPEN[0])])
    store.write_table(Kind.QUOTE_BARS, "AAPL", "2025-12", quotes)
    assert tick_rows(store, "AAPL", five, quotes=True, trades=True) is None
    assert tick_rows(store, "AAPL", GRID, quotes=False, trades=True) is None


def test_events_are_measured_from_the_end_of_each_bar_once_they_are_known(store: ParquetStore) -> None:
    with_events(store, "AAPL", (stamp(OPEN[1] + 60), stamp(OPEN[0] + 5), "earnings", ""))
    rows = event_rows(store, "AAPL", GRID)
    assert rows is not None and np.isnan(rows[:4]).all()
    assert rows[4].tolist()[0] == OPEN[1] + 60 - (OPEN[0] + 5)
    second = int(GRID.first_row[1])
    assert rows[second + 58, 0] == 1.0 and rows[second + 59].tolist()[1] == 0.0 and np.isnan(rows[second + 59, 0])
    panel = event_panel(store, ("AAPL", "SPY"), GRID)
    assert panel is not None and np.isnan(panel[:, 1]).all()
    assert panel[:, 0].tobytes() == rows.tobytes()
    assert event_panel(store, ("SPY",), GRID) is None


def test_the_rule_holds_near_events_of_its_kinds_and_those_of_the_market_for_all(store: ParquetStore) -> None:
    with_events(
        store, "AAPL", (stamp(OPEN[0] + 100), None, "halt", ""), (stamp(OPEN[2] + 100), stamp(OPEN[0]), "earnings", "")
    )
    with_events(store, "SPY", (stamp(OPEN[1] + 200), stamp(OPEN[0]), "fomc", ""))
    rule = EventRule(minutes_before=20, minutes_after=10)
    found = event_scales(store, ("AAPL", "MSFT"), GRID, rule)
    assert list(found) == [session.date for session in GRID.sessions]
    # A bar ends a minute after its start; nobody knew of the halt before it came.
    assert np.flatnonzero(found[GRID.sessions[0].date][:, 0] == 0).tolist() == list(range(99, 109))
    for column in (0, 1):
        assert np.flatnonzero(found[GRID.sessions[1].date][:, column] == 0).tolist() == list(range(179, 209))
    assert (found[GRID.sessions[2].date][:, 1] == 1).all()
    only = event_scales(store, ("AAPL", "MSFT"), GRID, rule.model_copy(update={"kinds": ("earnings",)}))
    assert list(only) == [GRID.sessions[2].date]


def test_an_event_that_was_withdrawn_blocks_nothing_from_then_on(store: ParquetStore) -> None:
    at, known = stamp(OPEN[1] + 60), stamp(OPEN[0])
    with_events(store, "AAPL", (at, known, "fda", "", stamp(OPEN[1] + 50)), (stamp(OPEN[2]), known, "fda", "", known))
    rows = event_rows(store, "AAPL", GRID)
    second = int(GRID.first_row[1])
    assert rows is not None and rows[second + 48].tolist()[0] == 11.0 and np.isnan(rows[second + 49 :]).all()
    scales = event_scales(store, ("AAPL",), GRID, EventRule(minutes_before=20))
    assert list(scales) == [GRID.sessions[1].date]
    assert np.flatnonzero(scales[GRID.sessions[1].date][:, 0] == 0).tolist() == list(range(39, 49))


def test_a_kind_that_no_event_of_the_store_has_is_said_with_the_nearest_and_refuses_nobody(store: ParquetStore) -> None:
    rule = EventRule(kinds=("earning", "fda"))
    assert unknown_kinds(store, EventRule()) == []
    (words,) = unknown_kinds(store, rule)
    assert "earning, fda: there is no calendar" in words
    with_events(store, "AAPL", (stamp(OPEN[0]), None, "earnings", ""))
    with_events(store, "PFE", (stamp(OPEN[0]), None, "fda", ""))
    with structlog.testing.capture_logs() as logs:
        assert event_scales(store, ("MSFT",), GRID, rule) == {}
    (said,) = (entry["event"] for entry in logs)
    expected = "the calendar has no 'earning'; it has earnings, fda; did you mean 'earnings'?"
    assert said == f"kernel.events.kinds: {expected}"
