"""Runs as they are stored: what was traded, with where it comes from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from daytrader_ray import __version__
from daytrader_ray.adapters import run_store
from daytrader_ray.adapters.libraries import commit, versions_of
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.analytics.run import Kind, Manifest, Run
from daytrader_ray.analytics.verdict import market_notice
from daytrader_ray.cluster.before import TRADED_AS_TRAINED, load_bundle
from daytrader_ray.cluster.replay import replay
from daytrader_ray.cluster.spec import SessionSpec
from daytrader_ray.domain.content import digest_of_panel
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.trading import Reason, members_of
from daytrader_ray.engine.market import Start
from daytrader_ray.engine.runner import SessionResult
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.record import run_of
from daytrader_ray.walkforward.session_record import as_traded
from daytrader_ray.walkforward.trade import Traded

log = structlog.get_logger(__name__)

LIBRARIES = ("numba", "numpy", "osqp", "scipy", "threadpoolctl")

NO_WISHES = {Reason.DENIED_THRESHOLD, Reason.DENIED_SESSION, Reason.DENIED_REDUCING, Reason.DENIED_HELD}
"""Verdicts on symbols without a signal over the threshold, or on all of them at once."""


@dataclass(frozen=True)
class Source:
    """What traded (`subject` in words, `mask` its members), from which `cash` in USD, and on what.

    `data` is the fingerprint of the bars, `features` their build where it is a stored one, `config` what it was told in
    plain values; `notices` stand above all figures.
    """

    kind: Kind
    subject: str
    mask: int
    cash: float
    seed: int
    data: str
    config: Mapping[str, Any]
    features: str = ""
    notices: tuple[str, ...] = ()


def keep(root: str, source: Source, parts: Sequence[Traded], universe: UniverseConfig, costs: CostConfig) -> Run:
    """Store what was traded, in parts that follow each other, as a run; return it with its id."""
    sectors = {symbol: sector for sector, symbols in universe.sectors.items() for symbol in symbols}
    denied = Counter[str]()
    for part in parts:
        found = part.result.verdicts
        denied.update(
            {
                reason.name.removeprefix("DENIED_").lower(): n
                for reason, n in found.items()
                if reason >= Reason.DENIED_THRESHOLD and reason not in NO_WISHES
            }
        )
    manifest = Manifest(
        kind=source.kind,
        id="",
        subject=source.subject,
        members=members_of(source.mask),
        cash=source.cash,
        bar_minutes=parts[0].frames.panel.grid.bar_minutes,
        seed=source.seed,
        commit=commit(),
        data=source.data,
        versions={"daytrader-ray": __version__} | versions_of(LIBRARIES),
        config=source.config,
        features=source.features,
        notices=tuple(filter(None, (market_notice(ParquetStore(root).market()), *source.notices))),
        denied=dict(denied),
        budgets=dict(Counter(str(one.step) for part in parts for one in part.allocations if one.step)),
    )
    return run_store.save(root, run_of(manifest, parts, sectors, costs))


def keep_session(spec: SessionSpec, bundle: Bundle, result: SessionResult, beside: Traded) -> tuple[Run, Run]:
    """Store the backtest `beside` a session and then the session; return session and backtest."""
    kind: Kind = "rehearsal" if spec.sandbox_url else "live"
    cash = float(beside.result.session_equity[0])
    config = {name: getattr(spec, name).model_dump(mode="json") for name in TRADED_AS_TRAINED}
    data = digest_of_panel(beside.frames.panel)
    source = Source("backtest", f"bundle {spec.bundle_id}", bundle.ensemble.mask, cash, bundle.seed, data, config)
    backtest = keep(spec.root, source, [beside], spec.universe, spec.costs)
    lived = as_traded(result, beside, spec.kernel.hedge.caps)
    return keep(spec.root, replace(source, kind=kind), [lived], spec.universe, spec.costs), backtest


def _start_of(result: SessionResult) -> Start:
    """Return where the backtest of a session begins: of one that was begun again, at its own first start, flat."""
    start, first = result.start, result.marks[0]
    if start is None or start.start_equity is not None:
        return Start(first.start_equity, first.peak)
    return start


def keep_live(spec: SessionSpec, result: SessionResult) -> list[str]:
    """Store a live session and its backtest, if it traded; return an alarm where that fails."""
    if not result.marks:
        return []
    try:
        bundle = load_bundle(spec)
        beside = replay(spec, bundle, _start_of(result), result.conditions)
        keep_session(spec, bundle, result, beside)
    except Exception as error:  # the session has ended: how it did is told all the same
        log.error("the session is not stored as a run", session=str(spec.date), exc_info=error)
        return [f"the session is not stored as a run: {error}"]
    return []
