"""The search: every fit once, then every ensemble through every window as a Ray Tune trial.

::

    <root>/processed/signals/<key>.view.json         features that one window chose, with their scale
    <root>/processed/signals/<key>.scores.parquet    scores of one (window, member)
    <root>/processed/signals/<key>.importances.json  what it listens to
    <root>/processed/signals/<key>.regime.npy        regimes of one window's rows, what a person asks of them as .json
    <root>/processed/trials/<key>.json               windows of one finished trial
    <root>/reports/ledger/<key>.json                 every trial that was ever made
    <root>/reports/<id>.json                         what the search found, without a clock or a path: same data and
                                                     ledger, same bytes
    <root>/reports/latest.json                       id of the last one
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from daytrader_ray.adapters import ledger_store
from daytrader_ray.adapters.atomic import atomic_write_json
from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.feature_inputs import event_scales
from daytrader_ray.adapters.frames import load_frames
from daytrader_ray.adapters.libraries import versions_of
from daytrader_ray.adapters.market_caps import market_caps
from daytrader_ray.adapters.spreads import half_spreads
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.features import FeatureRequest, build, without_absent_indices
from daytrader_ray.cluster.fit_jobs import FIT_SOURCES, LIBRARIES, MEMBER_SOURCES, SIGNALS, Counts, Job, jobs_of
from daytrader_ray.cluster.fits import Progress, picked, run_fits, silent
from daytrader_ray.cluster.kept import exists, keep_seconds, load_array, load_json, load_view
from daytrader_ray.cluster.regimes import (
    REGIME_LIBRARIES,
    REGIME_SOURCES,
    regime_paths,
    regime_words,
    run_regimes,
)
from daytrader_ray.cluster.trials import Ledger, WindowFiles, run_trials
from daytrader_ray.cluster.watch import Watch
from daytrader_ray.domain.cadence import bars_between
from daytrader_ray.domain.config import Config
from daytrader_ray.domain.content import digest_of_arrays, digest_of_panel, key_of
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.domain.trading import MASKS, MEMBERS, SCORERS
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.features.feature_set import FeaturesConfig, feature_set
from daytrader_ray.models.labels import LabelConfig, triple_barrier
from daytrader_ray.portfolio.config import PortfolioConfig
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.eligibility import tradable
from daytrader_ray.universe.peers import sector_codes
from daytrader_ray.universe.rotation import sector_budgets
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.cut import without_features
from daytrader_ray.walkforward.findings import SCHEMA, Asked, Done, findings, page
from daytrader_ray.walkforward.fit import Market
from daytrader_ray.walkforward.judge import judged_by
from daytrader_ray.walkforward.study import Study
from daytrader_ray.walkforward.trial import WindowResult
from daytrader_ray.walkforward.windows import Window, WindowSpec, windows

REPORTS = "reports"
TRIALS = "processed/trials"

STUDY_SOURCES = (
    "analytics",
    "domain",
    "engine",
    "models/combine.py",
    "models/ensemble.py",
    "models/labels.py",
    "models/online.py",
    "models/thresholds.py",
    "models/weights",
    "portfolio",
    "regime",
    "universe",
    "walkforward",
)
STUDY_LIBRARIES = ("numba", "numpy", "optuna", "osqp", "scipy", "threadpoolctl")
"""What trials compute with."""


class SearchRequest(Config):
    """What to search: the store, the universe and the configuration of every component that takes part.

    `quotes` and `trades` name the symbols whose quotes and trades features read.
    """

    root: str
    universe: UniverseConfig
    features: FeaturesConfig = FeaturesConfig()
    config: SearchConfig = SearchConfig()
    labels: LabelConfig = LabelConfig()
    kernel: KernelConfig = KernelConfig()
    costs: CostConfig = CostConfig()
    regime: RegimeConfig = RegimeConfig()
    portfolio: PortfolioConfig = PortfolioConfig()
    quotes: tuple[str, ...] = ()
    trades: tuple[str, ...] = ()

    @property
    def spec(self) -> WindowSpec:
        """Return the walk-forward spans."""
        return WindowSpec.parse(self.config.train, self.config.test, self.config.step)


@dataclass(frozen=True)
class SearchReport:
    """What a search found (`result`, as stored at `path`), the fits it needed and ran now, and wall time by stage."""

    result: Mapping[str, Any]
    path: str
    fits: Counts
    fits_run: Counts
    seconds: Mapping[str, float]

    def summary(self) -> dict[str, Any]:
        """Return the figures that a command prints."""
        keys = ("id", "windows_used", "ensembles", "best", "verdict", "baselines", "labels", "left_out")
        picked = {key: self.result[key] for key in keys}
        picked["best"] = {key: self.result["best"][key] for key in ("mask", "members", "sharpe")}
        picked["features"] = {key: self.result["selection"][key] for key in ("of", "kept", "stability")}
        picked["scheme"] = self.result["settings"]["search"]["ensemble"]["scheme"]
        return {
            **picked,
            "fits": self.fits.members,
            "fits_run": self.fits_run.members,
            "baseline_fits": self.fits.baselines,
            "baseline_fits_run": self.fits_run.baselines,
            "seconds": {stage: round(took, 1) for stage, took in self.seconds.items()},
            "result": self.path,
        }


def search(request: SearchRequest, progress: Progress = silent) -> SearchReport:
    """Fit, trade and judge all ensembles; Ray must be running. Interrupted, the same request goes on where it stopped.

    The result depends on the stored bars, the request and the ledger of trials alone, not on the number of workers.
    """
    found_in(stored_grid(request), request)  # a history too short is refused before its features are built
    watch = Watch(progress)
    frames = frames_of(request, watch)
    watch("labels", 0, 1)
    market = market_of(request, frames)
    return searched(request, market, study_of(request, market), watch)


def searched(request: SearchRequest, market: Market, study: Study, watch: Watch) -> SearchReport:
    """Search a market that is there already, in bars, features and labels; see `search`."""
    frames = market.frames
    found = found_in(frames.panel.grid, request)
    jobs = jobs_of(market, found, request.config, request.labels, request.root)
    paths = regime_paths(request, frames, found)
    made = run_fits(market, jobs, request.config, request.root, watch)
    run_regimes(request, market, found, paths, watch)
    ready = trials_of(request, market, study, jobs, paths)
    here = page(study, ready.asked, found, f"search-{ready.key[:16]}")
    ledger_store.read(request.root)  # a damaged entry is named before any trial is run
    trials = run_trials(study, ready.files, ready.paths, Ledger(request.root, here), watch)
    watch("verdict", 0, 1)
    _note(request.root, watch)
    done, ledger = _done(jobs, ready, trials), ledger_store.read(request.root)
    result = findings(market, ready.study, ready.asked, done, ledger, here.search)
    result["kept"] = [_kept(file, mine) for file, mine in zip(ready.files, ready.traded, strict=True)]
    path = f"{request.root}/{REPORTS}/{result['id']}.json"
    atomic_write_json(path, result)
    atomic_write_json(f"{request.root}/{REPORTS}/latest.json", {"search": result["id"]})
    return SearchReport(result, path, Counts.of(jobs), Counts.of(made), watch.seconds())


def _note(root: str, watch: Watch) -> None:
    """Keep what a regime model and a trial's window took, beside the seconds of fits: for who asks before the next."""
    import ray

    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call] # Ray leaves it bare
    done = {name: watch.done[stage] - 1 for name, stage in (("regime", "regimes"), ("trial", "trials"))}
    took = {"regime": watch.seconds()["regimes"], "trial": watch.seconds()["trials"]}
    keep_seconds(root, {name: took[name] * resources["CPU"] / n for name, n in done.items() if n})


def found_in(grid: SessionGrid, request: SearchRequest) -> tuple[Window, ...]:
    """Return the windows of a request; `DataError` where a history makes fewer than it asks for."""
    return windows(grid, request.spec, request.config.min_windows)


def stored_grid(request: SearchRequest) -> SessionGrid:
    """Return the sessions from the first to the last bar of any symbol of a request: no window has others."""
    store = ParquetStore(request.root)
    first, last = store.span(without_absent_indices(request.root, request.universe.symbols))
    return session_grid(first, last, store.bar_minutes)


def frames_of(request: SearchRequest, progress: Progress = silent) -> Frames:
    """Return the frames of a request's universe, building the features that are not there yet; Ray must be running."""
    wanted = feature_request(request)
    report = build(wanted, lambda done, of: progress("features", done, of))
    return stored_frames(request, report.name)


def stored_frames(request: SearchRequest, name: str) -> Frames:
    """Return the frames of a request's universe, with the features of the stored set `name`."""
    frames = load_frames(request.root, without_absent_indices(request.root, request.universe.symbols), name)
    return replace(frames, half_spread_bps=half_spreads(ParquetStore(request.root), frames.panel, request.costs))


def feature_request(request: SearchRequest) -> FeatureRequest:
    """Return which features a request reads."""
    return FeatureRequest(
        root=request.root,
        symbols=request.universe.symbols,
        universe=request.universe,
        features=request.features,
        quotes=request.quotes,
        trades=request.trades,
    )


def market_of(request: SearchRequest, frames: Frames) -> Market:
    """Return what every fit reads: labels, and the columns of the stocks of the universe.

    A `ConfigError` where members would score at minutes that end no bar.
    """
    _ = bars_between(request.config.score_every_minutes, frames.panel.grid.bar_minutes)
    stocks = set(request.universe.stocks)
    columns = [i for i, symbol in enumerate(frames.panel.symbols) if symbol in stocks]
    labels = triple_barrier(frames, request.labels)
    return Market(frames, labels, np.array(columns, dtype=np.int64), request.labels.sample_minutes)


def study_of(request: SearchRequest, market: Market) -> Study:
    """Return what all trials share."""
    frames, universe = market.frames, request.universe
    panel, store = frames.panel, ParquetStore(request.root)
    return Study(
        frames=without_features(frames),
        labels=market.labels,
        columns=market.columns,
        tradable=tradable(universe, panel, market_caps(store, panel, universe.stocks)),
        sector=sector_codes(universe, panel.symbols),
        sector_limit=sector_budgets(universe, panel, request.kernel.max_sector),
        event_scale=event_scales(store, panel.symbols, panel.grid, request.kernel.events),
        kernel=request.kernel,
        costs=request.costs,
        regime=request.regime,
        config=request.config,
        portfolio=request.portfolio,
    )


def load_result(root: str, search_id: str | None = None) -> dict[str, Any]:
    """Return the stored result of a search, by default the last one; `DataError` where there is none."""
    hint = "run `daytrader search` first"
    if search_id is None:
        latest = f"{root}/{REPORTS}/latest.json"
        if not exists(latest):
            raise DataError(f"no search in {root}/{REPORTS}", hint)
        search_id = str(load_json(latest)["search"])
    path = f"{root}/{REPORTS}/{search_id}.json"
    if not exists(path):
        raise DataError(f"no search '{search_id}' in {root}/{REPORTS}", hint)
    result = load_json(path)
    if result["schema"] != SCHEMA:
        found = f"the search '{search_id}' has schema {result['schema']}, this program reads {SCHEMA}"
        raise DataError(found, "run `daytrader search` again")
    return result


def judged_result(root: str, search_id: str | None = None) -> dict[str, Any]:
    """Return the stored result of a search (`load_result`), judged by what the ledger counts today."""
    return judged_by(load_result(root, search_id), ledger_store.read(root))


def asked_of(request: SearchRequest, frames: Frames) -> Asked:
    """Return what a search is asked beside its study, and what code and libraries answer."""
    features = {"features": frames.features.names, "origins": feature_set(request.features).origins}
    made = features | {
        "sources": digest_of_sources({*FIT_SOURCES, *MEMBER_SOURCES.values(), *REGIME_SOURCES, *STUDY_SOURCES}),
        "libraries": versions_of({*LIBRARIES, *REGIME_LIBRARIES, *STUDY_LIBRARIES}),
    }
    market = ParquetStore(request.root).market()
    return Asked(request.universe, request.labels, market, key_of(made), key_of(features))


class Trials(NamedTuple):
    """What trials are run with: the fits that they trade in each window, by member, and where each trial is kept.

    `key` is that of all that they are made of.
    """

    study: Study
    asked: Asked
    traded: Sequence[Mapping[str, Job]]
    files: Sequence[WindowFiles]
    paths: Mapping[int, str]
    key: str


def trials_of(
    request: SearchRequest, market: Market, study: Study, jobs: Sequence[Job], regimes: Sequence[str]
) -> Trials:
    """Return the trials of fits and regimes that are all there; nothing is computed yet."""
    asked, traded = asked_of(request, market.frames), picked(market, jobs)
    files = [
        WindowFiles(mine[MEMBERS[0]].window, tuple(job.path for job in mine.values()), path)
        for mine, path in zip(traded, regimes, strict=True)
    ]
    content = {
        "fits": [[_name(path) for path in file.scores] for file in files],
        "regimes": [_name(file.regime) for file in files],
        "bars": digest_of_panel(study.frames.panel),
        "half_spread": digest_of_arrays([study.frames.half_spread_bps]),
        "tradable": digest_of_arrays([study.tradable]),
        "sector_limit": digest_of_arrays([study.sector_limit]),
        "events": {str(date): digest_of_arrays([scale]) for date, scale in sorted(study.event_scale.items())},
        "settings": asked.settings(study),
        "sources": digest_of_sources(STUDY_SOURCES),
        "libraries": versions_of(STUDY_LIBRARIES),
    }
    paths = {}
    for mask in MASKS:  # each under the key of what it is made of, of its own members' fits alone
        fits = [[_name(file.scores[bit]) for bit in range(len(SCORERS)) if mask >> bit & 1] for file in files]
        paths[mask] = f"{request.root}/{TRIALS}/{key_of({**content, 'fits': fits, 'mask': mask})}.json"
    return Trials(study, asked, traded, files, paths, key_of(content))


def _kept(file: WindowFiles, traded: Mapping[str, Job]) -> dict[str, Any]:
    """Return the names of a window's files, with which options its members were fitted, and after which state."""
    after = {name: traded[name].after for name in MEMBERS}
    return {
        "view": _name(traded[MEMBERS[0]].view),
        "scores": [_name(path) for path in file.scores],
        "regime": _name(file.regime),
        "options": {name: dict(traded[name].options) for name in MEMBERS},
        "after": {name: _name(state) for name, state in after.items() if state is not None},
    }


def _done(jobs: Sequence[Job], ready: Trials, trials: Mapping[int, Sequence[WindowResult]]) -> Done:
    return Done(
        windows=[file.window for file in ready.files],
        views=[load_view(mine[MEMBERS[0]].view) for mine in ready.traded],
        importances=[{name: load_json(job.beside) for name, job in mine.items()} for mine in ready.traded],
        regimes=[(load_array(file.regime), load_json(regime_words(file.regime))) for file in ready.files],
        trials=trials,
        fits=Counts.of(jobs).all,
    )


def kept_files(root: str, result: Mapping[str, Any], found: Sequence[Window]) -> list[WindowFiles]:
    """Return where a stored search kept what the members said in each of its windows, which are `found` again."""
    folder = f"{root}/{SIGNALS}"
    return [
        WindowFiles(window, tuple(f"{folder}/{name}" for name in told["scores"]), f"{folder}/{told['regime']}")
        for window, told in zip(found, result["kept"], strict=True)
    ]


def _name(path: str) -> str:
    return path.rsplit("/", 1)[-1]
