"""Runs as they are stored: what was traded, with where it comes from."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daytrader_ray.adapters import run_store
from daytrader_ray.adapters.libraries import commit, versions_of
from daytrader_ray.analytics.run import Kind, Manifest, Run
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.trading import Reason, members_of
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.record import run_of
from daytrader_ray.walkforward.trade import Traded

LIBRARIES = ("daytrader-ray", "cvxpy", "numba", "numpy", "scipy")


@dataclass(frozen=True)
class Source:
    """What traded (`subject` in words, `mask` its members), from which `cash` in USD, and on what.

    `data` is the fingerprint of the bars, `config` what it was told in plain values; `notices` stand above all figures.
    """

    kind: Kind
    subject: str
    mask: int
    cash: float
    seed: int
    data: str
    config: Mapping[str, Any]
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
                if reason >= Reason.DENIED_THRESHOLD
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
        versions=versions_of(LIBRARIES),
        config=source.config,
        notices=source.notices,
        denied=dict(denied),
    )
    return run_store.save(root, run_of(manifest, parts, sectors, costs))
