"""What a search found, as plain values: pure, so that any way to compute the trials tells the same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.assessment import assess
from daytrader_ray.analytics.performance import plain
from daytrader_ray.domain.content import digest_of_panel, key_of
from daytrader_ray.domain.ledger import Entry
from daytrader_ray.domain.trading import MEMBERS, N_ENSEMBLES, members_of
from daytrader_ray.models.labels import LabelConfig
from daytrader_ray.models.scaling import View
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.baselines import baselines_of, comparison
from daytrader_ray.walkforward.fit import Market, class_shares
from daytrader_ray.walkforward.judge import by_size, judged_by
from daytrader_ray.walkforward.ledger import Page, in_ledger
from daytrader_ray.walkforward.regimes import regime_result
from daytrader_ray.walkforward.result import capacity_dict, selection_dict, stitch, trial_dict
from daytrader_ray.walkforward.study import Study
from daytrader_ray.walkforward.trial import WindowResult
from daytrader_ray.walkforward.windows import Block, Window, WindowSpec

Int8 = npt.NDArray[np.int8]

SCHEMA = 5
"""Version of what a stored result holds."""


@dataclass(frozen=True)
class Asked:
    """What a search was asked beside its study.

    `market` is whose bars they are; `made` the digest of all that computed the result and is no setting: sources,
    libraries, features. `features` is that of the features alone, which a user chooses too.
    """

    universe: UniverseConfig
    labels: LabelConfig
    market: str
    made: str
    features: str = ""

    def settings(self, study: Study) -> dict[str, Any]:
        """Return the configuration that was resolved, by component."""
        parts = {
            "search": study.config,
            "labels": self.labels,
            "kernel": study.kernel,
            "costs": study.costs,
            "regime": study.regime,
            "portfolio": study.portfolio,
            "universe": self.universe,
        }
        return {name: part.model_dump(mode="json") for name, part in parts.items()}


@dataclass(frozen=True)
class Done:
    """What was computed: for each window its view, its members' importances and what `window_states` gave.

    `trials` are the results of the windows by mask, `fits` how many fits that took.
    """

    windows: Sequence[Window]
    views: Sequence[View]
    importances: Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]]
    regimes: Sequence[tuple[Int8, Mapping[str, Any]]]
    trials: Mapping[int, Sequence[WindowResult]]
    fits: int


def page(study: Study, asked: Asked, windows: Sequence[Window], search: str) -> Page:
    """Return what the entries of the search of that id share in the ledger, known before any trial is run."""
    settings = asked.settings(study)
    return Page(
        search=search,
        configuration=key_of({"settings": settings, "made": asked.made}),
        settings=key_of({"settings": settings, "features": asked.features}),
        dates=tuple(_tested(study, windows)),
    )


def findings(
    market: Market, study: Study, asked: Asked, done: Done, ledger: Sequence[Entry], search: str
) -> dict[str, Any]:
    """Return what the search of that id found: JSON's values, without a clock or a path.

    `ledger` are all trials that were ever made, this search's among them or not: its own are counted once.
    """
    dates = _dates(study)
    tested = page(study, asked, done.windows, search)
    found = {
        "id": search,
        "schema": SCHEMA,
        "spec": str(WindowSpec.parse(study.config.train, study.config.test, study.config.step)),
        "settings": asked.settings(study),
        "market": asked.market,
        "members": list(MEMBERS),
        "sessions": {"first": dates[0], "last": dates[-1], "n": len(dates)},
        "dates": list(tested.dates),
        **_learned(market, study, done, dates),
        **_assessed(study, done, tested),
    }
    return judged_by(found, ledger)


def _learned(market: Market, study: Study, done: Done, dates: Sequence[str]) -> dict[str, Any]:
    """Return what the members learned from: symbols, windows, labels, features, regimes."""
    panel, used = study.frames.panel, done.windows
    steps, tests = (sum(stop - start for start, stop in blocks) for blocks in _spans(used))
    return {
        "bars": digest_of_panel(panel),
        "symbols": list(panel.symbols),
        "traded": _traded(study),
        "windows": [_window_dict(window, dates) for window in used],
        "windows_used": len(used),
        "windows_effective": round(len(used) * steps / tests, 2),
        "fits": done.fits,
        "labels": class_shares(market, (used[0].train[0], used[-1].test[1])),
        "left_out": sorted({name for _, told in done.regimes for name in told["left_out"]}),
        "regime": regime_result(panel, used, *zip(*done.regimes, strict=True)),
        "selection": selection_dict([view.selection for view in done.views]),
        "importances": list(done.importances),
    }


def _assessed(study: Study, done: Done, tested: Page) -> dict[str, Any]:
    """Return every trial, and how likely it is that the best of them is luck, as if none had been made before."""
    seed = study.config.seed
    trials = [stitch(mask, done.trials[mask]) for mask in sorted(done.trials)]
    ensembles = sorted((t for t in trials if in_ledger(t.mask)), key=lambda t: by_size(t.mask))
    beside = baselines_of(study, done.windows, [trial for trial in trials if trial.mask >= N_ENSEMBLES])
    returns = np.stack([trial.returns for trial in ensembles], axis=1)
    found = assess(returns, {one.name: one.returns for one in beside}, np.empty(0), seed)
    best = ensembles[found.best]
    return {
        "configuration": tested.configuration,
        "settings_key": tested.settings,
        "ensembles": 1 + len(ensembles),
        "best": {
            "mask": best.mask,
            "members": list(members_of(best.mask)),
            "sharpe": plain(best.performance.sharpe),
            "capacity": capacity_dict(best),
        },
        "statistics": found.as_dict(),
        "baselines": comparison(best, len(ensembles), beside, found.p_against()),
        "trials": [
            trial_dict(trial, seed)
            | {
                "key": tested.key(trial.mask) if in_ledger(trial.mask) else None,
                "baseline": trial.mask >= N_ENSEMBLES,
            }
            for trial in trials
        ],
    }


def _dates(study: Study) -> list[str]:
    return [str(session.date) for session in study.frames.panel.grid.sessions]


def _tested(study: Study, windows: Sequence[Window]) -> list[str]:
    """Return the days out of sample."""
    dates = _dates(study)
    return [date for window in windows for date in dates[slice(*window.step)]]


def _traded(study: Study) -> list[str]:
    return [study.frames.panel.symbols[column] for column in study.columns]


def _spans(used: Sequence[Window]) -> tuple[list[Block], list[Block]]:
    """Return the steps and the tests of windows."""
    return [window.step for window in used], [window.test for window in used]


def _window_dict(window: Window, dates: Sequence[str]) -> dict[str, Any]:
    return {
        "index": window.index,
        "train": [dates[window.train[0]], dates[window.train[1] - 1]],
        "test": [dates[window.test[0]], dates[window.test[1] - 1]],
        "step_sessions": window.step[1] - window.step[0],
    }
