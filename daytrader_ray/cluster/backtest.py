"""Backtests over stored sessions: of a bundle, or of an ensemble of a search through its windows."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.feature_parts import built
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.analytics.measure import Estimate, measure
from daytrader_ray.analytics.performance import plain
from daytrader_ray.analytics.run import Run
from daytrader_ray.analytics.verdict import Verdict, run_verdict
from daytrader_ray.cluster.fits import Progress, silent
from daytrader_ray.cluster.runs import Source, keep
from daytrader_ray.cluster.search import (
    SearchRequest,
    frames_of,
    kept_files,
    load_result,
    market_of,
    study_of,
)
from daytrader_ray.cluster.train import settings_of, unlike
from daytrader_ray.cluster.trials import read_inputs
from daytrader_ray.domain.content import digest_of_panel
from daytrader_ray.domain.errors import BundleError, ConfigError, DataError
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.trading import MASKS, N_ENSEMBLES, name_of
from daytrader_ray.features.feature_set import feature_set
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.walkforward.judge import hindsight
from daytrader_ray.walkforward.replay import replay
from daytrader_ray.walkforward.simulate import Purse
from daytrader_ray.walkforward.study import Study
from daytrader_ray.walkforward.trade import Traded, trade
from daytrader_ray.walkforward.trial import Prepared, prepared
from daytrader_ray.walkforward.windows import Block, windows


@dataclass(frozen=True)
class Span:
    """Which sessions are traded, from how much cash in USD; None: all there are, and the profile's."""

    first: dt.date | None = None
    last: dt.date | None = None
    cash: float | None = None

    def block(self, frames: Frames, earliest: dt.date, latest: dt.date | None = None) -> Block:
        """Return the stored sessions of the span from `earliest` to `latest`; `DataError` where there is none."""
        dates = [session.date for session in frames.panel.grid.sessions]
        start = max(self.first or earliest, earliest)
        stop = min(filter(None, (self.last, latest, dates[-1])))
        inside = [k for k, date in enumerate(dates) if start <= date <= stop]
        if not inside:
            raise DataError(f"no stored session from {start} to {stop}: the bars end on {dates[-1]}")
        return inside[0], inside[-1] + 1


@dataclass(frozen=True)
class Backtested:
    """A stored backtest and its metrics by name, with their intervals."""

    run: Run
    metrics: Mapping[str, Estimate]

    @property
    def verdict(self) -> Verdict:
        """What the run proves, in a sentence: that of its page."""
        return run_verdict(len(self.run.dates), self.metrics["total_return"], selected=True)

    def summary(self) -> dict[str, Any]:
        """Return the figures that a command prints."""
        run = self.run
        return {
            "run": run.manifest.id,
            "subject": run.manifest.subject,
            "members": list(run.manifest.members),
            "sessions": [str(run.dates[0]), str(run.dates[-1])],
            "orders": len(run.orders),
            "fills": len(run.fills),
            "trades": len(run.trades),
            "equity": run.session_equity.tolist(),
            "metrics": {name: plain(found.value) for name, found in self.metrics.items()},
            "intervals": {name: [plain(found.low), plain(found.high)] for name, found in self.metrics.items()},
            "notices": list(run.manifest.notices),
            "verdict": self.verdict.label,
            "sentence": self.verdict.sentence,
        }


def backtest_bundle(
    request: SearchRequest, bundle_id: str, span: Span = Span(), progress: Progress = silent
) -> Backtested:
    """Run a bundle over stored sessions (default: all after its training) and store the run; Ray must be running.

    A session that the bundle was trained on is refused.
    """
    frames = frames_of(request, progress)
    bundle = model_store.load(request.root, bundle_id, frames.features.names, feature_set(request.features).origins)
    if bundle.symbols != frames.panel.symbols:
        raise BundleError(
            f"bundle {bundle_id} was trained on {', '.join(bundle.symbols)}, not on {', '.join(frames.panel.symbols)}",
            "give the same --symbols, or train again",
        )
    seen = bundle.last_training_session
    if span.first is not None and span.first <= seen:
        raise BundleError(
            f"bundle {bundle_id} was trained up to {seen}: it has seen {span.first}", f"start after {seen}"
        )
    block = span.block(frames, seen + dt.timedelta(days=1))
    cash = span.cash or request.config.cash
    traded = replay(bundle, study_of(request, market_of(request, frames)), frames, block, cash)
    flattered = hindsight(request.universe, [str(date) for date in traded.result.dates])
    notices = tuple(filter(None, (_chosen_on(bundle, traded), flattered)))
    source = _source(request, f"bundle {bundle_id}", bundle.ensemble.mask, cash, frames, notices)
    return _kept(request, source, [traded])


def backtest_mask(
    request: SearchRequest, mask: int, span: Span = Span(), progress: Progress = silent, search_id: str | None = None
) -> Backtested:
    """Trade an ensemble of a search (default the last) through the steps of its windows and store the run.

    Nothing is fitted but the ensemble, as in the search: it trades on what the members said there out of sample. The
    request must be told as the search (see `as_searched`). Ray must be running.
    """
    if mask not in MASKS[1:]:
        beside = ", ".join(f"{one} ({name_of(one)})" for one in MASKS[N_ENSEMBLES:])
        expected = f"expected 1 to {N_ENSEMBLES - 1}, one bit for each member, or a baseline: {beside}"
        raise ConfigError(f"mask {mask}: {expected}", "see `daytrader search`")
    result = load_result(request.root, search_id)
    config = settings_of(result)[1]
    if others := unlike(
        result, request.model_copy(update={"config": request.config.model_copy(update={"cash": config.cash})})
    ):
        found = f"the search {result['id']} was another: {'; '.join(others)}"
        raise DataError(found, "run `daytrader search` again with the same options")
    frames = frames_of(request, progress)
    if digest_of_panel(frames.panel) != result["bars"]:
        raise DataError(f"the bars have changed since {result['id']}", "run `daytrader search` again")
    told = request.model_copy(update={"config": config})  # what `unlike` leaves aside is the search's
    sessions = windows(frames.panel.grid, told.spec)
    days = [dt.date.fromisoformat(day) for day in result["dates"]]
    block = span.block(frames, days[0], days[-1])
    study = study_of(told, market_of(told, frames))
    files = kept_files(request.root, result, sessions)
    cash = span.cash or request.config.cash
    parts = list(_stepwise(study, prepared(mask, study, (read_inputs(file, mask) for file in files)), block, cash))
    flattered = hindsight(request.universe, [str(date) for part in parts for date in part.result.dates])
    chosen = f"The ensemble was compared on these very days with {result['ensembles'] - 1} others."
    notices = tuple(filter(None, (chosen, flattered)))
    source = _source(told, f"mask {mask} of {result['id']}", mask, cash, frames, notices)
    return _kept(request, source, parts)


def _stepwise(study: Study, found: Iterator[Prepared], block: Block, cash: float) -> Iterator[Traded]:
    """Trade the sessions of a block, each with the window in whose step it is."""
    purse = Purse(cash, cash)
    for here in found:
        mine = max(here.window.step[0], block[0]), min(here.window.step[1], block[1])
        if mine[0] >= mine[1]:
            continue
        start, rows = study.rows(here.window.test).start, study.rows(mine)
        said = here.said.part(slice(rows.start - start, rows.stop - start))
        traded = trade(study, mine, here.fit.ensemble, said, purse)
        purse = traded.after(purse)
        yield traded


def _chosen_on(bundle: Bundle, traded: Traded) -> str:
    """Say how many of the sessions were out-of-sample days of the search that chose the ensemble; empty for none."""
    until = str(bundle.plan.get("chosen_until") or "")
    n = sum(str(date) <= until for date in traded.result.dates)
    return f"{n} of these sessions took part in choosing the ensemble: on them it looks better than it is." if n else ""


def _source(
    request: SearchRequest, subject: str, mask: int, cash: float, frames: Frames, notices: tuple[str, ...]
) -> Source:
    config = request.model_dump(mode="json", exclude={"root"})
    bars, features = digest_of_panel(frames.panel), built(ParquetStore(request.root))
    return Source("backtest", subject, mask, cash, request.config.seed, bars, config, features, notices)


def _kept(request: SearchRequest, source: Source, parts: Sequence[Traded]) -> Backtested:
    fees = request.costs.unsure_of([date for part in parts for date in part.result.dates])
    source = replace(source, notices=(*source.notices, *filter(None, (fees,))))
    run = keep(request.root, source, parts, request.universe, request.costs)
    return Backtested(run, measure(run))
