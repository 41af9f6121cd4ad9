"""Features as a Ray Data pipeline: symbols one by one, then groups of symbols against all others.

What is stored is kept: only sessions whose inputs are new, or differ, are computed, and what follows them.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.frames import Manifest, building, find_manifest, holds, publish
from daytrader_ray.adapters.libraries import versions_of
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cluster.feature_alone import Alone, Job, step_alone
from daytrader_ray.cluster.feature_plan import dates_of, hash_of
from daytrader_ray.cluster.feature_together import Compared, Together, parts_of, step_together, together
from daytrader_ray.cluster.pipeline import mapped
from daytrader_ray.cluster.runtime import started
from daytrader_ray.domain.config import Config
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.indices import is_index
from daytrader_ray.domain.sources import digest_of_sources
from daytrader_ray.features.feature_set import FeaturesConfig, feature_set
from daytrader_ray.universe.config import UniverseConfig

log = structlog.get_logger(__name__)

SOURCES = (
    "adapters/actions.py",
    "adapters/calendar.py",
    "adapters/feature_inputs.py",
    "adapters/feature_matrix.py",
    "adapters/feature_parts.py",
    "adapters/folder.py",
    "adapters/frames.py",
    "adapters/revisions.py",
    "adapters/store.py",
    "adapters/table_store.py",
    "adapters/tables.py",
    "cluster/feature_alone.py",
    "cluster/feature_plan.py",
    "cluster/feature_together.py",
    "cluster/features.py",
    "domain/config.py",
    "domain/content.py",
    "domain/errors.py",
    "domain/indices.py",
    "domain/jit.py",
    "domain/panel.py",
    "domain/peers.py",
    "domain/sessions.py",
    "domain/sources.py",
    "features",
    "market_data",
    "universe/config.py",
    "universe/peers.py",
)
LIBRARIES = ("numpy", "numba", "exchange_calendars")
_RULES = {"pinned", "eligibility", "max_symbols", "rotation", "chosen_on"}
"""Of the universe, what no feature reads."""
_NO_BARS = "run `daytrader download` or `daytrader import` first"
GROUP = 16
"""Symbols that one item of stage 2 takes at most: each item reads what stage 1 left of all symbols."""


class FeatureRequest(Config):
    """What to build: the store, its symbols, whom they are compared with, and what else features read.

    `quotes` and `trades` name the symbols whose quote and trade bars are used: those that live follows.
    """

    root: str
    symbols: tuple[str, ...]
    universe: UniverseConfig
    features: FeaturesConfig = FeaturesConfig()
    quotes: tuple[str, ...] = ()
    trades: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeaturesReport:
    """What is there now, and what of it is new.

    `rows` are the minutes of all symbols together; `computed` counts those computed now by layer: of the kernels, of
    the cross-section, of each extra. `name` is what `load_frames` asks for.
    """

    name: str
    symbols: int
    sessions: int
    rows: int
    n_features: int
    computed: Mapping[str, int]


def build(request: FeatureRequest, progress: Callable[[int, int], None] | None = None) -> FeaturesReport:
    """Bring the features of a request up to date with the bars of its store, absent indices left out.

    Uses the Ray that runs, or starts one where there is something to do. Interrupted, it goes on where it stopped. One
    build at a time works on a store: a second one waits, and says so, until what the first one made is there.
    `progress` is told (done, all): every symbol counts once in either stage.
    """
    store = ParquetStore(request.root)
    with building(store, lambda: log.info("another build of features runs on this store: waiting", root=store.root)):
        return _build(store, request, progress or (lambda _done, _of: None))


def _build(store: ParquetStore, request: FeatureRequest, told: Callable[[int, int], None]) -> FeaturesReport:
    wanted = without_absent_indices(request.root, request.symbols)
    if not wanted:
        raise DataError(f"no bars of {', '.join(request.symbols) or 'any symbol'} in {store.root}", _NO_BARS)
    name, content = _identity(request, wanted)
    found, computed = find_manifest(store, name), Counter[str]()
    if found is None or found.content != content or not holds(store, found):
        features = feature_set(request.features)
        job = Job(request.root, made_by(), request.universe, features, request.quotes, request.trades)
        alone, given, compared = _run(job, wanted, lambda done: told(done, 2 * len(wanted)))
        found = _manifest(name, content, given, compared)
        for one in alone:
            computed.update(one.computed)
        computed["cross"] = sum(one.computed for one in compared)
    publish(store, found)
    rows = sum(part.stop - part.start for parts in found.parts.values() for part in parts)
    return FeaturesReport(name, len(wanted), len(found.grid.sessions), rows, len(found.names), dict(computed))


def current_set(request: FeatureRequest) -> str | None:
    """Return the name of the set of a request where it is made of what the store holds now, else None."""
    name, content = _identity(request, without_absent_indices(request.root, request.symbols))
    found = find_manifest(ParquetStore(request.root), name)
    return name if found is not None and found.content == content else None


def without_absent_indices(root: str, symbols: Collection[str]) -> tuple[str, ...]:
    """Return `symbols`, sorted, without the indices of which the store has no bars.

    Not every plan of a vendor gives them: the regime model does without and says so. Any other symbol must be there.
    """
    wanted = sorted(set(symbols))
    indices = [symbol for symbol in wanted if is_index(symbol)]
    absent = set(indices).difference(ParquetStore(root).symbols()) if indices else set()
    return tuple(symbol for symbol in wanted if symbol not in absent)


def content_key(store: ParquetStore, request: FeatureRequest, symbols: Collection[str]) -> str:
    """Return the hash of all that the features of `symbols` are made of: with the same one there is nothing to do."""
    asked = request.model_dump_json(exclude={"root": True, "universe": _RULES})
    digest = hashlib.sha256(f"{made_by()} {asked} {store.bar_minutes}".encode())
    digest.update(repr(feature_set(request.features).origins).encode())
    for symbol in sorted(symbols):
        ticks = [Kind.QUOTE_BARS] * (symbol in request.quotes) + [Kind.TRADE_BARS] * (symbol in request.trades)
        for name, content in store.contents(symbol, (Kind.EVENTS, *ticks)):
            digest.update(name.encode() + content)
    return digest.hexdigest()


def made_by() -> str:
    """Return the hash of what computes features: sources and libraries."""
    return hash_of(digest_of_sources(SOURCES), versions_of(LIBRARIES))


def _identity(request: FeatureRequest, wanted: Sequence[str]) -> tuple[str, str]:
    """Return the name of a request's set, and the hash of what it is made of."""
    origins = feature_set(request.features).origins
    read = wanted, request.universe.symbols, sorted(request.quotes), sorted(request.trades)
    name = hash_of(request.features, origins, *read)[:12]
    return name, content_key(ParquetStore(request.root), request, wanted)


def _run(job: Job, wanted: Sequence[str], told: Callable[[int], None]) -> tuple[list[Alone], Together, list[Compared]]:
    """Do both stages; the first symbol in this process, which compiles the kernels once for all workers."""
    alone = [step_alone(job, wanted[0])]
    if len(wanted) == 1:
        given = together(job, alone)
        return alone, given, step_together(given, wanted)
    with started(data_root=job.root) as cpus:
        for one in mapped(wanted[1:], partial(step_alone, job)):
            alone.append(one)
            told(len(alone))
        given, compared = together(job, alone), list[Compared]()
        size = math.ceil(len(wanted) / (cpus * math.ceil(len(wanted) / (cpus * GROUP))))
        groups = [wanted[at : at + size] for at in range(0, len(wanted), size)]
        for group in mapped(groups, partial(step_together, given)):
            compared += group
            told(len(alone) + len(compared))
    return alone, given, compared


def _manifest(name: str, content: str, given: Together, compared: Sequence[Compared]) -> Manifest:
    """Return where the columns of every symbol are."""
    days = [day for one in given.alone.values() for day in dates_of(one.grid)]
    bar_minutes = next(iter(given.alone.values())).grid.bar_minutes
    grid = session_grid(min(days), max(days), bar_minutes)
    parts = {}
    for one in sorted(compared, key=lambda one: one.symbol):
        alone = given.alone[one.symbol]
        keys = {**alone.keys, given.cross: one.keys}
        parts[one.symbol] = parts_of(grid, alone.grid, [keys[layer] for layer, _ in given.layers])
    names, layers = given.job.features.names, given.layers
    return Manifest(name, content, names, layers, given.table, min(days), max(days), bar_minutes, parts)
