import pytest
from pydantic import ValidationError

from daytrader_ray.universe.config import UniverseConfig


def test_an_index_among_the_stocks_is_refused() -> None:
    with pytest.raises(ValidationError, match="nobody trades an index; it belongs to the references: I:VIX"):
        UniverseConfig(sectors={"one": ("AAPL", "I:VIX")})


def test_indices_among_chosen_symbols_are_watched_and_the_others_traded() -> None:
    chosen = UniverseConfig(sectors={"Energy": ("XOM",)}).replaced_by(("SPY", "XOM", "I:VIX", "I:VIX3M"))
    assert chosen.references == ("I:VIX", "I:VIX3M")
    assert chosen.stocks == ("SPY", "XOM")
    assert chosen.sector_of("XOM") == "Energy"
