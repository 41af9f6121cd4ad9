"""One answer, whatever comes in: each step is tried in turn, and what it says is checked outside the solver."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.portfolio.covariance import repaired
from daytrader_ray.portfolio.limits import Limits, broken, within
from daytrader_ray.portfolio.min_variance import MinVariance, attainable
from daytrader_ray.portfolio.risk_parity import inverse_volatility, sector_parity

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Attempt = Callable[[], Float64 | str]
"""Returns weights `[stock]`, or why there are none."""


class Step(StrEnum):
    """The steps of the ladder, from the top."""

    MIN_VARIANCE = "min_variance"
    HALF_TARGET = "half_target"
    """The target is out of reach: half of the largest expected return is asked for."""
    RISK_PARITY = "risk_parity"
    INVERSE_VOLATILITY = "inverse_volatility"
    PREVIOUS = "previous"
    EQUAL = "equal"


class Answer(NamedTuple):
    """Signed `weights` `[stock]` (fractions of equity) of a `step`; `refused` says why each one above it was left."""

    weights: Float64
    step: Step
    refused: tuple[str, ...]


class Ladder:
    """The answers of one day: the solver stays warm, and turnover is counted from the answer before.

    It is counted in sizes: the direction of a stock is that of its signal, whatever it was an hour ago.
    """

    def __init__(self, config: PortfolioConfig, limits: Limits) -> None:
        self._config, self._limits = config, limits
        self._programme = MinVariance(limits, config.turnover)
        self._previous: Float64 | None = None

    def answer(self, covariance: Float64, mu: Float64) -> Answer:
        """Return the weights for a covariance `[stock, stock]` and expected returns of 30 minutes `[stock]`.

        Both may be damaged: what is no covariance is repaired, a stock without a variance has weight 0, without an
        expected return none is expected.
        """
        refused = list[str]()
        for step, attempt in self._steps(*repaired(covariance), np.nan_to_num(mu, nan=0.0, posinf=0.0, neginf=0.0)):
            found = attempt()
            why = found if isinstance(found, str) else broken(found, self._limits)
            if not isinstance(found, str) and not why:
                self._previous = found
                return Answer(found, step, tuple(refused))
            refused.append(f"{step}: {why}")
        raise AssertionError("equal weights were cut to the limits and broke one")

    def _steps(self, matrix: Float64, there: Bool, mu: Float64) -> Iterator[tuple[Step, Attempt]]:
        """Yield the steps to try, from the scheme's first; `matrix` is that of the stocks that are `there`."""
        if self._config.scheme == "min_variance":
            mu = np.where(there, mu, 0.0)
            most, target = attainable(mu, self._limits), self._config.target_bps / 1e4
            yield Step.MIN_VARIANCE, lambda: self._least(matrix, there, mu, most, target)
            yield Step.HALF_TARGET, lambda: self._least(matrix, there, mu, most, most / 2.0)
        if there.any():
            yield Step.RISK_PARITY, lambda: self._spread(sector_parity(matrix, self._limits.sector[there]), there)
            yield Step.INVERSE_VOLATILITY, lambda: self._spread(inverse_volatility(matrix), there)
        yield Step.PREVIOUS, lambda: "none before" if self._previous is None else self._previous
        yield Step.EQUAL, lambda: within(np.ones(len(mu)), self._limits)

    def _least(self, matrix: Float64, there: Bool, mu: Float64, most: float, target: float) -> Float64 | str:
        if not 0.0 < most >= target:
            return f"at most {1e4 * most:.3g} bps can be expected"
        covariance = np.eye(len(mu)) * np.diag(matrix).mean()
        covariance[np.ix_(there, there)] = matrix
        previous = np.zeros(len(mu)) if self._previous is None else np.sign(mu) * np.abs(self._previous)
        found = self._programme.solve(covariance, mu, target, previous)
        return "no solution" if found is None else found

    def _spread(self, shares: Float64, there: Bool) -> Float64:
        every = np.zeros(len(there))
        every[there] = shares
        return within(every, self._limits)
