import datetime as dt

import numpy as np

from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.peers import peers_of, sector_codes

UNIVERSE = UniverseConfig(
    sectors={"Technology": ("AAPL", "MSFT"), "Meme": ("GME",), "Energy": ("XOM",), "unclassified": ("ZZZ",)},
    references=("I:VIX", "SPY", "XLK"),
    proxies={"Technology": "XLK"},
    membership={"GME": {"since": "2025-03-04"}, "XOM": {"until": "2025-03-03"}},
)
DATES = [dt.date(2025, 3, 3), dt.date(2025, 3, 4)]


def test_sectors_are_numbered_by_name_and_references_have_none() -> None:
    peers = peers_of(UNIVERSE, UNIVERSE.symbols, DATES)
    sectors = dict(zip(UNIVERSE.symbols, peers.sector.tolist(), strict=True))
    assert sectors == {"AAPL": 2, "GME": 1, "I:VIX": -1, "MSFT": 2, "SPY": -1, "XLK": -1, "XOM": 0, "ZZZ": -1}
    assert sector_codes(UNIVERSE, UNIVERSE.symbols).tolist() == [2, 1, 3, 2, 3, 3, 0, 3]


def test_funds_are_found_by_column_and_absent_ones_are_minus_one() -> None:
    peers = peers_of(UNIVERSE, UNIVERSE.symbols, DATES)
    assert (peers.spy, peers.qqq) == (UNIVERSE.symbols.index("SPY"), -1)
    fund = UNIVERSE.symbols.index("XLK")
    assert peers.proxy.tolist() == [fund, -1, -1, fund, -1, -1, -1, -1]
    assert peers_of(UNIVERSE, ("AAPL", "SPY"), DATES).proxy.tolist() == [-1, -1]


def test_a_stock_is_a_member_on_its_first_and_last_day_and_a_reference_never() -> None:
    members = peers_of(UNIVERSE, UNIVERSE.symbols, DATES).member
    first, second = (set(np.array(UNIVERSE.symbols)[row].tolist()) for row in members)
    assert first == {"AAPL", "MSFT", "XOM", "ZZZ"}
    assert second == {"AAPL", "GME", "MSFT", "ZZZ"}


def test_no_dates_give_no_rows() -> None:
    assert peers_of(UNIVERSE, UNIVERSE.symbols, []).member.shape == (0, len(UNIVERSE.symbols))
