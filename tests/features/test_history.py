"""Long histories: batch and stream are the same bits, whole or in parts, and sums do not drift."""

import numpy as np
import pytest

from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.peers import Peers
from daytrader_ray.features import step as steps
from daytrader_ray.features.bar import CROSS_INPUTS, Bars
from daytrader_ray.features.compute import calendar_of, compare, compute, compute_symbol, crowd_of
from daytrader_ray.features.kernels import past, rolling
from daytrader_ray.features.live import LiveFeatures
from tests.features.conftest import leave_out, make_panel

FIELDS = ("open", "high", "low", "close", "volume", "vwap", "traded")
SYMBOLS = ("AAA", "BBB", "SPY", "QQQ", *(f"S{k}" for k in range(46)))
N_SESSIONS = 55


def odd_market(n_sessions):
    """Return the made-up market with a split, halts, flat stretches of 20 closes and a symbol that lists later.

    In a third of the sessions a symbol comes late, in a third it leaves early, one in a hundred it is not there.
    """
    panel = make_panel(n_sessions, SYMBOLS)
    rng, first = np.random.default_rng(2), panel.grid.first_row
    prices = [panel.open, panel.high, panel.low, panel.close]
    for start in rng.integers(100, panel.grid.n_rows - 100, 1000):
        column, length = int(rng.integers(0, 50)), int(rng.integers(20, 60))
        for price in prices:
            price[start : start + length, column] = panel.close[start, column]
        if length > 40:  # as in a halt
            panel.volume[start : start + length, column] = 0.0
            panel.traded[start : start + length, column] = False
    for session, column in np.ndindex(n_sessions, len(SYMBOLS)):
        rows = slice(first[session], first[session + 1])
        late, early, away = rng.random(3)
        if late < 1 / 3:
            leave_out(panel, slice(rows.start, rows.start + 1 + int(120 * late)), column)
        if early < 1 / 3:
            leave_out(panel, slice(rows.stop - 1 - int(120 * early), rows.stop), column)
        if away < 0.01:
            leave_out(panel, rows, column)
    leave_out(panel, slice(0, first[2] + 77), 1)
    for values in (*prices, panel.vwap):
        values[first[n_sessions // 2] :, 0] /= 3.0
    panel.price_factor[n_sessions // 2 :, 0] = panel.share_factor[n_sessions // 2 :, 0] = 3.0
    return panel


def inputs_of(panel):
    """Return ticks of most minutes, events and peers: five sectors, one of them with an ETF."""
    rng, shape = np.random.default_rng(9), panel.close.shape
    ticks = rng.random((*shape, 6)) * [4.0, 2.0, 800.0, 2.0, 40.0, 300.0] - [0.0, 1.0, 400.0, 1.0, 0.0, 0.0]
    ticks[rng.random(shape) < 0.2] = np.nan
    events = np.where(rng.random((*shape, 2)) < 0.3, np.nan, rng.integers(0, 90_000, (*shape, 2)))
    sector = np.arange(shape[1]) % 5
    sector[[2, 3]] = -1
    member = (sector >= 0) & (rng.random((len(panel.grid.sessions), shape[1])) < 0.9)
    peers = Peers(2, 3, sector, np.where(sector == 4, 4, -1), member)
    return {"peers": peers, "ticks": ticks, "events": events}


@pytest.fixture(scope="module")
def market():
    panel = odd_market(N_SESSIONS)
    expected = np.random.default_rng(6).random(panel.close.shape) * 4000 + 500
    return panel, expected, inputs_of(panel)


@pytest.fixture(scope="module")
def batch(market):
    panel, expected, inputs = market
    return compute(panel, expected, **inputs)


def test_batch_equals_stream_over_a_million_symbol_minutes(market, batch):
    """Every session is started from nothing but the state before it."""
    panel, expected, inputs = market
    assert panel.close.size >= 1_000_000
    state, differing = None, []
    for session, spec in enumerate(panel.grid.sessions):
        peers = inputs["peers"].part(session, session + 1)
        live = LiveFeatures(panel.symbols, state, panel.grid.bar_minutes, peers)
        factors = panel.price_factor[session], panel.share_factor[session]
        for slot in range(int(panel.grid.bars_per_session[session])):
            row = int(panel.grid.first_row[session]) + slot
            raw = (getattr(panel, name)[row] for name in FIELDS)
            bars = Bars(*raw, expected[row], *factors, inputs["ticks"][row], inputs["events"][row])
            if live.step(spec, slot, bars)[0].tobytes() != batch.values[row].tobytes():
                differing.append(row)
        state = live.state
    assert differing == []


def odd_cuts(panel):
    """Return rows where something happens that a part of a history must know of, and the row after each."""
    first = panel.grid.first_row
    half_day_ends, split, session = first[3], first[N_SESSIONS // 2], first[7]
    quiet = ~panel.traded[:, 5] & ~np.isnan(panel.close[:, 5])
    inside_a_halt = np.flatnonzero(np.convolve(quiet, np.ones(30), "same") == 30)[0]
    bars = np.cumsum(~np.isnan(panel.close[:, 6]))
    blocks_end = (np.flatnonzero(bars == 2100)[0], np.flatnonzero(bars == 4200)[0])  # of all windows: 5, 14, ... 60
    inside_an_aggregate = first[9] + 7
    rows = np.array([half_day_ends, split, session, inside_a_halt, *blocks_end, inside_an_aggregate])
    return np.unique([rows, rows + 1])


def some_cuts(panel):
    return np.sort(np.random.default_rng(0).choice(panel.grid.n_rows - 1, 9, replace=False) + 1)


@pytest.mark.parametrize("cuts_of", [odd_cuts, some_cuts])
def test_any_split_of_a_history_into_parts_gives_the_same_bits(market, batch, cuts_of):
    panel, expected, inputs = market
    cuts = cuts_of(panel)
    calendar, n = calendar_of(panel.grid), len(panel.symbols)
    crowd, states = crowd_of(n, N_SESSIONS, inputs["peers"]), steps.initial_state(n)
    for rows in (slice(start, stop) for start, stop in zip([0, *cuts], [*cuts, panel.grid.n_rows], strict=True)):
        part = calendar._replace(**{name: getattr(calendar, name)[rows] for name in calendar._fields[:-1]})
        cross = np.empty((rows.stop - rows.start, n, len(CROSS_INPUTS)))
        for column in range(n):
            session = panel.grid.session_of_row[rows]
            raw = (np.ascontiguousarray(getattr(panel, name)[rows, column]) for name in FIELDS)
            bars = Bars(
                *raw,
                np.ascontiguousarray(expected[rows, column]),
                panel.price_factor[session, column],
                panel.share_factor[session, column],
                np.ascontiguousarray(inputs["ticks"][rows, column]),
                np.ascontiguousarray(inputs["events"][rows, column]),
            )
            one = compute_symbol(bars, part, states[column])
            wanted = batch.values[rows, column, : steps.CROSS_SECTION]
            assert one.values[:, : steps.CROSS_SECTION].tobytes() == wanted.tobytes()
            cross[:, column] = one.cross
        compared = compare(states[:, steps.CROSS_STATE :], part, cross, crowd)
        assert compared.tobytes() == batch.values[rows, :, steps.CROSS_SECTION :].tobytes()


def test_the_market_has_flat_windows_and_a_late_listing(market, batch):
    panel, _, _ = market
    names = batch.names
    flat = batch.values[:, :, names.index("volatility.bollinger_width_20")] == 0.0
    assert flat.sum() > 100
    assert (batch.values[:, :, names.index("volatility.bollinger_b_20")][flat] == 0.5).all()
    late = int(np.flatnonzero(~np.isnan(panel.close[:, 1]))[0])
    first = np.flatnonzero(np.isfinite(batch.values[:, 1, names.index("trend.sma_20")]))[0]
    assert np.isnan(batch.values[:late, 1]).all() and first == late + 19


@njit
def run_moments(state, returns, out):
    """Step the past by bars whose closes are those of `returns`; write the moments of the last minutes `[12]`."""
    for k in range(returns.shape[0]):
        past._sum_returns(_with_return(state, returns[k]), 0.0, 1)
    rolling._moments(state, past.SUMS_15, 15, out, 0)
    rolling._moments(state, past.SUMS_30, 30, out, 4)
    rolling._moments(state, past.SUMS_60, 60, out, 8)


@njit
def _with_return(state, value):
    state[past.RETURN] = value
    return state


def test_moments_equal_two_passes_after_a_million_updates_and_a_crash():
    rng = np.random.default_rng(4)
    returns = rng.normal(0, 4e-4, 1_000_000)
    returns[rng.random(returns.size) < 1e-3] *= 1000.0  # jumps of 40 %
    returns[-100] = -0.7
    returns[-60:] *= 1e-2
    state, out = steps.initial_state(1)[0], np.empty(12, dtype=np.float32)
    run_moments(state, returns, out)
    for at, n in ((0, 15), (4, 30), (8, 60)):
        last = returns[-n:]
        apart = last - last.mean()
        m2, m3, m4 = ((apart**k).mean() for k in (2, 3, 4))
        expected = [last.mean(), last.std(ddof=1), m3 / m2**1.5, m4 / m2**2 - 3]
        np.testing.assert_allclose(out[at : at + 4], expected, rtol=1e-6)
    assert state[past.SUMS_60 + 1] == pytest.approx((returns[-60:] ** 2).sum(), rel=1e-12)


def test_a_flat_hour_after_a_million_updates_has_moments_of_exactly_zero():
    returns = np.random.default_rng(5).normal(0, 4e-4, 1_000_000)
    returns[-60:] = 0.0
    out = np.empty(12, dtype=np.float32)
    run_moments(steps.initial_state(1)[0], returns, out)
    assert (out == 0.0).all()


def test_bollinger_of_twenty_equal_closes_is_flat_after_any_history(panel_maker):
    panel = panel_maker(n_sessions=4)
    for row in (500, 733, 1001):
        for price in (panel.open, panel.high, panel.low, panel.close):
            price[row : row + 20] = 123.45
    matrix = compute(panel, np.full(panel.close.shape, 700.0))
    for row in (519, 752, 1020):
        assert (matrix.values[row, :, matrix.names.index("volatility.bollinger_b_20")] == 0.5).all()
        assert (matrix.values[row, :, matrix.names.index("volatility.bollinger_width_20")] == 0.0).all()
