"""The least variance that is expected to earn enough: a quadratic programme, set up once a day and solved again warm.

    minimise    w'Sw + kappa |w - previous|_1
    subject to  mu'w >= target, |w_i| <= cap, gross of each sector <= max_sector, |w|_1 <= leverage, E w = 0

S is scaled so that the mean variance is 1. A weight has the sign of its mu: the direction of a stock is that of its
signal, and without one its weight is 0. In x = side w >= 0 and t >= |w - previous| this is a convex programme of a
fixed pattern for OSQP (Stellato et al. 2020). Its first solve is cold: the answers of a day depend on that day alone.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linprog

from daytrader_ray.portfolio.limits import Limits

Float64 = npt.NDArray[np.float64]

SETTINGS = {
    "verbose": False,
    "eps_abs": 1e-8,
    "eps_rel": 1e-8,
    "max_iter": 20_000,
    "adaptive_rho_interval": 50,
}
"""The step size adapts by iterations, never by time: equal bits however busy the machine is."""


def attainable(mu: Float64, limits: Limits) -> float:
    """Return the largest expected return mu'w within the limits: a linear programme; 0 where nothing is expected."""
    scale, side = float(np.abs(mu).max(initial=0.0)), np.sign(mu)
    if scale == 0.0:
        return 0.0
    neutral = limits.exposures * side
    found = linprog(
        -np.abs(mu) / scale,
        A_ub=np.vstack([limits.members, np.ones(len(mu))]),
        b_ub=np.append(np.full(len(limits.members), limits.max_sector), limits.leverage),
        A_eq=neutral,
        b_eq=np.zeros(len(neutral)),
        bounds=np.column_stack([np.zeros(len(mu)), limits.cap * np.abs(side)]),
        method="highs-ds",
    )
    return max(0.0, -float(found.fun) * scale) if found.status == 0 else 0.0


class MinVariance:
    """The programme of one day, for as many stocks as `limits` knows."""

    def __init__(self, limits: Limits, kappa: float) -> None:
        n = len(limits.sector)
        self.limits, self._kappa = limits, kappa
        self._pattern = self._matrix(np.ones(n), np.ones(n)) != 0.0
        self._triangle = np.triu(np.pad(np.ones((n, n), dtype=np.bool_), (0, n)))
        self._solver: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the solver behind: a copy begins cold."""
        return self.__dict__ | {"_solver": None}

    def solve(self, covariance: Float64, mu: Float64, target: float, previous: Float64) -> Float64 | None:
        """Return the weights `[stock]`; None where the solver finds none. `mu` is not 0 everywhere."""
        import osqp

        n, side, scale = len(mu), np.sign(mu), float(np.abs(mu).max())
        quadratic = 2.0 * side[:, None] * covariance / np.diag(covariance).mean() * side
        p = _csc(np.pad(quadratic, (0, n)), self._triangle)
        a = _csc(self._matrix(np.abs(mu) / scale, side), self._pattern)
        lower, upper = self._bounds(side, target / scale, side * previous)
        if self._solver is None:
            cost = np.concatenate([np.zeros(n), np.full(n, self._kappa)])
            self._solver = osqp.OSQP()
            self._solver.setup(p, cost, a, lower, upper, **SETTINGS)
        else:
            self._solver.update(Px=p.data, Ax=a.data, l=lower, u=upper)
        found = self._solver.solve(raise_error=False)
        if found.info.status != "solved":
            self._solver = None
            return None
        return np.asarray(side * np.maximum(found.x[:n], 0.0))

    def _matrix(self, earns: Float64, side: Float64) -> Float64:
        """Return A: stocks, sectors, leverage, expected return, exposures, and both sides of |w - previous|."""
        n = len(side)
        one, limits = np.eye(n), self.limits
        left = np.vstack([one, limits.members, np.ones(n), earns, limits.exposures * side, -one, one])
        right = np.vstack([np.zeros((len(left) - 2 * n, n)), one, one])
        return np.hstack([left, right])

    def _bounds(self, side: Float64, target: float, previous: Float64) -> tuple[Float64, Float64]:
        limits, n = self.limits, len(side)
        none, free = np.zeros(len(limits.exposures)), np.full(len(limits.members) + 1, -np.inf)
        most = np.append(np.full(len(limits.members), limits.max_sector), limits.leverage)
        lower = np.concatenate([np.zeros(n), free, [target], none, -previous, previous])
        upper = np.concatenate([limits.cap * np.abs(side), most, [np.inf], none, np.full(2 * n, np.inf)])
        return lower, upper


def _csc(values: Float64, pattern: npt.NDArray[np.bool_]) -> Any:
    """Return a sparse matrix that has an entry wherever `pattern` has one, be it 0."""
    at = np.nonzero(pattern.T)
    starts = np.concatenate([[0], np.cumsum(pattern.sum(axis=0))])
    return sparse.csc_matrix((values.T[at], at[1], starts), shape=values.shape)
