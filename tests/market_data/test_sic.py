from itertools import pairwise

import pytest

from daytrader_ray.market_data.sic import _SECTORS, sector_of


def test_no_code_has_two_sectors() -> None:
    assert all(first <= last for first, last, _ in _SECTORS)
    assert all(one[1] < other[0] for one, other in pairwise(_SECTORS))


@pytest.mark.parametrize(
    ("code", "sector"),
    [
        ("3571", "Technology"),  # AAPL
        ("3674", "Technology"),  # NVDA
        ("7372", "Technology"),  # MSFT
        ("2836", "Health care"),  # VRTX, MRNA
        ("2911", "Energy"),  # XOM
        ("1389", "Energy"),  # SLB
        ("3711", "Consumer"),  # TSLA
        ("6199", "Financials"),  # MARA
        ("0100", "Consumer"),
        ("6798", "Real estate"),
        ("9995", None),
        ("", None),
        (None, None),
        ("9" * 5000, None),
    ],
)
def test_a_company_has_the_sector_of_what_it_sells(code: object, sector: str | None) -> None:
    assert sector_of(code) == sector
