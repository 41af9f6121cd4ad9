"""What the members boosted by XGBoost share: the rows they learn from, scoring and storage."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import xgboost as xgb

from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.surface import Float32
from daytrader_ray.models.members.tabular import Inputs

PARAMETERS: dict[str, Any] = {
    "objective": "multi:softprob",
    "num_class": len(CLASSES),
    "tree_method": "hist",
    "nthread": 1,
    "verbosity": 0,
}


@dataclass(frozen=True)
class FittedBooster:
    """Boosted trees of three classes."""

    booster: xgb.Booster
    inputs: Inputs = field(default_factory=Inputs)

    def score(self, block: Float32) -> Float32:
        """See `Fitted.score`."""
        shares = self.booster.inplace_predict(self.inputs.rows(block))
        return np.asarray(shares[:, 2] - shares[:, 0])

    def save(self, folder: Path) -> None:
        """See `Fitted.save`."""
        (folder / "trees.ubj").write_bytes(bytes(self.booster.save_raw("ubj")))
        self.inputs.save(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote."""
        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray((folder / "trees.ubj").read_bytes()))
        return cls(booster, Inputs.load(folder))


def matrix(dataset: Dataset, inputs: Inputs) -> xgb.DMatrix:
    """Return the samples as XGBoost reads them."""
    return xgb.DMatrix(inputs.rows(dataset.windows), dataset.classes, weight=dataset.balanced_weights(), nthread=1)
