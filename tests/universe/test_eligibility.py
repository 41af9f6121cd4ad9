import numpy as np
import pytest

from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.criteria import REGISTRY
from daytrader_ray.universe.daily import daily_of
from daytrader_ray.universe.eligibility import Eligibility, eligibility, tradable
from tests.universe.panels import HALTED, LAST, LISTED, SYMBOLS, N, caps, changed_after, panel

PANEL = panel()
DAILY = daily_of(PANEL, caps())
OFF = dict.fromkeys(REGISTRY, "off")
STOCKS = {"one": ("AAA", "BBB"), "two": ("CCC", "GONE", "LATE")}


def judged(**options: object) -> Eligibility:
    return eligibility(UniverseConfig(sectors=STOCKS, references=("QQQ", "SPY", "XLA"), **options), DAILY)


def traded(verdict: Eligibility, session: int = -1) -> set[str]:
    return {symbol for symbol, yes in zip(verdict.symbols, verdict.tradable[session], strict=True) if yes}


def test_a_delisted_stock_is_in_the_universe_of_last_year_and_out_after_its_last_session() -> None:
    verdict = judged(eligibility=OFF)
    assert "GONE" in traded(verdict, LAST) and "GONE" in traded(verdict, LAST + 1)
    assert "GONE" not in traded(verdict, LAST + 2)
    assert verdict.reason(LAST + 2, "GONE") == "did not trade in the session before"


def test_a_last_day_in_the_list_ends_trading_with_that_day() -> None:
    last = DAILY.dates[LAST]
    verdict = judged(eligibility=OFF, membership={"GONE": {"until": last}})
    assert "GONE" in traded(verdict, LAST) and "GONE" not in traded(verdict, LAST + 1)
    assert verdict.reason(LAST + 1, "GONE") == f"not in the list after {last}"
    assert judged(membership={"AAA": {"since": last}}).reason(3, "AAA") == f"not in the list before {last}"


def test_a_stock_that_lists_late_or_was_halted_is_traded_from_the_session_after_its_first_trade() -> None:
    verdict = judged(eligibility=OFF)
    assert [("LATE" in traded(verdict, LISTED + k)) for k in (-1, 0, 1)] == [False, False, True]
    assert [("AAA" in traded(verdict, HALTED + k)) for k in (0, 1, 2)] == [True, False, True]


def test_references_are_never_traded_and_the_first_session_has_none_before_it() -> None:
    verdict = judged(eligibility=OFF)
    assert traded(verdict, 0) == set()
    assert not verdict.tradable[:, [SYMBOLS.index(symbol) for symbol in ("QQQ", "SPY", "XLA")]].any()
    assert verdict.reason(-1, "SPY") == "not in the list"


def test_a_pinned_stock_need_not_meet_the_filters_and_the_reason_names_what_it_fails() -> None:
    hard = {**OFF, "volume": {"use": "filter", "low": 1e12}, "atr": {"use": "filter", "low": 0.0, "high": 1e-9}}
    verdict = judged(eligibility=hard, pinned=("AAA", "GONE"))
    assert traded(verdict) == {"AAA"}
    column = SYMBOLS.index("AAA")
    volume, atr = (REGISTRY[name].text(verdict.values[name][-1, column]) for name in ("volume", "atr"))
    faults = f"volume {volume} is below 1000000.0 M; ATR {atr} is above 0.0 %"
    assert verdict.reason(-1, "AAA") == f"pinned, though {faults}"
    assert verdict.reason(-1, "CCC").startswith("volume ")


def test_reasons_of_those_that_are_in_name_what_they_meet() -> None:
    assert judged(eligibility=OFF).reason(-1, "CCC") == "no filter is on"
    assert judged(eligibility={**OFF, "volume": {"use": "filter", "low": 1.0}}).reason(-1, "CCC") == "meets volume"


def test_scores_are_the_mean_degree_to_which_the_criteria_are_met() -> None:
    rules = {**OFF, "beta": {"use": "score", "low": 1.5}, "market_cap": {"use": "score", "low": 1e9, "high": 100e9}}
    verdict = judged(eligibility=rules)
    beta, cap = (verdict.values[name][-1] for name in ("beta", "market_cap"))
    expected = 0.5 * (
        np.nan_to_num(np.clip(beta / 1.5, 0.0, 1.0)) + np.minimum(np.minimum(cap / 1e9, 100e9 / cap), 1.0)
    )
    known = np.isfinite(cap)
    np.testing.assert_allclose(verdict.score[-1][known], expected[known])
    assert verdict.score[-1, 0] == pytest.approx(0.5 * min(beta[0] / 1.5, 1.0))


def test_what_misses_a_bound_of_zero_or_less_has_no_degree_and_what_meets_it_has_all() -> None:
    for low, met in ((-5.0, 1.0), (0.0, 1.0)):
        verdict = judged(eligibility={**OFF, "beta": {"use": "score", "low": low, "high": None}})
        assert verdict.score[-1, 0] == met
    verdict = judged(eligibility={**OFF, "beta": {"use": "score", "low": -9.0, "high": -5.0}})
    assert verdict.score[-1, 0] == 0.0


def test_only_the_best_keep_a_place_and_pinned_stocks_always_do() -> None:
    rules = {**OFF, "beta": {"use": "score", "low": 3.0}}
    verdict = judged(eligibility=rules, max_symbols=2)
    score = dict(zip(SYMBOLS, verdict.score[-1], strict=True))
    best = sorted(("AAA", "BBB", "CCC", "LATE"), key=lambda symbol: -score[symbol])
    assert traded(verdict) == set(best[:2])
    worst = best[-1]
    assert verdict.reason(-1, worst) == f"no filter is on, but better scores than {score[worst]:.2f} fill all places"
    with_pins = judged(eligibility=rules, max_symbols=2, pinned=(worst,))
    assert traded(with_pins) == {worst, best[0]}
    crowded = judged(eligibility=rules, max_symbols=1, pinned=("AAA", worst))
    assert traded(crowded) == {"AAA", worst}


def test_equal_scores_are_ranked_by_volume() -> None:
    verdict = judged(eligibility=OFF, max_symbols=1)
    volume = REGISTRY["volume"].values(DAILY)
    for session in (30, 60, N - 1):
        allowed = [c for c in range(5) if verdict.passed[session, c]]
        assert traded(verdict, session) == {SYMBOLS[max(allowed, key=lambda c: volume[session, c])]}


def test_without_any_market_cap_the_verdicts_rest_on_the_other_criteria() -> None:
    universe = UniverseConfig(sectors=STOCKS, references=("SPY",), eligibility={"volume": {"low": 1e5}})
    assert tradable(universe, PANEL, np.full(DAILY.close.shape, np.nan))[-1].any()


def test_no_verdict_changes_with_what_comes_later() -> None:
    universe = UniverseConfig(
        sectors=STOCKS, eligibility={"volume": {"low": 9e6}, "atr": {"low": 0.03}}, max_symbols=2, references=("SPY",)
    )
    whole = tradable(universe, PANEL, caps())
    assert 0 < whole[20:].mean() < 0.5
    for session in (1, 25, LISTED + 4, HALTED + 1, N - 1):
        later = caps()
        later[session + 1 :] = np.nan
        found = tradable(universe, changed_after(PANEL, session), later)
        np.testing.assert_array_equal(found[: session + 1], whole[: session + 1])
        short = tradable(universe, PANEL.part(0, session + 1), caps()[: session + 1])
        np.testing.assert_array_equal(short, whole[: session + 1])
