"""The model that recursive elimination asks: small boosted trees."""

from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

Rows = tuple[Float32, Int64, Float64]
"""Values `[n, feature]` (NaN: unknown), classes 0 to 2 and weights `[n]`."""

N_CLASSES = 3
ROUNDS = 40
PARAMETERS = {
    "objective": "multi:softprob",
    "num_class": N_CLASSES,
    "tree_method": "hist",
    "max_depth": 3,
    "learning_rate": 0.1,
    "min_child_weight": 20.0,
    "max_bin": 64,
    "seed": 0,
    "nthread": 1,
    "verbosity": 0,
}


def held_out_skill(train: Rows, test: Rows) -> tuple[float, Float64]:
    """Fit on `train`; return minus the weighted log-loss on `test` (nats) and the total gain of each feature."""
    import xgboost as xgb

    values, classes, weights = test
    booster = xgb.train(PARAMETERS, _matrix(train), num_boost_round=ROUNDS)
    shares = booster.inplace_predict(values)
    hit = np.maximum(shares[np.arange(len(classes)), classes].astype(np.float64), 1e-12)
    gain = np.zeros(values.shape[1])
    for name, total in booster.get_score(importance_type="total_gain").items():
        gain[int(name[1:])] = total
    return float(np.average(np.log(hit), weights=_uniform_if_empty(weights))), gain


def _matrix(rows: Rows) -> Any:
    import xgboost as xgb

    values, classes, weights = rows
    return xgb.DMatrix(values, classes, weight=_uniform_if_empty(weights), nthread=1)


def _uniform_if_empty(weights: Float64) -> Float64:
    return weights if weights.sum() > 0 else np.ones_like(weights)
