"""The fits of a search as Ray tasks: the view of each window once, then each (window, member) once.

Both are kept under a content key: features and scale that a window chose as JSON, a member's scores as Parquet.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters.atomic import atomic_write_json
from daytrader_ray.adapters.libraries import versions_of
from daytrader_ray.adapters.score_tables import ScoreTable
from daytrader_ray.cluster.kept import exists, load_view
from daytrader_ray.domain.content import digest_of_arrays, key_of
from daytrader_ray.domain.errors import ConfigError, DaytraderError
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.domain.trading import SCORERS
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.fit import CPU, GPU, Fit, Market, Sight, configured, fit_and_score
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import Window, folds_of

Float64 = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]
"""Told (stage, done, of) while something long runs."""

FIT_SOURCES = (
    "domain/cadence.py",
    "domain/config.py",
    "domain/errors.py",
    "domain/folds.py",
    "domain/jit.py",
    "domain/panel.py",
    "domain/peers.py",
    "domain/selection.py",
    "domain/sessions.py",
    "domain/sources.py",
    "domain/trading.py",
    "features",
    "models/calibration.py",
    "models/dataset.py",
    "models/importances.py",
    "models/judge.py",
    "models/labels.py",
    "models/members",
    "models/registry.py",
    "models/scaling.py",
    "walkforward/config.py",
    "walkforward/fit.py",
    "walkforward/view.py",
    "walkforward/windows.py",
)
"""What a fit runs, but of the members' own files only its own: a change in one member fits that member again."""

MEMBER_SOURCES = {name: f"models/members/{name}.py" for name in SCORERS}
K = TypeVar("K")
LIBRARIES = ("numpy", "torch", "xgboost", "xgboost-cpu", "scikit-learn", "numba", "scipy")


@dataclass(frozen=True)
class Job:
    """One member to fit: on a window and on its folds, each with the file of what it sees; `path` gets the scores.

    `inputs` is all that the key of the scores is made of.
    """

    member: str
    sights: tuple[tuple[Window, str], ...]
    path: str
    inputs: Mapping[str, Any]

    @property
    def window(self) -> Window:
        """Return the window itself."""
        return self.sights[0][0]

    @property
    def view(self) -> str:
        """Return the file of what the window's members see."""
        return self.sights[0][1]

    @property
    def beside(self) -> str:
        """Return the file of the importances, which lies beside the scores."""
        return f"{self.path.removesuffix('.scores.parquet')}.importances.json"


def silent(_stage: str, _done: int, _of: int) -> None:
    """Tell nobody."""


def jobs_of(market: Market, windows: Sequence[Window], config: SearchConfig, label_config: Any, root: str) -> list[Job]:
    """Return every fit of a search with the key of all that goes into it; nothing is computed yet."""
    members: dict[str, Any] = {name: configured(name, config) for name in SCORERS}
    files = set(MEMBER_SOURCES.values())
    sources = {name: digest_of_sources(FIT_SOURCES, without=files - {file}) for name, file in MEMBER_SOURCES.items()}
    shared = {
        "labels": label_config.model_dump(mode="json"),
        "sample_minutes": market.sample_minutes,
        "fit": config.model_dump(mode="json", include={"seed", "max_samples", "selection"}),
        "sources": digest_of_sources(FIT_SOURCES, without=files),
        "libraries": versions_of(LIBRARIES),
    }
    jobs: list[Job] = []
    folder, n_folds = f"{root}/processed/signals", config.ensemble.stacking_folds
    for window in windows:
        rows, whole = _digest_of_rows(market, window), (window, *folds_of(window, n_folds))
        seen = [{"rows": rows, "blocks": _relative(one), **shared} for one in whole]
        sights = tuple((one, f"{folder}/{key_of(parts)}.view.json") for one, parts in zip(whole, seen, strict=True))
        for name in SCORERS:
            options = members[name].config.model_dump(mode="json")
            inputs = {"views": seen, "member": name, "member_config": options, "sources": sources[name]}
            inputs |= {"device": getattr(members[name], "device", CPU)}
            inputs |= config.model_dump(
                mode="json", include={"calibration", "importance_samples", "score_every_minutes"}
            )
            jobs.append(Job(name, sights, f"{folder}/{key_of(inputs)}.scores.parquet", inputs))
    return jobs


def fits_in(jobs: Iterable[Job]) -> int:
    """Return how many fits jobs are: one for the window, one for each fold."""
    return sum(len(job.sights) for job in jobs)


def run_fits(market: Market, jobs: Sequence[Job], config: SearchConfig, progress: Progress = silent) -> int:
    """Fit what is not there yet, in parallel; return how many fits were made. Ray must be running.

    Each result is written whole as soon as it is there, so that an interrupted search goes on where it stopped.
    """
    missing = [job for job in jobs if not exists(job.path, job.beside)]
    views = {path: window for job in jobs for window, path in job.sights}
    unseen = [(path, window) for path, window in views.items() if not exists(path)]
    of, done = fits_in(jobs), fits_in(jobs) - fits_in(missing)
    progress("selections", len(views) - len(unseen), len(views))
    progress("fits", done, of)
    if not missing and not unseen:
        return 0
    import ray

    fit, seconds = fit_tasks(_timed_fit, config), dict[str, float]()
    shared = ray.put(market)
    choose = ray.remote(num_cpus=1, max_retries=2)(view_of)
    chosen = unordered((path, partial(choose.remote, shared, window, config)) for path, window in unseen)
    for n, (path, view) in enumerate(chosen, start=len(views) - len(unseen) + 1):
        atomic_write_json(path, view.as_dict())
        progress("selections", n, len(views))
    work = (
        (job, partial(fit[job.member].remote, shared, _load_sights(job), job.member, config))
        for job in longest_first(missing, seconds)
    )
    for job, (found, spent) in unordered(work):
        seconds[job.member] = spent
        atomic_write_json(job.beside, found.importances)
        save_scores(market, job, found.scores)
        done += len(job.sights)
        progress("fits", done, of)
    return fits_in(missing)


def longest_first(jobs: Iterable[Job], seconds: Mapping[str, float]) -> Iterator[Job]:
    """Yield jobs, each time one of the member whose last fit took longest, as `seconds` by then says.

    Members that it does not know yet come first. So no long fit is left for the end, when other workers are idle.
    """
    waiting = list(jobs)
    while waiting:
        longest = max(waiting, key=lambda job: seconds.get(job.member, math.inf))
        waiting.remove(longest)
        yield longest


def _timed_fit(market: Market, sights: Sequence[Sight], member: str, config: SearchConfig) -> tuple[Fit, float]:
    """Return what is kept of a member's fit and the CPU seconds that it took."""
    start = time.process_time()
    return fit_and_score(market, sights, member, config), time.process_time() - start


def _load_sights(job: Job) -> list[Sight]:
    return [(window, load_view(path)) for window, path in job.sights]


def fit_tasks(function: Callable[..., Any], config: SearchConfig) -> dict[str, Any]:
    """Return `function` as the Ray task of each member's fits: those that are trained on a GPU ask for their share.

    `ConfigError` where there is no such GPU: Ray would wait for one without a word.
    """
    import ray

    found: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray leaves it bare
    if config.num_gpus > found.get("GPU", 0.0):
        said = f"search.num_gpus is {config.num_gpus:g}, but Ray has {found.get('GPU', 0.0):g} GPUs"
        raise ConfigError(said, "set search.num_gpus to 0")
    on_gpu = {name: getattr(configured(name, config), "device", CPU) == GPU for name in SCORERS}
    shares = {name: config.num_gpus if yes else 0 for name, yes in on_gpu.items()}
    return {name: ray.remote(num_cpus=1, num_gpus=share, max_retries=2)(function) for name, share in shares.items()}


def unordered(work: Iterable[tuple[K, Callable[[], Any]]]) -> Iterator[tuple[K, Any]]:
    """Start the Ray task of each (name, start) and yield (name, result) as they come, few at a time."""
    import ray

    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray leaves it bare
    limit = 2 * max(1, int(resources.get("CPU", 1)))
    waiting, pending, exhausted = iter(work), dict[Any, K](), False
    while True:
        while not exhausted and len(pending) < limit:
            following = next(waiting, None)
            if following is None:
                exhausted = True
            else:
                pending[following[1]()] = following[0]
        if not pending:
            return
        ready, _ = ray.wait(list(pending), num_returns=1)
        for reference in ready:
            name = pending.pop(reference)
            with plain_errors():
                result = ray.get(reference)
            yield name, result


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn a named error that crossed from a Ray task back into itself, without the worker's traceback."""
    from ray.exceptions import RayTaskError

    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, DaytraderError):
            raise error.cause from None
        raise


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


def _digest_of_rows(market: Market, window: Window) -> str:
    """Hash the rows that a window reads, from the first training row to the end of its test."""
    rows, columns = market.rows((window.train[0], window.test[1])), market.columns
    grid, labels = market.frames.panel.grid, market.labels
    sessions = grid.sessions[window.train[0] : window.test[1]]
    calendar = np.array([(s.open_minute, s.n_minutes, grid.bar_minutes) for s in sessions], dtype=np.int64)
    names = np.array([market.frames.panel.symbols[column] for column in columns], dtype="S24")
    features = np.array(market.frames.features.names, dtype="S64")
    values = (market.frames.features.values[rows, int(column)] for column in columns)  # one symbol at a time in memory
    others = (
        np.isfinite(market.frames.panel.close[rows][:, columns]),
        labels.label[rows][:, columns],
        labels.span_end[rows][:, columns] - rows.start,
        labels.weight[rows][:, columns],
    )
    return digest_of_arrays(chain((calendar, names, features), values, others))


def _relative(window: Window) -> list[tuple[int, int]]:
    start = window.train[0]
    blocks = (window.train, window.fit, window.a, window.b, window.test, *window.learned)
    return [(a - start, b - start) for a, b in blocks]
