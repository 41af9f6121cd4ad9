import datetime as dt
from pathlib import Path

import pytest

from daytrader_ray.cli.download_cmd import Days, days_of, vendor
from daytrader_ray.cli.profile import load
from daytrader_ray.domain.errors import ConfigError
from tests.cluster.stores import SYMBOLS, fill

TODAY = dt.date(2026, 2, 28)


def test_the_sandbox_is_downloaded_from_its_first_to_its_last_session(tmp_path: Path) -> None:
    profile = load("sandbox", str(tmp_path), {})
    assert days_of(profile, (), Days(), TODAY) == (dt.date(2025, 10, 6), dt.date(2025, 12, 1))
    assert days_of(profile, (), Days(dt.date(2025, 11, 3), dt.date(2026, 1, 5)), TODAY)[0] == dt.date(2025, 11, 3)


def test_a_real_vendor_is_asked_for_two_years_until_yesterday(tmp_path: Path) -> None:
    profile = load("paper", str(tmp_path), {})
    assert days_of(profile, (), Days(), TODAY) == (dt.date(2024, 2, 27), dt.date(2026, 2, 27))
    assert days_of(profile, (), Days(years=0.5), TODAY) == (dt.date(2025, 8, 27), dt.date(2026, 2, 27))
    assert days_of(profile, (), Days(end=TODAY), TODAY)[1] == dt.date(2026, 2, 27)
    with pytest.raises(ConfigError, match="the last complete day is 2026-02-27"):
        days_of(profile, (), Days(start=TODAY), TODAY)


def test_a_roll_moves_the_window_of_the_store_by_a_month_and_not_into_today(tmp_path: Path) -> None:
    profile = load("paper", str(tmp_path), {})
    with pytest.raises(ConfigError, match="there is none yet"):
        days_of(profile, ("AAPL",), Days(roll=True), TODAY)
    fill(str(tmp_path))  # complete to 2025-11-30
    window = dt.date(2023, 12, 30), dt.date(2025, 12, 30)
    assert days_of(profile, SYMBOLS, Days(roll=True), TODAY) == window
    assert days_of(profile, SYMBOLS, Days(roll=True), dt.date(2025, 12, 11))[1] == dt.date(2025, 12, 10)


def test_a_real_vendor_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a key") as caught, vendor(load("paper", str(tmp_path), {})):
        pass
    assert "POLYGON_API_KEY" in caught.value.hint
    with vendor(load("paper", str(tmp_path), {"MASSIVE_API_KEY": "k"})) as found:
        assert found == ("https://api.polygon.io", "k")
