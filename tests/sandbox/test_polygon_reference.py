"""Reference data read by both of the vendor's clients: every value, every filter, as known on the exchange's date."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import massive
import polygon
import pytest

from daytrader_ray.sandbox.exchange import Exchange, moment
from daytrader_ray.sandbox.polygon_rest import PolygonRest
from tests.sandbox.fake_market import GRID, fake_exchange, serving


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return fake_exchange()


@pytest.fixture(scope="module")
def url(exchange: Exchange) -> Iterator[str]:
    with serving(PolygonRest(exchange).routes()) as address:
        yield address


@pytest.fixture(scope="module", params=[polygon, massive], ids=["polygon", "massive"])
def client(request: pytest.FixtureRequest, url: str) -> Any:
    return request.param.RESTClient("K", base=url)


@pytest.fixture
def at_session_two(exchange: Exchange) -> Iterator[None]:
    """2025-11-24, the day before the split, at the close."""
    now = exchange.now
    exchange.now = moment(GRID.sessions[2].close_minute)
    yield
    exchange.now = now


def tickers(client: Any, **options: Any) -> list[str]:
    return [one.ticker for one in client.list_tickers(**options)]


def test_tickers_are_those_listed_today_unless_asked_for_another_date(client: Any) -> None:
    assert tickers(client) == ["AAA", "FFF", "I:VIX", "NEW"]
    assert tickers(client, active=False) == ["OLD"]
    assert tickers(client, date="2025-11-24") == ["AAA", "FFF", "I:VIX", "OLD"]
    assert tickers(client, date="2019-12-31") == []


def test_a_stock_that_is_not_listed_yet_is_not_known_by_asking_ahead(client: Any, at_session_two: None) -> None:
    assert tickers(client, date="2025-12-31", active=True) == ["AAA", "FFF", "I:VIX"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"type": "ETF"}, ["FFF"]),
        ({"market": "indices"}, ["I:VIX"]),
        ({"ticker": "NEW"}, ["NEW"]),
        ({"ticker_gte": "FFF", "ticker_lt": "NEW"}, ["FFF", "I:VIX"]),
        ({"search": "aaa n"}, ["AAA"]),
        ({"exchange": "XNYS", "type": "CS"}, ["AAA", "NEW"]),
        ({"exchange": "XNAS"}, []),
        ({"cik": "0001090872"}, []),
        ({"order": "desc", "sort": "ticker"}, ["NEW", "I:VIX", "FFF", "AAA"]),
        ({"limit": 1}, ["AAA", "FFF", "I:VIX", "NEW"]),
        ({"limit": 3, "order": "desc"}, ["NEW", "I:VIX", "FFF", "AAA"]),
    ],
)
def test_tickers_are_filtered_sorted_and_paged(client: Any, options: dict[str, Any], found: list[str]) -> None:
    assert tickers(client, **options) == found


def test_every_field_of_a_ticker_has_its_value(client: Any) -> None:
    (old,) = client.list_tickers(active=False)
    assert (old.name, old.market, old.locale, old.type, old.active) == ("OLD Name", "stocks", "us", "CS", False)
    assert (old.primary_exchange, old.currency_name) == ("XNYS", "usd")
    assert old.delisted_utc == "2025-11-24T00:00:00Z"


def test_market_value_is_shares_times_the_last_close_by_the_date(client: Any) -> None:
    before, after = (client.get_ticker_details("AAA", date=date) for date in ("2025-11-23", "2025-11-28"))
    (close,) = client.list_aggs("AAA", 1, "day", "2025-11-21", "2025-11-21", adjusted=False)
    assert before.share_class_shares_outstanding == before.weighted_shares_outstanding == 1_000_000
    assert before.market_cap == pytest.approx(1e6 * close.close)
    assert after.share_class_shares_outstanding == 2_000_000
    assert client.get_ticker_details("AAA", date="2024-01-31").market_cap is None
    unknown = client.get_ticker_details("NEW")
    assert (unknown.market_cap, unknown.share_class_shares_outstanding) == (None, None)


def test_every_field_of_the_details_has_its_value(client: Any) -> None:
    found = client.get_ticker_details("AAA")
    assert (found.ticker, found.name, found.type, found.active) == ("AAA", "AAA Name", "CS", True)
    assert (found.sic_code, found.sic_description) == ("7372", "SERVICES-PREPACKAGED SOFTWARE")
    assert (found.list_date, found.ticker_root, found.primary_exchange) == ("2020-01-02", "AAA", "XNYS")
    fund = client.get_ticker_details("FFF")
    assert (fund.type, fund.market_cap, fund.sic_code) == ("ETF", None, None)
    assert client.get_ticker_details("OLD", date="2025-11-24").active
    assert not client.get_ticker_details("OLD").active


@pytest.mark.parametrize(("symbol", "date"), [("ZZZ", None), ("NEW", "2025-11-25")])
def test_nobody_is_found_who_is_not_there(client: Any, symbol: str, date: str | None) -> None:
    with pytest.raises(Exception, match="Ticker not found"):
        client.get_ticker_details(symbol, date=date)


def test_splits_have_their_values_and_filters(client: Any) -> None:
    (found,) = client.list_splits("AAA")
    assert (found.ticker, found.execution_date, found.split_from, found.split_to) == ("AAA", "2025-11-25", 1, 2)
    assert list(client.list_splits()) == [found]
    assert list(client.list_splits(execution_date_gte="2025-11-25", execution_date_lte="2025-11-25")) == [found]
    assert not list(client.list_splits("AAA", execution_date_gt="2025-11-25"))
    assert not list(client.list_splits("AAA", reverse_split=True))
    assert not list(client.list_splits("FFF")) and not list(client.list_splits("ZZZ"))


def test_dividends_have_their_values_and_filters(client: Any) -> None:
    (found,) = client.list_dividends("AAA")
    assert (found.ticker, found.cash_amount, found.currency, found.dividend_type) == ("AAA", 0.25, "USD", "CD")
    assert (found.ex_dividend_date, found.declaration_date) == ("2025-12-01", "2025-11-24")
    assert (found.record_date, found.pay_date, found.frequency) == ("2025-12-01", "2025-12-15", 4)
    assert list(client.list_dividends(ex_dividend_date_gte="2025-11-28")) == [found]
    assert not list(client.list_dividends("AAA", ex_dividend_date_lt="2025-12-01"))


def test_actions_are_known_when_they_are_announced(client: Any, exchange: Exchange, at_session_two: None) -> None:
    assert len(list(client.list_splits("AAA"))) == 1 and len(list(client.list_dividends("AAA"))) == 1
    exchange.now -= dt.timedelta(days=3)
    assert len(list(client.list_splits("AAA"))) == 1 and not list(client.list_dividends("AAA"))
    exchange.now -= dt.timedelta(days=20)
    assert not list(client.list_splits("AAA"))


@pytest.mark.parametrize(
    ("minutes", "state", "early", "late"),
    [
        (-331, "closed", False, False),
        (-330, "extended-hours", True, False),
        (0, "open", False, False),
        (389, "open", False, False),
        (390, "extended-hours", False, True),
        (630, "closed", False, False),
    ],
)
def test_the_market_status_follows_the_exchanges_clock(
    client: Any, exchange: Exchange, minutes: int, state: str, early: bool, late: bool
) -> None:
    now, session, day = exchange.now, exchange.session, exchange.day
    try:
        exchange.begin(1)
        exchange.now = moment(GRID.sessions[1].open_minute + minutes)
        found = client.get_market_status()
        assert (found.market, found.early_hours, found.after_hours) == (state, early, late)
        assert found.exchanges.nasdaq == found.exchanges.otc == state and found.currencies.fx == "open"
        assert dt.datetime.fromisoformat(found.server_time) == exchange.now
    finally:
        exchange.now, exchange.session, exchange.day = now, session, day


def test_holidays_to_come_are_named_for_each_exchange(client: Any, at_session_two: None) -> None:
    found = [(one.date, one.name, one.status) for one in client.get_market_holidays() if one.exchange == "NYSE"]
    assert found[:6] == [
        ("2025-11-27", "Thanksgiving", "closed"),
        ("2025-11-28", "Thanksgiving", "early-close"),
        ("2025-12-24", "Christmas", "early-close"),
        ("2025-12-25", "Christmas", "closed"),
        ("2026-01-01", "New Years Day", "closed"),
        ("2026-01-19", "Martin Luther King, Jr. Day", "closed"),
    ]
    half = client.get_market_holidays()[2]
    assert (half.exchange, half.open, half.close) == ("NYSE", "2025-11-28T14:30:00.000Z", "2025-11-28T18:00:00.000Z")
    assert "Market Holiday" not in {one.name for one in client.get_market_holidays()}
