"""What a search would do, without doing it: windows, fits that are kept and fits to make, time and memory."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import psutil

from daytrader_ray.cluster.features import current_set
from daytrader_ray.cluster.fit_jobs import Counts, Job, jobs_of
from daytrader_ray.cluster.fits import for_fits
from daytrader_ray.cluster.kept import exists, known_seconds
from daytrader_ray.cluster.regimes import regime_paths, regime_words
from daytrader_ray.cluster.search import (
    SearchRequest,
    feature_request,
    found_in,
    market_of,
    stored_frames,
    stored_grid,
    study_of,
    trials_of,
)
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.domain.trading import MASKS
from daytrader_ray.walkforward.cut import without_features
from daytrader_ray.walkforward.fit import bytes_of_fit
from daytrader_ray.walkforward.windows import Window, dated

GIB = 2**30


@dataclass(frozen=True)
class Work:
    """What is left to do, of which kind and how often, and the memory that it takes in bytes.

    `cached` are the fits that are kept, `to_do` the others and all that is not a fit, by name. `held` is what one
    process holds of the market, `a_fit` what each worker takes.
    """

    cached: Counts
    to_do: Mapping[str, int]
    held: int
    a_fit: int


@dataclass(frozen=True)
class Plan:
    """The windows of a search, its fits, and what is left to do: `work` is None while features are not up to date."""

    spec: str
    grid: SessionGrid
    windows: tuple[Window, ...]
    fits: Counts
    work: Work | None
    seconds: Mapping[str, float]
    cpus: int
    free: int

    @property
    def at_once(self) -> int:
        """Return how many fits run at once on this machine: as many as processors and free memory allow."""
        return 1 if self.work is None else max(1, min(self.cpus, (self.free - self.work.held) // self.work.a_fit))

    @property
    def untimed(self) -> list[str]:
        """Return the kinds of work of which this store has never seen any done."""
        return [] if self.work is None else sorted(set(self.work.to_do) - set(self.seconds))

    @property
    def minutes(self) -> float | None:
        """Return the wall time to expect, by what such work took on this store before; None where some never ran."""
        if self.work is None or self.untimed:
            return None
        spent = sum(n * self.seconds[name] for name, n in self.work.to_do.items())
        return spent / self.at_once / 60.0

    @property
    def gib(self) -> float | None:
        """Return about the most memory of the machine: the market in this process and shared, and the fits at once."""
        return None if self.work is None else (2 * self.work.held + self.at_once * self.work.a_fit) / GIB

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what is not known is None."""
        sessions, work = self.grid.sessions, self.work
        return {
            "spec": self.spec,
            "sessions": {"first": str(sessions[0].date), "last": str(sessions[-1].date), "n": len(sessions)},
            "windows": [dated(self.grid, window) for window in self.windows],
            "fits": self.fits.members,
            "fits_cached": work and work.cached.members,
            "baseline_fits": self.fits.baselines,
            "baseline_fits_cached": work and work.cached.baselines,
            "fits_at_once": work and self.at_once,
            "minutes": self.minutes and round(self.minutes, 1),
            "untimed": self.untimed,
            "gib": self.gib and round(self.gib, 1),
        }


def plan(request: SearchRequest, cpus: int | None = None) -> Plan:
    """Look at the store and say what `search` would do on this machine; nothing is written, and Ray is not needed."""
    name = current_set(feature_request(request))
    machine = known_seconds(request.root), cpus or os.cpu_count() or 1, psutil.virtual_memory().available
    if name is None:
        grid = stored_grid(request)
        found = found_in(grid, request)
        return Plan(str(request.spec), grid, found, Counts.asked(found, request.config), None, *machine)
    frames = stored_frames(request, name)
    grid = frames.panel.grid
    found = found_in(grid, request)
    fits = Counts.asked(found, request.config)
    return Plan(str(request.spec), grid, found, fits, _work(request, frames, found), *machine)


def _work(request: SearchRequest, frames: Frames, found: Sequence[Window]) -> Work:
    market, config = market_of(request, frames), request.config
    jobs = jobs_of(market, found, config, request.labels, request.root)
    missing = [job for job in jobs if not job.there]
    views = {path for job in jobs for _, path in job.sights if not exists(path)}
    paths = regime_paths(request, frames, found)
    regimes = [path for path in paths if not exists(path, regime_words(path))]
    trials = len(MASKS)
    if not missing and not regimes:  # a trial has a key only when all that it is made of is there
        ready = trials_of(request, market, study_of(request, market), jobs, paths)
        trials = sum(not exists(path) for path in ready.paths.values())
    to_do = {"view": len(views), "regime": len(regimes), "trial": trials * len(found), **_by_member(missing)}
    return Work(
        cached=Counts.of(job for job in jobs if job.there),
        to_do={name: n for name, n in to_do.items() if n},
        held=bytes_in(without_features(frames)) + bytes_in(for_fits(market).labels),
        a_fit=max(bytes_of_fit(market, window, config) for window in found),
    )


def _by_member(jobs: Sequence[Job]) -> dict[str, int]:
    return {name: sum(job.member == name for job in jobs) for name in dict.fromkeys(job.member for job in jobs)}


def bytes_in(value: Any) -> int:
    """Return the bytes of all arrays in a dataclass of dataclasses."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    return sum(bytes_in(getattr(value, field.name)) for field in fields(value)) if is_dataclass(value) else 0
