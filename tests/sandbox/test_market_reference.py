"""What the synthetic market says of its instruments: names, sectors, splits, dividends, shares, listings, indices."""

from itertools import pairwise

import numpy as np
import pytest

from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.listing import SECTORS
from daytrader_ray.sandbox.market import Market

from .conftest import weekdays

DEMO = ("AAPL", "AMZN", "COIN", "GILD", "MARA", "MRNA", "MSFT", "NFLX", "NVDA", "SLB", "TSLA", "XOM")


@pytest.fixture(scope="module")
def forty() -> Market:
    return Market(SandboxConfig(), weekdays(40))


def session_of(market: Market, date: object) -> int:
    return [day.date for day in market.grid.sessions].index(date)


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_the_demo_has_a_split_and_a_dividend_for_every_seed(seed: int) -> None:
    market = Market(SandboxConfig(seed=seed), weekdays(40))
    assert any(market.splits(symbol) for symbol in DEMO)
    assert any(market.dividends(symbol) for symbol in DEMO)


def test_a_split_changes_price_and_volume_by_its_ratio_and_nothing_else(forty: Market) -> None:
    (split,) = forty.splits("TSLA")
    session = session_of(forty, split.date)
    before, after = forty.bars("TSLA", session - 1), forty.bars("TSLA", session)
    ratio = split.new / split.old
    last, first = before.close[before.traded][-1], after.open[after.traded][0]
    assert abs(np.log(first * ratio / last)) < 0.04
    assert 0.4 < after.volume.sum() / (ratio * before.volume.sum()) < 2.5
    assert forty.shares("TSLA", session) == ratio * forty.shares("TSLA", session - 1)


def test_every_split_is_undone_by_the_next_so_that_prices_keep_their_range() -> None:
    market = Market(SandboxConfig(), weekdays(400))
    for symbol in DEMO:
        splits = market.splits(symbol)
        assert 2 <= len(splits) <= 3
        assert all((a.old, a.new) == (b.new, b.old) for a, b in pairwise(splits))
        for session in (0, 399):
            assert 15 < np.nanmean(market.bars(symbol, session).close) < 900


def test_a_longer_grid_knows_the_same_actions_and_some_more(forty: Market) -> None:
    longer = Market(SandboxConfig(), weekdays(90))
    for symbol in DEMO:
        assert longer.splits(symbol)[: len(forty.splits(symbol))] == forty.splits(symbol)
        assert longer.dividends(symbol)[: len(forty.dividends(symbol))] == forty.dividends(symbol)


def test_a_dividend_comes_off_the_price_on_its_ex_date() -> None:
    paying = Market(SandboxConfig(), weekdays(80))
    falls = []
    for symbol in ("AAPL", "GILD", "SLB", "COIN", "NFLX", "SPY", "XLE"):
        for dividend in paying.dividends(symbol):
            session = session_of(paying, dividend.ex_date)
            close = paying.bars(symbol, session - 1).close[-1]
            falls.append(dividend.amount / close)
            assert dividend.declared < dividend.ex_date == dividend.record_date < dividend.pay_date
    assert len(falls) >= 7 and 0.002 < np.nanmean(falls) < 0.008


def test_the_listing_names_sectors_and_every_kind(forty: Market) -> None:
    listing = {row.symbol: row for row in forty.listing()}
    assert list(listing) == sorted(listing) and len(listing) > 70
    assert {row.kind for row in listing.values()} == {"CS", "ETF", "INDEX"}
    assert {row.sector for row in listing.values() if row.kind == "CS"} == set(SECTORS)
    assert listing["XOM"].sic_code == "1311" and listing["I:VIX"].kind == "INDEX" and listing["XLE"].sector == "Energy"
    assert forty.listed("ZZZ").kind == "CS"
    with pytest.raises(DataError, match="expected capital letters"):
        forty.listed("a/b")


def test_symbols_list_and_delist(forty: Market) -> None:
    new, old = forty.listed("NEWA"), forty.listed("OLDA")
    assert new.listed == forty.grid.sessions[10].date and new.delisted is None
    assert old.delisted == forty.grid.sessions[25].date
    for symbol, alive, gone in (("NEWA", 10, 9), ("OLDA", 25, 26)):
        assert forty.bars(symbol, alive).traded.any() and not forty.bars(symbol, gone).traded.any()
        assert np.isnan(forty.bars(symbol, gone).close).all() and not forty.bars(symbol, gone).volume.any()
    for symbol in ("NEWA", "OLDA"):
        listing, longer = forty.listed(symbol), Market(SandboxConfig(), weekdays(200))
        dates = [s.date for s in longer.splits(symbol)] + [d.ex_date for d in longer.dividends(symbol)]
        assert all(listing.listed <= date <= (listing.delisted or date) for date in dates)
    assert "NEWB" not in {row.symbol for row in forty.listing()}
    with pytest.raises(DataError, match="not listed before"):
        forty.listed("NEWB")


def test_the_volatility_indices_are_bars_without_volume_and_move_against_the_market(forty: Market) -> None:
    moves, spy = [], []
    for session in range(40):
        bars = forty.bars("I:VIX", session)
        assert bars.traded.all() and not bars.volume.any() and np.isnan(bars.vwap).all()
        assert (bars.low <= np.minimum(bars.open, bars.close)).all() and (bars.high >= bars.open).all()
        assert bars.low.min() > 5 and bars.high.max() < 90
        moves.append(np.log(bars.close[-1] / bars.open[0]))
        closes = forty.bars("SPY", session).close
        spy.append(np.log(closes[-1] / closes[0]))
    known = np.isfinite(spy)
    assert np.corrcoef(np.array(moves)[known], np.array(spy)[known])[0, 1] < -0.4
    swings = [np.std([np.log(forty.bars(name, s).close[-1]) for s in range(40)]) for name in ("I:VIX", "I:VIX3M")]
    assert swings[1] < 0.7 * swings[0]
    assert np.isnan(forty.shares("I:VIX", 0)) and not forty.splits("I:VIX") and not forty.dividends("I:VIX")


def test_stocks_of_one_sector_move_together_beyond_the_market() -> None:
    market = Market(SandboxConfig(signal_strength=0.0), weekdays(12))

    def residuals(symbol: str) -> np.ndarray:
        out = []
        for session in range(12):
            close = market.bars(symbol, session).close
            out.append(
                np.diff(np.log(close)) - market.traits(symbol).beta * np.diff(np.log(market.bars("SPY", session).close))
            )
        return np.concatenate(out)

    def correlation(a: str, b: str) -> float:
        x, y = residuals(a), residuals(b)
        known = np.isfinite(x) & np.isfinite(y)
        return float(np.corrcoef(x[known], y[known])[0, 1])

    assert correlation("XOM", "CVX") > 0.06 > abs(correlation("XOM", "GILD"))
    assert correlation("XLE", "XOM") > 0.15


def test_the_truth_tells_regime_factors_and_the_planted_coefficient(forty: Market, days: SessionGrid) -> None:
    truth = [forty.truth(session) for session in range(40)]
    assert {row["regime"] for row in truth} >= {"trending", "volatile"}
    assert truth[3]["session"] == forty.grid.sessions[3].date.isoformat() and truth[3]["crises"] == []
    assert len(truth[3]["market_bps"]) == 390 and set(truth[3]["sectors_bps"]) == set(SECTORS)
    nothing = Market(SandboxConfig(signal_strength=0.0), days).truth(3)
    assert nothing["signal"]["information_coefficient"] == 0.0


def test_the_coefficient_told_is_the_one_in_the_bars() -> None:
    market = Market(SandboxConfig(signal_strength=0.5), weekdays(20))
    told, found = [], []
    for session in range(20):
        told.append(market.truth(session)["signal"]["information_coefficient"])
        state, ahead = [], []
        for symbol in ("AAPL", "XOM", "GILD", "JPM", "DIS", "COIN"):
            close = market.bars(symbol, session).close
            at = np.arange(0, len(close) - 30, 5)
            state.append(market.state(symbol, session)[at])
            ahead.append(np.log(close[at + 30] / close[at]))
        x, y = np.concatenate(state), np.concatenate(ahead)
        known = np.isfinite(y)
        found.append(np.corrcoef(x[known], y[known])[0, 1])
    assert np.mean(found) == pytest.approx(np.mean(told), abs=0.05)
