"""The findings of `daytrader audit` as a table, as JSON and as an error."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from daytrader_ray.domain.errors import DaytraderError
from daytrader_ray.features.audit import Difference, Finding, utc

if TYPE_CHECKING:
    from rich.table import Table

SHOWN = 3
"""Names in an error before the rest is only counted; the table has them all."""
FAILURE = {
    "lookahead": (
        "knows the future",
        "nothing that learned from it can be trusted: make each value of the bars up to its own",
    ),
    "warmup": (
        "depends on where the history begins",
        "declare a longer warm-up (a function of your own: LOOKBACK in its file)",
    ),
    "parity": (
        "differs",
        "history and live must run the same code on the same inputs (stored.*: remove the files that are named, "
        "then run `daytrader features`)",
    ),
}
"""What a failure means, and what to do, by audit."""


NOTES = {
    "lookahead": "leaks that show in single minutes of the day only are sampled: other seeds (--seed) try other minutes"
}
"""What a result does not say, by audit."""


def table(findings: Sequence[Finding], title: str, note: str | None) -> "Table":
    """Return what was found, one line a quantity."""
    from rich.table import Table

    view = Table("quantity", "values compared", "result", title=title, title_justify="left", box=None, pad_edge=False)
    view.caption, view.caption_justify = note, "left"
    view.columns[1].justify = "right"
    for finding in findings:
        result = "[green]ok[/]" if finding.checked else "[yellow]not checked[/]"
        if finding.difference:
            result = f"[red]FAILS[/] {_where(finding.difference)}"
        view.add_row(finding.name, f"{finding.checked:,}", result)
    return view


def plain(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON takes it."""
    from dataclasses import asdict

    result = "fails" if finding.difference else "ok" if finding.checked else "not checked"
    return {**asdict(finding), "result": result}


def failure(what: str, failed: Sequence[Finding], unchecked: Sequence[str]) -> DaytraderError:
    """Return the error that names all quantities that failed, and where the first one did; or that none was checked."""
    if not failed:
        return DaytraderError(f"not checked: {_some(unchecked)}", "more --sessions, or other --symbols, give it values")
    verdict, hint = FAILURE[what]
    names = _some([finding.name for finding in failed])
    return DaytraderError(f"{verdict}: {names}: {_where(failed[0].difference)}", hint)


def _some(names: Sequence[str]) -> str:
    others = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + others


def _where(found: Difference | None) -> str:
    if found is None:
        return ""
    return f"{found.symbol} {utc(found.minute)} was {found.then:.8g}, is {found.now:.8g} when {found.cause}"
