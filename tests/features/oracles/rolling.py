import numpy as np

from tests.features.oracles.case import Case, Float64, windows


def moments(n: int):
    """Return the four definitions over `n` minutes, each in two passes."""

    def about_mean(case: Case) -> Float64:
        last = windows(case.r, case.bars_in(n))
        return last - last.mean(axis=1, keepdims=True)

    def standardised(case: Case, power: int) -> Float64:
        """Return m_k / m_2^(k / 2); NaN where r varies by less than a hundredth of its size."""
        apart = about_mean(case)
        square, size = (apart**2).mean(axis=1), (windows(case.r, case.bars_in(n)) ** 2).mean(axis=1)
        flat = square <= 1e-4 * size
        return np.where(flat, np.nan, (apart**power).mean(axis=1) / np.where(flat, 1.0, square) ** (power / 2))

    moments = {
        f"mean_{n}": lambda case: windows(case.r, case.bars_in(n)).mean(axis=1),
        f"std_{n}": lambda case: np.sqrt((about_mean(case) ** 2).sum(axis=1) / (case.bars_in(n) - 1)),
        f"skew_{n}": lambda case: np.nan_to_num(standardised(case, 3)),
        f"kurtosis_{n}": lambda case: np.nan_to_num(standardised(case, 4) - 3),
    }
    return {name: with_four_bars(n, moment) for name, moment in moments.items()}


def with_four_bars(minutes: int, moment):
    return lambda case: moment(case) if case.bars_in(minutes) >= 4 else case.r * np.nan


for _n in (15, 30, 60):
    globals().update(moments(_n))
