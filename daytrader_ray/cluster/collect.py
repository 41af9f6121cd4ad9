"""Listens to Tune and keeps every window result that a trial reports."""

from typing import Any

from ray.tune import Callback

from daytrader_ray.cluster.fits import Progress


class Collector(Callback):
    """Keeps `results[mask][window]`; a trial that is run again after a failure writes the same ones again."""

    def __init__(self, expected: int, progress: Progress) -> None:
        self.results: dict[int, dict[int, dict[str, Any]]] = {}
        self._expected = expected
        self._progress = progress

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Take one report; Tune's other arguments say nothing that is needed."""
        del iteration, trials, info
        mask = int(trial.config["mask"])
        self.results.setdefault(mask, {})[int(result["window"])] = result["values"]
        self._progress("trials", sum(len(found) for found in self.results.values()), self._expected)
