"""A baseline: multinomial logistic regression with an L2 penalty on the tabular row."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import Field
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression

from daytrader_ray.models.dataset import CLASSES, Dataset
from daytrader_ray.models.members.surface import Float32, Float64
from daytrader_ray.models.members.tabular import Inputs, TabularConfig, turned
from daytrader_ray.models.members.trees import of_logits


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
        return of_logits(turned(self.inputs.rows(block), self.coefficients) + self.intercepts)

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
        """See `Member.fit`; there is nothing to stop."""
        inputs = Inputs.fit(dataset, self.config)
        return flat(self.grow(dataset, inputs, seed), inputs)

    def grow(self, dataset: Dataset, inputs: Inputs, seed: int) -> LogisticRegression:
        """Fit with scikit-learn."""
        rows, weights = inputs.rows(dataset.windows).astype(np.float64), dataset.balanced_weights()
        regression = LogisticRegression(C=self.config.strength, max_iter=200, random_state=seed)
        return regression.fit(rows, dataset.labels, sample_weight=weights)

    @staticmethod
    def load(folder: Path) -> FittedLogistic:
        """Read what `FittedLogistic.save` wrote."""
        return FittedLogistic(**load_file(_file(folder)), inputs=Inputs.load(folder))


def flat(fitted: LogisticRegression, inputs: Inputs) -> FittedLogistic:
    """Lay out the coefficients; of two classes only the second has some."""
    classes = fitted.classes_.astype(np.int64) - CLASSES[0]
    given = classes if len(classes) > 2 else classes[1:]
    coefficients = np.zeros((fitted.coef_.shape[1], len(CLASSES)))
    intercepts = np.full(len(CLASSES), -np.inf)
    intercepts[classes] = 0.0
    coefficients[:, given], intercepts[given] = fitted.coef_.T, fitted.intercept_
    return FittedLogistic(coefficients, intercepts, inputs)


def _file(folder: Path) -> Path:
    return folder / "logistic.safetensors"
