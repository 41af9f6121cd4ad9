import math

import pytest

from daytrader_ray.analytics.verdict import Evidence, verdict


@pytest.mark.parametrize(("days", "label"), [(8, "too short"), (119, "too short"), (120, "not assessed")])
def test_the_label_depends_on_the_number_of_days(days: int, label: str) -> None:
    assert verdict(Evidence(days, 0.5, 0.99, 31)).label == label


@pytest.mark.parametrize("total", [0.3, 0.0, -0.2])
@pytest.mark.parametrize("days", [10, 500])
def test_no_verdict_ever_says_significant(days: int, total: float) -> None:
    assert "significant" not in verdict(Evidence(days, total, 0.999, 31)).sentence.lower()


def test_a_loss_is_called_a_loss_and_hindsight_is_said() -> None:
    got = verdict(Evidence(8, -0.0123, math.nan, 31, "The symbols were chosen after the data."))
    assert "lost 1.23%" in got.sentence
    assert got.sentence.endswith("The symbols were chosen after the data.")
