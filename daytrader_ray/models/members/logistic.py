"""A baseline: multinomial logistic regression with an L2 penalty on the tabular row."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import Field
from safetensors.numpy import load_file, save_file

from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.surface import Float32, Float64
from daytrader_ray.models.members.tabular import Inputs, TabularConfig, turned


class LogisticConfig(TabularConfig):
    """The penalty; `strength` is the inverse of its weight, as in scikit-learn."""

    strength: float = Field(default=1.0, gt=0)


@dataclass(frozen=True)
class FittedLogistic:
    """`coefficients` `[input, class]` and `intercepts` `[class]`; a class that was never seen has none (-inf)."""

    coefficients: Float64
    intercepts: Float64
    inputs: Inputs = field(default_factory=Inputs)

    def score(self, block: Float32) -> Float64:
        """See `Fitted.score`."""
        logits = turned(self.inputs.rows(block), self.coefficients) + self.intercepts
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray((shares[:, 2] - shares[:, 0]) / (shares[:, 0] + shares[:, 1] + shares[:, 2]))

    def save(self, folder: Path) -> None:
        """See `Fitted.save`."""
        save_file({"coefficients": self.coefficients, "intercepts": self.intercepts}, _file(folder))
        self.inputs.save(folder)


@dataclass(frozen=True)
class Logistic:
    """Logistic regression as a baseline."""

    config: LogisticConfig = field(default_factory=LogisticConfig)
    name: str = "logistic"

    def fit(self, dataset: Dataset, validation: Dataset, seed: int) -> FittedLogistic:  # noqa: ARG002 - no stopping
        """See `Member.fit`; there is nothing to stop. The seed draws the samples where there are too many."""
        from sklearn.linear_model import LogisticRegression

        dataset = dataset.thinned(self.config.max_samples, seed)
        inputs = Inputs.fit(dataset, self.config)
        rows = inputs.rows(dataset.windows).astype(np.float64)
        fitted = LogisticRegression(C=self.config.strength, max_iter=200)
        fitted.fit(rows, dataset.labels, sample_weight=dataset.balanced_weights())
        coefficients = np.zeros((rows.shape[1], len(CLASSES)))
        intercepts = np.full(len(CLASSES), -np.inf)
        found = fitted.classes_.astype(np.int64) - CLASSES[0]
        given, given_intercepts = fitted.coef_, fitted.intercept_
        if len(found) == 2:  # one row for the second class against the first
            given, given_intercepts = np.vstack([0 * given, given]), np.append(0.0, given_intercepts)
        coefficients[:, found], intercepts[found] = given.T, given_intercepts
        return FittedLogistic(coefficients, intercepts, inputs)

    @staticmethod
    def load(folder: Path) -> FittedLogistic:
        """Read what `FittedLogistic.save` wrote."""
        return FittedLogistic(**load_file(_file(folder)), inputs=Inputs.load(folder))


def _file(folder: Path) -> Path:
    return folder / "logistic.safetensors"
