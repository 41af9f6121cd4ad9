"""Features as a Ray Data pipeline: one item per symbol, so that no window ever meets another symbol's bars."""

import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters.frames import (
    Manifest,
    SymbolFrames,
    find_manifest,
    frames_key,
    is_saved,
    publish,
    save_manifest,
    save_symbol,
)
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.pipeline import mapped
from daytrader_ray.cluster.runtime import started
from daytrader_ray.domain.indices import is_index
from daytrader_ray.features.bar import Calendar
from daytrader_ray.features.compute import REFERENCE, bars_of, calendar_of, compare, compute_symbol, crowd_of
from daytrader_ray.features.step import CROSS_SECTION, CROSS_STATE, NAMES, initial_state
from daytrader_ray.market_data.statistics import session_statistics

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FeaturesReport:
    """What is there now: `rows` minutes in `sessions` sessions per symbol; `computed` symbols were not there before."""

    key: str
    symbols: int
    sessions: int
    rows: int
    n_features: int
    computed: int


@dataclass(frozen=True)
class _Job:
    """What all symbols of one build share; `market` is the reference's `[row, 5]` of stage 1, None without one."""

    root: str
    key: str
    start: dt.date
    end: dt.date
    market: Float64 | None


def build(
    root: str,
    symbols: Collection[str],
    reference: str = REFERENCE,
    progress: Callable[[int, int], None] | None = None,
) -> FeaturesReport:
    """Compute and store the features of `symbols` over all sessions that their bars span, absent indices left out.

    What is stored under the same content key is not computed again, so the same command resumes after any
    interruption. Uses the Ray that runs, or starts one where there is something to compute. `reference` is the market
    that the cross-section compares with, where it is one of `symbols`. `progress` is told (done, all) symbols.
    """
    store = ParquetStore(root)
    wanted = without_absent_indices(root, symbols)
    start, end = store.span(wanted)
    key = frames_key(store, wanted, reference)
    manifest = find_manifest(store, key)
    missing = [] if manifest else [symbol for symbol in wanted if not is_saved(store, key, symbol)]
    if manifest is None:
        panel = store.panel([reference if reference in wanted else wanted[0]], start, end)
        market = None
        if reference in wanted:
            bars = bars_of(panel, np.full(panel.close.shape, np.nan), 0)
            market = compute_symbol(bars, calendar_of(panel.grid)).cross
        job = _Job(root, key, start, end, market)
        there = len(wanted) - len(missing)
        _compute(job, missing, lambda done: progress(there + done, len(wanted)) if progress else None)
        manifest = Manifest(key, panel.grid, wanted, NAMES)
        save_manifest(store, manifest)
    publish(store, key)
    grid = manifest.grid
    return FeaturesReport(key, len(wanted), len(grid.sessions), grid.n_rows, len(NAMES), len(missing))


def without_absent_indices(root: str, symbols: Collection[str]) -> tuple[str, ...]:
    """Return `symbols`, sorted, without the indices of which the store has no bars.

    Not every plan of a vendor gives them: the regime model does without and says so. Any other symbol must be there.
    """
    wanted = sorted(set(symbols))
    indices = [symbol for symbol in wanted if is_index(symbol)]
    absent = set(indices).difference(ParquetStore(root).symbols()) if indices else set()
    return tuple(symbol for symbol in wanted if symbol not in absent)


def _compute(job: _Job, symbols: list[str], progress: Callable[[int], None]) -> None:
    """Build the first symbol in this process, which compiles the kernels once for all workers, the others on Ray."""
    for symbol in symbols[:1]:
        _build_symbol(job, symbol)
        progress(1)
    if len(symbols) > 1:
        with started(data_root=job.root):
            for done, _ in enumerate(mapped(symbols[1:], partial(_build_symbol, job)), start=2):
                progress(done)


def _build_symbol(job: _Job, symbol: str) -> str:
    store = ParquetStore(job.root)
    panel = store.panel([symbol], job.start, job.end)
    adv, sigma_day, expected_volume = session_statistics(panel)
    bars = bars_of(panel, expected_volume, 0)
    calendar = calendar_of(panel.grid)
    one = compute_symbol(bars, calendar)
    _compare(job, calendar, one.cross, one.values)
    frames = SymbolFrames(
        bars=np.stack([bars.open, bars.high, bars.low, bars.close, bars.volume, bars.vwap, bars.expected_volume]),
        traded=bars.traded,
        values=one.values,
        aux=np.stack([one.atr_5, one.return_30, one.sigma_30]),
        sessions=np.concatenate([adv, sigma_day, panel.price_factor, panel.share_factor], axis=1).T.copy(),
    )
    save_symbol(store, job.key, symbol, frames)
    return symbol


def _compare(job: _Job, calendar: Calendar, cross: Float64, values: npt.NDArray[np.float32]) -> None:
    """Write the cross-section of one symbol `[row, feature]`: stage 2 of it and the reference."""
    pair = [cross] if job.market is None else [cross, job.market]
    crowd = crowd_of(len(pair), calendar.session[-1] + 1, None)
    state = initial_state(len(pair))[:, CROSS_STATE:].copy()
    values[:, CROSS_SECTION:] = compare(state, calendar, np.stack(pair, axis=1), crowd)[:, 0]
