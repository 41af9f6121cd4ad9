import dataclasses
import datetime as dt
import statistics

import numpy as np

from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.market_data.statistics import next_session_statistics, session_statistics

N_SLOTS = 6


def grid_of(n_sessions: int, half_days: tuple[int, ...] = ()) -> SessionGrid:
    day = dt.date(2025, 1, 1)
    lengths = [3 if s in half_days else N_SLOTS for s in range(n_sessions)]
    return SessionGrid(tuple(Session(day + dt.timedelta(s), 1000 * (s + 1), n) for s, n in enumerate(lengths)))


def random_panel(grid: SessionGrid, n_symbols: int = 3, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    shape = (grid.n_rows, n_symbols)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, shape), axis=0))
    volume = np.round(rng.lognormal(8, 1, shape)) * (rng.random(shape) > 0.2)
    symbols = tuple("ABCDEF"[:n_symbols])
    return Panel(grid, symbols, close, close, close, close, volume, close.copy(), volume > 0)


def daily(panel: Panel, symbol: int) -> list[tuple[int, float, float]]:
    """Return (session, volume, last close) of the sessions in which the symbol traded, by a second way."""
    first = panel.grid.first_row
    found = []
    for s in range(len(panel.grid.sessions)):
        rows = slice(first[s], first[s + 1])
        closes = panel.close[rows, symbol]
        if panel.traded[rows, symbol].any():
            found.append((s, panel.volume[rows, symbol].sum(), closes[~np.isnan(closes)][-1]))
    return found


def test_the_statistics_are_those_of_the_last_twenty_sessions_in_which_it_traded() -> None:
    panel = random_panel(grid_of(27, half_days=(4, 9)))
    idle = slice(panel.grid.first_row[8], panel.grid.first_row[9])
    panel.volume[idle, 1] = 0
    panel.traded[idle, 1] = False
    adv, sigma, expected = session_statistics(panel)
    for s in (3, 4, 10, 22, 26):
        for symbol in range(3):
            days = [day for day in daily(panel, symbol) if day[0] < s]
            known = days[-20:]
            np.testing.assert_allclose(adv[s, symbol], statistics.fmean(d[1] for d in known), rtol=1e-12)
            closes = [d[2] for d in days[-21:]]
            np.testing.assert_allclose(sigma[s, symbol], np.std(np.diff(np.log(closes)), ddof=1), rtol=1e-9)
            at_slot_4 = [panel.volume[panel.grid.first_row[d[0]] + 4, symbol] for d in known if d[0] not in (4, 9)]
            if s not in (4, 9):
                want = np.mean(at_slot_4) if len(at_slot_4) >= 3 else np.nan
                np.testing.assert_allclose(expected[panel.grid.first_row[s] + 4, symbol], want, rtol=1e-12)


def test_fewer_than_three_earlier_sessions_say_nothing() -> None:
    adv, sigma, expected = session_statistics(random_panel(grid_of(5)))
    assert np.isnan(adv[:3]).all() and np.isnan(sigma[:3]).all() and np.isnan(expected[: 3 * N_SLOTS]).all()
    assert np.isfinite(adv[3:]).all() and np.isfinite(sigma[3:]).all() and np.isfinite(expected[3 * N_SLOTS :]).all()


def test_a_session_uses_only_earlier_ones() -> None:
    panel = random_panel(grid_of(24))
    before = session_statistics(panel)
    start = panel.grid.first_row[12]
    for values in (panel.close, panel.volume):
        values[start:] = values[start:] * 3 + 1
    panel.traded[start:] = ~panel.traded[start:]
    after = session_statistics(panel)
    for old, new, rows in zip(before, after, (13, 13, panel.grid.first_row[13]), strict=True):
        assert old[:rows].tobytes() == new[:rows].tobytes()
        assert old[rows:].tobytes() != new[rows:].tobytes()


def test_the_next_session_sees_the_same_bits_as_the_batch_and_needs_only_21_sessions() -> None:
    full = random_panel(grid_of(30))
    adv, sigma, expected = session_statistics(full)
    live = next_session_statistics(full.part(5, 29), N_SLOTS, full.share_factor[29])
    assert live.adv.tobytes() == adv[29].tobytes()
    assert live.sigma_day.tobytes() == sigma[29].tobytes()
    assert live.expected_volume.tobytes() == expected[full.grid.first_row[29] :].tobytes()


def test_minutes_unknown_in_an_imported_session_do_not_count_as_quiet() -> None:
    panel = random_panel(grid_of(6))
    first = panel.grid.first_row
    for values in (panel.open, panel.high, panel.low, panel.close):
        values[first[1], 0] = np.nan
    panel.volume[first[1], 0] = 0.0
    _, _, expected = session_statistics(panel)
    seen = [panel.volume[first[s], 0] for s in (0, 2, 3, 4)]
    assert expected[first[5], 0] == sum(seen) / 4


def split_in_session_12(panel: Panel, ratio: float) -> Panel:
    """Return the same market, symbol 0 split before session 12, in raw prices and volumes."""
    first, share = panel.grid.first_row[12], np.ones((len(panel.grid.sessions), len(panel.symbols)))
    close, volume = panel.close.copy(), panel.volume.copy()
    close[first:, 0] /= ratio
    volume[first:, 0] *= ratio
    share[12:, 0] = ratio
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return dataclasses.replace(panel, **prices, volume=volume, price_factor=share, share_factor=share)


def test_volumes_are_counted_in_the_shares_of_their_session_and_a_split_is_no_volatility() -> None:
    panel = random_panel(grid_of(24))
    plain = session_statistics(panel)
    adv, sigma, expected = session_statistics(split_in_session_12(panel, 4.0))
    row = panel.grid.first_row[12]
    for found, whole, first in ((adv, plain[0], 12), (expected, plain[2], row)):
        assert found[:first].tobytes() == whole[:first].tobytes()
        assert (found[first:, 0] / 4.0).tobytes() == np.ascontiguousarray(whole[first:, 0]).tobytes()
        assert found[first:, 1:].tobytes() == whole[first:, 1:].tobytes()
    assert sigma.tobytes() == plain[1].tobytes()


def test_the_morning_of_a_split_is_known_before_it_opens() -> None:
    panel = split_in_session_12(random_panel(grid_of(24)), 4.0)
    adv, sigma, expected = session_statistics(panel)
    live = next_session_statistics(panel.part(0, 12), N_SLOTS, panel.share_factor[12])
    assert live.adv.tobytes() == adv[12].tobytes()
    assert live.sigma_day.tobytes() == sigma[12].tobytes()
    rows = slice(panel.grid.first_row[12], panel.grid.first_row[13])
    assert live.expected_volume.tobytes() == expected[rows].tobytes()
