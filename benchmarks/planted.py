"""Can the members learn what there is to learn, and nothing where there is nothing? Proved on markets that are known.

Every market (`planted_market`) goes through the search's own labels, selection, fits, calibration, weights and signals:
one window, six months of training and four months of test. Rank IC = Spearman(score, return of the next 30 minutes)
of a session's non-overlapping labels; its standard error is taken across sessions. The rank correlation with the part
of the signal that shows only in an interaction of two features is told beside it: 82 % of the oracle's IC can be had
without. What a market gave is kept in the
folder of temporary files, under a key of the sources that made it: an interrupted run goes on where it stopped.
"""

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from benchmarks.planted_market import HORIZON, Plant, interaction, made, oracle
from benchmarks.registry import Result, benchmark
from daytrader_ray.adapters.atomic import atomic_write_json
from daytrader_ray.adapters.libraries import versions_of
from daytrader_ray.cluster.fit_jobs import LIBRARIES
from daytrader_ray.cluster.pipeline import mapped
from daytrader_ray.cluster.runtime import started
from daytrader_ray.domain.content import key_of
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.domain.trading import MEMBERS, SCORERS
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.models.labels import LabelConfig, triple_barrier
from daytrader_ray.models.weights.config import EnsembleConfig
from daytrader_ray.models.weights.registry import SCHEMES
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.cut import without_features
from daytrader_ray.walkforward.ensemble import ensemble_signals, fit_ensemble
from daytrader_ray.walkforward.fit import Market, fit_and_score
from daytrader_ray.walkforward.study import Study, WindowInputs, scored_block
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import Window, window_of

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]
Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]

FOLDER = Path(tempfile.gettempdir(), "daytrader-planted-benchmark")
SEEDS, WEAK_SEEDS = tuple(range(10)), (0, 1, 2)
IC, WEAK_IC, NULL_IC = 0.10, 0.05, 0.0
N_TRAIN = 126
"""Sessions of six months; all others are tested."""
LEAST_LABELS, LEAST_SHARE, LEAST_T, MOST_NOISE, MOST_Z = 60_000, 0.6, 2.0, 2.0, 3.0
CPUS, WEEK, STEPS = 2, 5, 12
ALL = 2 ** len(MEMBERS) - 1
ORACLE = "oracle"
NO_STRATEGY = {"momentum": 0.5, "reversion": 0.5, "scale": 1.0}
"""The regimes of these markets mean nothing, and say nothing about how to trade."""


@dataclass(frozen=True)
class Found:
    """What one market gave: rank IC by session of the oracle, each member, baseline and scheme; number of labels.

    `interaction` is their rank correlation with the part that shows only in an interaction, by session too.
    """

    plant: Plant
    labels: int
    ics: Mapping[str, list[float]]
    interaction: Mapping[str, list[float]]

    def mean(self, name: str) -> float:
        """Return the mean rank IC over the sessions."""
        return float(np.mean(self.ics[name]))


def t_of(ics: Sequence[float]) -> float:
    """Return the mean over its standard error; 0 where all are 0 (a score that says nothing at all)."""
    values = np.array(ics)
    spread = float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(values.mean()) / spread if spread > 0 else 0.0


def learned(plant: Plant, n_train: int = N_TRAIN, config: SearchConfig = SearchConfig()) -> Found:  # noqa: B008 - frozen
    """Make the market, learn its first sessions, weigh the members by every scheme, and score the sessions after."""
    frames = made(plant)
    n_sessions, config = (
        len(frames.panel.grid.sessions),
        config.model_copy(update={"seed": plant.seed, "importance_samples": 0}),
    )
    columns = np.arange(plant.n_stocks, dtype=np.int64)
    market = Market(frames, triple_barrier(frames, LabelConfig()), columns)
    window = window_of(0, (0, n_train), (n_train, n_sessions), (n_train, n_sessions))
    view = view_of(market, window, config)
    sights = [(window, view)]
    scores = np.stack([fit_and_score(market, sights, name, config).scores for name in SCORERS], axis=2)
    test = _Test(market, window)
    told = {ORACLE: oracle(frames)[market.rows(window.test)]}
    told |= {name: scores[-test.n_rows :, :, k] for k, name in enumerate(SCORERS)}
    skills = _weekly([test.ics(told[name], test.forward) for name in MEMBERS])
    given = WindowInputs(window, scores[:, :, : len(MEMBERS)], _regimes(market, window))
    for scheme in SCHEMES:
        study = _study(market, config.model_copy(update={"ensemble": EnsembleConfig(scheme=scheme)}))
        told[scheme] = _signals(study, given, skills)
    ics, gated = ({name: test.ics(one, truth) for name, one in told.items()} for truth in (test.forward, test.gated))
    return Found(plant, test.n_labels, ics, gated)


def _study(market: Market, config: SearchConfig) -> Study:
    frames, n_symbols = market.frames, len(market.columns)
    n_sessions = len(frames.panel.grid.sessions)
    neutral = dict.fromkeys(("trending", "volatile", "crisis", "unknown"), NO_STRATEGY)
    return Study(
        frames=without_features(frames),
        labels=market.labels,
        columns=market.columns,
        tradable=np.ones((n_sessions, n_symbols), dtype=np.bool_),
        sector=np.zeros(n_symbols, dtype=np.int64),
        sector_limit=np.ones((n_sessions, 1)),
        kernel=KernelConfig(),
        costs=CostConfig(),
        regime=RegimeConfig.parse(neutral, "regime"),
        config=config,
    )


def _regimes(market: Market, window: Window) -> Int8:
    """Return a regime for each row of A, B and test: three that follow each other every 50 bars and mean nothing."""
    rows = market.rows((window.a[0], window.test[1]))
    return (np.arange(rows.start, rows.stop) // 50 % 3).astype(np.int8)


def _signals(study: Study, given: WindowInputs, skills: Float64) -> Float64:
    """Return the signals of the full ensemble over the test `[row, symbol]`.

    It is fitted before the test, and once more after STEPS weeks of it: some schemes ask for that many out-of-sample
    `skills` `[week, member]` of earlier steps.
    """
    test, later = given.window.test, given.window.test[0] + STEPS * WEEK
    found = scored_block(study, given, test)
    signals = []
    for known in (skills[:0], skills[:STEPS]):
        ensemble = fit_ensemble(ALL, study, given, known).ensemble
        signals.append(ensemble_signals(study, found, ensemble))
    if later >= test[1]:
        return signals[0]
    change = study.rows((test[0], later)).stop - study.rows(test).start
    return np.concatenate([signals[0][:change], signals[1][change:]])


def _weekly(ics: Sequence[Sequence[float]]) -> Float64:
    """Return the mean of each week of rank ICs by session `[week, member]`."""
    n_weeks = len(ics[0]) // WEEK
    return np.array(ics)[:, : n_weeks * WEEK].reshape(len(ics), n_weeks, WEEK).mean(axis=2).T


class _Test:
    """The non-overlapping labels of a window's test: decisions HORIZON bars apart that can be held so long."""

    def __init__(self, market: Market, window: Window) -> None:
        grid, rows = market.frames.panel.grid, market.rows(window.test)
        slots, sessions = grid.slot_of_row[rows], grid.session_of_row[rows]
        last = grid.bars_per_session[sessions] - 1 - LabelConfig().flat_minutes // grid.bar_minutes
        self.used = (slots % HORIZON == 0) & (slots + HORIZON <= last)
        self.session = sessions[self.used]
        self.forward = market.labels.forward_return[rows][self.used]
        self.gated = interaction(market.frames)[rows][self.used]
        self.n_rows, self.n_labels = len(slots), int(np.isfinite(self.forward).sum())

    def ics(self, scores: Float64, truth: Float64) -> list[float]:
        """Return the rank correlation with `truth` of each session; `scores` `[row of the test, symbol]`."""
        mine = scores[self.used]
        return [
            _spearman(mine[self.session == s].ravel(), truth[self.session == s].ravel())
            for s in np.unique(self.session)
        ]


def _spearman(left: Float64, right: Float64) -> float:
    """Return the rank correlation of what is known on both sides; 0 where one of them is constant."""
    both = np.isfinite(left) & np.isfinite(right)
    x, y = (rankdata(side[both]) - (both.sum() + 1) / 2 for side in (left, right))
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / scale if scale > 0 else 0.0


def results_of(plants: Sequence[Plant]) -> list[Found]:
    """Return what each market gave; those not yet known are learned on all cores, and each is kept at once."""
    here = Path(__file__).parent
    own = [(here / name).read_text(encoding="utf-8") for name in ("planted.py", "planted_market.py")]
    packages = ("analytics", "domain", "engine", "features", "models", "regime", "walkforward")
    key = key_of({"sources": digest_of_sources(packages), "own": own, "libraries": versions_of(LIBRARIES)})
    folder = FOLDER / key[:16]
    missing = [plant for plant in plants if not _file(folder, plant).exists()]
    print(f"{len(plants) - len(missing)} of {len(plants)} markets are in {folder}")
    if missing:
        with started(CPUS):
            for found in mapped(missing, partial(_kept, folder)):
                print(_line(found), flush=True)
    return [_read(_file(folder, plant)) for plant in plants]


def _kept(folder: Path, plant: Plant) -> Found:
    found = learned(plant)
    atomic_write_json(str(_file(folder, plant)), asdict(found))
    return found


def _read(path: Path) -> Found:
    values = json.loads(path.read_text(encoding="utf-8"))
    return Found(Plant(**values["plant"]), values["labels"], values["ics"], values["interaction"])


def _file(folder: Path, plant: Plant) -> Path:
    return folder / f"ic-{plant.ic:g}-seed-{plant.seed}.json"


def _line(found: Found) -> str:
    scores = ", ".join(f"{name} {found.mean(name):+.4f} (t {t_of(ics):+.1f})" for name, ics in found.ics.items())
    return f"IC {found.plant.ic:g}, seed {found.plant.seed}, {found.labels} labels: {scores}"


@dataclass(frozen=True)
class Row:
    """One scorer or scheme over all seeds: mean rank IC, t of all sessions together, and both seed by seed.

    `interaction` is its mean rank correlation with the part that shows only in an interaction.
    """

    name: str
    ic: float
    t: float
    ics: tuple[float, ...]
    ts: tuple[float, ...]
    interaction: float


def rows_of(found: Sequence[Found]) -> dict[str, Row]:
    """Return a row for each name; all markets are of one kind."""
    rows = {}
    for name in found[0].ics:
        pooled = [ic for one in found for ic in one.ics[name]]
        means, ts = tuple(one.mean(name) for one in found), tuple(t_of(one.ics[name]) for one in found)
        gated = float(np.mean([ic for one in found for ic in one.interaction[name]]))
        rows[name] = Row(name, float(np.mean(pooled)), t_of(pooled), means, ts, gated)
    return rows


def best_member(rows: Mapping[str, Row]) -> Row:
    """Return the member with the highest mean rank IC."""
    return max((rows[name] for name in MEMBERS), key=lambda row: row.ic)


def gain(rows: Mapping[str, Row], scheme: str) -> tuple[float, float]:
    """Return by how much a scheme's rank IC is above the best member's, and the standard error, paired by seed."""
    difference = np.subtract(rows[scheme].ics, best_member(rows).ics)
    return float(difference.mean()), float(difference.std(ddof=1)) / math.sqrt(len(difference))


def failures_of_plant(rows: Mapping[str, Row], labels: int) -> list[str]:
    """Return in words what the planted market was to show and did not; `labels` are the fewest of a seed."""
    best, (more, noise) = best_member(rows), gain(rows, EnsembleConfig().scheme)
    share = best.ic / rows[ORACLE].ic
    failures = [f"{labels} labels of a seed: below {LEAST_LABELS}"] if labels < LEAST_LABELS else []
    if share < LEAST_SHARE:
        failures.append(f"{best.name}, the best member, reaches {share:.0%} of the oracle: below {LEAST_SHARE:.0%}")
    weak = [name for name in MEMBERS if min(rows[name].ts) <= LEAST_T]
    failures += [f"{name} has t {min(rows[name].ts):.1f} on a seed: not above {LEAST_T}" for name in weak]
    if more < -MOST_NOISE * noise:
        failures.append(f"the ensemble is {-more:.4f} below {best.name}: more than {MOST_NOISE:g} x {noise:.4f}")
    return failures


def failures_of_null(rows: Mapping[str, Row]) -> list[str]:
    """Return in words which member or scheme knows something where there is nothing to know."""
    return [
        f"{name} has |IC| / standard error {abs(rows[name].t):.1f} on the null market: not below {MOST_Z:g}"
        for name in (*MEMBERS, *SCHEMES)
        if not abs(rows[name].t) < MOST_Z
    ]


def table(rows: Mapping[str, Row], seeds: Sequence[int]) -> str:
    """Return all values as a table for people, in Markdown."""
    head = ["score", "rank IC", "t", "of the oracle", "interaction", *(f"seed {seed}" for seed in seeds)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows.values():
        share = f"{row.ic / rows[ORACLE].ic:.0%}" if rows[ORACLE].ic > 0.01 else ""
        each = [f"{ic:+.4f} ({t:+.1f})" for ic, t in zip(row.ics, row.ts, strict=True)]
        lines.append(
            "| "
            + " | ".join([row.name, f"{row.ic:+.4f}", f"{row.t:+.1f}", share, f"{row.interaction:+.3f}", *each])
            + " |"
        )
    return "\n".join(lines)


@benchmark("models.planted_ic_share")
def planted_ic_share() -> list[Result]:
    """Learn ten markets with a signal of rank IC 0.10, and three of 0.05, which are printed and not judged."""
    found = results_of([Plant(seed, IC) for seed in SEEDS])
    rows = rows_of(found)
    print(f"oracle {IC:g}: rank IC, and by seed with its t\n{table(rows, SEEDS)}")
    for scheme in SCHEMES:
        more, noise = gain(rows, scheme)
        print(f"{scheme}: {more:+.4f} +- {noise:.4f} above {best_member(rows).name}, the best member")
    weak = rows_of(results_of([Plant(seed, WEAK_IC) for seed in WEAK_SEEDS]))
    print(f"oracle {WEAK_IC:g}, not judged\n{table(weak, WEAK_SEEDS)}")
    _fail(failures_of_plant(rows, min(one.labels for one in found)))
    top = rows[ORACLE]
    lines = [_result(f"models.planted_ic ({name})", row, top) for name, row in rows.items() if name != ORACLE]
    return [_result("models.planted_ic_share", best_member(rows), top), *lines]


@benchmark("models.null_ic_z")
def null_ic_z() -> list[Result]:
    """Learn ten markets of which nothing can be known: the largest |mean rank IC| over its standard error."""
    found = results_of([Plant(seed, NULL_IC) for seed in SEEDS])
    rows = rows_of(found)
    print(f"null: rank IC, and by seed with its t\n{table(rows, SEEDS)}")
    _fail(failures_of_null(rows))
    judged = [rows[name] for name in (*MEMBERS, *SCHEMES)]
    worst = max(abs(row.t) for row in judged)
    unit, n = "|mean rank IC| / standard error", len(SEEDS)
    lines = [Result(f"models.null_ic_z ({row.name})", row.t, unit, "", None, None, 0.0, n) for row in judged]
    return [Result("models.null_ic_z", worst, f"largest {unit}", "", None, None, 0.0, n), *lines]


def _fail(failures: Sequence[str]) -> None:
    if failures:
        raise AssertionError("; ".join(failures))


def _result(name: str, row: Row, top: Row) -> Result:
    spread = (max(row.ics) - min(row.ics)) / abs(row.ic)
    return Result(name, row.ic, "rank IC", ORACLE, top.ic, row.ic / top.ic, spread, len(row.ics))
