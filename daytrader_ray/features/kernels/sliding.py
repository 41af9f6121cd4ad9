"""Sums over the last n values, from which nothing is ever subtracted; O(1) work a value, amortised over a block.

Values come in blocks of n. A finished block keeps, for each of its values, the sum from there to its end; the block
that fills keeps its sum so far; every n-th value finishes it in O(n). What is left of the old block and the new one so
far are the last n values. What has left the window leaves no trace, n zeros sum to exactly 0, and no error grows with
the history.

In the state a window of up to `n` values of `lanes` numbers is `[count, value, sum, block so far, n + 1 places]`, of
`size(n, lanes)` numbers, all 0 at first; the caller writes `value` and reads `sum`.
"""

from daytrader_ray.domain.jit import njit
from daytrader_ray.features.bar import Float64

VALUE = 1
NOTHING = -1e300
"""Smaller than any value, what a window of extremes starts with."""


def size(n: int, lanes: int = 1) -> int:
    """Numbers of state that a window of `n` values needs."""
    return 1 + 3 * lanes + (n + 1) * lanes


@njit
def total(state: Float64, at: int, n: int, value: float) -> float:
    """Take `value` into the window of one lane at `at`; return the sum of its last `n` values."""
    k = int(state[at])
    so_far = state[at + 3] + value
    place = at + 4 + k
    result: float = so_far + state[place + 1]
    state[place] = value
    state[at + 3] = so_far
    if k + 1 < n:
        state[at] = k + 1.0
        return result
    for j in range(at + n + 2, at + 3, -1):
        state[j] += state[j + 1]
    state[at] = state[at + 3] = 0.0
    return result


@njit
def totals(state: Float64, at: int, n: int, lanes: int) -> None:
    """Take the `lanes` values at `at + VALUE` into the window; their sums over `n` go to `at + VALUE + lanes`."""
    k = int(state[at])
    value, so_far = at + VALUE, at + VALUE + 2 * lanes
    places = so_far + lanes
    place = places + k * lanes
    for m in range(lanes):
        x = state[value + m]
        block = state[so_far + m] + x
        state[value + lanes + m] = block + state[place + lanes + m]
        state[so_far + m] = block
        state[place + m] = x
    if k + 1 < n:
        state[at] = k + 1.0
        return
    for j in range(places + (n - 1) * lanes - 1, places - 1, -1):
        state[j] += state[j + lanes]
    for m in range(lanes):
        state[so_far + m] = 0.0
    state[at] = 0.0


@njit
def highest(state: Float64, at: int, n: int, value: float) -> float:
    """Return the largest of the last `n` values: `total` with maximum for sum, and `NOTHING` for 0 behind the count."""
    k = int(state[at])
    so_far = max(state[at + 3], value)
    place = at + 4 + k
    result: float = max(so_far, state[place + 1])
    state[place] = value
    state[at + 3] = so_far
    if k + 1 < n:
        state[at] = k + 1.0
        return result
    for j in range(at + n + 2, at + 3, -1):
        state[j] = max(state[j], state[j + 1])
    state[at] = 0.0
    state[at + 3] = NOTHING
    return result
