"""A random forest (Breiman 2001), grown by scikit-learn and scored as flat arrays."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import Field
from safetensors.numpy import load_file, save_file
from sklearn.ensemble import RandomForestClassifier

from daytrader_ray.domain.jit import njit
from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.surface import Float32, Float64
from daytrader_ray.models.members.tabular import Inputs, TabularConfig

Int32 = npt.NDArray[np.int32]


class RandomForestConfig(TabularConfig):
    """Size of the forest."""

    trees: int = Field(default=60, ge=1)
    depth: int = Field(default=6, ge=1)
    min_leaf: int = Field(default=20, ge=1)


@dataclass(frozen=True)
class FittedRandomForest:
    """All nodes of all trees end to end [node]: a leaf has `feature` -1 and holds the mean score in `value`.

    `root` is the first node of each tree [tree].
    """

    root: Int32
    feature: Int32
    threshold: Float64
    left: Int32
    right: Int32
    value: Float64
    inputs: Inputs = field(default_factory=Inputs)

    def score(self, block: Float32) -> Float64:
        """See `Fitted.score`."""
        return _score(
            self.inputs.rows(block), self.root, self.feature, self.threshold, self.left, self.right, self.value
        )

    def save(self, folder: Path) -> None:
        """See `Fitted.save`."""
        nodes = {name: array for name, array in vars(self).items() if name != "inputs"}
        save_file(nodes, folder / "forest.safetensors")
        self.inputs.save(folder)


@dataclass(frozen=True)
class RandomForest:
    """The forest as a member."""

    config: RandomForestConfig = field(default_factory=RandomForestConfig)
    name: str = "random_forest"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedRandomForest:  # noqa: ARG002 - no stopping
        """See `Member.fit`; a forest needs no validation."""
        dataset = dataset.thinned(self.config.max_samples, seed)
        inputs = Inputs.fit(dataset, self.config)
        return replace(flat(self.grow(dataset, inputs, seed)), inputs=inputs)

    def grow(self, dataset: Dataset, inputs: Inputs, seed: int) -> RandomForestClassifier:
        """Grow the trees with scikit-learn."""
        forest = RandomForestClassifier(
            self.config.trees,
            max_depth=self.config.depth,
            min_samples_leaf=self.config.min_leaf,
            random_state=seed,
            n_jobs=1,
        )
        return forest.fit(inputs.rows(dataset.windows), dataset.labels, sample_weight=dataset.balanced_weights())

    @staticmethod
    def load(folder: Path) -> FittedRandomForest:
        """Read what `FittedRandomForest.save` wrote."""
        return FittedRandomForest(**load_file(folder / "forest.safetensors"), inputs=Inputs.load(folder))


def flat(forest: RandomForestClassifier) -> FittedRandomForest:
    """Lay the trees of a grown forest end to end."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    root = np.cumsum([0] + [tree.node_count for tree in trees[:-1]]).astype(np.int32)
    sides = forest.classes_.astype(np.float64)
    return FittedRandomForest(
        root=root,
        feature=np.concatenate([np.where(t.children_left < 0, -1, t.feature) for t in trees]).astype(np.int32),
        threshold=np.concatenate([t.threshold for t in trees]).astype(np.float64),
        left=np.concatenate([t.children_left + at for t, at in zip(trees, root, strict=True)]).astype(np.int32),
        right=np.concatenate([t.children_right + at for t, at in zip(trees, root, strict=True)]).astype(np.int32),
        value=np.concatenate([_mean_side(t.value[:, 0, :], sides) for t in trees]),
    )


def _mean_side(shares: Float64, sides: Float64) -> Float64:
    """Return P(+1) - P(-1) of each node [node] from its class shares `[node, class]`."""
    return np.asarray((shares * sides).sum(axis=1) / shares.sum(axis=1))


@njit
def _score(
    rows: Float32, root: Int32, feature: Int32, threshold: Float64, left: Int32, right: Int32, value: Float64
) -> Float64:
    scores = np.empty(len(rows))
    for row in range(len(rows)):
        total = 0.0
        for tree in range(len(root)):
            node = root[tree]
            while feature[node] >= 0:
                node = left[node] if rows[row, feature[node]] <= threshold[node] else right[node]
            total += value[node]
        scores[row] = total / len(root)
    return scores
