"""What a member learns to foresee: which of two barriers the price touches first (Lopez de Prado 2018, chapter 3)."""

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from daytrader_ray.domain.config import Config
from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.panel import Frames

Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

NO_LABEL = 99
"""The label of a row that has none: warming up, no trade to enter by, or too late in the session."""


class LabelConfig(Config):
    """The barriers and the grid on which samples are taken."""

    barrier_atr: float = Field(default=1.5, gt=0, description="distance of both barriers, in atr_5 at the decision")
    horizon_minutes: int = Field(default=30, ge=1, description="the vertical barrier")
    flat_minutes: int = Field(default=5, ge=1, description="minutes before the close by which a position is sold")
    sample_minutes: int = Field(default=5, ge=1, description="one sample per symbol each so many minutes")


@dataclass(frozen=True)
class Labels:
    """Labels of decisions at the close of each row, all `[row, symbol]`.

    Attributes
    ----------
    label
        int8: +1 and -1 for the upper and the lower barrier, 0 for the vertical one or both in one bar; `NO_LABEL`.
    span_end
        int64: the last row whose bar the label has used; the row itself where there is no label.
    forward_return
        float64: log return from the open of the next row to the vertical barrier, whatever was touched between; NaN
        where the next row has no trade to enter by.
    weight
        float64: uniqueness x |log return of the label's own span|; 0 where there is no label.
    """

    label: Int8
    span_end: Int64
    forward_return: Float64
    weight: Float64


class _Track(NamedTuple):
    """One symbol's bars and barrier distance (USD) `[row]`."""

    open: Float64
    high: Float64
    low: Float64
    close: Float64
    traded: Bool
    width: Float64


class _Span(NamedTuple):
    """One session's rows `[first, stop)`, the horizon, flattening and sampling in bars."""

    first: int
    stop: int
    horizon: int
    flat: int
    sample: int


def triple_barrier(frames: Frames, config: LabelConfig) -> Labels:
    """Label every row of every symbol.

    Entry is the open of the next row; barriers stand at +-`barrier_atr` x atr_5 of the deciding row. The vertical
    barrier is the open `horizon_minutes` after the entry, or the open at which the book is sold `flat_minutes` before
    the close, or the symbol's last bar of the session where its data end earlier. Weights count only the samples that
    `sample_minutes` takes as each other's neighbours (chapter 4).
    """
    panel, bar = frames.panel, frames.panel.grid.bar_minutes
    shape = panel.close.shape
    rows = np.arange(shape[0], dtype=np.int64)[:, None]
    labels = Labels(
        np.full(shape, NO_LABEL, dtype=np.int8),
        np.broadcast_to(rows, shape).copy(),
        np.full(shape, np.nan),
        np.zeros(shape),
    )
    bars = [max(1, minutes // bar) for minutes in (config.horizon_minutes, config.flat_minutes, config.sample_minutes)]
    first_row = panel.grid.first_row
    for s in range(shape[1]):
        track = _Track(
            open=np.ascontiguousarray(panel.open[:, s]),
            high=np.ascontiguousarray(panel.high[:, s]),
            low=np.ascontiguousarray(panel.low[:, s]),
            close=np.ascontiguousarray(panel.close[:, s]),
            traded=np.ascontiguousarray(panel.traded[:, s]),
            width=config.barrier_atr * frames.features.atr_5[:, s],
        )
        out = labels.label[:, s], labels.span_end[:, s], labels.forward_return[:, s], labels.weight[:, s]
        for first, stop in itertools.pairwise(first_row):
            _label_session(track, _Span(first, stop, *bars), out)
    return labels


@njit
def _label_session(track: _Track, span: _Span, out: tuple[Int8, Int64, Float64, Float64]) -> None:
    """Label one symbol's session, then weigh the labels."""
    label, span_end, forward_return, weight = out
    last = span.stop - 1
    while last >= span.first and math.isnan(track.close[last]):
        last -= 1
    flat = span.stop - span.flat
    for t in range(span.first, last):
        entry = track.open[t + 1]
        if t + 1 >= flat or not track.traded[t + 1]:
            continue
        vertical = min(t + 1 + span.horizon, flat)
        price = track.open[vertical] if vertical <= last else track.close[last]
        vertical = min(vertical, last)
        forward_return[t] = math.log(price / entry)
        if track.width[t] > 0.0:
            label[t], span_end[t], move = _first_touch(track, t, vertical, price)
            weight[t] = abs(move)
    _weigh(span, label, span_end, weight)


@njit
def _first_touch(track: _Track, t: int, vertical: int, price: float) -> tuple[int, int, float]:
    """Return class, last row used and log return of the first barrier touched after a decision at `t`."""
    entry = track.open[t + 1]
    upper = entry + track.width[t]
    lower = entry - track.width[t]
    for row in range(t + 1, max(vertical, t + 2)):
        up = track.high[row] >= upper
        down = track.low[row] <= lower
        if up and down:
            return 0, row, math.log(track.close[row] / entry)
        if up:
            return 1, row, math.log(upper / entry)
        if down:
            return -1, row, math.log(max(lower, 1e-4) / entry)
    return 0, vertical, math.log(price / entry)


@njit
def _weigh(span: _Span, label: Int8, span_end: Int64, weight: Float64) -> None:
    """Multiply weights by uniqueness: the mean over the label's bars of 1 / samples that use the bar."""
    users = np.zeros(span.stop - span.first + 1)
    for t in range(span.first, span.stop):
        if label[t] != NO_LABEL and (t - span.first + 1) % span.sample == 0:
            users[t + 1 - span.first] += 1.0
            users[span_end[t] + 1 - span.first] -= 1.0
    for k in range(1, len(users)):
        users[k] += users[k - 1]
    for t in range(span.first, span.stop):
        if label[t] != NO_LABEL:
            own = 0.0 if (t - span.first + 1) % span.sample == 0 else 1.0
            total = 0.0
            for row in range(t + 1, span_end[t] + 1):
                total += 1.0 / (users[row - span.first] + own)
            weight[t] *= total / (span_end[t] - t)
