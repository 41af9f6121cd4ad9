"""How every script in jobs/ begins and ends: the same first options, one JSON object, one line for what went wrong."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from daytrader_ray.domain.errors import named_cause


def options(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows `--profile` and `--data`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="paper")
    parser.add_argument(
        "--data", default=os.environ.get("DAYTRADER_DATA", "data"), help="absolute path, the same on all"
    )
    return parser


def run(main: Callable[[], Mapping[str, Any]]) -> None:
    """Print what `main` returns as JSON; a named error is one line and a hint on stderr and exit code 1."""
    try:
        done = main()
    except Exception as error:  # the edge of the job: whatever has no name is raised again
        named = named_cause(error)
        if named is None:
            raise
        sys.exit(f"error: {named.message}" + (f"\nhint: {named.hint}" if named.hint else ""))
    sys.stdout.write(f"{json.dumps(done)}\n")
