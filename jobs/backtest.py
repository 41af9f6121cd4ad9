"""A bundle's backtest as a Ray job: `ray job submit -- python jobs/backtest.py --data s3://bucket/data`."""

import argparse
import datetime as dt
import json
import os
import sys

from daytrader_ray.adapters import model_store
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.requests import search_request
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.train import backtest
from daytrader_ray.domain.errors import DaytraderError


def main() -> None:
    """Backtest, then print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="paper")
    parser.add_argument("--data", default=os.environ.get("DAYTRADER_DATA", "data"), help="absolute path or URL")
    parser.add_argument("--symbols", help="A,B,C: those that the bundle was trained on")
    parser.add_argument("--bundle", help="bundle id; default the one published last")
    parser.add_argument("--from", dest="first", type=dt.date.fromisoformat)
    parser.add_argument("--to", dest="last", type=dt.date.fromisoformat)
    given = parser.parse_args()
    with started(data_root=given.data):
        request = search_request(load(given.profile, given.data), given.symbols)
        done = backtest(request, given.bundle or model_store.latest(request.root), given.first, given.last)
    print(json.dumps(done.summary()))


if __name__ == "__main__":
    try:
        main()
    except DaytraderError as error:
        sys.exit(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
