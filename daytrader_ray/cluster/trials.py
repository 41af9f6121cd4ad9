"""Ensembles and baselines as Ray Tune trials: each weighs, combines and simulates; nothing is fitted here."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters.score_tables import ScoreTable
from daytrader_ray.cluster.fits import Progress, silent
from daytrader_ray.cluster.kept import load_array
from daytrader_ray.cluster.runtime import environment
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.trading import BASELINES, MEMBERS, SCORERS
from daytrader_ray.walkforward.study import Study, WindowInputs
from daytrader_ray.walkforward.trial import WindowResult, run_trial
from daytrader_ray.walkforward.windows import Window

N_ENSEMBLES = 2 ** len(MEMBERS)
Float64 = npt.NDArray[np.float64]

MASKS = (*range(N_ENSEMBLES), *(1 << (len(MEMBERS) + k) for k in range(len(BASELINES))))
"""Every ensemble, then each baseline alone."""

_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}
"""No files per trial, no snapshots of the experiment, and Ctrl-C ends the search instead of the trial."""


@dataclass(frozen=True)
class WindowFiles:
    """Where the scores of one window's members and baselines (in the order of SCORERS) and its regimes are."""

    window: Window
    scores: tuple[str, ...]
    regime: str


def run_trials(
    study: Study, files: Sequence[WindowFiles], progress: Progress = silent
) -> dict[int, list[WindowResult]]:
    """Run ensembles and baselines through all windows; return window results by mask. Ray must be running."""
    with environment(_ENVIRONMENT), tempfile.TemporaryDirectory(prefix="daytrader-tune-") as folder:
        from ray import tune

        from daytrader_ray.cluster.collect import Collector

        collector = Collector(len(MASKS) * len(files), progress)
        trainable = tune.with_parameters(_trial, study=study, files=list(files))
        tuner = tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space={"mask": tune.grid_search(list(MASKS))},
            tune_config=tune.TuneConfig(reuse_actors=True),
            run_config=tune.RunConfig(
                name="search",
                storage_path=folder,
                verbose=0,
                callbacks=[collector],
                failure_config=tune.FailureConfig(max_failures=2),
            ),
        )
        grid = tuner.fit()
        if grid.num_errors:
            first = grid.errors[0]
            said = f"{grid.num_errors} of {len(MASKS)} trials failed; the first: {_first_line(first)}"
            raise DataError(said, getattr(first, "hint", ""))
    return {mask: _in_order(collector.results[mask], len(files)) for mask in MASKS}


def _trial(config: Mapping[str, Any], study: Study, files: Sequence[WindowFiles]) -> None:
    """One ensemble or baseline through all windows: a report each."""
    from ray import tune

    mask = int(config["mask"])
    inputs = (read_inputs(file, mask) for file in files)
    for result in run_trial(mask, study, inputs):
        tune.report({"window": result.index, "values": asdict(result)})


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


def _in_order(found: Mapping[int, Mapping[str, Any]], n_windows: int) -> list[WindowResult]:
    if len(found) != n_windows:
        raise DataError(f"a trial reported {len(found)} of {n_windows} windows", "run the search again")
    return [WindowResult(**found[index]) for index in sorted(found)]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
