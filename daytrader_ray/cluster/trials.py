"""Ensembles and baselines as Ray Tune trials: each weighs, combines and simulates; nothing is fitted here.

::

    <root>/processed/trials/<key>.json    the windows of one finished trial, as JSON of Python (with NaN and Infinity)

Whoever watches sees a trial's figures before the search ends: a finished one is entered in the ledger, then kept.
"""

import gc
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters import ledger_store
from daytrader_ray.adapters.atomic import atomic_write_bytes
from daytrader_ray.adapters.score_tables import ScoreTable
from daytrader_ray.cluster.fits import Progress, silent
from daytrader_ray.cluster.kept import exists, load_array, load_json
from daytrader_ray.cluster.runtime import environment
from daytrader_ray.cluster.tasks import is_own, plain_error
from daytrader_ray.domain.errors import DataError, DaytraderError
from daytrader_ray.domain.trading import SCORERS
from daytrader_ray.walkforward.ledger import Page, in_ledger
from daytrader_ray.walkforward.result import equity_of, so_far
from daytrader_ray.walkforward.study import Study, WindowInputs
from daytrader_ray.walkforward.trial import WindowResult, run_trial
from daytrader_ray.walkforward.windows import Window

Float64 = npt.NDArray[np.float64]

_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}
"""No files per trial, no snapshots of the experiment, and Ctrl-C ends the search instead of the trial."""


ROUNDS = 3
"""How often a trial is started whose worker is lost. Tune's own restarts (`max_failures`) did not survive each kill: a
worker that dies while it is made ready for its next trial stays among those that Tune waits for."""


@dataclass(frozen=True)
class Ledger:
    """The ledger under `root` at the page of one search."""

    root: str
    page: Page

    def enter(self, mask: int, windows: Sequence[WindowResult]) -> None:
        """Enter a finished trial, where it is one that counts."""
        if in_ledger(mask):
            ledger_store.enter(self.root, self.page.entry(mask, equity_of(windows)))


@dataclass(frozen=True)
class WindowFiles:
    """Where the scores of one window's members and baselines (in the order of SCORERS) and its regimes are."""

    window: Window
    scores: tuple[str, ...]
    regime: str


def run_trials(
    study: Study, files: Sequence[WindowFiles], paths: Mapping[int, str], ledger: Ledger, progress: Progress = silent
) -> dict[int, list[WindowResult]]:
    """Run the trials through all windows; return window results by mask. Ray must be running.

    `paths` say by mask where a trial is kept; one that is there is not run again. All are entered in the ledger.
    """
    missing = _missing(paths)
    for file in files if missing else ():
        read_inputs(file, (1 << len(SCORERS)) - 1)  # a damaged file is named here, and not by every trial that reads it
    progress("trials", (len(paths) - len(missing)) * len(files), len(paths) * len(files))
    for _ in range(ROUNDS):
        errors = _tuned(study, files, missing, ledger, len(paths), progress) if missing else []
        missing = _missing(paths)
        if any(map(is_own, errors)):
            break
    if missing and errors:
        raise _failure(errors, len(missing))
    found = {mask: load_trial(path, len(files)) for mask, path in paths.items()}
    for mask, windows in found.items():
        ledger.enter(mask, windows)  # of one that was kept the entry may be gone
    return found


def _missing(paths: Mapping[int, str]) -> dict[int, str]:
    return {mask: path for mask, path in paths.items() if not exists(path)}


def _tuned(
    study: Study,
    files: Sequence[WindowFiles],
    paths: Mapping[int, str],
    ledger: Ledger,
    n_trials: int,
    progress: Progress,
) -> list[Exception | str]:
    """Run trials once each; return what ended those that failed.

    Tune hands on what it does not know as text, and ends itself where memory is short.
    """
    with environment(_ENVIRONMENT), tempfile.TemporaryDirectory(prefix="daytrader-tune-") as folder:
        from ray import tune
        from ray.exceptions import RayError

        from daytrader_ray.cluster.collect import Listener

        trainable = tune.with_parameters(_trial, study=study, files=list(files), paths=dict(paths), ledger=ledger)
        listener = Listener((n_trials - len(paths)) * len(files), n_trials * len(files), progress)
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space={"mask": tune.grid_search(list(paths))},
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(
                name="search",
                storage_path=folder,
                verbose=0,
                callbacks=[listener],
            ),
        )
        try:
            return list(tuner.fit().errors)
        except RuntimeError as error:
            if isinstance(error.__cause__, RayError):
                return [error.__cause__.with_traceback(None)]  # its frames hold on to the workers, and their processors
            raise


def _failure(errors: Sequence[Exception | str], n_missing: int) -> DaytraderError:
    """Return what a search ends with of which trials are missing: our own error, else the first."""
    first = next(filter(is_own, errors), errors[0])
    found = f"trials missing: {n_missing}; the first error: "
    named = plain_error(first) if isinstance(first, Exception) else None
    return DataError(f"{found}{_last_line(first)}") if named is None else type(named)(found + named.message, named.hint)


def _trial(
    config: Mapping[str, Any], study: Study, files: Sequence[WindowFiles], paths: Mapping[int, str], ledger: Ledger
) -> None:
    """One ensemble or baseline through all windows: a report each, and what it found in its file at the end."""
    from ray import tune

    gc.collect()
    gc.freeze()  # what the imports made stays, and is not walked through again and again while orders are made
    mask = int(config["mask"])
    done = list[WindowResult]()
    for result in run_trial(mask, study, (read_inputs(file, mask) for file in files)):
        done.append(result)
        tune.report(so_far(done))
    ledger.enter(mask, done)
    save_trial(paths[mask], done)


def save_trial(path: str, windows: Sequence[WindowResult]) -> None:
    """Write what one trial found in all windows, whole or not at all."""
    values = {"windows": [asdict(window) for window in windows]}
    atomic_write_bytes(path, json.dumps(values, sort_keys=True).encode())


def load_trial(path: str, n_windows: int) -> list[WindowResult]:
    """Read what `save_trial` wrote, to the bit; `DataError` where it is damaged or of another number of windows."""
    found = load_json(path).get("windows", [])
    try:
        windows = [WindowResult(**values) for values in found]
    except TypeError as error:
        raise DataError(f"{path}: no trial: {error}", "remove it and search again") from None
    if len(windows) != n_windows:
        raise DataError(f"{path}: {len(windows)} of {n_windows} windows", "remove it and search again")
    return windows


def read_inputs(file: WindowFiles, mask: int) -> WindowInputs:
    """Read the scores of the mask's members (or baseline) of one window; the others stay NaN."""
    wanted = [bit for bit in range(len(SCORERS)) if mask >> bit & 1]
    tables = {bit: ScoreTable.read(file.scores[bit]) for bit in wanted or [0]}
    fit_scores = _stacked(tables, wanted, "fit")
    return WindowInputs(
        file.window,
        _stacked(tables, wanted, "a", "b", "test"),
        load_array(file.regime),
        fit_scores if len(fit_scores) else None,
    )


def _stacked(tables: Mapping[int, ScoreTable], wanted: Sequence[int], *blocks: str) -> Float64:
    """Return the scores of some blocks `[row, symbol, column]`, NaN in columns that are not `wanted`."""
    parts = {bit: table.part(*blocks) for bit, table in tables.items()}
    scores = np.full((*next(iter(parts.values())).shape, len(SCORERS)), np.nan)
    for bit in wanted:
        scores[:, :, bit] = parts[bit]
    return scores


def _last_line(error: BaseException | str) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
