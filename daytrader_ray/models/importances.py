"""Which features a member's skill rests on: by permutation (Breiman 2001; Fisher et al. 2019), in trees by gain too."""

import numpy as np
import numpy.typing as npt

from daytrader_ray.models.calibration import Calibrated
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.trees import FittedTrees

Float64 = npt.NDArray[np.float64]


def importances(member: Calibrated, dataset: Dataset, seed: int, n: int) -> dict[str, dict[str, float]]:
    """Return kind -> feature -> value: `permutation` with its `permutation_error` on validation A, `gain` of trees.

    At most `n` samples of A are used. Gain is the feature's share of what all splits gained in training.
    """
    loss, error = permutation(member, dataset.thinned(n, seed), seed)
    kinds = {"permutation": loss, "permutation_error": error}
    if isinstance(member.fitted, FittedTrees):
        kinds["gain"] = member.fitted.inputs.by_feature(member.fitted.gain)
    return {kind: dict(zip(dataset.features, values.tolist(), strict=True)) for kind, values in kinds.items()}


def permutation(member: Calibrated, dataset: Dataset, seed: int) -> tuple[Float64, Float64]:
    """Return the correlation of score and label that is lost with each feature, and its standard error `[feature]`.

    A feature is shuffled between samples, in all rows of the window alike: what is lost is the weighted covariance of
    label and (score - score after that), over the standard deviations of both. The error takes samples for independent.
    0 where scores or labels do not vary.
    """
    rng = np.random.default_rng(seed)
    windows, scores = np.array(dataset.windows), member.predict(dataset.windows)
    share = dataset.weights / dataset.weights.astype(np.float64).sum() if len(dataset) else np.empty(0)
    truth = _standard(dataset.labels.astype(np.float64), share)
    deviation = float(np.sqrt(share @ (scores - share @ scores) ** 2))
    loss, error = np.zeros(len(dataset.features)), np.zeros(len(dataset.features))
    if deviation == 0.0:
        return loss, error
    for k in range(len(loss)):
        windows[:, :, k] = dataset.windows[rng.permutation(len(dataset)), :, k]
        change = (scores - member.predict(windows)) / deviation
        product = (change - share @ change) * truth
        loss[k] = share @ product
        error[k] = np.sqrt(share**2 @ (product - loss[k]) ** 2)
        windows[:, :, k] = dataset.windows[:, :, k]
    return loss, error


def _standard(values: Float64, share: Float64) -> Float64:
    """Return values less their weighted mean, in weighted standard deviations; 0 where they do not vary."""
    apart = values - share @ values
    deviation = float(np.sqrt(share @ apart**2))
    return apart / deviation if deviation > 0 else apart
