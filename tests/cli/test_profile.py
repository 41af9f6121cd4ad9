"""A profile says no to what it does not know, and keys never show."""

from pathlib import Path

import pytest

from daytrader_ray.cli.profile import load
from daytrader_ray.cli.roots import data_root
from daytrader_ray.domain.errors import ConfigError


def write(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


UNIVERSE = "universe:\n  sectors: {Tech: [AAPL]}\n"


def test_an_unknown_key_names_the_file_the_key_and_the_nearest_valid_one(tmp_path: Path) -> None:
    path = write(tmp_path, UNIVERSE + "kernel:\n  max_postion: 0.1\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: unknown key 'kernel\.max_postion'") as caught:
        load(path, environ={})
    assert "kernel.max_position" in caught.value.hint


def test_a_value_of_the_wrong_kind_names_its_key_and_what_was_found(tmp_path: Path) -> None:
    path = write(tmp_path, UNIVERSE + "kernel:\n  max_position: plenty\n")
    with pytest.raises(ConfigError, match=r"kernel\.max_position: .*found 'plenty'"):
        load(path, environ={})


def test_a_key_said_twice_in_one_section_is_refused_with_its_lines(tmp_path: Path) -> None:
    path = write(tmp_path, UNIVERSE + "kernel:\n  max_gross: 1\ncosts: {}\nkernel:\n  max_net: 1\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: line 6: 'kernel' is said a second time \(first in line 3\)"):
        load(path, environ={})
    path = write(tmp_path, UNIVERSE + "kernel:\n  hedge:\n    caps: {SPY: 0.1, SPY: 0.2}\n")
    with pytest.raises(ConfigError, match=r"line 5: 'SPY' is said a second time"):
        load(path, environ={})


@pytest.mark.parametrize("name", ["sandbox", "paper"])
def test_the_shipped_profiles_divide_and_hedge_the_book_and_follow_fear(name: str) -> None:
    portfolio = load(name, environ={}).portfolio
    assert portfolio.scheme == "min_variance" and portfolio.beta_hedge and portfolio.crowded == 0.6
    assert portfolio.fear.enabled and dict(portfolio.fear.hold) == {"TLT": 0.1}


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, UNIVERSE + "kernel:\n  max_position: 0.04\n")
    assert load(path, environ={"DAYTRADER__KERNEL__MAX_POSITION": "0.03"}).kernel.max_position == 0.03


def test_a_symbol_in_two_sectors_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "universe:\n  sectors: {Tech: [AAPL], Consumer: [AAPL]}\n")
    with pytest.raises(ConfigError, match="listed twice: AAPL"):
        load(path, environ={})


def test_hedges_that_the_universe_does_not_follow_are_refused_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, UNIVERSE + "portfolio:\n  beta_hedge: true\n  fear: {enabled: true, hold: {VIXY: 0.02}}\n")
    with pytest.raises(ConfigError, match=r"mine\.yaml: portfolio asks for I:VIX, VIXY$") as caught:
        load(path, environ={})
    assert caught.value.hint == "add them to universe.references"
    references = '[SPY, "I:VIX", VIXY, XLK]'
    assert load(path, environ={"DAYTRADER__UNIVERSE__REFERENCES": references}).portfolio.beta_hedge
    with pytest.raises(ConfigError, match=r"fear\.hold names XLK: expected hedges"):
        hold = {"DAYTRADER__UNIVERSE__REFERENCES": references, "DAYTRADER__PORTFOLIO__FEAR__HOLD": "{XLK: 0.1}"}
        load(path, environ=hold)


def test_a_missing_profile_is_named() -> None:
    with pytest.raises(ConfigError, match="profile 'nowhere' not found"):
        load("nowhere", environ={})


def test_keys_come_from_the_environment_and_are_masked(tmp_path: Path) -> None:
    path = write(tmp_path, UNIVERSE)
    profile = load(path, environ={"MASSIVE_API_KEY": "tell-nobody", "APCA_API_KEY_ID": "nor-this"})
    assert profile.keys.polygon.get_secret_value() == "tell-nobody"
    assert "tell-nobody" not in repr(profile)
    assert "nor-this" not in repr(profile)


def test_two_names_of_one_key_with_different_values_are_an_error_that_shows_neither(tmp_path: Path) -> None:
    path = write(tmp_path, UNIVERSE)
    with pytest.raises(ConfigError) as caught:
        load(path, environ={"POLYGON_API_KEY": "one", "MASSIVE_API_KEY": "two"})
    assert "POLYGON_API_KEY and MASSIVE_API_KEY" in caught.value.message
    assert "one" not in caught.value.message.split()
    assert "two" not in caught.value.message.split()


def test_the_data_root_is_the_option_then_the_environment_then_the_current_folder(tmp_path: Path) -> None:
    assert data_root("here", {"DAYTRADER_DATA": "there"}) == str(Path("here").resolve())
    assert data_root(None, {"DAYTRADER_DATA": str(tmp_path)}) == str(tmp_path)
    assert data_root(None, {}) == str(Path("data").resolve())
    assert data_root("s3://bucket/data", {}) == "s3://bucket/data"


@pytest.mark.parametrize("name", ["sandbox", "paper"])
def test_the_shipped_profiles_load(name: str) -> None:
    profile = load(name, environ={})
    assert profile.is_sandbox == (name == "sandbox")
    assert profile.universe.stocks


@pytest.mark.parametrize("key", ["name", "root", "keys"])
def test_what_a_file_may_not_say_is_an_unknown_key(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match=f"unknown key '{key}'"):
        load(write(tmp_path, f"{UNIVERSE}{key}: mine\n"), environ={})


def test_a_malformed_override_names_its_variable(tmp_path: Path) -> None:
    path = write(tmp_path, UNIVERSE)
    with pytest.raises(ConfigError, match=r"DAYTRADER__SEARCH__TRAIN: not readable as YAML: '\['"):
        load(path, environ={"DAYTRADER__SEARCH__TRAIN": "["})


def test_a_missing_section_is_named_without_the_rest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, "kernel: {max_position: 0.04}\n"), environ={})
    assert caught.value.message.endswith("mine.yaml: missing key 'universe'")


def test_a_section_that_is_refused_as_a_whole_is_not_printed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="listed twice") as caught:
        load(write(tmp_path, "universe:\n  sectors: {Tech: [AAPL], Consumer: [AAPL]}\n"), environ={})
    assert "found" not in caught.value.message


def test_a_name_that_is_hard_to_borrow_but_in_no_list_is_a_mistake(tmp_path: Path) -> None:
    path = write(tmp_path, UNIVERSE + "kernel: {hard_to_borrow: [AAPL, APPL]}\n")
    with pytest.raises(ConfigError, match=r"kernel\.hard_to_borrow names APPL: expected symbols of the universe"):
        load(path, environ={})
    assert {"GME", "AMC", "NVAX", "MARA"} <= set(load("paper", environ={}).kernel.hard_to_borrow)
