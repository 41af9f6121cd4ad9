"""Which fits a search needs, each under the key of all that goes into it: the view of each window, then each member.

Nothing is computed here but keys. The rows that fits read are hashed session by session, so that fifty windows that
overlap read them once.
"""

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from daytrader_ray.adapters.libraries import versions_of
from daytrader_ray.cluster.kept import exists
from daytrader_ray.domain.content import add_arrays, key_of
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.domain.trading import BASELINES, MEMBERS, SCORERS
from daytrader_ray.models.members.surface import Continuing
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.fit import CPU, Market, configured
from daytrader_ray.walkforward.tuning import options_of, with_options
from daytrader_ray.walkforward.windows import Block, Window, folds_of

SIGNALS = "processed/signals"
"""Where under a root fits and regimes are kept."""

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


CHAIN = 13
"""With a warm start features are chosen and members begin anew every so many windows: once a quarter, weekly."""


@dataclass(frozen=True)
class Job:
    """One member to fit: on a window and on its folds, each with the file of what it sees; `path` gets the scores.

    `options` are those of candidate number `candidate`; `inputs` is all that the key of the scores is made of. With a
    warm start `state` gets what the member has become,
    and `after` is that file of the window before, where the fit begins (None: anew). `refit` says that the window is
    fitted twice, the second time on all of its training span.
    """

    member: str
    sights: tuple[tuple[Window, str], ...]
    path: str
    inputs: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    candidate: int = 0
    state: str | None = None
    after: str | None = None
    refit: bool = False

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
        return beside(self.path, "importances.json")

    @property
    def there(self) -> bool:
        """Return whether what the fit leaves is kept already."""
        return exists(self.path, self.beside, *([self.state] if self.state else []))

    @property
    def fits(self) -> int:
        """Return how many fits it is: one for the window, one for each fold, and one for the refit."""
        return len(self.sights) + self.refit


def beside(scores: str, kind: str) -> str:
    """Return the file of some kind that lies beside a file of scores."""
    return f"{scores.removesuffix('.scores.parquet')}.{kind}"


@dataclass(frozen=True)
class Counts:
    """Fits of members, and of baselines apart."""

    members: int
    baselines: int

    @classmethod
    def of(cls, jobs: Iterable[Job]) -> "Counts":
        """Count the fits of some jobs."""
        n = {True: 0, False: 0}
        for job in jobs:
            n[job.member in MEMBERS] += job.fits
        return cls(n[True], n[False])

    @classmethod
    def asked(cls, windows: Sequence[Window], config: SearchConfig) -> "Counts":
        """Count the fits that a search needs on its windows, whatever is kept."""
        each = sum(1 + len(folds_of(window, config.ensemble.stacking_folds)) for window in windows)
        each += len(windows) * config.refit_on_full_train
        n = {name: len(options_of(name, config)) * each for name in SCORERS}
        return cls(sum(n[name] for name in MEMBERS), sum(n[name] for name in BASELINES))

    @property
    def all(self) -> int:
        """Return the sum."""
        return self.members + self.baselines


def jobs_of(market: Market, windows: Sequence[Window], config: SearchConfig, label_config: Any, root: str) -> list[Job]:
    """Return every fit of a search with the key of all that goes into it; nothing is computed yet."""
    folder, chain = f"{root}/{SIGNALS}", CHAIN if config.warm_start else 1
    shared = _shared(market, config, label_config)
    makers = [
        _Maker.of(name, k, with_options(config, name, options), folder)
        for name in SCORERS
        for k, options in enumerate(options_of(name, config))
    ]
    first = windows[0].train[0]
    sessions = digests_of_sessions(market, (first, windows[-1].test[1]))
    jobs, before, chosen = list[Job](), dict[_Maker, Job](), dict[str, Any]()
    for k, window in enumerate(windows):
        rows = key_of({"rows": sessions[window.train[0] - first : window.test[1] - first]})
        whole = (window, *folds_of(window, config.ensemble.stacking_folds))
        seen = [{"rows": rows, "blocks": _relative(one), **shared} for one in whole]
        if k % chain == 0:
            before, chosen = {}, seen[0]
        seen[0] = chosen
        sights = tuple((one, f"{folder}/{key_of(parts)}.view.json") for one, parts in zip(whole, seen, strict=True))
        for maker in makers:
            inputs = {"rows": rows, "blocks": _relative(window), "views": seen}
            before[maker] = maker.job(sights, inputs, before.get(maker))
            jobs.append(before[maker])
    return jobs


def _shared(market: Market, config: SearchConfig, label_config: Any) -> dict[str, Any]:
    """Return what decides, beside the rows, what any member of a search sees."""
    return {
        "features": market.frames.features.names,
        "symbols": [market.frames.panel.symbols[column] for column in market.columns],
        "labels": label_config.model_dump(mode="json"),
        "sample_minutes": market.sample_minutes,
        "fit": config.model_dump(mode="json", include={"seed", "max_samples", "selection"}),
        "sources": digest_of_sources(FIT_SOURCES, without=set(MEMBER_SOURCES.values())),
        "libraries": versions_of(LIBRARIES),
    }


@dataclass(frozen=True, eq=False)
class _Maker:
    """Makes the jobs of one member and candidate: what is the same in every window's key, and whether they chain."""

    member: str
    candidate: int
    options: Mapping[str, Any]
    folder: str
    inputs: Mapping[str, Any]
    warm: bool
    refit: bool

    @classmethod
    def of(cls, name: str, candidate: int, config: SearchConfig, folder: str) -> "_Maker":
        kind: Any = configured(name, config)
        others = set(MEMBER_SOURCES.values()) - {MEMBER_SOURCES[name]}
        told = {"calibration", "importance_samples", "score_every_minutes", "refit_on_full_train"}
        inputs = {
            "member": name,
            "member_config": kind.config.model_dump(mode="json"),
            "sources": digest_of_sources(FIT_SOURCES, without=others),
            "device": getattr(kind, "device", CPU),
            **config.model_dump(mode="json", include=told),
        }
        warm = config.warm_start and isinstance(kind, Continuing)
        return cls(name, candidate, config.members.get(name, {}), folder, inputs, warm, config.refit_on_full_train)

    def job(self, sights: tuple[tuple[Window, str], ...], inputs: Mapping[str, Any], before: Job | None) -> Job:
        after = before.state if before is not None else None
        whole = {**inputs, **self.inputs, "after": after and after.rpartition("/")[2]}
        path = f"{self.folder}/{key_of(whole)}.scores.parquet"
        state = beside(path, "state.zip") if self.warm else None
        return Job(self.member, sights, path, whole, self.options, self.candidate, state, after, self.refit)


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
