"""`daytrader rehearse`: a past session through real sockets, compared with its backtest."""

import datetime as dt
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from daytrader_ray.cli.profile import Profile
    from daytrader_ray.cluster.rehearsal import Rehearsal


class ScorerChoice(StrEnum):
    """Where the members run."""

    PROCESS = "process"
    SERVE = "serve"


def command(
    session: Annotated[dt.datetime, typer.Option(formats=["%Y-%m-%d"], help="Trading day to rehearse.")],
    scorer: Annotated[ScorerChoice, typer.Option(help="Members in this process, or in Ray Serve.")] = (
        ScorerChoice.PROCESS
    ),
    bundle: Annotated[str, typer.Option(help="Bundle id.")] = "latest",
    profile: Annotated[str, typer.Option(help="sandbox, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    one_replica: Annotated[bool, typer.Option(help="With serve: all members in one process.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Trade one past session on the built-in exchange and compare it with its backtest, order by order.

    The bundle must have been trained on earlier sessions only. Any difference is exit code 1.

    Example: daytrader rehearse --session 2025-12-02 --scorer serve
    """
    from dataclasses import asdict

    import orjson

    from daytrader_ray.cli import verdict_view
    from daytrader_ray.cli.profile import load
    from daytrader_ray.cli.session_spec import bundle_id

    loaded = load(profile, data)
    chosen = bundle_id(loaded, bundle)
    verdict = verdict_view.verdict_of(loaded.root, chosen)
    typer.echo(verdict_view.sentence(verdict), err=True)
    found = run(loaded, session.date(), scorer, chosen, one_replica)
    _print(found)
    if json:
        typer.echo(orjson.dumps(found.values() | {"verdict": asdict(verdict)}).decode())
    found.check()


def run(
    profile: "Profile",
    session: dt.date,
    scorer: ScorerChoice = ScorerChoice.PROCESS,
    bundle: str = "latest",
    one_replica: bool = False,
) -> "Rehearsal":
    """Rehearse on the exchange of `profile`, started here unless it names one; with `serve` Ray is started too."""
    from contextlib import ExitStack

    from daytrader_ray.adapters import logs
    from daytrader_ray.cli.session_spec import rehearsal_spec
    from daytrader_ray.cluster.rehearsal import rehearse
    from daytrader_ray.cluster.runtime import started
    from daytrader_ray.domain.errors import ConfigError
    from daytrader_ray.sandbox.process import running

    if not profile.is_sandbox:
        raise ConfigError(
            f"profile '{profile.name}' trades at real vendors, which cannot replay a day",
            "rehearse with --profile sandbox",
        )
    logs.configure(level="warning")
    with ExitStack() as stack:
        url = stack.enter_context(running(profile.sandbox, profile.costs))
        spec = rehearsal_spec(profile, session, bundle, url)
        if scorer is ScorerChoice.SERVE:
            stack.enter_context(started(data_root=profile.root))
        return rehearse(spec, scorer.value, one_replica)


def _print(found: "Rehearsal") -> None:
    from rich.console import Console

    console = Console(stderr=True)
    for line in (*found.alarms, *found.differences):
        console.print(line, style="red", markup=False, soft_wrap=True)
    console.print(
        f"{found.session}: {found.orders} orders, {found.fills} fills ({found.stops} stops, {found.flattened} at the "
        f"close), bar to order {found.p50_ms:g} ms (p99 {found.p99_ms:g}), "
        f"{'flat' if found.flat_at_close else 'NOT FLAT'} at the close, "
        f"[bold]{len(found.differences)} differences[/] from the backtest",
        soft_wrap=True,
    )
