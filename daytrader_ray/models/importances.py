"""Which features a member listens to: by permutation (Breiman 2001; Fisher et al. 2019) and, in trees, by gain."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.models.calibration import Calibrated
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.trees import FittedTrees

Float64 = npt.NDArray[np.float64]


def importances(member: Calibrated, dataset: Dataset, seed: int, n: int) -> dict[str, dict[str, float]]:
    """Return kind -> feature -> value: `permutation` on at most `n` samples of validation A, `gain` of trees.

    Gain is the feature's share of what all splits gained in training.
    """
    found = {"permutation": permutation(member, dataset.thinned(n, seed), seed)}
    if isinstance(member.fitted, FittedTrees):
        gain = member.fitted.inputs.by_feature(member.fitted.gain)
        found["gain"] = dict(zip(dataset.features, gain.tolist(), strict=True))
    return found


def permutation(member: Calibrated, dataset: Dataset, seed: int) -> dict[str, float]:
    """Return by feature the share of a member's skill that is lost when the feature is shuffled between samples.

    A feature is shuffled in all rows of the window alike. Skill is the covariance of score and label; what a calibrated
    score expects of the label stands in for the label, which is the same on average and has none of its noise:
    1 - cov(shuffled score, score) / var(score). 0 where the scores do not vary.
    """
    rng = np.random.default_rng(seed)
    windows = np.array(dataset.windows)
    scores = member.predict(windows)
    apart = scores - scores.mean() if len(scores) else scores
    skill = float(apart @ apart)
    found: dict[str, float] = {}
    for k, name in enumerate(dataset.features):
        windows[:, :, k] = dataset.windows[rng.permutation(len(dataset)), :, k]
        found[name] = 1.0 - float(member.predict(windows) @ apart) / skill if skill > 0 else 0.0
        windows[:, :, k] = dataset.windows[:, :, k]
    return found
