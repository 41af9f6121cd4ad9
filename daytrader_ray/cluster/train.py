"""Training a bundle on the stored bars: members are fitted side by side as Ray tasks."""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters import ledger_store, model_store
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.fit_jobs import CHAIN, SIGNALS, beside
from daytrader_ray.cluster.fits import Progress, fit_tasks, for_fits, silent
from daytrader_ray.cluster.kept import exists, load_state, load_view
from daytrader_ray.cluster.search import SearchRequest, frames_of, load_result, market_of, study_of
from daytrader_ray.cluster.tasks import granted, unordered
from daytrader_ray.domain.content import digest_of_panel
from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.trading import MEMBERS, SCORERS, members_of
from daytrader_ray.features.feature_set import feature_set
from daytrader_ray.models.bundle import Bundle, SearchVerdict, differences
from daytrader_ray.models.scaling import View
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.fit import Made, Market, bytes_of_fit, configured, fit_member, out_of_fold
from daytrader_ray.walkforward.judge import judged_by
from daytrader_ray.walkforward.train import Learned, assemble
from daytrader_ray.walkforward.tuning import with_options
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import Window, folds_of, latest_train, training_window

Float64 = npt.NDArray[np.float64]

ASIDE = tuple(f"search.{name}" for name in ("test", "step", "min_windows", "importance_samples", "num_gpus"))
"""Settings of a search that change how it was measured and made, but not what an ensemble is.

Cash is none of them: what trading costs grows with it, and a verdict at one size says nothing of another.
"""

OPTIONS = ("train", "test", "step", "tune_members")
"""Settings that a search is told by options of its command, beside its universe."""


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
            "score_every_minutes": bundle.ensemble.score_every_minutes,
            "verdict": asdict(bundle.verdict),
        }


def train(
    request: SearchRequest, mask: int | None = None, until: dt.date | None = None, progress: Progress = silent
) -> Trained:
    """Fit an ensemble on the latest training span before `until` and publish the bundle; Ray must be running.

    `mask` chooses the ensemble; None takes the best one of the last search, which must have been told the same but for
    ASIDE (see `as_searched`). The verdict of that search goes with the ensemble that it chose, however that is named.
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
    behind = _search_behind(request, chosen)
    traded = _traded_before(request, grid.sessions[sessions[1] - 1].date)
    learned = _learn(market, window, members_of(chosen), skills, request, traded, progress)
    plan = {
        "data": digest_of_panel(market.frames.panel),
        "market": ParquetStore(request.root).market(),
        "bar_minutes": grid.bar_minutes,
        "chosen_until": behind["dates"][-1] if behind is not None else None,
        "extras": feature_set(request.features).origins,
        "options": {name: dict(_options(name, request.config, traded)) for name in members_of(chosen)},
        **request.model_dump(mode="json", exclude={"root"}),
    }
    bundle = replace(
        assemble(market, study, learned, chosen, plan),
        verdict=SearchVerdict.of(behind) if behind is not None else SearchVerdict(),
    )
    bundle_id = model_store.save(bundle, request.root)
    return Trained(bundle_id, bundle, grid.sessions[sessions[0]].date, grid.sessions[sessions[1] - 1].date)


def _best_of_last_search(request: SearchRequest) -> int:
    result = load_result(request.root)
    if others := unlike(result, request):
        raise DataError(
            f"the last search ({result['id']}) was another: {'; '.join(others)}",
            "give --mask, or run `daytrader search` again with the same options",
        )
    return int(result["best"]["mask"])


def unlike(result: Mapping[str, Any], request: SearchRequest) -> list[str]:
    """Return by key what a search was told that this training is told otherwise, ASIDE aside."""
    asked = json.loads(request.model_dump_json())
    then = result["settings"]
    now = {name: asked["config" if name == "search" else name] for name in then}
    found = [f"{key} was {was}, is {here}" for key, was, here in differences(then, now) if key not in ASIDE]
    names = list(feature_set(request.features).names)
    return found if names == result["selection"]["features"] else [*found, "features: it had other ones"]


def as_searched(
    request: SearchRequest, given: Collection[str] = (), search_id: str | None = None
) -> tuple[SearchRequest, str]:
    """Return a request with what options told a stored search (default the last), and in a sentence what that changes.

    The universe and OPTIONS are the search's, but for those `given`. Nothing changes without a search, nor where it
    differs in more than that: then it is another one.
    """
    try:
        result = load_result(request.root, search_id)
    except DataError:
        return request, ""
    universe, config = settings_of(result)
    changes = {name: getattr(config, name) for name in OPTIONS if name not in given}
    changes = {name: value for name, value in changes.items() if value != getattr(request.config, name)}
    told = request.model_copy(update={"config": request.config.model_copy(update=changes)})
    if "universe" not in given:
        told = told.model_copy(update={"universe": universe})
    if unlike(result, told):
        return request, ""
    said = [f"search.{name} {value}" for name, value in changes.items()]
    if told.universe != request.universe:
        said.insert(0, f"the universe of {len(universe.symbols)} symbols")
    return told, f"As {result['id']} was told, other than the profile: {', '.join(said)}." if said else ""


def settings_of(result: Mapping[str, Any]) -> tuple[UniverseConfig, SearchConfig]:
    """Return universe and configuration of a search."""
    then, source = result["settings"], str(result["id"])
    return UniverseConfig.parse(then["universe"], source), SearchConfig.parse(then["search"], source)


def _last_search(request: SearchRequest) -> Mapping[str, Any] | None:
    """Return the last search; None where there is none, or where it was told otherwise."""
    try:
        result = load_result(request.root)
    except DataError:
        return None
    return None if unlike(result, request) else result


def _search_behind(request: SearchRequest, mask: int) -> Mapping[str, Any] | None:
    """Return the last search, where it was told the same and chose the ensemble `mask`, judged by today's ledger."""
    result = _last_search(request)
    if result is None or result["best"]["mask"] != mask:
        return None
    return judged_by(result, ledger_store.read(request.root))


def _skills(request: SearchRequest, mask: int, last: dt.date) -> Float64:
    """Return the members' out-of-sample skill in the last search's steps up to `last` `[step, member]`, NaN unknown.

    No steps where there is no such search.
    """
    result = _last_search(request)
    if result is None:
        return np.empty((0, len(MEMBERS)))
    steps = np.cumsum([window["step_sessions"] for window in result["windows"]]) - 1
    over = [result["dates"][end] <= str(last) for end in steps]
    trials = [trial["windows"] for trial in result["trials"] if trial["mask"] == mask]
    ics = [window["member_ic"] for windows in trials for window, done in zip(windows, over, strict=True) if done]
    return np.array([ic[: len(MEMBERS)] for ic in ics], dtype=np.float64).reshape(len(ics), len(MEMBERS))


class Traded(NamedTuple):
    """What the last search traded in a window: which options its members had, and where a warm start goes on.

    `view` and `states` by member are files; none where members begin anew.
    """

    options: Mapping[str, Mapping[str, Any]]
    view: str | None = None
    states: Mapping[str, str] = MappingProxyType({})


def _traded_before(request: SearchRequest, last: dt.date) -> Traded:
    """Return what the last search traded in its latest window that had learned from no day later than `last`.

    Without such a search the options are the configured ones, and members begin anew.
    """
    result = _last_search(request)
    known = [] if result is None else [w for w in result["windows"] if w["train"][1] <= str(last)]
    if result is None or not known:
        return Traded({})
    kept, folder = result["kept"][len(known) - 1], f"{request.root}/{SIGNALS}"
    if known[-1]["train"][1] == str(last):  # the window to train itself: its members begin where they began
        states = {name: f"{folder}/{state}" for name, state in kept["after"].items()}
    elif request.config.warm_start and len(known) % CHAIN:
        ended = {name: beside(f"{folder}/{kept['scores'][SCORERS.index(name)]}", "state.zip") for name in MEMBERS}
        states = {name: path for name, path in ended.items() if exists(path)}
    else:
        states = {}
    return Traded(kept["options"], f"{folder}/{kept['view']}" if states else None, states)


def _options(name: str, config: SearchConfig, traded: Traded) -> Mapping[str, Any]:
    """Return the options that a member is fitted with."""
    return traded.options.get(name, config.members.get(name, {}))


def _fit_after(
    market: Market, view: View, window: Window, member: str, config: SearchConfig, after: str | None
) -> Made:
    """Fit a member that begins where a file says, or anew."""
    start = load_state(after, configured(member, config).load) if after is not None else None
    return fit_member(market, view, window, member, config, start)


def _learn(
    market: Market,
    window: Window,
    names: Sequence[str],
    skills: Float64,
    request: SearchRequest,
    traded: Traded,
    progress: Progress,
) -> Learned:
    """Choose the features, then fit members side by side, out of fold too where stacking learns from that."""
    import ray

    shared, config = ray.put(for_fits(market)), request.config
    memory = granted(bytes_of_fit(market, window, config))
    choose, fit = ray.remote(num_cpus=1, memory=memory, max_retries=2)(view_of), fit_tasks(_fit_after, config, memory)
    own = {name: with_options(config, name, _options(name, config, traded)) for name in names}
    progress("members", 0, len(names))
    seen = (window, *folds_of(window, config.ensemble.stacking_folds))
    unknown = list(enumerate(seen))[0 if traded.view is None else 1 :]
    views = dict(unordered((k, partial(choose.remote, shared, part, config)) for k, part in unknown))
    view = views[0] if traded.view is None else load_view(traded.view)
    folds = [(part, views[k]) for k, part in enumerate(seen) if k]
    members: dict[str, Made] = {}
    told = ((name, (shared, view, window, name, own[name], traded.states.get(name))) for name in names)
    for name, fitted in unordered((name, partial(fit[name].remote, *given)) for name, given in told):
        members[name] = fitted
        progress("members", len(members), len(names))
    held_out, left = fit_tasks(out_of_fold, config, memory), names if folds else ()
    unseen = dict(unordered((name, partial(held_out[name].remote, shared, folds, name, own[name])) for name in left))
    return Learned(window, view, members, unseen, skills)
