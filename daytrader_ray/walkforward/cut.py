"""A block of sessions cut out of frames: views, no copies."""

from dataclasses import replace

import numpy as np

from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.walkforward.windows import Block


def cut(frames: Frames, block: Block) -> Frames:
    """Return the frames of the sessions `[start, stop)` alone; what was known before them stays as it was."""
    grid, features = frames.panel.grid, frames.features
    rows, sessions = slice(int(grid.first_row[block[0]]), int(grid.first_row[block[1]])), slice(*block)
    return Frames(
        panel=frames.panel.part(*block),
        features=replace(
            features,
            values=features.values[rows],
            atr_5=features.atr_5[rows],
            return_30=features.return_30[rows],
            sigma_30=features.sigma_30[rows],
        ),
        adv=frames.adv[sessions],
        sigma_day=frames.sigma_day[sessions],
        expected_volume=frames.expected_volume[rows],
        half_spread_bps=frames.half_spread_bps[sessions],
    )


def without_features(frames: Frames) -> Frames:
    """Return frames whose feature values are left out: all that a backtest on given signals reads."""
    features = frames.features
    nothing = np.empty((*features.values.shape[:2], 0), dtype=np.float32)
    return replace(frames, features=replace(features, names=(), values=nothing))


def only_features(frames: Frames) -> Frames:
    """Return frames with features alone, all that a fit reads: of stored ones nothing but where they lie."""
    panel, nothing = frames.panel, np.empty((0, 0))
    return Frames(
        panel=Panel(panel.grid, panel.symbols, *(nothing,) * 6, traded=nothing.astype(np.bool_)),
        features=replace(frames.features, atr_5=nothing, return_30=nothing, sigma_30=nothing),
        adv=nothing,
        sigma_day=nothing,
        expected_volume=nothing,
    )
