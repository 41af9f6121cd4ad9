"""A random forest (Breiman 2001) or extremely randomised trees (Geurts et al. 2006), grown by scikit-learn."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.surface import Float64
from daytrader_ray.models.members.tabular import Inputs, TabularConfig
from daytrader_ray.models.members.trees import FittedTrees, Tree


class RandomForestConfig(TabularConfig):
    """Size of the forest."""

    trees: int = Field(default=60, ge=1)
    depth: int = Field(default=6, ge=1)
    min_leaf: int = Field(default=100, ge=1, description="fewest samples in a leaf")
    extra: bool = Field(default=False, description="split at random thresholds on all samples: ExtraTrees")


@dataclass(frozen=True)
class RandomForest:
    """The forest as a member."""

    config: RandomForestConfig = field(default_factory=RandomForestConfig)
    name: str = "random_forest"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedTrees:  # noqa: ARG002 - no stopping
        """See `Member.fit`; a forest needs no validation."""
        inputs = Inputs.fit(dataset, self.config)
        return flat(self.grow(dataset, inputs, seed), inputs)

    def grow(self, dataset: Dataset, inputs: Inputs, seed: int) -> Any:
        """Grow the trees with scikit-learn."""
        kind = ExtraTreesClassifier if self.config.extra else RandomForestClassifier
        forest = kind(
            self.config.trees,
            max_depth=self.config.depth,
            min_samples_leaf=self.config.min_leaf,
            random_state=seed,
            n_jobs=1,
        )
        return forest.fit(inputs.rows(dataset.windows), dataset.labels, sample_weight=dataset.balanced_weights())

    @staticmethod
    def load(folder: Path) -> FittedTrees:
        """Read what `FittedTrees.save` wrote."""
        return FittedTrees.load(folder)


def flat(forest: Any, inputs: Inputs) -> FittedTrees:
    """Lay out a grown forest: each leaf adds its share of the mean over the trees of P(+1) - P(-1)."""
    sides, n = forest.classes_.astype(np.float64), len(forest.estimators_)
    grown = [estimator.tree_ for estimator in forest.estimators_]
    trees = [
        Tree(
            inner=tree.children_left >= 0,
            feature=tree.feature,
            threshold=tree.threshold,
            left=tree.children_left,
            right=tree.children_right,
            value=_mean_side(tree.value[:, 0, :], sides) / n,
        )
        for tree in grown
    ]
    return FittedTrees.of(trees, np.zeros(1), forest.feature_importances_, inputs)


def _mean_side(shares: Float64, sides: Float64) -> Float64:
    """Return P(+1) - P(-1) of each node [node] from its class shares `[node, class]`."""
    return np.asarray((shares * sides).sum(axis=1) / shares.sum(axis=1))
