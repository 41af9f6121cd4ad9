"""Training as a Ray job: `ray job submit -- python jobs/train.py --profile paper --data s3://bucket/data`."""

import argparse
import datetime as dt
import json
import os
import sys

from daytrader_ray.cli.profile import load
from daytrader_ray.cli.requests import search_request
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.train import train
from daytrader_ray.domain.errors import DaytraderError


def main() -> None:
    """Train and publish a bundle, then print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="paper")
    parser.add_argument("--data", default=os.environ.get("DAYTRADER_DATA", "data"), help="absolute path or URL")
    parser.add_argument("--symbols", help="A,B,C instead of the profile's universe")
    parser.add_argument("--train", help="training span, as in 6m")
    parser.add_argument("--mask", type=int, help="ensemble; default the best one of the last search")
    parser.add_argument("--until", type=dt.date.fromisoformat, help="train on sessions before this day")
    given = parser.parse_args()
    with started(data_root=given.data):
        request = search_request(load(given.profile, given.data), given.symbols, given.train)
        trained = train(request, given.mask, given.until)
    print(json.dumps(trained.summary()))


if __name__ == "__main__":
    try:
        main()
    except DaytraderError as error:
        sys.exit(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
