"""Gradient boosted trees (Chen & Guestrin 2016): `hist`, three classes, early stopping on validation A."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xgboost as xgb
from pydantic import Field

from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.booster import PARAMETERS, FittedBooster, matrix
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
class XGBoost:
    """The boosted trees as a member."""

    config: XGBoostConfig = field(default_factory=XGBoostConfig)
    name: str = "xgboost"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedBooster:
        """See `Member.fit`; the trees are cut at the round that validates best."""
        dataset = dataset.thinned(self.config.max_samples, seed)
        inputs = Inputs.fit(dataset, self.config)
        stop: dict[str, Any] = {}
        if len(validation):
            stop = {
                "evals": [(matrix(validation, inputs), "validation")],
                "early_stopping_rounds": self.config.early_stopping,
                "verbose_eval": False,
            }
        booster = xgb.train(self._parameters(seed), matrix(dataset, inputs), self.config.rounds, **stop)
        if len(validation):
            booster = booster[: booster.best_iteration + 1]
        return FittedBooster(booster, inputs)

    @staticmethod
    def load(folder: Path) -> FittedBooster:
        """Read what `FittedBooster.save` wrote."""
        return FittedBooster.load(folder)

    def _parameters(self, seed: int) -> dict[str, Any]:
        return PARAMETERS | {
            "max_depth": self.config.depth,
            "learning_rate": self.config.learning_rate,
            "min_child_weight": self.config.min_child_weight,
            "subsample": self.config.subsample,
            "colsample_bytree": self.config.column_share,
            "max_bin": self.config.max_bins,
            "seed": seed,
        }
