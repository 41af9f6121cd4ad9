import datetime as dt

from daytrader_ray.domain.costs import CostConfig


def test_sessions_before_the_first_known_fees_are_told_and_none_after() -> None:
    costs, first = CostConfig(), dt.date(2019, 4, 16)
    before = [dt.date(2019, 4, 15), first]
    assert costs.unsure_of(before).startswith("On 1 of the 2 sessions fees are those of 2019-04-16")
    assert costs.unsure_of([first]) == costs.unsure_of([]) == ""
    assert costs.fees_on(before[0]) == costs.fees_on(first)
