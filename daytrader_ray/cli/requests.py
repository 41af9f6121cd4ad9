"""From a profile and the options of a command to what the cluster's functions are asked."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daytrader_ray.cli.profile import Profile
    from daytrader_ray.cluster.features import FeatureRequest
    from daytrader_ray.cluster.search import SearchRequest


def feature_request(profile: "Profile", symbols: tuple[str, ...]) -> "FeatureRequest":
    """Return the request to build the features of `symbols` by a profile."""
    from daytrader_ray.cluster.features import FeatureRequest

    return FeatureRequest(
        root=profile.root,
        symbols=symbols,
        universe=profile.universe,
        features=profile.features,
        quotes=profile.live.quotes,
        trades=profile.live.trades,
    )


def search_request(
    profile: "Profile",
    symbols: str | None = None,
    train: str | None = None,
    test: str | None = None,
    step: str | None = None,
    tune_members: int | None = None,
) -> "SearchRequest":
    """Return the request of a profile; `symbols` (A,B,C) replaces its universe, what else is given its own."""
    from daytrader_ray.cluster.search import SearchRequest
    from daytrader_ray.features.feature_set import feature_set

    universe = profile.universe
    if symbols is not None:
        universe = universe.replaced_by(symbols_of(symbols))
    given = {"train": train, "test": test, "step": step, "tune_members": tune_members}
    changes = {key: value for key, value in given.items() if value is not None}
    request = SearchRequest(
        root=profile.root,
        universe=universe,
        features=profile.features,
        config=profile.search.model_copy(update=changes),
        labels=profile.labels,
        kernel=profile.kernel,
        costs=profile.costs,
        regime=profile.regime,
        portfolio=profile.portfolio,
        quotes=profile.live.quotes,
        trades=profile.live.trades,
    )
    _ = request.spec, feature_set(request.features)
    return request


def as_searched(
    request: "SearchRequest", symbols: str | None, train: str | None = None, search_id: str | None = None
) -> "SearchRequest":
    """Return a request with what a search was told by options that are not given here; say so where that is news."""
    from daytrader_ray.cluster.train import as_searched as told_by

    given = {"universe": symbols, "train": train}
    told, said = told_by(request, [name for name, value in given.items() if value is not None], search_id)
    if said:
        sys.stderr.write(f"{said}\n")
    return told


def symbols_of(text: str) -> tuple[str, ...]:
    """Return the symbols of a `--symbols` option, in upper case as the store has them."""
    from daytrader_ray.domain.errors import ConfigError

    names = tuple(name.strip().upper() for name in text.split(",") if name.strip())
    if not names:
        raise ConfigError(f"--symbols {text!r} names no symbol", "write them as A,B,C")
    return names
