import datetime as dt
from pathlib import Path

import pytest

from daytrader_ray.cli.download_cmd import days_of, vendor
from daytrader_ray.cli.profile import load
from daytrader_ray.domain.errors import ConfigError

TODAY = dt.date(2026, 2, 28)


def test_the_sandbox_is_downloaded_from_its_first_to_its_last_session(tmp_path: Path) -> None:
    profile = load("sandbox", str(tmp_path), {})
    assert days_of(profile, None, None, TODAY) == (dt.date(2025, 10, 6), dt.date(2025, 12, 1))
    assert days_of(profile, dt.date(2025, 11, 3), dt.date(2026, 1, 5), TODAY)[0] == dt.date(2025, 11, 3)


def test_a_real_vendor_is_asked_for_two_years_until_yesterday(tmp_path: Path) -> None:
    profile = load("paper", str(tmp_path), {})
    assert days_of(profile, None, None, TODAY) == (dt.date(2024, 2, 27), dt.date(2026, 2, 27))
    assert days_of(profile, None, TODAY, TODAY)[1] == dt.date(2026, 2, 27)
    with pytest.raises(ConfigError, match="the last complete day is 2026-02-27"):
        days_of(profile, TODAY, None, TODAY)


def test_a_real_vendor_needs_a_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a key") as caught, vendor(load("paper", str(tmp_path), {})):
        pass
    assert "POLYGON_API_KEY" in caught.value.hint
    with vendor(load("paper", str(tmp_path), {"MASSIVE_API_KEY": "k"})) as found:
        assert found == ("https://api.polygon.io", "k")
