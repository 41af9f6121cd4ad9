"""Searches and trains with whatever package it finds on its path; prints what came out as JSON. Run by a test."""

import datetime as dt
import json
import sys

import numpy as np

from daytrader_ray.adapters import model_store
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.search import SearchRequest, frames_of, search
from daytrader_ray.cluster.train import train
from daytrader_ray.domain.trading import WINDOW_ROWS
from daytrader_ray.features.feature_set import feature_set
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.config import SearchConfig
from tests.cluster.stores import SYMBOLS, fill


def main(root: str, until: str) -> None:
    fill(root)
    universe = UniverseConfig(sectors={}).replaced_by(SYMBOLS)
    request = SearchRequest(root=root, universe=universe, config=SearchConfig(train="6s", test="2s", step="2s"))
    with started(cpus=2):
        result = search(request).result
        trained = train(request, mask=2**6 - 1, until=dt.date.fromisoformat(until))
        names = frames_of(request).features.names
    bundle = model_store.load(root, trained.bundle_id, names, feature_set(request.features).origins)
    windows = np.random.default_rng(1).normal(size=(5, WINDOW_ROWS, len(bundle.features))).astype(np.float32)
    told = {
        "masks": [trial["mask"] for trial in result["trials"]],
        "members": result["members"],
        "fits": result["fits"],
        "ensembles": result["ensembles"],
        "largest": [trial for trial in result["trials"] if trial["mask"] == 63][0]["members"],
        "bundled": sorted(bundle.members),
        "scored": np.isfinite(bundle.score(windows)).sum(axis=0).tolist(),
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
