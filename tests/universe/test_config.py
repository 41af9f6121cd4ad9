import json

import pytest
import yaml
from pydantic import ValidationError

from daytrader_ray.cli.profile import load
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.criteria import REGISTRY, Rule, Use


def test_an_index_among_the_stocks_is_refused() -> None:
    with pytest.raises(ValidationError, match="nobody trades an index; it belongs to the references: I:VIX"):
        UniverseConfig(sectors={"one": ("AAPL", "I:VIX")})


def test_indices_among_chosen_symbols_are_watched_and_the_others_traded() -> None:
    chosen = UniverseConfig(sectors={"Energy": ("XOM",)}).replaced_by(("SPY", "XOM", "I:VIX", "I:VIX3M"))
    assert chosen.references == ("I:VIX", "I:VIX3M")
    assert chosen.stocks == ("SPY", "XOM")
    assert chosen.sector_of("XOM") == "Energy"


def parsed(text: str) -> UniverseConfig:
    return UniverseConfig.parse(yaml.safe_load(f"sectors: {{Tech: [AAPL, GONE]}}\n{text}"), "mine.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pinned: [XYZ]", "pinned names XYZ: expected stocks of a sector"),
        ("membership: {SPY: {until: 2025-01-01}}", "membership names SPY: expected stocks of a sector"),
        ("proxies: {Tec: SPY}", "proxies names Tec: expected sectors"),
        ("proxies: {Tech: XLK}", "proxies names XLK: expected references"),
        ("membership: {GONE: {since: 2025-02-01, until: 2025-01-01}}", "since 2025-02-01 is after until 2025-01-01"),
        ("eligibility: {volum: off}", "no criterion 'volum'; did you mean 'volume'?"),
        ("eligibility: {zzz: off}", f"no criterion 'zzz': expected {', '.join(REGISTRY)}"),
        ("eligibility: [volume]", "expected criteria by name"),
        ("eligibility: {volume: sometimes}", "eligibility.volume.use: Input should be 'filter', 'score' or 'off'"),
        ("eligibility: {volume: {lower: 3}}", "unknown key 'eligibility.volume.lower'"),
        ("eligibility: {volume: {low: 3, high: 2}}", "eligibility.volume: low 3 is above high 2"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_key(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    assert "mine.yaml" in caught.value.message and message in caught.value.message
    assert "\n" not in caught.value.message


def test_a_rule_keeps_what_is_not_overridden_and_off_may_be_bare() -> None:
    rules = parsed("eligibility: {volume: {low: 5.0e+6}, atr: off, beta: filter}").eligibility
    assert rules["volume"] == Rule(use="filter", low=5e6)
    assert rules["atr"].use is Use.OFF and rules["atr"].low == 0.02
    assert rules["beta"] == Rule(use="filter", low=1.5)
    assert rules["market_cap"] == Rule(use="score", low=1e9, high=100e9)


def test_a_universe_survives_its_own_json() -> None:
    made = parsed("membership: {GONE: {until: 2025-01-01}}\npinned: [AAPL]\neligibility: {atr: off}\nmax_symbols: 5")
    assert UniverseConfig.parse(json.loads(made.model_dump_json()), "again") == made


def test_the_paper_profile_has_the_named_stocks_and_all_references() -> None:
    universe = load("paper", environ={}).universe
    assert 55 <= len(universe.stocks) <= 70
    assert universe.sector_names == ("Biotech", "Consumer", "Crypto-related", "Energy", "Meme", "Technology")
    always = "NVDA TSLA AAPL MSFT META MRNA GILD BIIB VRTX XOM CVX SLB HAL MARA COIN RIOT AMZN NFLX DIS GME AMC"
    assert set(universe.pinned) == set(always.split())
    watched = "SPY QQQ XLK XLV XLE XLY XBI TLT GLD I:VIX I:VIX3M VIXY"
    assert set(universe.references) == set(watched.split())
    assert universe.proxies == {"Technology": "XLK", "Biotech": "XBI", "Energy": "XLE", "Consumer": "XLY"}
    assert universe.chosen_on is not None and universe.max_symbols is None and universe.rotation.enabled
