"""Options of members that are worth a try: `search.tune_members` draws candidates from here, before anything is fitted.

Sizes and regularisation around the defaults, which are there to keep members from learning samples by heart. A member
that has no space has no candidates but the configured one, and what is configured is not drawn.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.models.registry import member as member_called


class Between(NamedTuple):
    """Numbers from `low` to `high`, whole ones where both are; `log`: as many below the geometric mean as above it."""

    low: float
    high: float
    log: bool = False


Space = Mapping[str, Between | tuple[Any, ...]]

TRIES = 20
"""Most draws for each candidate that is asked for: some are none, beside what is configured."""

_NETWORK: Space = {
    "learning_rate": Between(1e-3, 1e-2, log=True),
    "weight_decay": Between(0.1, 3.0, log=True),
    "dropout": Between(0.1, 0.5),
}
SPACES: Mapping[str, Space] = {
    "lstm": {"hidden": (16, 32, 64), **_NETWORK},
    "cnn": {"filters": (8, 16, 32), "kernel_rows": (3, 5, 7), **_NETWORK},
    "transformer": {"width": (16, 32, 64), "layers": Between(1, 3), **_NETWORK},
    "random_forest": {"depth": Between(4, 10), "min_leaf": Between(30, 300, log=True)},
    "xgboost": {
        "depth": Between(2, 5),
        "learning_rate": Between(0.03, 0.3, log=True),
        "min_child_weight": Between(5.0, 100.0, log=True),
        "subsample": Between(0.5, 1.0),
        "column_share": Between(0.4, 1.0),
    },
}


def candidates(member: str, configured: Mapping[str, Any], n: int, seed: int) -> list[Mapping[str, Any]]:
    """Return at most `n` different sets of options for a member: the configured ones, then such drawn from its space.

    What is configured stays as it is in each of them, and a member refuses none.
    The draws depend on the seed and the member alone (Optuna's random sampler; Bergstra & Bengio 2012): more
    candidates are the same ones and then some.
    """
    space = {name: one for name, one in SPACES.get(member, {}).items() if name not in configured}
    if n < 2 or not space:
        return [configured]
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    own = (seed * 65_536 + sum(member.encode())) % 2**32  # other draws for each member
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=own))
    found: list[Mapping[str, Any]] = [configured]
    for _ in range(TRIES * (n - 1)):
        options = {**configured, **study.ask(_distributions(space)).params}
        if options not in found and _legal(member, options):
            found.append(options)
        if len(found) == n:
            break
    return found


def _legal(member: str, options: Mapping[str, Any]) -> bool:
    try:
        member_called(member, options)
    except ConfigError:
        return False
    return True


def _distributions(space: Space) -> dict[str, Any]:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, Any] = {}
    for name, one in space.items():
        if not isinstance(one, Between):
            found[name] = CategoricalDistribution(one)
        elif isinstance(one.low, int) and isinstance(one.high, int):
            found[name] = IntDistribution(one.low, one.high, log=one.log)
        else:
            found[name] = FloatDistribution(one.low, one.high, log=one.log)
    return found
