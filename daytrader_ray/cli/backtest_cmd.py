"""`daytrader backtest`: a published bundle over stored sessions."""

import datetime as dt
from typing import Annotated

import typer

SHOWN = (
    ("total_return", "return", "{:+.2%}"),
    ("sharpe", "Sharpe", "{:.2f}"),
    ("max_drawdown", "drawdown", "{:.2%}"),
    ("trades", "trades", "{}"),
    ("win_rate", "win rate", "{:.0%}"),
    ("average_minutes", "minutes held", "{:.0f}"),
    ("cost_share", "cost share", "{:.0%}"),
)
"""Metric, heading, format."""


def command(
    bundle: Annotated[str, typer.Option(help="Bundle id, or latest.")] = "latest",
    first: Annotated[
        dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First session; default after training.")
    ] = None,
    last: Annotated[
        dt.datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last session; default all.")
    ] = None,
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    symbols: Annotated[str | None, typer.Option(help="A,B,C: those that the bundle was trained on.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Trade stored sessions with a bundle, by the same rules, costs and engine as live.

    Sessions that the bundle was trained on are refused.

    Example: daytrader backtest --from 2025-12-02 --to 2025-12-05
    """
    import orjson
    from rich.console import Console
    from rich.table import Table

    from daytrader_ray.adapters import model_store
    from daytrader_ray.cli.profile import load
    from daytrader_ray.cli.requests import search_request
    from daytrader_ray.cli.stages import stages
    from daytrader_ray.cluster.runtime import started
    from daytrader_ray.cluster.train import backtest

    request = search_request(load(profile, data), symbols)
    chosen = model_store.latest(request.root) if bundle == "latest" else bundle
    with stages() as progress, started(data_root=request.root):
        done = backtest(request, chosen, first.date() if first else None, last.date() if last else None, progress)
    summary = done.summary()
    table = Table(title=f"bundle {chosen}, {summary['sessions'][0]} to {summary['sessions'][1]}", title_justify="left")
    values = []
    for key, heading, form in SHOWN:
        table.add_column(heading, justify="right")
        value = summary["metrics"][key]
        values.append("-" if value is None else form.format(value))
    table.add_row(*values)
    console = Console(stderr=True)
    console.print(table)
    if summary["sessions_that_chose_it"]:
        console.print(
            f"{summary['sessions_that_chose_it']} of these sessions took part in choosing the ensemble: "
            "on them it looks better than it is.",
            soft_wrap=True,
        )
    if json:
        typer.echo(orjson.dumps(summary).decode())
