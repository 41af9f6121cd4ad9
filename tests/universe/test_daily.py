import numpy as np
import pandas as pd

from daytrader_ray.universe.daily import daily_of
from tests.universe.panels import HALTED, LAST, LISTED, SYMBOLS, caps, panel


def test_a_session_is_one_bar_of_what_traded_in_it() -> None:
    given = panel()
    daily, session = daily_of(given, caps()), given.grid.session_of_row
    adjust = given.price_factor[session]
    trades = pd.DataFrame(given.traded).groupby(session).any().to_numpy()
    for found, minutes, how in (
        (daily.high, given.high * adjust, "max"),
        (daily.low, given.low * adjust, "min"),
        (daily.close, given.close * adjust, "last"),
        (daily.volume, given.volume, "sum"),
    ):
        expected = pd.DataFrame(minutes).groupby(session).agg(how).to_numpy()
        np.testing.assert_allclose(found, np.where(trades, expected, np.nan), rtol=1e-12)
    assert daily.traded.tolist() == trades.tolist()
    np.testing.assert_array_equal(daily.market_cap, caps())


def test_sessions_before_a_listing_after_a_delisting_or_without_a_trade_are_nan() -> None:
    daily = daily_of(panel())
    late, gone, halted = (daily.column(symbol) for symbol in ("LATE", "GONE", "AAA"))
    assert not daily.traded[:LISTED, late].any() and daily.traded[LISTED:, late].all()
    assert daily.traded[: LAST + 1, gone].all() and not daily.traded[LAST + 1 :, gone].any()
    assert np.flatnonzero(~daily.traded[:, halted]).tolist() == [HALTED]
    assert np.isnan(daily.volume[HALTED, halted]) and np.isnan(daily.market_cap).all()


def test_an_absent_symbol_has_no_column() -> None:
    assert daily_of(panel()).column("ZZZ") == -1
    assert daily_of(panel()).column("SPY") == SYMBOLS.index("SPY")
