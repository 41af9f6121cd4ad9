"""A bundle's backtest as a Ray job.

ray job submit -- python jobs/backtest.py --profile paper --data /srv/daytrader
"""

import datetime as dt
from typing import Any

from daytrader_ray.adapters import model_store
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.requests import search_request
from daytrader_ray.cluster.job import options, run
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.train import backtest


def main() -> dict[str, Any]:
    """Backtest and return the figures."""
    parser = options(__doc__)
    parser.add_argument("--symbols", help="A,B,C: those that the bundle was trained on")
    parser.add_argument("--bundle", help="bundle id; default the one published last")
    parser.add_argument("--from", dest="first", type=dt.date.fromisoformat)
    parser.add_argument("--to", dest="last", type=dt.date.fromisoformat)
    given = parser.parse_args()
    with started(data_root=given.data):
        request = search_request(load(given.profile, given.data), given.symbols)
        done = backtest(request, given.bundle or model_store.latest(request.root), given.first, given.last)
    return done.summary()


if __name__ == "__main__":
    run(main)
