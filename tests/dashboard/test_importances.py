import re
from html import unescape

from daytrader_ray.dashboard.importances import SHOWN, section
from daytrader_ray.domain.trading import MEMBERS
from tests.dashboard.results import importances

WINDOWS = [importances(0.0), importances(0.1)]


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_importances_are_means_over_windows_with_the_strongest_feature_first() -> None:
    told = words(section(WINDOWS, MEMBERS))
    assert "Feature LSTM XGB XGB gain lag.return_1 45.0 % 45.0 % 75.0 %" in told
    assert "lag.return_5 10.0 % 10.0 % 25.0 % trend.sma_20 \u22122.0 % \u22122.0 % 0.0 %" in told
    assert "LSTM 100.0 %, XGBoost 100.0 %" in told


def test_the_features_a_member_drops_from_window_to_window_lower_its_stability() -> None:
    one, two = ({f"f{k}": 1.0 / (1 + k) for k in range(start, start + 10)} for start in (0, 5))
    told = words(section([{"cnn": {"permutation": one}}, {"cnn": {"permutation": two}}], MEMBERS))
    assert "two windows share: CNN 33.3 %" in told
    assert "f0 50.0 %" in told


def test_a_long_list_is_folded_and_names_cannot_become_markup() -> None:
    many = {f"<b>{k}": 1.0 for k in range(SHOWN + 2)}
    page = section([{"cnn": {"permutation": many}}], MEMBERS)
    assert "2 more features" in page
    assert "One window says nothing" in page
    assert "<b>" not in page


def test_without_a_measurement_there_is_no_section() -> None:
    assert section([], MEMBERS) == section([{}, {"lstm": {"permutation": {}}}], MEMBERS) == ""
