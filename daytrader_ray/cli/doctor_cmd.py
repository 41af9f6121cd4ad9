"""`daytrader doctor`: what is right and wrong with this machine, the keys, the vendors and the store."""

from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from daytrader_ray.adapters.health import Finding
    from daytrader_ray.cli.profile import Profile

MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[red]FAIL[/]"}


class BareData(TyperCommand):
    """A command whose `--data` may stand alone: it then means the usual root of the store."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Give a `--data` without a value the empty one."""
        filled = []
        for argument, following in zip_longest(args, args[1:], fillvalue="-"):
            filled.append("--data=" if argument == "--data" and following.startswith("-") else argument)
        return super().parse_args(ctx, filled)


COMMAND_CLASS = BareData


def command(
    profile: Annotated[str, typer.Option(help="sandbox, paper, or a YAML file.")] = "sandbox",
    data: Annotated[
        str | None,
        typer.Option(help="Look at the store month by month; its root may follow, else $DAYTRADER_DATA, ./data."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Look at versions, keys (never shown), vendors, clocks, disk, memory and the store; say what to do about faults.

    A session that trades is not disturbed: no stream is logged into. Exit code 1 where something fails.

    Example: daytrader doctor --profile paper --data
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from daytrader_ray.adapters.health import Finding, worst
    from daytrader_ray.adapters.store_report import report
    from daytrader_ray.cli import store_view
    from daytrader_ray.cli.profile import load
    from daytrader_ray.domain.errors import DataError

    loaded = load(profile, data or None)
    findings, state = [*machine(loaded), *vendors(loaded)], None
    if data is not None:
        try:
            state = report(loaded.root)
            findings += store_view.findings(state, loaded.universe.symbols)
        except DataError as error:
            findings.append(Finding("store", "fail", error.message, error.hint or "mend or remove what is named"))
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        todo = f"\n[dim]{escape(finding.todo)}[/]" if finding.todo else ""
        table.add_row(MARKS[finding.state], finding.name, escape(finding.found) + todo)
    console = Console(stderr=as_json)
    console.print(table)
    if state is not None and state.symbols:
        console.print(store_view.coverage(state))
    if as_json:
        shown = {"state": worst(findings), "findings": [asdict(finding) for finding in findings]}
        typer.echo(json.dumps(shown if state is None else {**shown, "store": store_view.values(state)}))
    if worst(findings) == "fail":
        raise typer.Exit(1)


def machine(profile: "Profile") -> "list[Finding]":
    """Look at everything on this side of the network."""
    import os

    from daytrader_ray.adapters import health

    names = ("POLYGON_API_KEY", "ALPACA_API_KEY", "ALPACA_SECRET_KEY")
    held = (profile.keys.polygon, profile.keys.alpaca_key, profile.keys.alpaca_secret)
    present = {name: bool(key.get_secret_value()) for name, key in zip(names, held, strict=True)}
    return [
        *health.versions(),
        *health.keys(present, needed=not profile.is_sandbox),
        health.proxies(os.environ),
        health.ray_cluster(os.environ),
        health.memory(),
        health.disk(profile.root),
    ]


def vendors(profile: "Profile") -> "list[Finding]":
    """Ask the profile's servers; the built-in exchange is started for it where none is named."""
    import time

    from daytrader_ray.adapters import health
    from daytrader_ray.domain.errors import FeedError
    from daytrader_ray.sandbox.process import running

    clock = time.time  # noqa: TID251 - the one thing to compare with the vendors' clocks
    if profile.is_sandbox:
        try:
            with running(profile.sandbox, profile.costs) as url:
                return [
                    *health.server("built-in exchange", f"{url}/v1/marketstatus/now", _bearer("sandbox"), clock),
                    health.stream("its stream", f"ws{url.removeprefix('http')}/stocks", greets=True),
                ]
        except FeedError as error:
            return [health.Finding("built-in exchange", "fail", error.message, error.hint)]
    polygon, alpaca, keys = profile.polygon, profile.alpaca, profile.keys
    account = {
        "APCA-API-KEY-ID": keys.alpaca_key.get_secret_value(),
        "APCA-API-SECRET-KEY": keys.alpaca_secret.get_secret_value(),
    }
    status = f"{polygon.url}/v1/marketstatus/now"
    return [
        *health.server("polygon", status, _bearer(keys.polygon.get_secret_value()), clock),
        health.stream("polygon stream", polygon.stream_url, greets=True),
        *health.server("alpaca", f"{alpaca.url}/v2/clock", account, clock),
        health.stream("alpaca stream", alpaca.stream_url, greets=False),
    ]


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
