"""What has changed since a bundle was trained."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from daytrader_ray.cli.models_values import IN_PROFILE, Opened
from daytrader_ray.domain.errors import DataError
from daytrader_ray.models.bundle import Bundle, differences
from daytrader_ray.universe.config import UniverseConfig

if TYPE_CHECKING:
    from daytrader_ray.cli.profile import Profile

FITTED_WITH = ("config", "labels")
"""Sections of the plan that act through what was fitted."""

SHOWN = 5
"""Names listed of what differs."""


def stale(profile: "Profile", one: Opened) -> Iterator[str]:
    """Say in sentences what is newer than a bundle or no longer as it was: data, search, configuration, libraries."""
    if not one.latest:
        yield "it is not the latest bundle"
    yield from _newer_data(profile.root, one.bundle)
    yield from _newer_search(profile.root, one.bundle)
    yield from _other_features(profile, one.bundle)
    yield from _other_config(profile, one.bundle)
    yield from _other_libraries(one)


def _newer_data(root: str, bundle: Bundle) -> Iterator[str]:
    from daytrader_ray.adapters.calendar import session_grid
    from daytrader_ray.adapters.store import ParquetStore

    try:
        _, last = ParquetStore(root).span()
    except DataError:
        yield "its store has no bars"
        return
    if last <= bundle.last_training_session:
        return
    n = len(session_grid(bundle.last_training_session, last).sessions) - 1
    yield f"{n} session{'s' if n > 1 else ''} came after its training, up to {last}"


def _newer_search(root: str, bundle: Bundle) -> Iterator[str]:
    """Tell of a search of the same universe and training span, at least as late as the one that chose the ensemble."""
    from daytrader_ray.cluster.search import load_result
    from daytrader_ray.cluster.train import settings_of

    try:
        result = load_result(root)
    except DataError:
        return
    asked = UniverseConfig.parse(bundle.plan["universe"], "plan"), bundle.plan["config"]["train"]
    universe, config = settings_of(result)
    if (universe, config.train) != asked or result["dates"][-1] < (bundle.plan["chosen_until"] or ""):
        return
    best, scheme = result["best"], config.ensemble.scheme
    if (best["mask"], scheme) != (bundle.ensemble.mask, bundle.plan["config"]["ensemble"]["scheme"]):
        yield f"the last search ({result['id']}) found {' + '.join(best['members'])} best, by scheme '{scheme}'"


def _other_features(profile: "Profile", bundle: Bundle) -> Iterator[str]:
    from daytrader_ray.features.feature_set import feature_set

    names = feature_set(profile.features).names
    if names != bundle.feature_set:
        differ = sorted(set(names) ^ set(bundle.feature_set)) or ["their order"]
        yield f"the profile has other features ({', '.join(differ[:SHOWN])}): trading refuses it"


def _other_config(profile: "Profile", bundle: Bundle) -> Iterator[str]:
    from daytrader_ray.cluster.before import TRADED_AS_TRAINED

    sections = [name for name in (*FITTED_WITH, *TRADED_AS_TRAINED) if name in bundle.plan]
    then = {IN_PROFILE.get(name, name): bundle.plan[name] for name in sections}
    now = {name: getattr(profile, name).model_dump(mode="json") for name in then}
    for key, before, here in differences(then, now):
        refused = key.partition(".")[0] in TRADED_AS_TRAINED
        consequence = "trading refuses it" if refused else "training now gives another bundle"
        yield f"{key} was {before}, the profile has {here}: {consequence}"


def _other_libraries(one: Opened) -> Iterator[str]:
    from daytrader_ray.adapters.libraries import scoring_libraries

    for name, before, here in differences(one.libraries, scoring_libraries()):
        yield f"{name} was {before}, now {here}: scores may differ in their last bits"
