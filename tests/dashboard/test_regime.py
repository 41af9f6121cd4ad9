import re
from html import unescape
from typing import Any

from daytrader_ray.dashboard.figures import price_figure
from daytrader_ray.dashboard.regime import section
from tests.dashboard.results import regime

BEST: dict[str, Any] = {"windows": []}
REGIME: dict[str, Any] = regime(["2025-11-05", "2025-11-06"])


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<script.*?</script>", "", page, flags=re.S))).split())


def test_the_model_is_told_with_its_transitions_lengths_and_probabilities_now() -> None:
    told = words(section(REGIME, ["corr_qqq", "vix"], BEST))
    assert "trending volatile crisis" in told
    assert "probability now 10.0 % 85.0 % 5.0 %" in told
    assert "lasts on average 4 h 10 min 1 h 23 min 50 min" in told
    assert "in force, all history 50.0 % 30.0 % 0.0 %" in told
    assert "five minutes after volatile 5.0 % 94.0 % 1.0 %" in told
    assert "log volatility over usual, mean \u22120.30 0.10 0.90" in told
    assert "at 2025-11-06 21:00 UTC" in told
    assert "Its third state always counts as volatile" in told
    assert "had to do without: correlation of SPY with QQQ" in told


def test_the_vix_says_what_a_crisis_is_only_where_it_is_known() -> None:
    now = REGIME["now"] | {"left_out": []}
    assert "only while the VIX is above 30" in section(REGIME | {"now": now}, [], BEST)
    assert "a crisis whatever the VIX" in section(REGIME | {"now": now | {"crisis_vix": 0.0}}, [], BEST)


def test_the_line_changes_its_colour_where_the_regime_in_force_changes() -> None:
    figure = price_figure([29_000_000 + 5 * k for k in range(5)], [1.0, 2.0, 3.0, 4.0, 5.0], [0, 0, 1, 0, 2])
    pieces = dict(zip(re.findall(r'"name":"(\w+)"', figure), re.findall(r'"x":(\[[^\]]*\])', figure), strict=True))
    assert pieces == {"trending": "[0,1,2,null,3,4,null]", "volatile": "[2,3,null]", "crisis": "[4,null]"}


def test_times_are_those_of_new_york() -> None:
    assert '"05 Nov 2025 09:34"' in section(REGIME, [], BEST)


def test_without_a_model_or_a_price_the_section_says_so() -> None:
    path = {"minute": [29_000_000], "close": [None], "state": [-1]}
    told = words(section({"now": None, "shares": {"unknown": 1.0}, "path": path}, ["log_rv"], BEST))
    assert "too short for a model" in told
    assert "SPY has no price" in told
    assert "volatility of SPY" in told
