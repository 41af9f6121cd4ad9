"""How long a signal is worth something, and from which |signal| on it pays for its cost (METHODS 6)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

HORIZONS = (1, 5, 15, 30, 60, 120)
"""Minutes after the decision at which a signal is measured."""

QUANTILES = (0.0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
"""Where buckets of |signal| begin: few signals are large, and only those are traded."""

FEWEST = 20
"""Fewer samples than this in a session give no rank correlation."""


@dataclass(frozen=True)
class Decay:
    """What followed the signals of a run, in fractions of the price, in the direction of the signal.

    `edges` `[bucket]` lower |signal|; `n` `[bucket]` samples; `gross` `[bucket, horizon]` mean return and `cost`
    `[bucket]` mean expected cost of a round trip; `a_day` `[bucket]` samples a session at or over the edge. `ic`
    `[session, horizon]` rank correlation of signal and return (NaN: too few samples).
    """

    edges: Float64
    n: Int64
    gross: Float64
    cost: Float64
    a_day: Float64
    ic: Float64

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: NaN becomes None."""
        return {key: _plain(value.tolist()) for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Decay":
        """Return what `as_dict` made."""
        columns = {key: np.asarray(values[key], dtype=np.float64) for key in ("edges", "gross", "cost", "a_day", "ic")}
        shaped = {key: columns[key].reshape(-1, len(HORIZONS)) for key in ("gross", "ic")}
        return cls(**(columns | shaped), n=np.asarray(values["n"], dtype=np.int64))


def decay(signal: Float64, forward: Float64, cost: Float64, session: Int64) -> Decay:
    """Measure signals against what followed.

    Parameters
    ----------
    signal
        `[sample]` in [-1, 1]: every minute of every stock that could have been entered; NaN is left out.
    forward
        `[sample, horizon]` return from the next bar's open to the close `HORIZONS` minutes later, in the same session;
        NaN beyond its end.
    cost
        `[sample]` expected cost of a round trip, a fraction of its value.
    session
        `[sample]` number of the session.
    """
    known = np.isfinite(signal) & np.isfinite(cost) & (signal != 0.0)
    signal, forward, cost, session = signal[known], forward[known], cost[known], session[known]
    size = np.abs(signal)
    edges = np.unique(np.quantile(size, QUANTILES)) if len(size) else np.empty(0)
    bucket = np.searchsorted(edges, size, side="right") - 1
    n = np.bincount(bucket, minlength=len(edges)).astype(np.int64)
    order = np.argsort(session, kind="stable")
    days = np.split(order, np.flatnonzero(np.diff(session[order])) + 1) if len(order) else []
    return Decay(
        edges=edges,
        n=n,
        gross=_means(np.sign(signal)[:, None] * forward, bucket, len(edges)),
        cost=_means(cost[:, None], bucket, len(edges))[:, 0],
        a_day=n[::-1].cumsum()[::-1] / max(len(days), 1),
        ic=np.array([_ics(signal[day], forward[day]) for day in days]).reshape(-1, len(HORIZONS)),
    )


def net_edge(found: Decay, threshold: float) -> Float64:
    """Return the mean return after cost of signals at or over a threshold, at each horizon `[horizon]`.

    Of the buckets that begin there or above, the strongest one at least; NaN without signals.
    """
    chosen = found.edges >= min(threshold, found.edges[-1] if len(found.edges) else np.inf)
    n = found.n[chosen].astype(np.float64)
    net = found.gross[chosen] - found.cost[chosen, None]
    weight = np.where(np.isfinite(net), n[:, None], 0.0)
    total = weight.sum(axis=0)
    edge = np.full(len(total), np.nan)
    np.divide((weight * np.nan_to_num(net)).sum(axis=0), total, out=edge, where=total > 0)
    return edge


def _means(values: Float64, bucket: Int64, n_buckets: int) -> Float64:
    """Return the mean of known `values [sample, column]` in each bucket, NaN where there is none."""
    columns = []
    for column in values.T:
        known = np.isfinite(column)
        count = np.bincount(bucket[known], minlength=n_buckets)
        total = np.bincount(bucket[known], weights=column[known], minlength=n_buckets)
        columns.append(np.divide(total, count, out=np.full(n_buckets, np.nan), where=count > 0))
    return np.array(columns).T.reshape(n_buckets, values.shape[1])


def _ics(signal: Float64, forward: Float64) -> list[float]:
    """Return the rank correlation with each column of `forward`, where it is known."""
    known = np.isfinite(forward)
    return [_rank_correlation(signal[known[:, h]], forward[known[:, h], h]) for h in range(forward.shape[1])]


def _rank_correlation(first: Float64, second: Float64) -> float:
    from scipy.stats import rankdata

    if len(first) < FEWEST or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
