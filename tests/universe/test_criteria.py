"""What holds for every criterion in the registry, and what the shipped ones are by independent definitions."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import talib
import yaml

from daytrader_ray.domain.panel import Panel
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.criteria import REGISTRY, Rule, Use
from daytrader_ray.universe.daily import Daily, daily_of
from daytrader_ray.universe.eligibility import eligibility
from tests.universe.panels import HALTED, LAST, LISTED, SPLIT, SYMBOLS, N, caps, changed_after, panel

PANEL = panel()
DAILY = daily_of(PANEL, caps())
EVERY = pytest.mark.parametrize("name", sorted(REGISTRY))


def alone(name: str, **rule: object) -> UniverseConfig:
    """Return a universe in which only one criterion is used."""
    rules = {other: "off" for other in REGISTRY} | {name: {"low": None, "high": None, **rule}}
    return UniverseConfig(sectors={"all": SYMBOLS[:5]}, references=SYMBOLS[5:], eligibility=rules)


def values(name: str, daily: Daily = DAILY) -> np.ndarray:
    return REGISTRY[name].values(daily)


@EVERY
def test_nothing_before_a_session_changes_with_what_comes_later(name: str) -> None:
    whole = values(name)
    for session in (1, 22, SPLIT, LISTED + 3, HALTED + 1, LAST + 1, N - 1):
        later = caps()
        later[session + 1 :] *= 7.0
        np.testing.assert_array_equal(
            values(name, daily_of(changed_after(PANEL, session), later))[: session + 1], whole[: session + 1]
        )
        short = daily_of(PANEL.part(0, session + 1), caps()[: session + 1])
        np.testing.assert_array_equal(values(name, short), whole[: session + 1])


@EVERY
def test_no_value_looks_back_further_than_it_says(name: str) -> None:
    start, sessions = 13, REGISTRY[name].sessions
    part = values(name, daily_of(PANEL.part(start, N), caps()[start:]))
    np.testing.assert_array_equal(part[sessions:], values(name)[start + sessions :])
    assert np.isfinite(part[sessions:]).any()


@EVERY
def test_nothing_known_is_nan_and_a_stock_that_listed_yesterday_fails_it_as_a_filter(name: str) -> None:
    facts = ("high", "low", "close", "volume", "market_cap")
    nothing = dataclasses.replace(DAILY, **{fact: np.full_like(DAILY.close, np.nan) for fact in facts})
    assert np.isnan(values(name, nothing)).all()
    new = dataclasses.replace(DAILY, **{fact: getattr(DAILY, fact).copy() for fact in facts})
    for fact in facts:
        getattr(new, fact)[: None if fact == "market_cap" else N - 2, SYMBOLS.index("BBB")] = np.nan
    verdict = eligibility(alone(name, use="filter"), new)
    assert not verdict.tradable[:, SYMBOLS.index("BBB")].any()
    assert verdict.reason(-1, "BBB") == f"{REGISTRY[name].title} is not known"


@EVERY
def test_its_key_in_yaml_makes_it_a_filter_a_score_or_nothing(name: str) -> None:
    middle = float(np.nanmedian(values(name)[-1, :5]))
    for use in ("filter", "score", "off"):
        text = f"sectors: {{all: [AAA]}}\neligibility:\n  {name}: {{use: {use}, low: {middle!r}, high: null}}\n"
        rule = UniverseConfig.parse(yaml.safe_load(text), "mine.yaml").eligibility[name]
        assert rule == Rule(use=Use(use), low=middle)
        bare = UniverseConfig.parse(yaml.safe_load(f"sectors: {{all: [AAA]}}\neligibility: {{{name}: {use}}}"), "x")
        assert bare.eligibility[name] == REGISTRY[name].rule.model_copy(update={"use": Use(use)})
        verdict = eligibility(alone(name, use=use, low=middle), DAILY)
        known = verdict.member[-1] & verdict.traded_before[-1]
        kept = known & (values(name)[-1] >= middle) if use == "filter" else known
        assert verdict.tradable[-1].tolist() == kept.tolist()
        assert (name in verdict.values) == (use != "off")
        assert (len(np.unique(verdict.score[-1])) > 1) == (use == "score")


@EVERY
@pytest.mark.parametrize(("bound", "side"), [("low", "below"), ("high", "above")])
def test_the_reason_names_the_value_and_the_bound(name: str, bound: str, side: str) -> None:
    column = SYMBOLS.index("BBB")
    value = float(values(name)[-1, column])
    limit = value * (2.0 if bound == "low" else 0.5)
    criterion = REGISTRY[name]
    verdict = eligibility(alone(name, use="filter", **{bound: limit}), DAILY)
    assert not verdict.tradable[-1, column]
    assert verdict.reason(-1, "BBB") == f"{criterion.title} {criterion.text(value)} is {side} {criterion.text(limit)}"


def test_mean_volume_is_that_of_twenty_sessions_in_the_shares_of_the_day() -> None:
    shares = pd.DataFrame(daily_volume(PANEL) / PANEL.share_factor)
    expected = shares.rolling(20, min_periods=3).mean().shift(1).to_numpy() * PANEL.share_factor
    np.testing.assert_allclose(values("volume"), expected, rtol=1e-12)
    late = values("volume")[:, SYMBOLS.index("LATE")]
    assert np.isnan(late[: LISTED + 3]).all() and np.isfinite(late[LISTED + 3 :]).all()


def test_atr_is_the_mean_of_fourteen_true_ranges_of_talib_over_the_last_close() -> None:
    for column in range(len(SYMBOLS)):
        bars = (DAILY.high[:, column], DAILY.low[:, column], DAILY.close[:, column])
        true_range = pd.Series(talib.TRANGE(*(np.nan_to_num(bar, nan=np.nan) for bar in bars)))
        true_range[np.isnan(bars[2]) | np.isnan(np.r_[np.nan, bars[2][:-1]])] = np.nan
        expected = (true_range.rolling(14).mean() / bars[2]).shift(1)
        np.testing.assert_allclose(values("atr")[:, column], expected, rtol=1e-9, equal_nan=True)


def test_beta_is_the_slope_of_a_regression_on_spy_over_sixty_sessions() -> None:
    returns = np.diff(np.log(DAILY.close), axis=0, prepend=np.nan)
    market = returns[:, SYMBOLS.index("SPY")]
    for session, symbol in ((N - 1, "AAA"), (N - 1, "BBB"), (LAST + 2, "GONE"), (LISTED + 32, "LATE")):
        mine = returns[session - 60 : session, SYMBOLS.index(symbol)]
        both = np.isfinite(mine) & np.isfinite(market[session - 60 : session])
        slope = np.polyfit(market[session - 60 : session][both], mine[both], 1)[0]
        assert values("beta")[session, SYMBOLS.index(symbol)] == pytest.approx(slope, rel=1e-9)
    assert values("beta")[N - 1, SYMBOLS.index("SPY")] == pytest.approx(1.0)
    assert values("beta")[N - 1, 0] == pytest.approx(1.8, abs=0.4)


def test_without_spy_there_is_no_beta() -> None:
    alone_ = dataclasses.replace(DAILY, symbols=tuple("SPX" if s == "SPY" else s for s in SYMBOLS))
    assert np.isnan(values("beta", alone_)).all()


def test_a_split_is_no_volume_no_range_and_no_return() -> None:
    unsplit = dataclasses.replace(
        PANEL,
        **{name: getattr(PANEL, name) * PANEL.price_factor[PANEL.grid.session_of_row] for name in _PRICES},
        volume=PANEL.volume / PANEL.share_factor[PANEL.grid.session_of_row],
        price_factor=np.ones_like(PANEL.price_factor),
        share_factor=np.ones_like(PANEL.share_factor),
    )
    plain = daily_of(unsplit)
    np.testing.assert_allclose(values("atr"), values("atr", plain), rtol=1e-9)
    np.testing.assert_allclose(values("beta"), values("beta", plain), rtol=1e-9)
    np.testing.assert_allclose(values("volume"), values("volume", plain) * PANEL.share_factor, rtol=1e-12)


_PRICES = ("open", "high", "low", "close")


def daily_volume(given: Panel) -> np.ndarray:
    starts = given.grid.first_row[:-1]
    volume = np.add.reduceat(given.volume, starts, axis=0)
    return np.where(np.logical_or.reduceat(given.traded, starts, axis=0), volume, np.nan)
