from daytrader_ray.dashboard.kelly import kelly_section
from tests.dashboard.results import kelly


def test_every_bucket_of_every_window_has_its_row() -> None:
    page = kelly_section([{"index": 0, "kelly": None}, {"index": 1, "kelly": kelly()}])
    assert "<td>2</td><td>0.4</td><td>61</td><td>55.0 %</td><td>15.00</td><td>10.00</td><td>1.00</td>" in page
    assert "<td>425.0 %</td>" in page and "<td>\u221250.0 %</td>" in page
    assert "425.0 % of equity a bet (median)" in page
    assert page.count("<tr>") == 3


def test_windows_without_an_edge_are_counted() -> None:
    lost = kelly() | {"weight": [0.0, 0.0], "true_kelly": [None, None]}
    page = kelly_section([{"index": 0, "kelly": lost}, {"index": 1, "kelly": lost}])
    assert "In 2 of 2 windows the strongest signals had no edge" in page
    assert "(median)" not in page


def test_there_is_no_section_without_kelly() -> None:
    assert kelly_section([{"index": 0, "kelly": None}]) == ""
