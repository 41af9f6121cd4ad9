"""Fill the store on a cluster.

ray job submit -- python jobs/download.py --profile paper --data /srv/daytrader --start 2024-11-01 --end 2026-10-30
"""

import datetime as dt
from dataclasses import asdict
from typing import Any

from daytrader_ray.cli.download_cmd import days_of, vendor
from daytrader_ray.cli.profile import load
from daytrader_ray.cluster.ingest import download
from daytrader_ray.cluster.job import options, run
from daytrader_ray.cluster.runtime import started


def main() -> dict[str, Any]:
    """Download the universe's minute bars and return what was done."""
    parser = options(__doc__)
    parser.add_argument("--start", type=dt.date.fromisoformat, help="first day; default two years back")
    parser.add_argument("--end", type=dt.date.fromisoformat, help="last day; default and latest yesterday")
    given = parser.parse_args()
    profile = load(given.profile, given.data)
    today = dt.datetime.now(dt.UTC).date()  # noqa: TID251 - only this edge of the program knows what day it is
    days = days_of(profile, given.start, given.end, today)
    with vendor(profile) as (url, key), started(data_root=given.data):
        report = download(url, key, profile.root, profile.universe.symbols, *days)
    return asdict(report) | {"start": str(days[0]), "end": str(days[1])}


if __name__ == "__main__":
    run(main)
