import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daytrader_ray.domain.sessions import US_PER_MINUTE, Session, SessionGrid
from daytrader_ray.market_data.bars import CleanInput
from daytrader_ray.market_data.clean import clean
from daytrader_ray.market_data.guard import Judgement, PriceGuard

OPEN = 29_000_000
GRID = SessionGrid((Session(dt.date(2025, 2, 20), OPEN, 390),))


def judged(closes: list[float]) -> list[str]:
    guard = PriceGuard()
    return [guard.judge("A", price, price, price).name for price in closes]


def test_a_jump_is_withheld_and_refuted_when_the_price_comes_back() -> None:
    assert judged([10, 10, 10.6, 10.1, 10]) == ["ACCEPTED", "ACCEPTED", "SUSPECT", "REFUTED", "ACCEPTED"]


def test_a_jump_is_confirmed_by_a_bar_near_it() -> None:
    assert judged([10, 9.0, 9.1, 9.1]) == ["ACCEPTED", "SUSPECT", "CONFIRMED", "ACCEPTED"]


@pytest.mark.parametrize(("first", "second", "last"), [(11.0, 9.0, "REFUTED"), (11.0, 900.0, "REFUTED")])
def test_a_second_jump_elsewhere_is_suspect_again(first: float, second: float, last: str) -> None:
    assert judged([10, first, second, 10]) == ["ACCEPTED", "SUSPECT", "SUSPECT", last]


def test_a_crash_of_several_minutes_is_believed_with_its_second_bar() -> None:
    falls = np.cumprod([1.0, 0.94, 0.90, 0.87, 0.82, 0.78])
    assert judged((100 * falls).tolist()) == ["ACCEPTED", "SUSPECT", "CONFIRMED", "SUSPECT", "CONFIRMED", "SUSPECT"]


def test_without_a_price_before_it_the_first_bar_is_never_suspect() -> None:
    assert judged([10]) == ["ACCEPTED"]
    assert PriceGuard().judge("A", 99.0, 98.0, 98.5) == Judgement.ACCEPTED


def test_the_first_bar_is_measured_by_the_price_before_the_session() -> None:
    for closes, names in (
        ([1000, 100, 100], ["SUSPECT", "REFUTED", "ACCEPTED"]),
        ([80, 79], ["SUSPECT", "CONFIRMED"]),
        ([115, 116, 123], ["ACCEPTED", "ACCEPTED", "SUSPECT"]),
        ([1000, 200, 101], ["SUSPECT", "SUSPECT", "REFUTED"]),
    ):
        guard = PriceGuard({"A": 100.0, "B": float("nan")})
        assert [guard.judge("A", price, price, price).name for price in closes] == names
    assert guard.judge("B", 5, 5, 5) == Judgement.ACCEPTED


def test_a_gap_over_night_does_not_widen_the_limit_of_the_day() -> None:
    guard = PriceGuard({"A": 100.0})
    for _ in range(40):
        assert guard.judge("A", 85, 85, 85) == Judgement.ACCEPTED
    assert guard.judge("A", 91, 91, 91) == Judgement.SUSPECT


def test_a_spike_inside_a_bar_is_seen_by_its_high_or_low() -> None:
    guard = PriceGuard()
    bars = [(10.0, 10.0, 10.0), (11.0, 10.0, 10.0), (10.1, 10.0, 10.1), (10.1, 5.0, 10.0)]
    assert [guard.judge("A", *bar).name for bar in bars] == ["ACCEPTED", "SUSPECT", "REFUTED", "SUSPECT"]


def test_suspects_are_named_until_the_next_bar() -> None:
    guard = PriceGuard()
    for symbol in "AB":
        guard.judge(symbol, 10, 10, 10)
    guard.judge("B", 12, 12, 12)
    assert guard.suspects == {"B"}
    guard.judge("B", 12, 12, 12)
    assert guard.suspects == frozenset()


def test_a_wild_day_widens_the_limit_after_thirty_returns() -> None:
    steps = np.clip(np.random.default_rng(3).normal(0, 0.02, 60), -0.045, 0.045)
    wild = (10 * np.exp(np.cumsum(steps))).tolist()
    assert judged([*wild[:20], wild[19] * 1.12])[-1] == "SUSPECT"
    assert judged([*wild, wild[-1] * 1.12])[-1] == "ACCEPTED"


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.06, 2.0), st.integers(1, 388), st.booleans())
def test_what_history_calls_a_bad_print_is_withheld_and_refuted_live(
    seed: int, size: float, at: int, down: bool
) -> None:
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 5e-4, 390)))
    close[at] = close[at - 1] * np.exp(-size if down else size)
    volume = rng.integers(1, 9999, 390).astype(np.float64)
    stamps = (OPEN + np.arange(390)) * US_PER_MINUTE
    history = clean(CleanInput(stamps, close, close, close, close, volume, np.full(390, np.nan)), GRID)
    assert (history.quarantined.tolist(), history.reasons()) == ([at], ["bad_print"])
    live = judged(close.tolist())
    assert [slot for slot, name in enumerate(live) if name == "SUSPECT"] == [at]
    assert live.count("REFUTED") == 1
