"""What the report says of size."""

from daytrader_ray.dashboard.sizing import section
from tests.dashboard.results import result


def best() -> dict:
    return next(trial for trial in result()["trials"] if trial["mask"] == 9)


def test_each_window_shows_its_fraction_its_weights_and_the_true_kelly() -> None:
    page = section(best())
    assert "0.25 from 0.40, 1.00 from 0.70" in page and "<td>0.30</td>" in page
    assert "60.0 % of 61" in page and "12.50" in page and "1,234" in page


def test_what_bound_the_entries_is_counted_over_all_windows() -> None:
    page = section(best())
    assert "nothing 75.0 %, sector 25.0 %" in page
    assert "less than a share: 6" in page


def test_a_search_that_sizes_by_the_signal_alone_has_no_such_section() -> None:
    trial = best()
    assert section(trial | {"windows": [window | {"kelly": None} for window in trial["windows"]]}) == ""
