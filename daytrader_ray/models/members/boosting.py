"""A baseline: gradient boosting as XGBoost does it when nobody asks for anything (100 rounds, its own defaults)."""

from dataclasses import dataclass, field
from pathlib import Path

import xgboost as xgb

from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.booster import PARAMETERS, FittedBooster, matrix
from daytrader_ray.models.members.tabular import Inputs, TabularConfig

ROUNDS = 100
"""What `xgboost.XGBClassifier` takes by default."""


class BoostingConfig(TabularConfig):
    """Nothing but the rows: a baseline that is tuned is none."""


@dataclass(frozen=True)
class Boosting:
    """Default gradient boosting as a baseline."""

    config: BoostingConfig = field(default_factory=BoostingConfig)
    name: str = "boosting"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedBooster:  # noqa: ARG002 - no stopping
        """See `Member.fit`; the defaults need no validation."""
        dataset = dataset.thinned(self.config.max_samples, seed)
        inputs = Inputs.fit(dataset, self.config)
        return FittedBooster(xgb.train(PARAMETERS | {"seed": seed}, matrix(dataset, inputs), ROUNDS), inputs)

    @staticmethod
    def load(folder: Path) -> FittedBooster:
        """Read what `FittedBooster.save` wrote."""
        return FittedBooster.load(folder)
