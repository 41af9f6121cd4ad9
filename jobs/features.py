"""Compute the features of all stored bars on a cluster.

ray job submit -- python jobs/features.py --profile paper --data /srv/daytrader
"""

import argparse
import json
import os
import sys
from dataclasses import asdict

from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.profile import load
from daytrader_ray.cluster.features import build
from daytrader_ray.cluster.runtime import started
from daytrader_ray.domain.errors import DaytraderError


def main() -> None:
    """Compute what is missing and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="paper")
    parser.add_argument("--data", default=os.environ.get("DAYTRADER_DATA", "data"), help="absolute path or URL")
    options = parser.parse_args()
    with started(data_root=options.data):
        root = load(options.profile, options.data).root
        report = build(root, ParquetStore(root).symbols())
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    try:
        main()
    except DaytraderError as error:
        sys.exit(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
