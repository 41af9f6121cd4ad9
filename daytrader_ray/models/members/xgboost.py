"""Gradient boosted trees (Chen & Guestrin 2016): `hist`, three classes, early stopping on validation A."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import xgboost as xgb
from pydantic import Field

from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.tabular import Inputs, TabularConfig
from daytrader_ray.models.members.trees import FittedTrees, Tree


class XGBoostConfig(TabularConfig):
    """Size and learning of the boosted trees."""

    rounds: int = Field(default=80, ge=1)
    early_stopping: int = Field(default=15, ge=1)
    depth: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=0.1, gt=0)
    min_child_weight: float = Field(default=20.0, ge=0)
    subsample: float = Field(default=0.8, gt=0, le=1)
    column_share: float = Field(default=0.7, gt=0, le=1)
    max_bins: int = Field(default=64, ge=2)


@dataclass(frozen=True)
class XGBoost:
    """The boosted trees as a member."""

    config: XGBoostConfig = field(default_factory=XGBoostConfig)
    name: str = "xgboost"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedTrees:
        """See `Member.fit`; the trees are cut at the round that validates best."""
        return self.fit_from(None, dataset, validation, seed)

    def fit_from(self, start: Any, dataset: Dataset, validation: Dataset, seed: int) -> FittedTrees:
        """See `Continuing.fit_from`: trees grown after those of `start` (`FittedTrees`), on what they leave."""
        inputs = Inputs.fit(dataset, self.config) if start is None else start.inputs
        grown = flat(self.grow(dataset, validation, inputs, seed, start), inputs)
        return grown if start is None else start.followed_by(grown)

    def as_long_as(self, fitted: Any, start: Any) -> Self:
        """See `Stopping.as_long_as`."""
        trees = len(fitted.root) - (0 if start is None else len(start.root))
        return replace(self, config=self.config.model_copy(update={"rounds": trees // len(CLASSES)}))

    def grow(
        self, dataset: Dataset, validation: Dataset, inputs: Inputs, seed: int, start: FittedTrees | None = None
    ) -> xgb.Booster:
        """Grow the trees with XGBoost and keep the rounds up to the best one."""
        stop: dict[str, Any] = {}
        if len(validation):
            stop = {
                "evals": [(_matrix(validation, inputs, start), "validation")],
                "early_stopping_rounds": self.config.early_stopping,
                "verbose_eval": False,
            }
        booster = xgb.train(self._parameters(seed), _matrix(dataset, inputs, start), self.config.rounds, **stop)
        return booster[: booster.best_iteration + 1] if len(validation) else booster

    @staticmethod
    def load(folder: Path) -> FittedTrees:
        """Read what `FittedTrees.save` wrote."""
        return FittedTrees.load(folder)

    def _parameters(self, seed: int) -> dict[str, Any]:
        return {
            "objective": "multi:softprob",
            "num_class": len(CLASSES),
            "tree_method": "hist",
            "max_depth": self.config.depth,
            "learning_rate": self.config.learning_rate,
            "min_child_weight": self.config.min_child_weight,
            "subsample": self.config.subsample,
            "colsample_bytree": self.config.column_share,
            "max_bin": self.config.max_bins,
            "seed": seed,
            "nthread": 1,
            "verbosity": 0,
        }


def flat(booster: xgb.Booster, inputs: Inputs) -> FittedTrees:
    """Lay out boosted trees of three classes, in the order of the rounds."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    model = learner["gradient_booster"]["model"]
    trees = [_tree(values, group) for values, group in zip(model["trees"], model["tree_info"], strict=True)]
    start = np.float32(json.loads(learner["learner_model_param"]["base_score"]))
    gain = np.zeros(booster.num_features())
    for name, total in booster.get_score(importance_type="total_gain").items():
        gain[int(name[1:])] = total
    return FittedTrees.of(trees, np.broadcast_to(start, len(CLASSES)).copy(), gain, inputs)


def _tree(values: dict[str, Any], group: int) -> Tree:
    """Read a tree of XGBoost's JSON: left is x < condition, and a leaf's condition is its value."""
    left = np.array(values["left_children"])
    condition = np.array(values["split_conditions"], dtype=np.float32)
    return Tree(
        inner=left >= 0,
        feature=np.array(values["split_indices"]),
        threshold=np.nextafter(condition, np.float32(-np.inf)).astype(np.float64),
        left=left,
        right=np.array(values["right_children"]),
        value=condition,
        group=group,
    )


def _matrix(dataset: Dataset, inputs: Inputs, start: FittedTrees | None) -> xgb.DMatrix:
    return xgb.DMatrix(
        inputs.rows(dataset.windows),
        dataset.classes,
        weight=dataset.balanced_weights(),
        base_margin=None if start is None else start.sums(dataset.windows),
        nthread=1,
    )
