"""The fits of a search as Ray tasks: the view of each window once, then each (window, member) once.

Both are kept under a content key: features and scale that a window chose as JSON, a member's scores as Parquet. Workers
map the features from the store; what goes through Ray's object store, once, are the labels.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters.atomic import atomic_write_bytes, atomic_write_json
from daytrader_ray.adapters.score_tables import ScoreTable
from daytrader_ray.cluster.fit_jobs import Job
from daytrader_ray.cluster.kept import exists, keep_seconds, known_seconds, load_state, load_view, packed
from daytrader_ray.cluster.tasks import granted, unordered
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.domain.trading import SCORERS
from daytrader_ray.models.scaling import View
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.cut import only_features
from daytrader_ray.walkforward.fit import CPU, GPU, Market, Sight, bytes_of_fit, configured, fit_and_score
from daytrader_ray.walkforward.tuning import chosen, ic_on_b, with_options
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import Window

Float64 = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]
"""Told (stage, done, of) while something long runs."""


def silent(_stage: str, _done: int, _of: int) -> None:
    """Tell nobody."""


def run_fits(
    market: Market, jobs: Sequence[Job], config: SearchConfig, root: str, progress: Progress = silent
) -> list[Job]:
    """Fit what is not there yet, in parallel; return what was fitted. Ray must be running.

    Each result is written whole as soon as it is there, so that an interrupted search goes on where it stopped.
    """
    missing = [job for job in jobs if not job.there]
    views = dict[str, Window]()
    for window, path in (sight for job in jobs for sight in job.sights):
        views.setdefault(path, window)  # of the windows that share one the first chooses
    unseen = [(path, window) for path, window in views.items() if not exists(path)]
    progress("selections", len(views) - len(unseen), len(views))
    if not missing and not unseen:
        progress("fits", len(jobs), len(jobs))
        return []
    import ray

    seconds = known_seconds(root)
    memory = granted(max(bytes_of_fit(market, job.window, config) for job in jobs))
    fit = fit_tasks(_timed_fit, config, memory)
    shared = ray.put(for_fits(market))
    choose = ray.remote(num_cpus=1, memory=memory, max_retries=2)(_timed_view)
    seen = unordered((path, partial(choose.remote, shared, window, config)) for path, window in unseen)
    for n, (path, (view, spent)) in enumerate(seen, start=len(views) - len(unseen) + 1):
        keep_seconds(root, {"view": spent})
        atomic_write_json(path, view.as_dict())
        progress("selections", n, len(views))
    progress("fits", len(jobs) - len(missing), len(jobs))
    written = {job.after for job in missing if job.after is None or exists(job.after)}
    work = (
        None if job is None else (job, partial(fit[job.member].remote, shared, *_told(job, config)))
        for job in longest_first(missing, seconds, written)
    )
    for n, (job, (found, spent)) in enumerate(unordered(work), start=len(jobs) - len(missing) + 1):
        seconds[job.member] = spent
        keep_seconds(root, {job.member: spent})
        atomic_write_json(job.beside, found.importances)
        if job.state is not None:
            atomic_write_bytes(job.state, found.state)
            written.add(job.state)
        save_scores(market, job, found.scores)
        progress("fits", n, len(jobs))
    return missing


def picked(market: Market, jobs: Sequence[Job]) -> list[dict[str, Job]]:
    """Return by member, for each window, the fits that its ensembles trade: of the candidate that B has chosen so far.

    What was fitted must be there.
    """
    windows = list({job.window.index: job.window for job in jobs}.values())
    found: list[dict[str, Job]] = [{} for _ in windows]
    for name in SCORERS:
        mine = [[job for job in jobs if job.member == name and job.window is window] for window in windows]
        tables = [[_ic(market, job) for job in some] if len(some) > 1 else [0.0] for some in mine]
        for k, candidate in enumerate(chosen(np.array(tables))):
            found[k][name] = mine[k][candidate]
    return found


def _ic(market: Market, job: Job) -> float:
    return ic_on_b(market, job.window, ScoreTable.read(job.path).part("b"))


def for_fits(market: Market) -> Market:
    """Return what fits read of a market: where its features lie, and labels; no prices."""
    labels = replace(market.labels, forward_return=np.empty((0, 0)))
    return replace(market, frames=only_features(market.frames), labels=labels)


def longest_first(
    jobs: Iterable[Job], seconds: Mapping[str, float], written: Collection[str | None]
) -> Iterator[Job | None]:
    """Yield jobs, each time one of the member whose last fit took longest, as `seconds` by then says.

    Members that it does not know yet come first. So no long fit is left for the end, when other workers are idle. A job
    waits until the state that it begins with is `written`; None says that all the others do.
    """
    waiting = list(jobs)
    while waiting:
        ready = [job for job in waiting if job.after is None or job.after in written]
        longest = max(ready, key=lambda job: seconds.get(job.member, math.inf), default=None)
        if longest is not None:
            waiting.remove(longest)
        yield longest


class Left(NamedTuple):
    """What a worker sends back of a fit: as in `Fit`, with the state as the bytes of its file where one is kept."""

    scores: Float64
    importances: Mapping[str, Mapping[str, float]]
    state: bytes


def _told(job: Job, config: SearchConfig) -> tuple[Any, ...]:
    """Return what a worker is told of a fit: its windows, its member, where it begins and whether its state is kept."""
    sights = [(window, load_view(path)) for window, path in job.sights]
    return sights, job.member, with_options(config, job.member, job.options), job.after, job.state is not None


def _timed_fit(
    market: Market, sights: Sequence[Sight], member: str, config: SearchConfig, after: str | None, keeps: bool
) -> tuple[Left, float]:
    """Return what is kept of a member's fit and the CPU seconds that it took."""
    begun = time.process_time()
    start = load_state(after, configured(member, config).load) if after is not None else None
    fit = fit_and_score(market, sights, member, config, start)
    left = Left(fit.scores, fit.importances, packed(fit.state) if keeps else b"")
    return left, time.process_time() - begun


def _timed_view(market: Market, window: Window, config: SearchConfig) -> tuple[View, float]:
    start = time.process_time()
    return view_of(market, window, config), time.process_time() - start


def fit_tasks(function: Callable[..., Any], config: SearchConfig, memory: int) -> dict[str, Any]:
    """Return `function` as the Ray task of each member's fits, which asks for `memory` bytes of its node.

    Those that are trained on a GPU ask for their share: `ConfigError` where there is no such GPU, for which Ray would
    wait without a word.
    """
    import ray

    found: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray leaves it bare
    if config.num_gpus > found.get("GPU", 0.0):
        said = f"search.num_gpus is {config.num_gpus:g}, but Ray has {found.get('GPU', 0.0):g} GPUs"
        raise ConfigError(said, "set search.num_gpus to 0")
    on_gpu = {name: getattr(configured(name, config), "device", CPU) == GPU for name in SCORERS}
    shares = {name: config.num_gpus if yes else 0 for name, yes in on_gpu.items()}
    return {
        name: ray.remote(num_cpus=1, num_gpus=share, memory=memory, max_retries=2)(function)
        for name, share in shares.items()
    }


def save_scores(market: Market, job: Job, scores: Float64) -> None:
    """Write a member's scores `[row, column]`, as `fit_and_score` returns them, with what they are."""
    grid, window = market.frames.panel.grid, job.window
    spans = {"fit": window.fit, "a": window.a, "b": window.b, "test": window.test}
    scored = list(spans)[0 if len(job.sights) > 1 else 1 :]
    rows = {name: market.rows(spans[name]) for name in scored}
    names = [name for name, part in rows.items() for _ in range(part.stop - part.start)]
    symbols = tuple(market.frames.panel.symbols[column] for column in market.columns)
    table = ScoreTable(symbols, grid.minute_of_row[rows[scored[0]].start : rows["test"].stop], names, scores)
    dates = {name: market.dates(block) for name, block in spans.items()}
    table.write(job.path, {"member": job.member, "spans": dates, "key": dict(job.inputs)})
