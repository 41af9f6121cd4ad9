"""`python -m benchmarks.mutation` asks whether the tests notice when a rule is wrong.

cosmic-ray changes one operator, number or keyword of `risk/` and of the kernel's rules at a time, in a copy of the
tree, and the fast tests of these rooms run without compilation. What they do not notice is listed as a survivor.
Answers are kept in `--folder`: ended and started again it goes on where it was, as long as the sources are the same;
`--again` asks the survivors once more, after a test was added.
"""

import argparse
import ast
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir
from pathlib import Path

from cosmic_ray.commands.init import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.testing import run_tests
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkResult
from rich.console import Console
from rich.table import Table

from daytrader_ray.domain.sources import digest_of_sources

ROOT = Path(__file__).parent.parent
REFERENCE = "tests/engine/test_reference.py::test_random_sessions_are_decided_and_filled_as_the_page_says"
TESTS = {
    "daytrader_ray/risk/checks.py": ("tests/risk",),
    "daytrader_ray/engine/kernel.py": ("tests/engine/test_kernel.py", f"{REFERENCE}[0]", f"{REFERENCE}[1]"),
    "daytrader_ray/engine/fills.py": ("tests/engine/test_fills.py", f"{REFERENCE}[0]"),
    "daytrader_ray/engine/book.py": ("tests/engine/test_book.py", f"{REFERENCE}[0]"),
}
"""Sources and the tests that must notice: not compiled, two blocks of random sessions are what is fast."""
NOT_RULES = ("RemoveDecorator", "ExceptionReplacer")
"""Decorators compile and nothing else; no rule catches an exception."""
TIMEOUT_SECONDS = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is left to run, print kills and survivors."""
    options = _options(arguments)
    tree = options.folder / digest_of_sources([source.removeprefix("daytrader_ray/") for source in TESTS])[:12]
    console = Console()
    _copy(tree)
    with chdir(tree), use_db("mutants.sqlite", WorkDB.Mode.create) as database:
        if not database.num_work_items:
            init([Path(source) for source in TESTS], database, {})
        chosen = _sample(database, options)
        if (broken := _baseline(chosen)) is not None:
            console.print(f"{broken}: its tests fail without a mutant", style="red")
            return 1
        _run(database, chosen, options.again, console)
        _report(database, chosen, console)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation")
    parser.add_argument("--folder", type=Path, default=Path("build/mutation"), help="where copies and answers are kept")
    parser.add_argument("--sample", type=int, default=None, help="mutants drawn by --seed; left out: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="mutants of sources whose path contains this")
    parser.add_argument("--again", action="store_true", help="ask the survivors once more")
    return parser.parse_args(arguments)


def _copy(tree: Path) -> None:
    """Bring package and tests of the copy up to date: mutants never touch the repository."""
    for name in ("daytrader_ray", "tests", "benchmarks", "config"):
        shutil.rmtree(tree / name, ignore_errors=True)
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)


def _sample(database: WorkDB, options: argparse.Namespace) -> dict[str, MutationSpec]:
    """Return the mutants to ask, by job: those of rules, all or a sample, the same for the same seed."""
    places = {source: frozenset(_annotated(ast.parse(Path(source).read_text()))) for source in TESTS}
    found = {
        item.job_id: spec
        for item in database.work_items
        for spec in item.mutations
        if not spec.operator_name.endswith(NOT_RULES) and options.only in str(spec.module_path)
        if not any(_inside(spec, span) for span in places[str(spec.module_path)])
    }
    jobs = sorted(found, key=lambda job: (str(found[job].module_path), found[job].operator_name, found[job].occurrence))
    if options.sample is not None and options.sample < len(jobs):
        jobs = random.Random(options.seed).sample(jobs, options.sample)
    return {job: found[job] for job in jobs}


Span = tuple[int, int, int, int]


def _annotated(tree: ast.AST) -> Iterator[Span]:
    """Yield where annotations are: they do nothing when the code runs."""
    for node in ast.walk(tree):
        found = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for part in found:
            if isinstance(part, ast.expr):
                yield part.lineno, part.col_offset, part.end_lineno or 0, part.end_col_offset or 0


def _inside(spec: MutationSpec, span: Span) -> bool:
    return (span[0], span[1]) <= tuple(spec.start_pos) and tuple(spec.end_pos) <= (span[2], span[3])


def _command(source: str) -> str:
    return f"{sys.executable} -m pytest -x -q -p no:cacheprovider {' '.join(TESTS[source])}"


def _baseline(chosen: dict[str, MutationSpec]) -> str | None:
    """Return the source whose tests fail as they are; None where all pass."""
    os.environ.update({"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path.cwd())})
    for source in sorted({str(spec.module_path) for spec in chosen.values()}):
        outcome, output = run_tests(_command(source), 10 * TIMEOUT_SECONDS)
        if outcome is not TestOutcome.SURVIVED:
            Console().print(output[-3000:], markup=False)
            return source
    return None


def _run(database: WorkDB, chosen: dict[str, MutationSpec], again: bool, console: Console) -> None:
    answers = dict(database.results)
    left = [
        item
        for item in database.work_items
        if item.job_id in chosen and (item.job_id not in answers or (again and not answers[item.job_id].is_killed))
    ]
    start = time.perf_counter()
    for done, item in enumerate(left, 1):
        command = _command(str(chosen[item.job_id].module_path))
        result = mutate_and_test(item.mutations, command, TIMEOUT_SECONDS)
        database.set_result(item.job_id, WorkResult(result.worker_outcome, "", result.test_outcome, result.diff))
        if done % 20 == 0 or done == len(left):
            console.print(f"{done} of {len(left)} mutants, {time.perf_counter() - start:.0f} s")


def _report(database: WorkDB, chosen: dict[str, MutationSpec], console: Console) -> None:
    answers = {job: result for job, result in database.results if job in chosen}
    table = Table("source", "mutants", "killed", "survivors", "share killed")
    for source in (*TESTS, ""):
        asked = [answers[job] for job, spec in chosen.items() if job in answers and source in str(spec.module_path)]
        killed = sum(result.is_killed for result in asked)
        share = f"{killed / len(asked):.1%}" if asked else ""
        table.add_row(source or "all", str(len(asked)), str(killed), str(len(asked) - killed), share)
    for job, result in answers.items():
        if result.test_outcome is TestOutcome.SURVIVED:
            console.print(f"survived {chosen[job].operator_name}:\n{result.diff}", markup=False, highlight=False)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
