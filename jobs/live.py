"""Trade today's session on the paper account from a cluster.

ray job submit -- python jobs/live.py --profile paper --data /srv/daytrader
"""

import argparse
import datetime as dt
import json
import os
import sys
from zoneinfo import ZoneInfo

from daytrader_ray.adapters import logs
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.session_spec import live_spec
from daytrader_ray.cluster.live import serve_and_trade
from daytrader_ray.cluster.runtime import started
from daytrader_ray.domain.errors import DaytraderError


def main() -> None:
    """Trade until the close and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="paper")
    parser.add_argument("--data", default=os.environ.get("DAYTRADER_DATA", "data"), help="absolute path or URL")
    parser.add_argument("--bundle", default="latest")
    options = parser.parse_args()
    today = dt.datetime.now(ZoneInfo("America/New_York")).date()  # noqa: TID251 - the edge: what day is it?
    spec = live_spec(load(options.profile, options.data), today, options.bundle)
    logs.configure(secrets=spec.secrets)
    with started(data_root=options.data):
        result = serve_and_trade(spec)
    print(json.dumps({"orders": len(result.orders), "fills": len(result.fills), "flat": result.flat_at_close}))


if __name__ == "__main__":
    try:
        main()
    except DaytraderError as error:
        sys.exit(f"error: {error.message}" + (f"\nhint: {error.hint}" if error.hint else ""))
