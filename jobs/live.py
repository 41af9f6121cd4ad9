"""Trade today's session on the paper account from a cluster.

ray job submit -- python jobs/live.py --profile paper --data /srv/daytrader
"""

import datetime as dt
import sys
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from daytrader_ray.adapters import logs
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.session_spec import live_spec
from daytrader_ray.cli.verdict_view import sentence, verdict_of, warning
from daytrader_ray.cluster.job import options, run
from daytrader_ray.cluster.live import serve_and_trade
from daytrader_ray.cluster.runs import keep_live
from daytrader_ray.cluster.runtime import started


def main() -> dict[str, Any]:
    """Trade until the close and return what was done."""
    parser = options(__doc__)
    parser.add_argument("--bundle", default="latest")
    given = parser.parse_args()
    today = dt.datetime.now(ZoneInfo("America/New_York")).date()  # noqa: TID251 - the edge: what day is it?
    with started(data_root=given.data):
        spec = live_spec(load(given.profile, given.data), today, given.bundle)
        logs.configure(secrets=spec.secrets)
        verdict = verdict_of(spec.root, spec.bundle_id)
        print(sentence(verdict), warning(verdict), sep="\n", file=sys.stderr)
        result = serve_and_trade(spec)
    alarms = [*result.alarms, *keep_live(spec, result)]
    counts = {"orders": len(result.orders), "fills": len(result.fills)}
    return {**counts, "flat": result.flat_at_close, "alarms": alarms, "verdict": asdict(verdict)}


if __name__ == "__main__":
    run(main)
