"""What a session refuses before it begins; no Ray is started here."""

import datetime as dt
from types import SimpleNamespace

import pytest

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.session import panel_until, starting_cash
from daytrader_ray.domain.errors import BrokerError, DataError
from daytrader_ray.domain.fakes import FakeBroker
from daytrader_ray.domain.ports import Account


async def test_a_session_starts_with_the_cash_of_an_account_without_positions():
    assert await starting_cash(FakeBroker(Account(51_234.5, 51_234.5, {}))) == 51_234.5


async def test_positions_of_an_earlier_day_are_named_and_refused():
    broker = FakeBroker(Account(1.0, 2.0, {"AAPL": 3, "MSFT": -2}))
    with pytest.raises(BrokerError, match=r"already holds AAPL \+3, MSFT -2"):
        await starting_cash(broker)


def test_a_store_of_five_minute_bars_is_refused_for_a_session(tmp_path):
    ParquetStore(str(tmp_path)).claim("imported", bar_minutes=5)
    spec = SimpleNamespace(root=str(tmp_path), date=dt.date(2025, 3, 10))
    with pytest.raises(DataError, match=r"holds 5-minute bars; a session is traded on one-minute bars"):
        panel_until(spec, SimpleNamespace(symbols=("AAA",)))
