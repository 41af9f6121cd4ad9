"""What the members of a window see: features chosen and scaled on its labelled training rows, once for all of them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.errors import DataError
from daytrader_ray.features.selection import Evidence, Rows, select
from daytrader_ray.models.dataset import CLASSES
from daytrader_ray.models.judge import held_out_skill
from daytrader_ray.models.scaling import Scaler, View
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.fit import Market, drawn
from daytrader_ray.walkforward.windows import Block, Window

Int64 = npt.NDArray[np.int64]


def view_of(market: Market, window: Window, config: SearchConfig) -> View:
    """Choose features and fit their scale on the samples that the window learns from."""
    evidence = rows_of(market, window.learned, config)
    selection = select(evidence, config.selection)
    if not selection.features:
        raise DataError(
            f"window {window.index}: none of {len(evidence.names)} features can be used on the "
            f"{len(evidence.sessions)} labelled rows of {market.dates(window.fit)}",
            "train on more sessions: the first of a history only warm up",
        )
    return View(selection, Scaler.fit(evidence.rows.values[:, selection.kept]))


def rows_of(market: Market, blocks: Sequence[Block], config: SearchConfig) -> Evidence:
    """Return the samples of blocks as rows of all features, by symbol and time, at most `max_samples` of them.

    The matrix is read one symbol at a time.
    """
    frames, rows = market.frames, market.rows((blocks[0][0], blocks[-1][1]))
    usable = [_samples_of(market, int(column), blocks) for column in market.columns]
    picked = drawn(usable, config.max_samples, config.seed)
    pairs = list(zip(picked, map(int, market.columns), strict=True))
    values = [frames.features.values[rows, column][at - rows.start] for at, column in pairs]
    classes = [market.labels.label[at, column].astype(np.int64) - CLASSES[0] for at, column in pairs]
    weights = [market.labels.weight[at, column] for at, column in pairs]
    at = np.concatenate(picked)
    return Evidence(
        names=frames.features.names,
        stocks=tuple(frames.panel.symbols[column] for column in market.columns),
        rows=Rows(np.concatenate(values), np.concatenate(classes), np.concatenate(weights)),
        sessions=np.searchsorted(frames.panel.grid.first_row, at, side="right").astype(np.int64) - 1,
        symbols=np.repeat(np.arange(len(picked)), [len(part) for part in picked]),
        judge=held_out_skill,
    )


def _samples_of(market: Market, column: int, blocks: Sequence[Block]) -> Int64:
    """Return the rows of one symbol's samples in some blocks, increasing."""
    rows = market.rows((blocks[0][0], blocks[-1][1]))
    at = np.arange(rows.start, rows.stop, dtype=np.int64)
    return at[market.usable(at, column, *blocks)]
