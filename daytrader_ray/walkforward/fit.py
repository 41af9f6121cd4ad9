"""One member fitted on one window, and its scores on the rows after it: pure, so that any worker may do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.cadence import bars_between, is_scored
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.folds import purged
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.trading import SCORERS, WINDOW_ROWS
from daytrader_ray.models.calibration import Calibrated, calibrate
from daytrader_ray.models.dataset import Dataset, spread_draw, symbol_windows, valid_rows
from daytrader_ray.models.importances import importances
from daytrader_ray.models.labels import NO_LABEL, Labels
from daytrader_ray.models.members.surface import Continuing, Fitted, Member, Stopping
from daytrader_ray.models.registry import member as member_called
from daytrader_ray.models.scaling import View
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.windows import Block, Window

Bool = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


CPU, GPU = "cpu", "cuda"
"""Devices that members are trained on."""

WORKER_BYTES = 700 * 2**20
"""What a process holds in which every framework is loaded."""

Sight = tuple[Window, View]
"""A window, or a fold of one, and what its members see."""


@dataclass(frozen=True)
class Market:
    """What every fit reads: bars with features, labels, and the columns of the symbols to learn from and score.

    Samples are taken every `sample_minutes`, the grid that the labels' weights were made for.
    """

    frames: Frames
    labels: Labels
    columns: Int64
    sample_minutes: int = 5

    def rows(self, block: Block) -> slice:
        """Return the rows of a block of sessions."""
        first = self.frames.panel.grid.first_row
        return slice(int(first[block[0]]), int(first[block[1]]))

    def usable(self, at: Int64, column: int, *blocks: Block) -> Bool:
        """Return which rows `at` of a symbol are samples of one of `blocks` `[n]`.

        A sample is labelled, on the grid, and purged at the end of its block.
        """
        grid, labels = self.frames.panel.grid, self.labels
        on_grid = (grid.slot_of_row[at] + 1) % max(1, self.sample_minutes // grid.bar_minutes) == 0
        labelled = labels.label[at, column] != NO_LABEL
        spans = [self.rows(block) for block in blocks]
        closed = [purged(at, labels.span_end[at, column], span.start, span.stop) for span in spans]
        return np.asarray(labelled & on_grid & np.logical_or.reduce(closed))

    def dates(self, block: Block) -> str:
        """Return the first and the last day of a block in words."""
        sessions = self.frames.panel.grid.sessions
        return f"{sessions[block[0]].date} to {sessions[block[1] - 1].date}"


def bytes_of_fit(market: Market, window: Window, config: SearchConfig) -> int:
    """Return about the most memory in bytes that a fit of a window takes, whatever the member.

    Beside the frameworks that are the windows drawn to learn from, by symbol and then joined, and those of A.
    """
    rows, grid = market.rows(window.train), market.frames.panel.grid
    every = max(1, market.sample_minutes // grid.bar_minutes)
    n: int = min(config.max_samples, len(market.columns) * (rows.stop - rows.start) // every)
    n_features = min(config.selection.top, len(market.frames.features.names))
    return WORKER_BYTES + 3 * n * WINDOW_ROWS * n_features * 4


def samples(
    market: Market, view: View, blocks: Sequence[Block], history: Block, config: SearchConfig, place: int = 0
) -> Dataset:
    """Return the labelled samples of blocks of sessions, each purged at its end, ordered by symbol and time.

    Windows may reach back to the start of the sessions `history`. `place` is whose draw of at most `max_samples` it is.
    """
    rows, columns = market.rows((history[0], blocks[-1][1])), [int(column) for column in market.columns]
    usable = []
    for column in columns:  # once for what there is, once for what is drawn: windows of one symbol at a time
        at, _ = windows_of(market, view, rows, column)
        usable.append(np.flatnonzero(market.usable(at, column, *blocks)))
    parts: list[Dataset] = []
    for column, mine in zip(columns, drawn(usable, config.max_samples, config.seed, place), strict=True):
        at, windows = windows_of(market, view, rows, column)
        weights = market.labels.weight[at[mine], column].astype(np.float32)
        labels = market.labels.label[at[mine], column]
        parts.append(Dataset(windows[mine], labels, weights, view.selection.features))
    return Dataset.joined(parts)


def class_shares(market: Market, block: Block) -> dict[str, float | int]:
    """Return how many samples the sessions of a block have, and the share of each class among them."""
    rows = market.rows(block)
    at = np.arange(rows.start, rows.stop, dtype=np.int64)
    found = [market.labels.label[at[market.usable(at, int(k), block)], k] for k in market.columns]
    count = np.bincount(np.concatenate(found).astype(np.int64) + 1, minlength=3)
    shares = count / max(count.sum(), 1)
    return {"samples": int(count.sum()), "down": float(shares[0]), "flat": float(shares[1]), "up": float(shares[2])}


def windows_of(market: Market, view: View, rows: slice, column: int) -> tuple[Int64, Float32]:
    """Return the rows at which a symbol's windows end, and the windows `[n, WINDOW_ROWS, feature]`, all of `rows`."""
    scaled = view.scaled(market.frames.features.values[rows, column])
    ends, windows = symbol_windows(scaled, valid_rows(scaled))
    return ends + rows.start, windows


def drawn(parts: Sequence[Int64], cap: int, seed: int, place: int = 0) -> list[Int64]:
    """Return `parts` thinned to at most `cap` entries in all, a `spread_draw`; each `place` has a draw of its own."""
    count = [len(part) for part in parts]
    n = sum(count)
    keep = np.ones(n, dtype=np.bool_)
    if n > cap:
        keep[:] = False
        keep[spread_draw(n, cap, np.random.default_rng([seed, place]))] = True
    return [part[mine] for part, mine in zip(parts, np.split(keep, np.cumsum(count)[:-1]), strict=True)]


def configured(name: str, config: SearchConfig) -> Member:
    """Return a member or baseline with its options; one that has a device is trained on the GPU if fits get one."""
    member: Any = member_called(name, config.members.get(name))
    on_gpu = config.num_gpus > 0 and hasattr(member, "device")
    return cast(Member, replace(member, device=GPU) if on_gpu else member)


@dataclass(frozen=True)
class Made:
    """A fitted member: `judged` has learned from `fit` alone and scores A and B, `used` scores the test and trades.

    They are one, unless the search refits on all of the training span.
    """

    judged: Calibrated
    used: Calibrated


def fit_member(
    market: Market, view: View, window: Window, member: str, config: SearchConfig, start: Fitted | None = None
) -> Made:
    """Fit one member on the window's `fit` block as `view` shows it; stop early and calibrate on A.

    Each member draws samples of its own: what chance put into one draw, the others have not learned, and an ensemble
    averages it out (Breiman 1996). Where the search says so it is fitted once more, on all sessions before the test and
    as long as A had let it; it keeps the calibration, which needs scores that were not learned from.
    """
    validation = samples(market, view, (window.a,), window.train, config)
    return _made(market, view, window, member, config, validation, start)


def _made(
    market: Market,
    view: View,
    window: Window,
    member: str,
    config: SearchConfig,
    validation: Dataset,
    start: Fitted | None,
) -> Made:
    kind = configured(member, config)
    train = _drawn_for(market, view, window.learned, window, kind, config)
    fitted = _fitted(kind, start, train, validation, config.seed)
    judged = calibrate(fitted, validation, config.calibration)
    if not config.refit_on_full_train or window.held_out is not None:
        return Made(judged, judged)
    again = kind.as_long_as(fitted, start) if isinstance(kind, Stopping) else kind
    whole = _drawn_for(market, view, (window.train,), window, kind, config)
    refitted = _fitted(again, start, whole, whole.part(np.arange(0)), config.seed)
    return Made(judged, replace(judged, fitted=refitted))


def _drawn_for(
    market: Market, view: View, blocks: Sequence[Block], window: Window, kind: Member, config: SearchConfig
) -> Dataset:
    own = config.model_copy(update={"max_samples": min(config.max_samples, kind.config.max_samples)})
    train = samples(market, view, blocks, window.train, own, SCORERS.index(kind.name))
    if not len(train):
        raise DataError(
            f"window {window.index}: no training sample in {market.dates(window.fit)}: each needs "
            f"{WINDOW_ROWS} complete rows of {len(view.features)} features and a closed label",
            "train on more sessions",
        )
    return train


def _fitted(kind: Member, start: Fitted | None, train: Dataset, validation: Dataset, seed: int) -> Fitted:
    if start is not None and isinstance(kind, Continuing):
        return kind.fit_from(start, train, validation, seed)
    return kind.fit(train, validation, seed)


def score(
    market: Market, view: View, fitted: Calibrated, block: Block, history_from: int, score_every_minutes: int = 1
) -> Float64:
    """Return the scores of the sessions `block` `[row, column]`, NaN where no complete window ends.

    Windows may reach back to session `history_from`. NaN too at bars at which members do not score.
    """
    grid = market.frames.panel.grid
    asked = is_scored(grid.slot_of_row, bars_between(score_every_minutes, grid.bar_minutes))
    rows = market.rows((history_from, block[1]))
    start = market.rows(block).start
    scores = np.full((rows.stop - start, len(market.columns)), np.nan)
    for k, column in enumerate(market.columns):
        at, windows = windows_of(market, view, rows, int(column))
        inside = (at >= start) & asked[at]
        if inside.any():
            scores[at[inside] - start, k] = fitted.predict(windows[inside])
    return scores


@dataclass(frozen=True)
class Fit:
    """What is left of a fit: scores `[row, column]`, kind -> feature -> importance, and where the next may begin."""

    scores: Float64
    importances: Mapping[str, Mapping[str, float]]
    state: Fitted


def fit_and_score(
    market: Market, sights: Sequence[Sight], member: str, config: SearchConfig, start: Fitted | None = None
) -> Fit:
    """Return a member's scores on validation A, B and the test of a window, and what it listens to on A.

    `sights` are the window and, where there are any, its folds: then the rows of the window's `fit` block come first,
    each scored by a fit that was not shown it and began anew. `start` is the state of the window before.
    """
    (window, view), *folds = sights
    validation = samples(market, view, (window.a,), window.train, config)
    made = _made(market, view, window, member, config, validation, start)
    n = config.importance_samples
    found = importances(made.judged, validation, config.seed, n) if n else {}
    del validation  # the fits of the folds need that memory
    every, since = config.score_every_minutes, window.train[0]
    if made.used is made.judged:
        parts = [score(market, view, made.judged, (window.a[0], window.test[1]), since, every)]
    else:
        judged = score(market, view, made.judged, (window.a[0], window.b[1]), since, every)
        parts = [judged, score(market, view, made.used, window.test, since, every)]
    if folds:
        parts.insert(0, out_of_fold(market, folds, member, config))
    return Fit(np.concatenate(parts), found, made.judged.fitted)


def out_of_fold(market: Market, folds: Sequence[Sight], member: str, config: SearchConfig) -> Float64:
    """Return a member's scores on the `fit` block of a window `[row, column]`: a fit per fold, NaN in none."""
    block = market.rows(folds[0][0].fit)
    scores = np.full((block.stop - block.start, len(market.columns)), np.nan)
    for fold, view in folds:
        if fold.held_out is not None:
            fitted, rows = fit_member(market, view, fold, member, config).judged, market.rows(fold.held_out)
            inside = slice(rows.start - block.start, rows.stop - block.start)
            scores[inside] = score(market, view, fitted, fold.held_out, fold.train[0], config.score_every_minutes)
    return scores
