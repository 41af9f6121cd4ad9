import math

import pytest

from daytrader_ray.analytics.measure import Estimate
from daytrader_ray.analytics.verdict import NOT_ASSESSED, SELECTED, TOO_SHORT, Evidence, run_verdict, verdict


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


def test_a_short_run_is_too_short_whatever_it_made() -> None:
    found = run_verdict(1, Estimate(0.02), selected=False)
    assert found.label == TOO_SHORT
    assert found.sentence.startswith("Too short: 1 day made 2.00% after costs.")


def test_a_run_whose_interval_holds_zero_may_be_luck() -> None:
    found = run_verdict(250, Estimate(0.02, -0.01, 0.05), selected=True)
    assert found.label == NOT_ASSESSED
    assert f"({SELECTED}). Luck alone could do that: its 95 % interval is -1.00% to +5.00%" in found.sentence


def test_a_gain_beyond_its_interval_is_still_no_proof() -> None:
    found = run_verdict(250, Estimate(-0.02, -0.05, -0.01), selected=False)
    assert found.sentence.startswith("250 days lost 2.00% after costs; its 95 % interval")
    assert "no proof" in found.sentence
