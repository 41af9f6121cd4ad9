import numpy as np
import pytest

from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.models.weights.config import EnsembleConfig
from daytrader_ray.models.weights.skill import rank_ics, weights_by_skill

NAN = float("nan")


def test_weights_by_skill_lie_on_the_simplex_of_the_ensemble_and_follow_skill():
    generator = np.random.default_rng(5)
    forward = generator.standard_normal((400, 3))
    noise = generator.standard_normal((400, 3, 5))
    scores = noise + np.array([0.0, 0.5, -0.5, 1.0, 2.0]) * forward[:, :, None]
    forward[3, 1] = NAN
    scores[9, 2, 4] = NAN
    inside = np.array([False, True, True, True, False])
    weights = weights_by_skill(rank_ics(scores, forward, inside), inside)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] == weights[4] == 0.0
    assert weights[3] > weights[1] > weights[2]
    assert weights[2] == pytest.approx(1 / 6)
    two = np.array([True, False, True, False, False])
    assert weights_by_skill(np.array([-0.1, 0.2, -0.3, 0.0, 0.1]), two).tolist() == [0.5, 0.0, 0.5, 0.0, 0.0]


def test_an_unknown_scheme_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigError, match=r"no scheme called 'best': expected one of equal, skill"):
        EnsembleConfig.parse({"scheme": "best"}, "search.ensemble")


@pytest.mark.parametrize("values", [{"stacking_folds": 5}, {"scheme": "skill", "stacking_folds": 2}])
def test_folds_that_no_scheme_reads_are_refused(values):
    with pytest.raises(ConfigError, match="stacking_folds"):
        EnsembleConfig.parse(values, "search.ensemble")
