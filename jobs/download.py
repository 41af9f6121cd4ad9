"""Fill the store on a cluster.

ray job submit -- python jobs/download.py --profile paper --data /srv/daytrader --start 2024-11-01 --end 2026-10-30
"""

import datetime as dt
from typing import Any

from daytrader_ray.cli.download_cmd import Days, days_of, request_of, values_of, vendor
from daytrader_ray.cli.profile import load
from daytrader_ray.cluster.ingest import download
from daytrader_ray.cluster.job import options, run
from daytrader_ray.cluster.runtime import started


def main() -> dict[str, Any]:
    """Download the universe's bars and reference data and return what was done."""
    parser = options(__doc__)
    parser.add_argument("--start", type=dt.date.fromisoformat, help="first day; default two years back")
    parser.add_argument("--end", type=dt.date.fromisoformat, help="last day; default and latest yesterday")
    parser.add_argument("--roll", action="store_true", help="last day: a month after the one that the store has")
    parser.add_argument("--prune", action="store_true", help="then remove what is older, of symbols that miss nothing")
    given = parser.parse_args()
    profile = load(given.profile, given.data)
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - only this edge of the program knows what time it is
    symbols = profile.universe.symbols
    days = days_of(profile, symbols, Days(given.start, given.end, roll=given.roll), now)
    with vendor(profile) as access, started(data_root=given.data):
        report = download(request_of(profile, access, symbols, days, now))
    return values_of(report, profile.root, symbols, days, given.prune)


if __name__ == "__main__":
    run(main)
