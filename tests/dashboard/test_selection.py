import re
from html import unescape
from typing import Any

from daytrader_ray.dashboard.selection import section
from tests.dashboard.results import result

SELECTION: dict[str, Any] = result()["selection"]


def words(page: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", page))


def row(page: str, name: str) -> str:
    return next(found for found in re.findall(r"<tr>.*?</tr>", page) if f"<td>{name}</td>" in found)


def test_every_feature_has_its_row_with_the_most_often_kept_first() -> None:
    page = section(SELECTION)
    order = [page.index(name) for name in SELECTION["features"][:3]]
    assert order == sorted(order)
    assert "2 of 2" in row(page, "lag.return_1")
    assert "3.00" in row(page, "lag.return_1")
    assert "1 of 2" in row(page, "lag.return_5")


def test_the_picture_has_a_cell_for_each_window_that_kept_it_and_darker_ones_tell_more() -> None:
    page = section(SELECTION)
    assert re.findall(r"x='(\d)'.*?opacity='([\d.]+)'", row(page, "lag.return_1")) == [("0", "1.00"), ("1", "0.60")]
    assert re.findall(r"x='(\d)'.*?opacity='([\d.]+)'", row(page, "trend.sma_20")) == [("0", "0.40")]


def test_what_was_left_out_says_why_as_plain_text() -> None:
    page = section(SELECTION)
    assert "Spearman +0.970 with &lt;b&gt;" in page
    assert "2 features that no window kept" in page
    assert "one value only" in row(page, "volume.obv")
    assert "\u2013" in row(page, "volume.relative_volume")


def test_stability_is_told_in_words_and_only_where_two_windows_can_tell() -> None:
    assert "2 of 5 on average" in words(section(SELECTION))
    assert "Two windows share 33.3 % of what they keep (unstable" in words(section(SELECTION))
    alone = SELECTION | {"stability": None, "windows": SELECTION["windows"][:1]}
    assert "One window says nothing" in words(section(alone))
    assert "(stable)" in words(section(SELECTION | {"stability": 0.9}))


def test_a_window_that_learned_nothing_still_has_a_page() -> None:
    windows = [{"mutual_information": [-0.001, None], "dropped": ["", ""]}]
    page = section({"features": ["a", "b"], "of": 2, "kept": 2.0, "stability": None, "windows": windows})
    assert page.count("opacity='0.20'") == 2
