"""What became of each feature when a training window chose among them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Choice:
    """One feature: its mutual information with the label (nats; None where unknown), and why it was left out, if so."""

    feature: str
    mutual_information: float | None
    dropped: str = ""


@dataclass(frozen=True)
class Selection:
    """A choice for every feature of the feature set, in its order.

    >>> chosen = Selection((Choice("lag.close", 0.01), Choice("volume.obv", 0.0, "one value only")))
    >>> chosen.feature_set, chosen.features
    (('lag.close', 'volume.obv'), ('lag.close',))
    """

    choices: tuple[Choice, ...]

    @property
    def feature_set(self) -> tuple[str, ...]:
        """Return the names of all features."""
        return tuple(choice.feature for choice in self.choices)

    @property
    def features(self) -> tuple[str, ...]:
        """Return the names of those that were kept."""
        return tuple(choice.feature for choice in self.choices if not choice.dropped)

    @property
    def kept(self) -> Int64:
        """Return the columns of those that were kept, increasing."""
        return np.array([k for k, choice in enumerate(self.choices) if not choice.dropped], dtype=np.int64)

    def as_list(self) -> list[dict[str, Any]]:
        """Return plain values for JSON."""
        return [asdict(choice) for choice in self.choices]

    @classmethod
    def from_list(cls, values: Iterable[Mapping[str, Any]]) -> Self:
        """Read what `as_list` gave."""
        return cls(tuple(Choice(**value) for value in values))


def stability(selections: Sequence[Selection]) -> float | None:
    """Return the mean Jaccard index of what each two selections kept, 1 where all are equal; None for fewer than two.

    >>> one = Selection((Choice("a", 0.1), Choice("b", 0.1), Choice("c", 0.1, "weak")))
    >>> two = Selection((Choice("a", 0.1), Choice("b", 0.1, "weak"), Choice("c", 0.1)))
    >>> round(stability([one, two]), 3)
    0.333
    """
    kept = [set(selection.features) for selection in selections]
    shares = [len(a & b) / len(a | b) for a, b in combinations(kept, 2)]
    return sum(shares) / len(shares) if shares else None
