"""The search as a Ray job.

ray job submit -- python jobs/search.py --profile paper --data /srv/daytrader
"""

from typing import Any

from daytrader_ray.cli.profile import load
from daytrader_ray.cli.requests import search_request
from daytrader_ray.cluster.job import options, run
from daytrader_ray.cluster.runtime import started
from daytrader_ray.cluster.search import search


def main() -> dict[str, Any]:
    """Search and return the figures."""
    parser = options(__doc__)
    parser.add_argument("--symbols", help="A,B,C instead of the profile's universe")
    for span in ("--train", "--test", "--step"):
        parser.add_argument(span)
    parser.add_argument("--tune-members", type=int, help="candidates of options for each member")
    given = parser.parse_args()
    with started(data_root=given.data):
        profile = load(given.profile, given.data)
        request = search_request(profile, given.symbols, given.train, given.test, given.step, given.tune_members)
        report = search(request)
    return report.summary()


if __name__ == "__main__":
    run(main)
