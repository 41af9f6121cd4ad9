"""Features that know the future, as they are written by mistake, each beside a clean twin that says the same honestly.

Every function takes the bars of one symbol (`features.extras.History`: adjusted arrays `[bar]`, `minute` epoch
minutes) and returns one value a bar. `PAIRS` has them by the name of the mistake: (leaky, clean).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from daytrader_ray.features.extras import History

Float64 = npt.NDArray[np.float64]
Function = Callable[[History], Float64 | pd.Series]
PAIRS: dict[str, tuple[Function, Function]] = {}


def pair(mistake: str) -> Callable[[Callable[[], tuple[Function, Function]]], None]:
    """Register the two functions that the decorated one returns."""

    def register(make: Callable[[], tuple[Function, Function]]) -> None:
        PAIRS[mistake] = make()

    return register


def close(bars: History) -> pd.Series:
    """Return the closes."""
    return pd.Series(bars.close)


def returns(bars: History) -> pd.Series:
    """Return log returns, the first one 0."""
    return np.log(close(bars)).diff().fillna(0.0)


def session(bars: History) -> pd.Series:
    """Return the day of each bar."""
    return pd.Series(bars.minute // 1440)


def bucket(bars: History, minutes: int) -> pd.Series:
    """Return the number of the longer bar that each bar belongs to."""
    return pd.Series(bars.minute // minutes)


def completed(values: pd.Series, buckets: pd.Series) -> pd.Series:
    """Return the last value of the bucket before each bar's own."""
    last = values.groupby(buckets).last().shift(1)
    return buckets.map(last)


@pair("centred window")
def _() -> tuple[Function, Function]:
    return lambda b: close(b).rolling(21, center=True).mean(), lambda b: close(b).rolling(21).mean()


@pair("centred kernel")
def _() -> tuple[Function, Function]:
    weights = np.hanning(17) / np.hanning(17).sum()

    def smoothed(b: History, shift: int) -> Float64:
        return np.asarray(np.convolve(b.close, weights)[shift : shift + len(b.close)])

    return lambda b: smoothed(b, 8), lambda b: smoothed(b, 0)


@pair("whole-history z-score")
def _() -> tuple[Function, Function]:
    return (
        lambda b: (returns(b) - returns(b).mean()) / returns(b).std(),
        lambda b: (returns(b) - returns(b).expanding().mean()) / returns(b).expanding().std(),
    )


@pair("min-max scaling over the whole history")
def _() -> tuple[Function, Function]:
    def scaled(x: pd.Series, low: float | pd.Series, high: float | pd.Series) -> pd.Series:
        return (x - low) / (high - low)

    return (
        lambda b: scaled(close(b), close(b).min(), close(b).max()),
        lambda b: scaled(close(b), close(b).cummin(), close(b).cummax()),
    )


@pair("rank over the whole history")
def _() -> tuple[Function, Function]:
    return lambda b: pd.Series(b.volume).rank(pct=True), lambda b: pd.Series(b.volume).rolling(390, 1).rank(pct=True)


@pair("winsorising at quantiles of the whole history")
def _() -> tuple[Function, Function]:
    def leaky(b: History) -> pd.Series:
        return returns(b).clip(returns(b).quantile(0.05), returns(b).quantile(0.95))

    def clean(b: History) -> pd.Series:
        r = returns(b)
        past = r.rolling(200, 50)
        return r.clip(past.quantile(0.05), past.quantile(0.95))

    return leaky, clean


@pair("volatility of the whole history")
def _() -> tuple[Function, Function]:
    return lambda b: returns(b) / returns(b).std(), lambda b: returns(b) / returns(b).ewm(span=60).std()


@pair("trend line through the whole history")
def _() -> tuple[Function, Function]:
    def leaky(b: History) -> Float64:
        x = np.arange(len(b.close))
        return np.asarray(b.close - np.polyval(np.polyfit(x, b.close, 1), x))

    return leaky, lambda b: close(b) - close(b).expanding().mean()


@pair("aggregate of the next minutes")
def _() -> tuple[Function, Function]:
    return (
        lambda b: pd.Series(b.volume)[::-1].rolling(5).mean()[::-1],
        lambda b: pd.Series(b.volume).rolling(5).mean(),
    )


@pair("label instead of feature")
def _() -> tuple[Function, Function]:
    return lambda b: close(b).shift(-30) / close(b) - 1, lambda b: close(b) / close(b).shift(30) - 1


@pair("off by one")
def _() -> tuple[Function, Function]:
    return lambda b: pd.Series(b.open).shift(-1) / close(b) - 1, lambda b: close(b) / pd.Series(b.open) - 1


@pair("outcome of the barriers")
def _() -> tuple[Function, Function]:
    def outcome(b: History) -> pd.Series:
        ahead = close(b)[::-1].rolling(30)
        up, down = ahead.max()[::-1] / b.close - 1, 1 - ahead.min()[::-1] / b.close
        return up - down

    return outcome, lambda b: outcome(b).shift(29)


@pair("close of the running 15 minutes")
def _() -> tuple[Function, Function]:
    return (
        lambda b: close(b).groupby(bucket(b, 15)).transform("last"),
        lambda b: completed(close(b), bucket(b, 15)),
    )


@pair("5-minute range stamped at its start")
def _() -> tuple[Function, Function]:
    def spread(b: History) -> pd.Series:
        groups = bucket(b, 5)
        return pd.Series(b.high).groupby(groups).transform("max") - pd.Series(b.low).groupby(groups).transform("min")

    return spread, lambda b: completed(spread(b), bucket(b, 5))


@pair("high of the session before it is over")
def _() -> tuple[Function, Function]:
    return (
        lambda b: b.close / pd.Series(b.high).groupby(session(b)).transform("max"),
        lambda b: b.close / pd.Series(b.high).groupby(session(b)).cummax(),
    )


@pair("VWAP of the whole day")
def _() -> tuple[Function, Function]:
    def vwap(b: History, how: str) -> pd.Series:
        volume = pd.Series(b.volume) + 1.0
        parts = (x.groupby(session(b)).transform(how) for x in (volume * b.close, volume))
        return next(parts) / next(parts)

    return lambda b: vwap(b, "sum"), lambda b: vwap(b, "cumsum")


@pair("share of the day's volume")
def _() -> tuple[Function, Function]:
    def share(b: History, how: str) -> pd.Series:
        volume = pd.Series(b.volume) + 1.0
        return volume / volume.groupby(session(b)).transform(how)

    return lambda b: share(b, "sum"), lambda b: share(b, "cumsum")


@pair("distance to today's close")
def _() -> tuple[Function, Function]:
    return (
        lambda b: close(b) / close(b).groupby(session(b)).transform("last"),
        lambda b: close(b) / pd.Series(b.open).groupby(session(b)).transform("first"),
    )


@pair("closing price in the last ten minutes only")
def _() -> tuple[Function, Function]:
    def late(b: History) -> pd.Series:
        slot = session(b).groupby(session(b)).cumcount()
        return slot.isin(range(380, 390))

    return (
        lambda b: close(b).groupby(session(b)).transform("last").where(late(b), 0.0),
        lambda b: close(b).where(late(b), 0.0),
    )


@pair("tomorrow's gap")
def _() -> tuple[Function, Function]:
    def gaps(b: History, shift: int) -> pd.Series:
        days = session(b)
        before = close(b).groupby(days).last().shift(1)
        gap = pd.Series(b.open).groupby(days).first() / before - 1
        return days.map(gap.shift(shift))

    return lambda b: gaps(b, -1), lambda b: gaps(b, 0)


@pair("warm-up filled backwards")
def _() -> tuple[Function, Function]:
    return lambda b: close(b).rolling(50).mean().bfill(), lambda b: close(b).rolling(50).mean()


@pair("filled backwards within the session")
def _() -> tuple[Function, Function]:
    def change(b: History) -> pd.Series:
        return close(b).groupby(session(b)).pct_change()

    return lambda b: change(b).bfill(), lambda b: change(b).fillna(0.0)


@pair("next bar's open in the session's first bar")
def _() -> tuple[Function, Function]:
    def first(b: History, values: pd.Series) -> pd.Series:
        return values.where(session(b) != session(b).shift(1), 0.0)

    return lambda b: first(b, pd.Series(b.open).shift(-1)), lambda b: first(b, pd.Series(b.open))


@pair("crash of the next minute")
def _() -> tuple[Function, Function]:
    return (
        lambda b: (close(b).shift(-1) / close(b) < 0.5).astype(float),
        lambda b: (close(b) / close(b).shift(1) < 0.5).astype(float),
    )


@pair("quiet minutes filled backwards")
def _() -> tuple[Function, Function]:
    return lambda b: pd.Series(b.vwap).bfill(), lambda b: pd.Series(b.vwap).ffill()


@pair("interpolation")
def _() -> tuple[Function, Function]:
    def traded(b: History) -> pd.Series:
        return close(b).where(pd.Series(b.volume) > 0.0)

    return lambda b: traded(b).interpolate(), lambda b: traded(b).ffill()


@pair("Fourier smoothing")
def _() -> tuple[Function, Function]:
    def leaky(b: History) -> Float64:
        spectrum = np.fft.rfft(b.close)
        spectrum[len(spectrum) // 20 :] = 0.0
        return np.fft.irfft(spectrum, len(b.close))

    def clean(b: History) -> Float64:
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(b.close, (63, 0), mode="edge"), 64)
        spectrum = np.fft.rfft(windows, axis=1)
        spectrum[:, 4:] = 0.0
        return np.asarray(np.fft.irfft(spectrum, 64, axis=1)[:, -1])

    return leaky, clean


@pair("wavelet smoothing")
def _() -> tuple[Function, Function]:
    def haar(b: History) -> pd.Series:
        return close(b).groupby(np.arange(len(b.close)) // 8).transform("mean")

    return haar, lambda b: completed(haar(b), pd.Series(np.arange(len(b.close)) // 8))


@pair("filter run forwards and backwards")
def _() -> tuple[Function, Function]:
    def once(x: pd.Series) -> pd.Series:
        return x.ewm(span=20, adjust=False).mean()

    return lambda b: once(once(close(b))[::-1])[::-1], lambda b: once(once(close(b)))


@pair("peak before it is confirmed")
def _() -> tuple[Function, Function]:
    def peak(b: History) -> pd.Series:
        high = pd.Series(b.high)
        return (high == high.rolling(11, center=True).max()).astype(float)

    return peak, lambda b: peak(b).shift(5)


@pair("target encoding")
def _() -> tuple[Function, Function]:
    def encoded(b: History, past: bool) -> pd.Series:
        target = (close(b).shift(-10) > close(b)).astype(float).where(close(b).shift(-10).notna())
        kind = pd.Series(b.minute // 30 % 13)
        if past:
            return target.shift(10).groupby(kind).transform(lambda x: x.expanding().mean())
        return target.groupby(kind).transform("mean")

    return lambda b: encoded(b, past=False), lambda b: encoded(b, past=True)


@pair("usual volume of the minute, later sessions included")
def _() -> tuple[Function, Function]:
    def usual(b: History) -> pd.Series:
        volume, same_minute = pd.Series(b.volume), b.minute % 1440
        return (volume.groupby(same_minute).cumsum() - volume) / volume.groupby(same_minute).cumcount().replace(
            0, np.nan
        )

    return (
        lambda b: b.volume / pd.Series(b.volume).groupby(b.minute % 1440).transform("mean"),
        lambda b: b.volume / usual(b),
    )


@pair("weights of a component fitted to everything")
def _() -> tuple[Function, Function]:
    def inputs(b: History) -> Float64:
        return np.column_stack([returns(b).rolling(n, 1).mean() for n in (2, 8, 30)])

    def component(x: Float64) -> Float64:
        weights = np.linalg.eigh(np.cov(x.T))[1][:, -1]
        return np.asarray(weights * np.sign(weights.sum()))

    def clean(b: History) -> Float64:
        x = inputs(b)
        fitted = component(x[:300]) if len(x) >= 300 else np.full(3, np.nan)
        return np.where(np.arange(len(x)) >= 300, (x * fitted).sum(axis=1), np.nan)

    return lambda b: (inputs(b) * component(inputs(b))).sum(axis=1), clean
