"""What `daytrader models` tells of bundles, as plain values."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from daytrader_ray.adapters import model_store
from daytrader_ray.domain.errors import BundleError
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.trading import MEMBERS, members_of
from daytrader_ray.models.bundle import Bundle, differences
from daytrader_ray.models.calibration import Calibration
from daytrader_ray.models.ensemble import SPANS, Ensemble
from daytrader_ray.models.online import regret

TRADES = (
    "scheme",
    "members",
    "weights",
    "online",
    "score_every_minutes",
    "timeframes",
    "scale",
    "threshold",
    "hours",
    "calibration",
    "features",
    "regime",
    "symbols",
    "rules",
)
"""Parts of a description that change which trades are made, what weighs most first."""

LATEST = "latest"

SECTIONS = ("rules", "config")
"""Parts of a description that hold sections of a profile."""

IN_PROFILE = {"config": "search"}
"""Sections of a plan whose name in a profile is another."""


@dataclass(frozen=True)
class Opened:
    """A bundle that was checked and read, its id, whether it is the latest, and the libraries that it was made with."""

    bundle_id: str
    bundle: Bundle
    latest: bool
    libraries: Mapping[str, str]


def opened(root: str, bundle_id: str) -> Opened:
    """Read a bundle by its id or `latest`; a `BundleError` where it is refused."""
    chosen = model_store.latest(root) if bundle_id == LATEST else bundle_id
    bundle = model_store.load(root, chosen)
    return Opened(chosen, bundle, chosen == _latest(root), model_store.glance(root, chosen).libraries)


def _latest(root: str) -> str:
    """Return the id of the latest bundle, empty where nothing readable says which it is."""
    try:
        return model_store.latest(root)
    except BundleError:
        return ""


def listed(root: str) -> list[dict[str, Any]]:
    """Return a line for each bundle, trained to the latest session first; of a refused one the reason is known only."""
    latest, lines = _latest(root), []
    for one in model_store.glances(root):
        line: dict[str, Any] = {"id": one.bundle_id, "latest": one.bundle_id == latest, "refused": one.refused}
        if not one.refused:
            line |= {name: one.values[name] for name in ("last_training_session", "scheme", "symbols", "verdict")}
            line |= {"members": list(members_of(one.values["mask"]))}
            line |= {"features": sum(not choice["dropped"] for choice in one.values["selection"])}
        lines.append(line)
    return lines


def described(one: Opened) -> dict[str, Any]:
    """Return everything a person may ask of a bundle."""
    from daytrader_ray.cluster.before import TRADED_AS_TRAINED
    from daytrader_ray.regime.summary import summary

    bundle, plan = one.bundle, one.bundle.plan
    names = members_of(bundle.ensemble.mask)
    return {
        "id": one.bundle_id,
        "latest": one.latest,
        "verdict": asdict(bundle.verdict),
        "last_training_session": bundle.last_training_session.isoformat(),
        **_ensemble(bundle.ensemble),
        "calibration": {name: _plain(bundle.members[name].calibration) for name in names},
        "features": list(bundle.features),
        "selection": bundle.selection.as_list(),
        "importances": bundle.importances,
        "regime": summary(bundle.regime) if bundle.regime is not None else None,
        "left_out": list(bundle.left_out),
        "symbols": list(bundle.symbols),
        "data": {"fingerprint": bundle.fingerprint, "market": plan.get("market")},
        "seed": bundle.seed,
        "libraries": dict(one.libraries),
        "rules": {name: plan[name] for name in TRADED_AS_TRAINED if name in plan},
        "config": {
            IN_PROFILE.get(name, name): plan[name]
            for name in plan
            if name not in (*TRADED_AS_TRAINED, "data", "market")
        },
    }


def _ensemble(ensemble: Ensemble) -> dict[str, Any]:
    names = [state.name.lower() for state in Regime]
    rows = [_by_member(row, ensemble) for row in ensemble.weights.tolist()]
    alike = all(row == rows[0] for row in rows)
    return {
        "scheme": ensemble.scheme,
        "note": ensemble.note,
        "mask": ensemble.mask,
        "members": list(members_of(ensemble.mask)),
        "weights": {"any regime": rows[0]} if alike else dict(zip(names, rows, strict=True)),
        "online": _online(ensemble),
        "score_every_minutes": ensemble.score_every_minutes,
        "timeframes": {f"{minutes} min": w for minutes, w in zip(SPANS, ensemble.timeframes.tolist(), strict=True)},
        "scale": ensemble.q99,
        "threshold": None if math.isinf(ensemble.threshold) else ensemble.threshold,
        "hours": dict(zip(("first", "last"), ensemble.hours.tolist(), strict=True)),
        "rank_ic": ensemble.ic,
        "sizing": {
            "fraction": ensemble.sizing.fraction,
            "edges": ensemble.sizing.edges.tolist(),
            "weight": ensemble.sizing.weight.tolist(),
        },
    }


def _online(ensemble: Ensemble) -> dict[str, Any] | None:
    """Return what weights that learn while trading have learnt: mean loss by member, regret and its bound."""
    online = ensemble.online
    if online is None:
        return None
    losses = (online.loss / max(online.rounds, 1)).tolist()
    measured, bound = regret(online, ensemble.inside)
    return {
        "rounds": online.rounds,
        "mean_loss": _by_member(losses, ensemble),
        "regret": measured,
        "regret_bound": bound,
    }


def _by_member(values: Sequence[float], ensemble: Ensemble) -> dict[str, float]:
    """Return the values of the ensemble's own members by name."""
    return {name: values[MEMBERS.index(name)] for name in members_of(ensemble.mask)}


def _plain(calibration: Calibration) -> dict[str, Any]:
    return {"kind": calibration.kind, **vars(calibration)}


def compared(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return where two descriptions differ: first what changes trades, then the rest; each key with both values."""
    rest = [name for name in one if name not in (*TRADES, "id", "latest", "mask", "selection", "importances")]
    pair = _comparable(one), _comparable(other)
    return {
        "bundles": [one["id"], other["id"]],
        "trades": _differences(*pair, TRADES),
        "rest": _differences(*pair, rest),
    }


def _comparable(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description with what one can compare.

    Of the regime inputs, lengths of the states and what is a crisis; of the verdict its search and its label.
    """
    regime = found["regime"]
    if regime is not None:
        lasts = dict(zip(regime["states"], regime["minutes"], strict=True))
        regime = {"inputs": regime["inputs"], "minutes": lasts, "crisis_vix": regime["crisis_vix"]}
    return {**found, "regime": regime, "verdict": {name: found["verdict"][name] for name in ("search", "label")}}


def _differences(one: Mapping[str, Any], other: Mapping[str, Any], names: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"key": key, "one": then, "other": now}
        for name in names
        for key, then, now in differences(one[name], other[name], "" if name in SECTIONS else name)
    ]
