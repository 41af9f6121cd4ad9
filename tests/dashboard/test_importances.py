import re
from html import unescape

from daytrader_ray.dashboard.importances import SHOWN, section
from daytrader_ray.domain.trading import MEMBERS
from tests.dashboard.results import importances

WINDOWS = [importances(0.0), importances(0.1)]


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def measured(loss: dict[str, float]) -> dict[str, dict[str, dict[str, float]]]:
    return {"cnn": {"permutation": loss, "permutation_error": dict.fromkeys(loss, 0.0)}}


def test_what_may_be_chance_is_not_shaded() -> None:
    page = section([importances(0.0)], MEMBERS)
    assert re.findall(r"opacity:([0-9.]+)'></i>[^<]*0.04", page) == ["0.50", "0.50", "0.12", "0.12", "0.00", "0.00"]


def test_importances_are_means_over_windows_with_the_strongest_feature_first() -> None:
    told = words(section(WINDOWS, MEMBERS))
    assert "Feature LSTM XGB XGB gain lag.return_1 +0.450 ± 0.028 +0.450 ± 0.028 75.0 %" in told
    assert (
        "lag.return_5 +0.100 ± 0.028 +0.100 ± 0.028 25.0 % trend.sma_20 \u22120.020 ± 0.028 \u22120.020 ± 0.028 0.0 %"
        in told
    )
    assert "LSTM 100.0 %, XGBoost 100.0 %" in told


def test_the_features_a_member_drops_from_window_to_window_lower_its_stability() -> None:
    one, two = ({f"f{k}": 1.0 / (1 + k) for k in range(start, start + 10)} for start in (0, 5))
    told = words(section([measured(one), measured(two)], MEMBERS))
    assert "two windows share: CNN 33.3 %" in told
    assert "f0 +0.500 ± 0.000" in told


def test_a_long_list_is_folded_and_names_cannot_become_markup() -> None:
    many = {f"<b>{k}": 1.0 for k in range(SHOWN + 2)}
    page = section([measured(many)], MEMBERS)
    assert "2 more features" in page
    assert "One window says nothing" in page
    assert "<b>" not in page


def test_a_member_that_listens_to_nothing_has_no_strongest_features() -> None:
    deaf = {"permutation": {f"f{k}": 0.0 for k in range(20)}}
    told = words(section([{"cnn": deaf, "lstm": {"permutation": {"f1": 0.5}}}] * 2, MEMBERS))
    assert "two windows share: LSTM 100.0 %." in told


def test_without_a_measurement_there_is_no_section() -> None:
    assert section([], MEMBERS) == section([{}, {"lstm": {"permutation": {}}}], MEMBERS) == ""
