"""`daytrader search`: every ensemble through every walk-forward window."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from daytrader_ray.cluster.search import SearchReport


def command(  # noqa: PLR0913 - one argument for each option
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    symbols: Annotated[str | None, typer.Option(help="A,B,C: trade exactly these instead of the universe.")] = None,
    train: Annotated[str | None, typer.Option(help="Training span: 6m, 26w or 120s (sessions).")] = None,
    test: Annotated[str | None, typer.Option(help="Test span.")] = None,
    step: Annotated[str | None, typer.Option(help="Distance between windows.")] = None,
    tune_members: Annotated[
        int | None, typer.Option(min=1, help="Candidates of options for each member, all fitted; B chooses.")
    ] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="CPUs to use; default all. The result is the same.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print windows, fits, time and memory, and do nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Fit all models on every window, then trade every ensemble of them out of sample (Ray Tune).

    Two baselines, logistic regression and default gradient boosting, are fitted and traded beside them.

    Interrupted, the same command goes on where it stopped; what was fitted once is not fitted again.

    Example: daytrader search --symbols SPY,DIA,TLT --train 6s --test 2s --step 2s
    """
    import orjson

    from daytrader_ray.cli import plan_view
    from daytrader_ray.cli.profile import load
    from daytrader_ray.cli.requests import search_request
    from daytrader_ray.cli.stages import stages
    from daytrader_ray.cluster.plan import plan
    from daytrader_ray.cluster.runtime import started
    from daytrader_ray.cluster.search import search

    request = search_request(load(profile, data), symbols, train, test, step, tune_members)
    if dry_run:
        planned = plan(request, cpus)
        plan_view.show(planned)
        if json:
            typer.echo(orjson.dumps(planned.as_dict()).decode())
        return
    with stages() as progress, started(cpus, request.root):
        report = search(request, progress)
    show(report)
    if json:
        typer.echo(orjson.dumps(report.summary()).decode())


def show(report: "SearchReport", n_best: int = 5) -> None:
    """Print the verdict, the best ensembles and where the result is."""
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True)
    table = Table(title=f"best {n_best} of {report.result['ensembles']} ensembles", title_justify="left")
    for name in ("members", "Sharpe", "return", "drawdown", "trades"):
        table.add_column(name, justify="left" if name == "members" else "right")
    trials = [trial for trial in report.result["trials"] if trial["mask"] and not trial["baseline"]]
    trials.sort(key=lambda trial: (-(trial["metrics"]["sharpe"] or 0.0), len(trial["members"]), trial["mask"]))
    for trial in trials[:n_best]:
        table.add_row(*_row(trial))
    table.add_section()
    for trial in report.result["trials"]:
        if trial["baseline"]:
            table.add_row(*_row(trial), style="dim")
    console.print(report.result["verdict"]["sentence"], style="bold", soft_wrap=True)
    console.print(table)
    console.print(report.result["baselines"]["sentence"], soft_wrap=True)
    console.print(_labels(report.result["labels"]), soft_wrap=True)
    console.print(_features(report.result["selection"]), soft_wrap=True)
    for line in _tuned(report.result):
        console.print(line, soft_wrap=True)
    made, needed = report.fits_run, report.fits
    console.print(
        f"Scheme '{report.summary()['scheme']}', {report.result['windows_used']} windows. Fits made now: "
        f"{made.members} of {needed.members} of members, {made.baselines} of {needed.baselines} of baselines. "
        f"{_took(report.seconds)} Result: {report.path}\nNext: daytrader report",
        soft_wrap=True,
    )


def _tuned(result: Mapping[str, Any]) -> Iterator[str]:
    """Say which options the last window's members had, where candidates were tried."""
    n = result["settings"]["search"]["tune_members"]
    if n > 1:
        yield f"Options of the last window, chosen by B among at most {n} candidates a member:"
        for name, options in result["kept"][-1]["options"].items():
            told = (f"{key} {round(value, 4) if isinstance(value, float) else value}" for key, value in options.items())
            yield f"  {name}: {', '.join(told) or 'as configured'}"


def _took(seconds: Mapping[str, float]) -> str:
    """Say how long the stages took that took longest."""
    longest = sorted(seconds.items(), key=lambda stage: -stage[1])[:4]
    return f"It took {sum(seconds.values()):.0f} s: {', '.join(f'{name} {took:.0f}' for name, took in longest)}."


def _labels(labels: Mapping[str, Any]) -> str:
    """Say how many samples there are and what became of them."""
    shares = ", ".join(f"{labels[name]:.0%} {name}" for name in ("down", "flat", "up"))
    return f"Labels: {labels['samples']:,} samples, {shares}."


def _features(selection: Mapping[str, Any]) -> str:
    """Say how many features a window kept and how much two windows share."""
    said = f"Features: {selection['kept']:.3g} of {selection['of']} kept in a window"
    if selection["stability"] is None:
        return f"{said}."
    return f"{said}, two windows share {selection['stability']:.0%} of theirs."


def _row(trial: dict[str, Any]) -> tuple[str, ...]:
    metrics = trial["metrics"]
    sharpe = f"{metrics['sharpe']:.2f}" if metrics["sharpe"] is not None else "-"
    return (
        trial["name"],
        sharpe,
        f"{metrics['total_return']:+.2%}",
        f"{metrics['intraday_drawdown']:.2%}",
        str(metrics["trades"]),
    )
