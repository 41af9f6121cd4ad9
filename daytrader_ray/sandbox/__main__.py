"""Run the exchange in this process: `python -m daytrader_ray.sandbox --port 0`; one JSON line tells its port."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import DaytraderError
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.server import create_app, serve


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT (or, with `--until-eof`, the end of stdin); 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m daytrader_ray.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 asks for a free one")
    parser.add_argument("--config-json", default="{}", help="SandboxConfig")
    parser.add_argument("--costs-json", default="{}", help="CostConfig")
    parser.add_argument("--until-eof", action="store_true", help="end when the parent process is gone")
    options = parser.parse_args(arguments)
    try:
        config = SandboxConfig.parse(json.loads(options.config_json), "--config-json")
        costs = CostConfig.parse(json.loads(options.costs_json), "--costs-json")
        asyncio.run(_run(config, costs, options.port, options.until_eof))
    except (DaytraderError, json.JSONDecodeError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


async def _run(config: SandboxConfig, costs: CostConfig, port: int, until_eof: bool) -> None:
    loop, until = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, until.set)

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin)
            until.set()

    if until_eof:
        loop.add_reader(sys.stdin, read)

    def ready(found: int) -> None:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.write(json.dumps({"port": found}) + "\n")
            sys.stdout.flush()

    await serve(create_app(config, costs), port, ready, until)


if __name__ == "__main__":
    sys.exit(main())
