import datetime as dt

import numpy as np
import pytest

from daytrader_ray.domain.panel import Panel
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.market_data.spreads import estimated_half_spreads, quoted_half_spreads, squared_spread

TRADES = 30


def bars(rng: np.random.Generator, n: int, spread: float, trades: int = TRADES) -> np.ndarray:
    """Return n bars (open, high, low, close) of trades at bid or ask around a random walk; some bars do not trade."""
    walk = 100.0 * np.exp(np.cumsum(rng.normal(0, 1e-4, (n, trades)).ravel()).reshape(n, trades))
    price = walk * (1 + spread / 2 * rng.choice([-1.0, 1.0], walk.shape))
    out = np.array([price[:, 0], price.max(axis=1), price.min(axis=1), price[:, -1]])
    for t in np.flatnonzero(rng.random(n) < 0.05):
        out[:, t] = out[3, t - 1] if t else out[3, t]
    return out


def panel(days: list[np.ndarray]) -> Panel:
    n_slots = days[0].shape[1]
    sessions = tuple(Session(dt.date(2025, 9, 1) + dt.timedelta(days=k), 1440 * k, n_slots) for k in range(len(days)))
    opens, highs, lows, closes = np.concatenate(days, axis=1)[:, :, None]
    return Panel(SessionGrid(sessions), ("AAA",), opens, highs, lows, closes, 0 * closes, closes, closes > 0)


def edge(o: np.ndarray, h: np.ndarray, low: np.ndarray, c: np.ndarray) -> float:
    """Return S^2 by the formulas of Ardia, Guidotti & Kroencke (2024), written with whole arrays."""
    moved = ((h[1:] != low[1:]) | (low[1:] != c[:-1])).astype(float)
    po = np.mean(moved * (o[1:] != h[1:])) + np.mean(moved * (o[1:] != low[1:]))
    pc = np.mean(moved * (c[:-1] != h[:-1])) + np.mean(moved * (c[:-1] != low[:-1]))
    o, h, low, c = np.log([o, h, low, c])
    m = (h + low) / 2
    r1, r2, r3, r4, r5 = m[1:] - o[1:], o[1:] - m[:-1], m[1:] - c[:-1], c[:-1] - m[:-1], o[1:] - c[:-1]
    d1, d3, d5 = (r - moved * np.mean(r) / np.mean(moved) for r in (r1, r3, r5))
    x1, x2 = -4 / po * d1 * r2 - 4 / pc * d3 * r4, -4 / po * d1 * r5 - 4 / pc * d5 * r4
    v1, v2 = np.var(x1), np.var(x2)
    return float((v2 * np.mean(x1) + v1 * np.mean(x2)) / (v1 + v2))


def test_the_estimate_equals_the_published_formulas() -> None:
    rng = np.random.default_rng(1)
    for spread in (0.0, 5e-4, 5e-3):
        day = bars(rng, 390, spread)
        assert squared_spread(*day) == pytest.approx(edge(*day), rel=1e-9, abs=1e-16)


@pytest.mark.parametrize("spread", [6e-4, 2e-3, 1e-2])
def test_a_planted_spread_is_found_from_the_bars_of_twenty_sessions(spread: float) -> None:
    rng = np.random.default_rng(2)
    found = estimated_half_spreads(panel([bars(rng, 390, spread) for _ in range(21)]))
    assert found[-1, 0] == pytest.approx(1e4 * spread / 2, rel=0.1)


def test_no_spread_is_no_estimate_or_next_to_nothing() -> None:
    rng = np.random.default_rng(3)
    found = estimated_half_spreads(panel([bars(rng, 390, 0.0) for _ in range(30)]))[21:]
    assert (np.isnan(found) | (found < 1.0)).all()


def test_a_session_and_those_after_it_change_nothing_that_was_known_before_it_opened() -> None:
    rng = np.random.default_rng(4)
    days = [bars(rng, 60, 2e-3) for _ in range(8)]
    before = estimated_half_spreads(panel(days))
    after = estimated_half_spreads(panel([*days[:5], *(bars(rng, 60, 0.02) for _ in range(3))]))
    assert np.array_equal(before[:6], after[:6], equal_nan=True) and before[6, 0] != after[6, 0]
    assert np.isnan(before[:3]).all() and np.isfinite(before[3:]).all()


def test_quoted_half_spreads_are_the_mean_of_sessions_with_quotes_and_unknown_with_fewer_than_three() -> None:
    spread = np.full((10, 2), np.nan)
    spread[:8, 0] = [2, 4, np.nan, 8, 6, 6, 10, 10]
    spread[:4, 1] = 3.0
    found = quoted_half_spreads(spread, np.arange(0, 11, 2))
    assert np.isnan(found[:3]).all() and np.isnan(found[:, 1]).all()
    assert found[3:, 0] == pytest.approx([(3 + 8 + 6) / 3 / 2, (3 + 8 + 6 + 10) / 4 / 2])


def test_a_symbol_that_never_trades_has_no_estimate() -> None:
    still = [np.full((4, 60), 50.0) for _ in range(5)]
    unknown = [np.full((4, 60), np.nan) for _ in range(5)]
    assert (
        np.isnan(estimated_half_spreads(panel(still))).all() and np.isnan(estimated_half_spreads(panel(unknown))).all()
    )
