"""Gradient boosted trees (Chen & Guestrin 2016): `hist`, three classes, early stopping on validation A."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from pydantic import Field

from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.surface import Float32, Float64, score_in_blocks
from daytrader_ray.models.members.tabular import Inputs, TabularConfig


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
class FittedXGBoost:
    """Boosted trees, cut at the best round."""

    booster: xgb.Booster
    inputs: Inputs = field(default_factory=Inputs)

    def predict(self, windows: Float32) -> Float64:
        """See `Fitted.predict`."""
        return score_in_blocks(windows, self.score)

    def score(self, block: Float32) -> Float32:
        """Return the scores of one block before rounding [row]."""
        shares = self.booster.inplace_predict(self.inputs.rows(block))
        return np.asarray(shares[:, 2] - shares[:, 0])

    def save(self, folder: Path) -> None:
        """See `Fitted.save`."""
        (folder / "trees.ubj").write_bytes(bytes(self.booster.save_raw("ubj")))
        self.inputs.save(folder)


@dataclass(frozen=True)
class XGBoost:
    """The boosted trees as a member."""

    config: XGBoostConfig = field(default_factory=XGBoostConfig)
    name: str = "xgboost"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedXGBoost:
        """See `Member.fit`."""
        dataset = dataset.thinned(self.config.max_samples, seed)
        inputs = Inputs.fit(dataset, self.config)
        train = _matrix(dataset, inputs)
        stop: dict[str, Any] = {}
        if len(validation):
            stop = {
                "evals": [(_matrix(validation, inputs), "validation")],
                "early_stopping_rounds": self.config.early_stopping,
                "verbose_eval": False,
            }
        booster = xgb.train(self._parameters(seed), train, num_boost_round=self.config.rounds, **stop)
        if len(validation):
            booster = booster[: booster.best_iteration + 1]
        return FittedXGBoost(booster, inputs)

    @staticmethod
    def load(folder: Path) -> FittedXGBoost:
        """Read what `FittedXGBoost.save` wrote."""
        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray((folder / "trees.ubj").read_bytes()))
        return FittedXGBoost(booster, Inputs.load(folder))

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


def _matrix(dataset: Dataset, inputs: Inputs) -> xgb.DMatrix:
    return xgb.DMatrix(inputs.rows(dataset.windows), dataset.classes, weight=dataset.balanced_weights(), nthread=1)
