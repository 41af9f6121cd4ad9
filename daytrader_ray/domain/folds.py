"""Purge as index arithmetic: which samples may be learned from when the next block of rows is held back."""

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


def purged(rows: Int64, span_end: Int64, start: int, stop: int) -> Bool:
    """Return which samples lie in the block `start <= row < stop` and are closed before it ends `[n]`.

    A sample's label uses bars up to and including row `span_end`; one that reaches row `stop` would know the block
    after it and is dropped (Lopez de Prado 2018, chapter 7).

    >>> purged(np.array([3, 4, 9]), np.array([5, 8, 12]), 2, 8)
    array([ True, False, False])
    """
    return (rows >= start) & (rows < stop) & (span_end < stop)


def halved(start: int, stop: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Split sessions `[start, stop)` into two whole-session blocks, the odd one going to the second.

    >>> halved(4, 7)
    ((4, 5), (5, 7))
    """
    middle = start + (stop - start) // 2
    return (start, middle), (middle, stop)


def session_folds(sessions: Int64, n_folds: int, embargo: int = 1) -> list[tuple[Bool, Bool]]:
    """Return (train, test) of each fold: whole sessions, `embargo` sessions on either side of the test in neither.

    `sessions` is the number of each sample's session `[n]`; labels end with their session. Folds without a training
    sample are left out.

    >>> [(np.flatnonzero(a).tolist(), np.flatnonzero(b).tolist()) for a, b in session_folds(np.arange(4), 2)]
    [([3], [0, 1]), ([0], [2, 3])]
    """
    blocks = [block for block in np.array_split(np.unique(sessions), n_folds) if len(block)]
    near = [(sessions >= block[0] - embargo) & (sessions <= block[-1] + embargo) for block in blocks]
    tests = [(sessions >= block[0]) & (sessions <= block[-1]) for block in blocks]
    return [(~around, test) for around, test in zip(near, tests, strict=True) if not around.all()]
