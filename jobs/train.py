"""Training as a Ray job.

ray job submit -- python jobs/train.py --profile paper --data /srv/daytrader
"""

import datetime as dt
from typing import Any

from daytrader_ray.cli.profile import load
from daytrader_ray.cli.requests import as_searched, search_request
from daytrader_ray.cluster.job import options, run
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.train import train


def main() -> dict[str, Any]:
    """Train, publish a bundle and return what it is."""
    parser = options(__doc__)
    parser.add_argument("--symbols", help="A,B,C instead of the profile's universe")
    parser.add_argument("--train", help="training span, as in 6m")
    parser.add_argument("--mask", type=int, help="ensemble; default the best one of the last search")
    parser.add_argument("--until", type=dt.date.fromisoformat, help="train on sessions before this day")
    given = parser.parse_args()
    with started(data_root=given.data):
        asked = search_request(load(given.profile, given.data), given.symbols, given.train)
        request = as_searched(asked, given.symbols, given.train)
        trained = train(request, given.mask, given.until)
    return trained.summary()


if __name__ == "__main__":
    run(main)
