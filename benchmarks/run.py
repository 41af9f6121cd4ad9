"""`python -m benchmarks.run [NAME]`: run the benchmarks of this folder, write `results.json`, print a table.

With a name only that one runs and only its lines of `results.json` change.
"""

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.registry import BENCHMARKS, MissedError, Result

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
NOT_BENCHMARKS = {
    "__init__",
    "honesty_market",
    "leak_pairs",
    "mutation",
    "plain_client",
    "planted_market",
    "registry",
    "run",
}


def discover() -> None:
    """Import every file of the folder, so that its benchmarks are registered."""
    for path in sorted(FOLDER.glob("*.py")):
        if path.stem not in NOT_BENCHMARKS:
            importlib.import_module(f"benchmarks.{path.stem}")


def known(path: Path = RESULTS) -> dict[str, Result]:
    """Return the lines already in the file, by name."""
    if not path.exists():
        return {}
    return {line["name"]: Result(**line) for line in json.loads(path.read_text(encoding="utf-8"))}


def write(results: dict[str, Result], path: Path = RESULTS) -> None:
    """Write all lines in the order of their names."""
    lines = [asdict(results[name]) for name in sorted(results)]
    path.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")


def table(results: list[Result]) -> Table:
    """Return the lines for the screen."""
    view = Table("benchmark", "value", "unit", "peer", "peer value", "ratio", "spread", "runs")
    view.columns[0].no_wrap = True
    for line in results:
        peer_value = "" if line.peer_value is None else f"{line.peer_value:.4g}"
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        numbers = (line.name, f"{line.value:.4g}", line.unit, line.peer, peer_value, ratio)
        view.add_row(*numbers, f"{line.spread:.0%}", str(line.runs))
    return view


def main(arguments: list[str], path: Path = RESULTS) -> int:
    """Run all benchmarks or the named one; exit code 2 for an unknown name, 1 where a bound was missed."""
    discover()
    wanted = arguments or sorted(BENCHMARKS)
    unknown = sorted(set(wanted) - set(BENCHMARKS))
    if unknown:
        sys.stderr.write(f"no benchmark {', '.join(unknown)}; there are {', '.join(sorted(BENCHMARKS))}\n")
        return 2
    console = Console()
    done: list[Result] = []
    missed = list[str]()
    for name in wanted:
        console.print(f"running {name} ...")
        try:
            done += BENCHMARKS[name]()
        except MissedError as error:
            done += error.measured
            missed.append(name)
            console.print(f"missed: {error}")
        write(known(path) | {line.name: line for line in done}, path)
    console.print(table(done))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
