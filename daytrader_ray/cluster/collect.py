"""Listens to Tune and tells how far the trials are."""

from typing import Any

from ray.tune import Callback

from daytrader_ray.cluster.fits import Progress


class Listener(Callback):
    """Counts the windows that trials report; one that is run again after a failure counts the same ones again."""

    def __init__(self, done: int, expected: int, progress: Progress) -> None:
        self._seen = set[tuple[int, int]]()
        self._done, self._expected, self._progress = done, expected, progress

    def __getstate__(self) -> dict[str, Any]:
        """Stay out of Tune's snapshot of the experiment: whoever listens may not be picklable."""
        return {"_expected": self._expected}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Take one report; Tune's other arguments say nothing that is needed."""
        del iteration, trials, info
        self._seen.add((int(trial.config["mask"]), int(result["window"])))
        self._progress("trials", self._done + len(self._seen), self._expected)
