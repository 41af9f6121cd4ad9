"""A bundle: everything fitted that one ensemble needs to trade, and nothing else."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.regime import RegimeModel
from daytrader_ray.domain.selection import Selection
from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.models.calibration import Calibrated
from daytrader_ray.models.ensemble import Ensemble
from daytrader_ray.models.scaling import Scaler

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

MISSING = "nothing"
"""Stands for the value of a key that one side lacks."""

SCHEMA = 5
"""Version of what a bundle holds and how it is stored."""


@dataclass(frozen=True)
class SearchVerdict:
    """What the search that chose an ensemble proves of it: id of the search, label, sentence and statistics.

    Empty but for the sentence where an ensemble was named by hand, or after another search.
    """

    search: str = ""
    label: str = ""
    sentence: str = "No search stands behind it."
    statistics: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> "SearchVerdict":
        """Return that of a search's result."""
        judged = result["verdict"]
        return cls(result["id"], judged["label"], judged["sentence"], result["statistics"])


@dataclass(frozen=True)
class Bundle:
    """Fitted members, what weighs them, and what they were fitted with.

    Attributes
    ----------
    selection
        What became of each feature of the set that it was trained beside; another set means other inputs.
    symbols
        What it was trained on, sorted.
    scaler
        Scale of the selected features.
    members
        Fitted and calibrated members by name.
    ensemble
        What becomes of their scores.
    regime, left_out
        The regime model or None, and the names of its inputs that the history could not give.
    plan
        The resolved configuration it was made with and is to be traded with: plain values for JSON.
    seed, last_training_session, fingerprint
        Random seed, last session seen in training, and hash of the data trained on.
    verdict
        What the search that chose the ensemble proves of it.
    importances
        Which features each member of the ensemble listens to: member -> kind -> feature -> value
        (`models.importances`); empty where that was not measured.
    """

    selection: Selection
    symbols: tuple[str, ...]
    scaler: Scaler
    members: Mapping[str, Calibrated]
    ensemble: Ensemble
    regime: RegimeModel | None
    left_out: tuple[str, ...]
    plan: Mapping[str, Any]
    seed: int
    last_training_session: dt.date
    fingerprint: str
    verdict: SearchVerdict = SearchVerdict()
    importances: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)

    @property
    def feature_set(self) -> tuple[str, ...]:
        """Names of all features it was trained beside, in order."""
        return self.selection.feature_set

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features its members see, in the order of the scaler and of the windows."""
        return self.selection.features

    def score(self, windows: Float32) -> Float64:
        """Score scaled `windows` `[n, WINDOW_ROWS, feature]` to `[n, member]`; NaN for members that it lacks."""
        scores = np.full((len(windows), len(MEMBERS)), np.nan)
        for column, name in enumerate(MEMBERS):
            if name in self.members:
                scores[:, column] = self.members[name].predict(windows)
        return scores


def differences(then: Any, now: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (key, value then, value now) wherever two plain configurations differ.

    >>> list(differences({"kernel": {"max_position": 0.05}}, {"kernel": {"max_position": 0.1}}))
    [('kernel.max_position', 0.05, 0.1)]
    """
    if not (isinstance(then, Mapping) and isinstance(now, Mapping)):
        if then != now:
            yield key, then, now
        return
    for name in dict.fromkeys((*then, *now)):
        inner = f"{key}.{name}" if key else name
        yield from differences(then.get(name, MISSING), now.get(name, MISSING), inner)
