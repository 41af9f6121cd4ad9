"""Fill the store on a cluster.

ray job submit -- python jobs/download.py --profile paper --data /srv/daytrader --start 2024-11-01 --end 2026-10-30
"""

import argparse
import datetime as dt
import json
import os
import sys
from dataclasses import asdict

from daytrader_ray.cli.profile import load
from daytrader_ray.cluster.ingest import download
from daytrader_ray.cluster.runtime import started
from daytrader_ray.domain.errors import DaytraderError


def main() -> None:
    """Download the universe's minute bars and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="paper")
    parser.add_argument("--data", default=os.environ.get("DAYTRADER_DATA", "data"), help="absolute path or URL")
    parser.add_argument("--start", type=dt.date.fromisoformat, required=True)
    parser.add_argument("--end", type=dt.date.fromisoformat, required=True)
    options = parser.parse_args()
    with started(data_root=options.data):
        profile = load(options.profile, options.data)
        key, symbols = profile.keys.polygon.get_secret_value(), profile.universe.symbols
        report = download(profile.polygon.url, key, profile.root, symbols, options.start, options.end)
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    try:
        main()
    except DaytraderError as error:
        sys.exit(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
