"""Training and backtesting a bundle on the stored bars: members are fitted side by side as Ray tasks."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.analytics.performance import Performance, performance
from daytrader_ray.cluster.content import digest_of_panel
from daytrader_ray.cluster.fits import Progress, fit_tasks, silent, unordered
from daytrader_ray.cluster.search import SearchRequest, frames_of, load_result, market_of, study_of
from daytrader_ray.domain.errors import BundleError, ConfigError, DataError
from daytrader_ray.domain.trading import MEMBERS, members_of
from daytrader_ray.engine.backtest import BacktestResult
from daytrader_ray.features.feature_set import feature_set
from daytrader_ray.models.bundle import Bundle, differences
from daytrader_ray.models.calibration import Calibrated
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.costs import fill_costs
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.fit import Market, fit_member, out_of_fold
from daytrader_ray.walkforward.replay import replay
from daytrader_ray.walkforward.train import Learned, assemble
from daytrader_ray.walkforward.trial import exposure, trade_table
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import Window, folds_of, latest_train, training_window

Float64 = npt.NDArray[np.float64]

ASIDE = tuple(f"search.{name}" for name in ("test", "step", "cash", "importance_samples", "num_gpus"))
"""Settings of a search that change how it was measured and made, but not what an ensemble is."""


@dataclass(frozen=True)
class Trained:
    """A published bundle and the sessions it was fitted on."""

    bundle_id: str
    bundle: Bundle
    first: dt.date
    last: dt.date

    def summary(self) -> dict[str, Any]:
        """Return the figures that a command prints."""
        bundle, threshold = self.bundle, self.bundle.ensemble.threshold
        return {
            "bundle": self.bundle_id,
            "mask": bundle.ensemble.mask,
            "members": list(members_of(bundle.ensemble.mask)),
            "scheme": bundle.ensemble.scheme,
            "features": len(bundle.features),
            "train": [str(self.first), str(self.last)],
            "threshold": threshold if np.isfinite(threshold) else None,
            "left_out": list(bundle.left_out),
        }


@dataclass(frozen=True)
class Backtested:
    """A bundle's backtest: what was ordered and filled, and how it did.

    `n_chosen_on` of its sessions were out-of-sample days of the search that chose the ensemble: on these it looks
    better than it is.
    """

    bundle_id: str
    result: BacktestResult
    performance: Performance
    n_chosen_on: int

    def summary(self) -> dict[str, Any]:
        """Return the figures that a command prints."""
        result = self.result
        return {
            "bundle": self.bundle_id,
            "sessions": [str(result.dates[0]), str(result.dates[-1])],
            "orders": len(result.orders),
            "fills": len(result.fills),
            "trades": len(result.trades),
            "equity": [float(value) for value in result.session_equity],
            "metrics": self.performance.as_dict(),
            "sessions_that_chose_it": self.n_chosen_on,
        }


def train(
    request: SearchRequest, mask: int | None = None, until: dt.date | None = None, progress: Progress = silent
) -> Trained:
    """Fit an ensemble on the latest training span before `until` and publish the bundle; Ray must be running.

    `mask` chooses the ensemble; None takes the best one of the last search, which must have been told the same but for
    ASIDE.
    """
    chosen = _best_of_last_search(request) if mask is None else mask
    if not 1 <= chosen < 2 ** len(MEMBERS):
        raise ConfigError(f"mask {chosen}: expected 1 to {2 ** len(MEMBERS) - 1}, one bit for each member")
    frames = frames_of(request, progress)
    grid = frames.panel.grid
    stop = sum(session.date < until for session in grid.sessions) if until is not None else len(grid.sessions)
    if not stop:
        raise DataError(f"no session before {until}: the bars begin on {grid.sessions[0].date}")
    sessions = latest_train(grid, request.spec.train, stop)
    market = market_of(request, cut(frames, (0, stop)))
    window = training_window(sessions)
    study = study_of(request, market)
    skills = _skills(request, chosen, grid.sessions[sessions[1] - 1].date)
    learned = _learn(market, window, members_of(chosen), skills, request, progress)
    plan = {
        "data": digest_of_panel(market.frames.panel),
        "market": ParquetStore(request.root).market(),
        "bar_minutes": grid.bar_minutes,
        "chosen_until": None if mask is not None else load_result(request.root)["dates"][-1],
        "extras": feature_set(request.features).origins,
        **request.model_dump(mode="json", exclude={"root"}),
    }
    bundle = assemble(market, study, learned, chosen, plan)
    bundle_id = model_store.save(bundle, request.root)
    return Trained(bundle_id, bundle, grid.sessions[sessions[0]].date, grid.sessions[sessions[1] - 1].date)


def backtest(
    request: SearchRequest, bundle_id: str, first: dt.date | None, last: dt.date | None, progress: Progress = silent
) -> Backtested:
    """Run a bundle over the stored sessions from `first` (default: the first after its training) to `last`.

    A session that the bundle was trained on is refused.
    """
    frames = frames_of(request, progress)
    bundle = model_store.load(request.root, bundle_id, frames.features.names, feature_set(request.features).origins)
    if bundle.symbols != frames.panel.symbols:
        raise BundleError(
            f"bundle {bundle_id} was trained on {', '.join(bundle.symbols)}, not on {', '.join(frames.panel.symbols)}",
            "give the same --symbols, or train again",
        )
    start = first or bundle.last_training_session + dt.timedelta(days=1)
    if start <= bundle.last_training_session:
        raise BundleError(
            f"bundle {bundle_id} was trained up to {bundle.last_training_session}: it has seen {start}",
            f"start after {bundle.last_training_session}",
        )
    dates = [session.date for session in frames.panel.grid.sessions]
    inside = [k for k, date in enumerate(dates) if date >= start and (last is None or date <= last)]
    if not inside:
        raise DataError(f"no stored session from {start} to {last or dates[-1]}: the bars end on {dates[-1]}")
    block = inside[0], inside[-1] + 1
    study = study_of(request, market_of(request, frames))
    result = replay(bundle, study, frames, block)
    part = cut(frames, block)
    trades, costs = trade_table(result, part, len(inside)), fill_costs(part, result.fills, result.orders, request.costs)
    held = exposure(trades, result, part, len(inside))
    chosen_until = str(bundle.plan.get("chosen_until") or "")
    n_chosen_on = sum(str(date) <= chosen_until for date in result.dates)
    return Backtested(bundle_id, result, performance(result.session_equity, trades, costs, held), n_chosen_on)


def _best_of_last_search(request: SearchRequest) -> int:
    result = load_result(request.root)
    if unlike := _unlike(result, request):
        raise DataError(
            f"the last search ({result['id']}) was another: {'; '.join(unlike)}",
            "give --mask, or run `daytrader search` again with the same options",
        )
    return int(result["best"]["mask"])


def _unlike(result: Mapping[str, Any], request: SearchRequest) -> list[str]:
    """Return by key what a search was told that this training is told otherwise, ASIDE aside."""
    asked = json.loads(request.model_dump_json())
    then = result["settings"]
    now = {name: asked["config" if name == "search" else name] for name in then}
    unlike = [f"{key} was {was}, is {here}" for key, was, here in differences(then, now) if key not in ASIDE]
    names = list(feature_set(request.features).names)
    return unlike if names == result["selection"]["features"] else [*unlike, "features: it had other ones"]


def searched(result: Mapping[str, Any]) -> tuple[UniverseConfig, str]:
    """Return universe and training span of a search."""
    settings = result["settings"]
    return UniverseConfig.parse(settings["universe"], str(result["id"])), settings["search"]["train"]


def _skills(request: SearchRequest, mask: int, last: dt.date) -> Float64:
    """Return the members' out-of-sample skill in the last search's steps up to `last` `[step, member]`, NaN unknown.

    No steps where there is no such search.
    """
    try:
        result = load_result(request.root)
    except DataError:
        return np.empty((0, len(MEMBERS)))
    steps = np.cumsum([window["step_sessions"] for window in result["windows"]]) - 1
    over = [result["dates"][end] <= str(last) for end in steps]
    known = not _unlike(result, request)
    trials = [trial["windows"] for trial in result["trials"] if trial["mask"] == mask and known]
    ics = [window["member_ic"] for windows in trials for window, done in zip(windows, over, strict=True) if done]
    return np.array([ic[: len(MEMBERS)] for ic in ics], dtype=np.float64).reshape(len(ics), len(MEMBERS))


def _learn(
    market: Market, window: Window, names: Sequence[str], skills: Float64, request: SearchRequest, progress: Progress
) -> Learned:
    """Choose the features, then fit members side by side, out of fold too where stacking learns from that."""
    import ray

    shared, config = ray.put(market), request.config
    choose, fit = ray.remote(num_cpus=1, max_retries=2)(view_of), fit_tasks(fit_member, config)
    progress("members", 0, len(names))
    seen = (window, *folds_of(window, config.ensemble.stacking_folds))
    views = dict(unordered((k, partial(choose.remote, shared, part, config)) for k, part in enumerate(seen)))
    view, folds = views[0], [(part, views[k]) for k, part in enumerate(seen)][1:]
    members: dict[str, Calibrated] = {}
    work = ((name, partial(fit[name].remote, shared, view, window, name, config)) for name in names)
    for name, fitted in unordered(work):
        members[name] = fitted
        progress("members", len(members), len(names))
    held_out, left = fit_tasks(out_of_fold, config), names if folds else ()
    unseen = dict(unordered((name, partial(held_out[name].remote, shared, folds, name, config)) for name in left))
    return Learned(window, view, members, unseen, skills)
