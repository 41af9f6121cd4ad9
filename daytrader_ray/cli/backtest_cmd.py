"""`daytrader backtest`: a published bundle, or an ensemble of a search, over stored sessions."""

import datetime as dt
import math
from typing import TYPE_CHECKING, Annotated

import typer

from daytrader_ray.cli.train_cmd import BITS

if TYPE_CHECKING:
    from daytrader_ray.analytics.measure import Estimate
    from daytrader_ray.cluster.backtest import Backtested

SHOWN = (
    ("total_return", "return after costs", "{:+.2%}"),
    ("sharpe", "Sharpe ratio a year", "{:.2f}"),
    ("intraday_drawdown", "deepest drawdown", "{:.2%}"),
    ("trades_a_day", "trades a day", "{:.1f}"),
    ("win_rate", "winning trades", "{:.0%}"),
    ("average_minutes", "minutes held", "{:.0f}"),
    ("cost_share", "of gross profit went to costs", "{:.0%}"),
)
"""Metric, name, format."""


def command(  # noqa: PLR0913 - one argument for each option
    bundle: Annotated[
        str | None, typer.Option(help="Bundle id, or latest; the default where no mask is given.")
    ] = None,
    mask: Annotated[
        int | None, typer.Option(min=1, help=f"Instead of a bundle an ensemble of a search: the sum of {BITS}.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Id of the search of --mask; default the last one.")] = None,
    first: Annotated[
        dt.datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First session; default the first out of sample."),
    ] = None,
    last: Annotated[
        dt.datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last session; default all.")
    ] = None,
    cash: Annotated[float | None, typer.Option(min=1.0, help="USD at the start; default search.cash.")] = None,
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    symbols: Annotated[str | None, typer.Option(help="A,B,C: those of the bundle's training or the search.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Trade stored sessions by the same rules, costs and engine as live, and keep the run.

    A bundle trades what came after its training; an ensemble of a search trades the steps of its windows, each
    on what was fitted before it. `daytrader report` shows the run, `daytrader explain` any of its orders.

    Example: daytrader backtest --from 2025-12-02 --to 2025-12-05
    """
    import orjson

    from daytrader_ray.adapters import model_store
    from daytrader_ray.cli.profile import load
    from daytrader_ray.cli.requests import as_searched, search_request
    from daytrader_ray.cli.stages import stages
    from daytrader_ray.cluster.backtest import Span, backtest_bundle, backtest_mask
    from daytrader_ray.cluster.runtime import started
    from daytrader_ray.domain.errors import ConfigError

    if mask is not None and bundle is not None:
        raise ConfigError("--bundle and --mask are both given", "choose one")
    if search is not None and mask is None:
        raise ConfigError("--search is given without --mask", f"say which ensemble: the sum of {BITS}")
    request = search_request(load(profile, data), symbols)
    span = Span(first.date() if first else None, last.date() if last else None, cash)
    with stages() as progress, started(data_root=request.root):
        if mask is not None:
            told = as_searched(request, symbols, search_id=search)
            done = backtest_mask(told, mask, span, progress, search)
        else:
            chosen = model_store.latest(request.root) if bundle in (None, "latest") else bundle
            done = backtest_bundle(request, chosen, span, progress)
    show(done)
    if json:
        typer.echo(orjson.dumps(done.summary()).decode())


def show(done: "Backtested") -> None:
    """Print what a backtest proves, its figures with their intervals, and where it is."""
    from rich.console import Console
    from rich.table import Table

    manifest, dates = done.run.manifest, done.run.dates
    console = Console(stderr=True, highlight=False)
    for told in (*manifest.notices, done.verdict.sentence):
        console.print(told, soft_wrap=True)
    table = Table(
        title=f"{manifest.subject}, {dates[0]} to {dates[-1]}", title_justify="left", show_header=False, box=None
    )
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for key, name, form in SHOWN:
        table.add_row(name, *_written(done.metrics[key], form))
    console.print(table)
    console.print(f"Run: {manifest.id}\nNext: daytrader report --run {manifest.id}", soft_wrap=True)


def _written(found: "Estimate", form: str) -> tuple[str, str]:
    """Return a figure, and its 95 % interval in brackets where it has one."""
    if math.isnan(found.value):
        return "-", ""
    between = "" if math.isnan(found.low) else f"\\[{form.format(found.low)}, {form.format(found.high)}]"
    return form.format(found.value), between
