"""The search as a Ray job: `ray job submit -- python jobs/search.py --profile paper --data s3://bucket/data`."""

import argparse
import json
import os
import sys

from daytrader_ray.cli.profile import load
from daytrader_ray.cli.requests import search_request
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.search import search
from daytrader_ray.domain.errors import DaytraderError


def main() -> None:
    """Search, then print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="paper")
    parser.add_argument("--data", default=os.environ.get("DAYTRADER_DATA", "data"), help="absolute path or URL")
    parser.add_argument("--symbols", help="A,B,C instead of the profile's universe")
    for span in ("--train", "--test", "--step"):
        parser.add_argument(span)
    given = parser.parse_args()
    with started(data_root=given.data):
        request = search_request(load(given.profile, given.data), given.symbols, given.train, given.test, given.step)
        report = search(request)
    print(json.dumps(report.summary()))


if __name__ == "__main__":
    try:
        main()
    except DaytraderError as error:
        sys.exit(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
