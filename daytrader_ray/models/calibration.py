"""From raw scores to probabilities: P(+1) - P(-1) as often as it says, fitted on validation A.

Every calibration is odd and non-decreasing: it keeps the sign and the order of the scores, and cannot turn the drift
that A happened to have into a view. Each sample counts once: a probability is a frequency, which the weights that a
fit uses (uniqueness times |return|) would bend.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from daytrader_ray.models.dataset import Dataset
from daytrader_ray.models.members.surface import Fitted, score_in_blocks

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]

Kind = Literal["platt", "isotonic", "none"]

FEWEST = 200
"""With fewer samples in A scores are left as they are."""

MOST = 10_000
"""More samples are thinned to so many: two figures need no more."""

SLOPE, SPREAD = 1.5, 1.0
"""Platt's prior: slope times e^(+-SPREAD), intercept +-SPREAD. Classes of equal shares with honest small scores have
slope 1.5 and intercept 0; where A contradicts a member the slope goes to small, not through zero."""


class Calibration(Protocol):
    """A function of raw scores, in [-1, 1]; a dataclass of plain values."""

    @property
    def kind(self) -> str:
        """One of `Kind`."""
        ...

    def apply(self, scores: Float64) -> Float64:
        """Return the calibrated scores of any shape, element by element."""
        ...


@dataclass(frozen=True)
class Identity:
    """Scores as they are, and why."""

    kind: ClassVar[str] = "none"
    reason: str = "not asked for"

    def apply(self, scores: Float64) -> Float64:
        """See `Calibration.apply`."""
        return scores


@dataclass(frozen=True)
class Platt:
    """Logits (a + b s, 0, a - b s) of up, flat and down for a raw score s, b > 0 (after Platt 1999)."""

    kind: ClassVar[str] = "platt"
    a: float
    b: float

    def apply(self, scores: Float64) -> Float64:
        """See `Calibration.apply`."""
        up, down = np.exp(self.a + self.b * scores), np.exp(self.a - self.b * scores)
        return np.asarray((up - down) / (1.0 + (up + down)))

    @classmethod
    def fit(cls, scores: Float64, labels: Int8) -> "Platt":
        """Maximise the likelihood of `labels` {-1, 0, 1} `[n]`, times the prior of a and log b."""
        from scipy.optimize import minimize

        def loss(at: Float64) -> tuple[float, Float64]:
            a, b = at[0], np.exp(at[1])
            up, down = np.exp(a + b * scores), np.exp(a - b * scores)
            total = 1.0 + up + down
            fit = np.log(total) - (labels != 0) * a - labels * b * scores
            slope = np.array([a, at[1] - np.log(SLOPE)]) / SPREAD**2
            by_a = (up + down) / total - (labels != 0)
            by_b = ((up - down) / total - labels) * scores * b
            return float(fit.sum() + 0.5 * SPREAD**2 * (slope @ slope)), slope + np.array([by_a.sum(), by_b.sum()])

        bounds = [(-10.0, 10.0), (np.log(SLOPE) - 5.0, np.log(SLOPE) + 5.0)]
        found = minimize(loss, np.array([0.0, np.log(SLOPE)]), jac=True, method="L-BFGS-B", bounds=bounds).x
        return cls(float(found[0]), float(np.exp(found[1])))


@dataclass(frozen=True)
class Isotonic:
    """The non-decreasing function nearest to the labels (Zadrozny & Elkan 2002): linear between knots of |score|."""

    kind: ClassVar[str] = "isotonic"
    knots: list[float]
    values: list[float]

    def apply(self, scores: Float64) -> Float64:
        """See `Calibration.apply`."""
        return np.asarray(np.sign(scores) * np.interp(np.abs(scores), self.knots, self.values))

    @classmethod
    def fit(cls, scores: Float64, labels: Int8) -> "Isotonic":
        """Fit on (s, y) and (-s, -y), so that the function is odd; `scores` and `labels` `[n]`."""
        from sklearn.isotonic import IsotonicRegression

        both = np.concatenate([scores, -scores]), np.concatenate([labels, -labels]).astype(np.float64)
        fitted = IsotonicRegression(y_min=-1.0, y_max=1.0).fit(*both)
        upper = fitted.X_thresholds_ > 0
        values = np.maximum(fitted.y_thresholds_[upper], 0.0)
        return cls([0.0, *fitted.X_thresholds_[upper].tolist()], [0.0, *values.tolist()])


_CLASSES: Mapping[str, Any] = {kind.kind: kind for kind in (Platt, Isotonic, Identity)}


@dataclass(frozen=True)
class Calibrated:
    """A fitted member with its calibration: what everyone but its own kind holds."""

    fitted: Fitted
    calibration: Calibration

    def predict(self, windows: Float32) -> Float64:
        """Score `windows` `[n, WINDOW_ROWS, feature]`: P(+1) - P(-1) `[n]`, equal bits for any n and order."""
        return score_in_blocks(windows, self.score)

    def score(self, block: Float32) -> Float64:
        """Return the calibrated scores of one block before rounding [BLOCK_ROWS]."""
        return self.calibration.apply(np.asarray(self.fitted.score(block), dtype=np.float64))

    def save(self, folder: Path) -> None:
        """Write the member and its calibration into an existing empty folder."""
        self.fitted.save(folder)
        values = {"kind": self.calibration.kind, **vars(self.calibration)}
        _file(folder).write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")


def calibrate(fitted: Fitted, validation: Dataset, kind: Kind) -> Calibrated:
    """Return a member with its calibration fitted on `validation` (A); as it is where A is too small."""
    if kind == "none":
        return Calibrated(fitted, Identity())
    if len(validation) < FEWEST:
        return Calibrated(fitted, Identity(f"{len(validation)} samples in validation A, fewer than {FEWEST}"))
    some = validation.thinned(MOST, seed=0)
    return Calibrated(fitted, _CLASSES[kind].fit(score_in_blocks(some.windows, fitted.score), some.labels))


def load(folder: Path) -> Calibration:
    """Read the calibration that `Calibrated.save` wrote beside its member."""
    values = json.loads(_file(folder).read_text())
    calibration: Calibration = _CLASSES[values.pop("kind")](**values)
    return calibration


def _file(folder: Path) -> Path:
    return folder / "calibration.json"
