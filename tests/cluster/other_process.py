"""Searches, and trains on request, with whatever package is on its path; prints JSON. Tests run it as a program."""

import datetime as dt
import json
import sys
from typing import Any

import numpy as np

from daytrader_ray.adapters import model_store
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.search import SearchRequest, frames_of, search
from daytrader_ray.cluster.train import train
from daytrader_ray.domain.trading import MEMBERS, WINDOW_ROWS
from daytrader_ray.features.feature_set import feature_set
from daytrader_ray.universe.config import UniverseConfig
from tests.cluster.stores import SEARCH, SYMBOLS, fill


def main(root: str, cpus: str, until: str = "") -> None:
    """Search a store of its own; `until` a day, train an ensemble of all members on the sessions before it."""
    fill(root)
    universe = UniverseConfig(sectors={}).replaced_by(SYMBOLS)
    request = SearchRequest(root=root, universe=universe, config=SEARCH)
    with started(int(cpus)):
        result = search(request).result
        told: dict[str, Any] = {key: result[key] for key in ("id", "members", "fits", "ensembles")}
        told["trials"] = {trial["mask"]: trial["members"] for trial in result["trials"]}
        if until:
            told |= trained(request, dt.date.fromisoformat(until))
    sys.stdout.write(json.dumps(told) + "\n")


def trained(request: SearchRequest, until: dt.date) -> dict[str, Any]:
    """Return what a bundle holds, read back from the store, and how many windows each of its members scored."""
    bundle_id = train(request, mask=2 ** len(MEMBERS) - 1, until=until).bundle_id
    names, origins = frames_of(request).features.names, feature_set(request.features).origins
    bundle = model_store.load(request.root, bundle_id, names, origins)
    windows = np.random.default_rng(1).normal(size=(5, WINDOW_ROWS, len(bundle.features))).astype(np.float32)
    return {"bundled": sorted(bundle.members), "scored": np.isfinite(bundle.score(windows)).sum(axis=0).tolist()}


if __name__ == "__main__":
    main(*sys.argv[1:])
