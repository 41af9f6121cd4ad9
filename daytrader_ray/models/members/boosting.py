"""A baseline: gradient boosting as scikit-learn does it when nobody asks for anything.

Its defaults stop early on a random tenth of the samples, and so are the stronger baseline: XGBoost's own (100 rounds
at a rate of 0.3) learn the noise of weak signals.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.ensemble._hist_gradient_boosting import binning
from threadpoolctl import threadpool_limits

from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.surface import Float64
from daytrader_ray.models.members.tabular import Inputs, TabularConfig
from daytrader_ray.models.members.trees import FittedTrees, Tree


class BoostingConfig(TabularConfig):
    """Nothing but the rows: a baseline that is tuned is none."""


@dataclass(frozen=True)
class Boosting:
    """Default gradient boosting as a baseline."""

    config: BoostingConfig = field(default_factory=BoostingConfig)
    name: str = "boosting"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedTrees:  # noqa: ARG002 - defaults
        """See `Member.fit`; the defaults know no validation."""
        inputs = Inputs.fit(dataset, self.config)
        return flat(self.grow(dataset, inputs, seed), inputs)

    def grow(self, dataset: Dataset, inputs: Inputs, seed: int) -> HistGradientBoostingClassifier:
        """Grow the trees with scikit-learn, in one thread."""
        rows, weights = inputs.rows(dataset.windows), dataset.balanced_weights()
        with threadpool_limits(1), quantiles_at_once():
            return HistGradientBoostingClassifier(random_state=seed).fit(rows, dataset.labels, sample_weight=weights)

    @staticmethod
    def load(folder: Path) -> FittedTrees:
        """Read what `FittedTrees.save` wrote."""
        return FittedTrees.load(folder)


@contextmanager
def quantiles_at_once() -> Iterator[None]:
    """Have scikit-learn find the bins of a feature with one sort, to the same bits, inside the block.

    It asks for one weighted quantile after the other, 254 of each feature, and sorts all samples for each of them: that
    is half of a fit or more. (More than 200,000 samples it draws from first, and asks for plain quantiles.)
    """
    theirs = binning._find_binning_thresholds

    def edges(values: Float64, max_bins: int, sample_weight: Float64 | None) -> Float64:
        found: Float64 = (
            theirs(values, max_bins) if sample_weight is None else bin_edges(values, max_bins, sample_weight)
        )
        return found

    binning._find_binning_thresholds = edges
    try:
        yield
    finally:
        binning._find_binning_thresholds = theirs


def bin_edges(values: Float64, max_bins: int, sample_weight: Float64) -> Float64:
    """Return the edges between at most `max_bins` bins of equal weight of a feature's known `values` `[n]`.

    As scikit-learn 1.9 does: the midpoints where there are no more distinct values than bins, else the averaged
    inverted weighted distribution function (Hyndman & Fan 1996).
    """
    used = sample_weight != 0
    order = np.argsort(values[used])
    values, weights = values[used][order], sample_weight[used][order]
    distinct = np.unique(values)
    if len(distinct) <= max_bins:
        return (distinct[1:] + distinct[:-1]) / 2.0
    order = np.argsort(values)
    values, below, last = values[order], np.cumsum(weights[order]), len(values) - 1
    ranks = np.linspace(0, 100, max_bins + 1)[1:-1] / 100 * below[-1]
    at = np.minimum(np.searchsorted(below, ranks), last)
    beyond = below[at] - ranks > np.finfo(np.float64).eps
    edges = np.where(beyond, values[at], (values[at] + values[np.minimum(at + 1, last)]) / 2.0)
    return np.unique(edges)


def flat(grown: HistGradientBoostingClassifier, inputs: Inputs) -> FittedTrees:
    """Lay out the trees; of two classes only the second has some, and a class that was never seen has no chance."""
    classes = grown.classes_.astype(np.int64) - CLASSES[0]
    grouped = classes if len(classes) > 2 else classes[1:]
    base = np.full(len(CLASSES), -np.inf)
    base[classes] = 0.0
    base[grouped] = grown._baseline_prediction[0]
    found = [(tree.nodes, group) for rounds in grown._predictors for tree, group in zip(rounds, grouped, strict=True)]
    gain = np.zeros(grown.n_features_in_)
    for nodes, _ in found:
        np.add.at(gain, nodes["feature_idx"], np.where(nodes["is_leaf"], 0.0, nodes["gain"]))
    return FittedTrees.of([_tree(nodes, int(group)) for nodes, group in found], base, gain, inputs)


def _tree(nodes: Any, group: int) -> Tree:
    return Tree(
        inner=nodes["is_leaf"] == 0,
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        left=nodes["left"].astype(np.int64),
        right=nodes["right"].astype(np.int64),
        value=nodes["value"],
        group=group,
    )
