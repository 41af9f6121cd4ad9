"""What a search says of a list that was made later than the days it is judged on; no Ray is started here."""

from daytrader_ray.cluster.search import SearchRequest
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.judge import hindsight

DAYS = ["2025-03-06", "2025-03-07", "2025-03-10"]


def chosen(day: str | None) -> UniverseConfig:
    return UniverseConfig.parse({"sectors": {"all": ["AAA"]}, "chosen_on": day}, "here")


def test_days_before_the_list_was_made_are_counted_and_said():
    said = hindsight(chosen("2025-03-10"), DAYS)
    assert said == "The symbols were chosen on 2025-03-10, after 2 of the 3 days: that flatters every figure."
    assert "after 3 of the 3 days" in hindsight(chosen("2026-01-01"), DAYS)


def test_a_list_made_before_all_days_or_on_no_known_day_says_nothing():
    assert hindsight(chosen("2025-03-06"), DAYS) == hindsight(chosen(None), DAYS) == ""


def test_a_request_and_with_it_every_bundle_and_result_keeps_the_day_of_the_choice():
    request = SearchRequest(root="here", universe=chosen("2025-03-10"))
    assert request.model_dump(mode="json")["universe"]["chosen_on"] == "2025-03-10"
