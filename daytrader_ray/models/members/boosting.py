"""A baseline: gradient boosting as scikit-learn does it when nobody asks for anything.

Its defaults stop early on a random tenth of the samples, and so are the stronger baseline: XGBoost's own (100 rounds
at a rate of 0.3) learn the noise of weak signals.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from daytrader_ray.models.dataset import CLASSES, Dataset
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
        with threadpool_limits(1):
            return HistGradientBoostingClassifier(random_state=seed).fit(rows, dataset.labels, sample_weight=weights)

    @staticmethod
    def load(folder: Path) -> FittedTrees:
        """Read what `FittedTrees.save` wrote."""
        return FittedTrees.load(folder)


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
