"""Compute the features of all stored bars on a cluster.

ray job submit -- python jobs/features.py --profile paper --data /srv/daytrader
"""

from dataclasses import asdict
from typing import Any

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.requests import feature_request
from daytrader_ray.cluster.features import build
from daytrader_ray.cluster.job import options, run
from daytrader_ray.cluster.runtime import started


def main() -> dict[str, Any]:
    """Compute what is missing and return what was done."""
    given = options(__doc__).parse_args()
    with started(data_root=given.data):
        profile = load(given.profile, given.data)
        report = build(feature_request(profile, ParquetStore(profile.root).symbols()))
    return asdict(report)


if __name__ == "__main__":
    run(main)
