"""`python -m benchmarks.mutation` asks whether the tests notice when a rule is wrong.

cosmic-ray changes one operator, number or keyword of `risk/` and of the kernel's rules at a time, in a copy of the
tree, and the fast tests of these rooms run without compilation. What they do not notice is listed as a survivor.
Answers are kept in `--folder`: ended and started again it goes on where it was, as long as the sources are the same;
`--again` asks the survivors once more, after a test was added.
"""

import argparse
import ast
import difflib
import hashlib
import importlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import chdir
from pathlib import Path

import pytest
from cosmic_ray.commands.init import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome, WorkerOutcome, WorkItem, WorkResult
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
REFERENCE = "tests/engine/test_reference.py::test_random_sessions_are_decided_and_filled_as_the_page_says"
RULES = (
    f"{REFERENCE}[0]",
    "tests/engine/test_rules.py",
    "tests/engine/test_sides.py",
    *(f"{REFERENCE}[{block}]" for block in (1, 2)),
)
FILLS = ("tests/engine/test_fills.py", *RULES)
TESTS = {
    "daytrader_ray/risk/checks.py": ("tests/risk",),
    "daytrader_ray/engine/kernel.py": RULES,
    "daytrader_ray/engine/entries.py": RULES,
    "daytrader_ray/engine/hedges.py": RULES,
    "daytrader_ray/engine/book.py": FILLS,
    "daytrader_ray/engine/fills.py": FILLS,
    "daytrader_ray/engine/rounding.py": FILLS,
    "daytrader_ray/engine/short_sales.py": RULES,
}
"""Sources and the tests that must notice: not compiled, a few blocks of random sessions are what is fast."""
NOT_RULES = ("RemoveDecorator", "ExceptionReplacer", "_BitAnd", "_BitOr", "_BitXor", "_LShift", "_RShift")
"""Decorators compile and nothing else, no rule catches an exception, and shifted prices are type errors."""
TIMEOUT_SECONDS = 60
SHARED = ("numba", "pandas", "scipy.optimize", "pydantic", "hypothesis", "exchange_calendars")
"""Imported once; the package and its tests are imported by each fork, from the mutated copy."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is left to run, print kills and survivors."""
    options = _options(arguments)
    sources = b"".join((ROOT / source).read_bytes() for source in TESTS)
    tree = options.folder / hashlib.sha256(sources).hexdigest()[:12]
    console = Console()
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    for name in SHARED:
        importlib.import_module(name)
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


def _baseline(chosen: dict[str, MutationSpec]) -> str | None:
    """Return the source whose tests fail as they are; None where all pass."""
    sources = sorted({str(spec.module_path) for spec in chosen.values()})
    return next((source for source in sources if not _passes(source)), None)


def _passes(source: str) -> bool:
    """Run the tests of a source in a fork, which shares all imports but those of the package; False after a minute."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(TIMEOUT_SECONDS)
        sys.path.insert(0, str(Path.cwd()))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--assert=plain", *TESTS[source]])))
    return os.waitpid(pid, 0)[1] == 0


def _ask(item: WorkItem) -> WorkResult:
    """Mutate the copy, run the tests, put the source back."""
    (spec,) = item.mutations
    operator = get_operator(spec.operator_name)(**spec.operator_args)
    with use_mutation(spec.module_path, operator, spec.occurrence) as (before, after):
        if after is None:
            return WorkResult(WorkerOutcome.NO_TEST)
        outcome = TestOutcome.SURVIVED if _passes(str(spec.module_path)) else TestOutcome.KILLED
        changes = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        diff = "\n".join(line for line in changes if line[:3] not in ("---", "+++"))
    return WorkResult(WorkerOutcome.NORMAL, "", outcome, diff)


def _run(database: WorkDB, chosen: dict[str, MutationSpec], again: bool, console: Console) -> None:
    answers = dict(database.results)
    left = [
        item
        for item in database.work_items
        if item.job_id in chosen and (item.job_id not in answers or (again and not answers[item.job_id].is_killed))
    ]
    start = time.perf_counter()
    for done, item in enumerate(left, 1):
        database.set_result(item.job_id, _ask(item))
        if done % 50 == 0 or done == len(left):
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
            console.print(f"survived in {chosen[job].module_path}:\n{result.diff}", markup=False, highlight=False)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
