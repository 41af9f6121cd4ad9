"""A backtest as a Ray job: of a bundle, or of an ensemble of a search.

ray job submit -- python jobs/backtest.py --profile paper --data /srv/daytrader
"""

import datetime as dt
from typing import Any

from daytrader_ray.adapters import model_store
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.requests import as_searched, search_request
from daytrader_ray.cluster.backtest import Span, backtest_bundle, backtest_mask
from daytrader_ray.cluster.job import options, run
from daytrader_ray.cluster.runtime import started


def main() -> dict[str, Any]:
    """Backtest, keep the run and return the figures."""
    parser = options(__doc__)
    parser.add_argument("--symbols", help="A,B,C: those of the bundle's training or the search")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--bundle", help="bundle id; default the one published last")
    which.add_argument("--mask", type=int, help="an ensemble of a search")
    parser.add_argument("--search", help="id of the search of --mask; default the last one")
    parser.add_argument("--from", dest="first", type=dt.date.fromisoformat)
    parser.add_argument("--to", dest="last", type=dt.date.fromisoformat)
    parser.add_argument("--cash", type=float)
    given = parser.parse_args()
    span = Span(given.first, given.last, given.cash)
    with started(data_root=given.data):
        request = search_request(load(given.profile, given.data), given.symbols)
        if given.mask is not None:
            told = as_searched(request, given.symbols, search_id=given.search)
            return backtest_mask(told, given.mask, span, search_id=given.search).summary()
        return backtest_bundle(request, given.bundle or model_store.latest(request.root), span).summary()


if __name__ == "__main__":
    run(main)
