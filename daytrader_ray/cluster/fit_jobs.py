"""Which fits a search needs, each under the key of all that goes into it: the view of each window, then each member.

Nothing is computed here but keys. The rows that fits read are hashed session by session, so that fifty windows that
overlap read them once.
"""

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from daytrader_ray.adapters.libraries import versions_of
from daytrader_ray.cluster.kept import exists
from daytrader_ray.domain.content import add_arrays, key_of
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.domain.trading import MEMBERS, SCORERS
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.fit import CPU, Market, configured
from daytrader_ray.walkforward.windows import Block, Window, folds_of

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

    @property
    def there(self) -> bool:
        """Return whether what the fit leaves is kept already."""
        return exists(self.path, self.beside)


@dataclass(frozen=True)
class Counts:
    """Fits of members, and of baselines apart: one for the window, one for each fold."""

    members: int
    baselines: int

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> "Counts":
        """Count the fits of some jobs."""
        n = {True: 0, False: 0}
        for job in jobs:
            n[job.member in MEMBERS] += len(job.sights)
        return cls(n[True], n[False])

    @property
    def all(self) -> int:
        """Return the sum."""
        return self.members + self.baselines


def jobs_of(market: Market, windows: Sequence[Window], config: SearchConfig, label_config: Any, root: str) -> list[Job]:
    """Return every fit of a search with the key of all that goes into it; nothing is computed yet."""
    members: dict[str, Any] = {name: configured(name, config) for name in SCORERS}
    files = set(MEMBER_SOURCES.values())
    sources = {name: digest_of_sources(FIT_SOURCES, without=files - {file}) for name, file in MEMBER_SOURCES.items()}
    shared = {
        "features": market.frames.features.names,
        "symbols": [market.frames.panel.symbols[column] for column in market.columns],
        "labels": label_config.model_dump(mode="json"),
        "sample_minutes": market.sample_minutes,
        "fit": config.model_dump(mode="json", include={"seed", "max_samples", "selection"}),
        "sources": digest_of_sources(FIT_SOURCES, without=files),
        "libraries": versions_of(LIBRARIES),
    }
    jobs: list[Job] = []
    folder, n_folds = f"{root}/processed/signals", config.ensemble.stacking_folds
    first = windows[0].train[0]
    sessions = digests_of_sessions(market, (first, windows[-1].test[1]))
    for window in windows:
        rows, whole = (
            key_of({"rows": sessions[window.train[0] - first : window.test[1] - first]}),
            (window, *folds_of(window, n_folds)),
        )
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


def digests_of_sessions(market: Market, block: Block) -> list[str]:
    """Hash what fits read of each session of a block: its calendar, features and labels; one symbol at a time."""
    grid, labels, rows = market.frames.panel.grid, market.labels, market.rows(block)
    sessions = grid.sessions[slice(*block)]
    first_row = grid.first_row[block[0] : block[1] + 1]
    parts = [slice(start - rows.start, stop - rows.start) for start, stop in itertools.pairwise(first_row)]
    begins = np.repeat(first_row[:-1], np.diff(first_row))
    found = [hashlib.sha256(f"{s.open_minute} {s.n_minutes} {grid.bar_minutes}".encode()) for s in sessions]
    for column in map(int, market.columns):
        values = market.frames.features.values[rows, column]
        taught = labels.label[rows, column], labels.span_end[rows, column] - begins, labels.weight[rows, column]
        for digest, part in zip(found, parts, strict=True):
            add_arrays(digest, (array[part] for array in (values, *taught)))
    return [digest.hexdigest() for digest in found]


def _relative(window: Window) -> list[tuple[int, int]]:
    start = window.train[0]
    blocks = (window.train, window.fit, window.a, window.b, window.test, *window.learned)
    return [(a - start, b - start) for a, b in blocks]
