"""`daytrader download`: minute bars from the market data vendor into the store."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from daytrader_ray.cli.profile import Profile

_YEARS = 2


def command(
    profile: Annotated[str, typer.Option(help="sandbox, paper, or a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store; default $DAYTRADER_DATA, else ./data.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Comma-separated; default: the profile's universe.")] = None,
    start: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; default: 2 years.")
    ] = None,
    end: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; default: yesterday.")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="Downloads at a time; default: all processors.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Download minute bars; what is complete in the store is not asked for again, so the same command resumes.

    On the sandbox profile the bars come from the built-in exchange, by default all its sessions.

    Example: daytrader download --symbols SPY,AAPL --start 2025-10-06
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.progress import Progress

    from daytrader_ray.cli.profile import load
    from daytrader_ray.cli.requests import symbols_of
    from daytrader_ray.cluster.ingest import download
    from daytrader_ray.cluster.runtime import started

    loaded = load(profile, data)
    names = symbols_of(symbols) if symbols else loaded.universe.symbols
    today = dt.datetime.now(dt.UTC).date()  # noqa: TID251 - only this edge of the program knows what day it is
    days = days_of(loaded, start and start.date(), end and end.date(), today)
    console = Console(stderr=True)
    with vendor(loaded) as (url, key), started(cpus, loaded.root), Progress(console=console, transient=True) as bar:
        task = bar.add_task("downloading months")
        report = download(
            url, key, loaded.root, names, *days, lambda done, total: bar.update(task, completed=done, total=total)
        )
    if as_json:
        typer.echo(json.dumps({**asdict(report), "start": str(days[0]), "end": str(days[1])}))
        return
    Console().print(
        f"[bold]{report.accepted:,}[/] bars of {report.symbols} symbols, {days[0]} to {days[1]}: "
        f"{report.months_fetched} of {report.months} months fetched, {report.quarantined:,} rows in quarantine",
        soft_wrap=True,
    )


@contextmanager
def vendor(profile: "Profile") -> Iterator[tuple[str, str]]:
    """Yield the address and the key of the profile's market data: the vendor's, or those of the built-in exchange."""
    from daytrader_ray.domain.errors import ConfigError

    if not profile.is_sandbox:
        key = profile.keys.polygon.get_secret_value()
        if not key:
            raise ConfigError(
                f"profile '{profile.name}' needs a key for {profile.polygon.url}",
                "set POLYGON_API_KEY (or MASSIVE_API_KEY), or use --profile sandbox",
            )
        yield profile.polygon.url, key
        return
    from daytrader_ray.sandbox.process import running

    with running(profile.sandbox, profile.costs) as url:
        yield url, "sandbox"


def days_of(profile: "Profile", start: dt.date | None, end: dt.date | None, today: dt.date) -> tuple[dt.date, dt.date]:
    """Return the first and the last day to download: what was asked for, cut to the days that are complete."""
    from daytrader_ray.domain.errors import ConfigError

    if profile.is_sandbox:
        from daytrader_ray.sandbox.sessions import market_grid

        sessions = market_grid(profile.sandbox).sessions
        first, last = sessions[0].date, sessions[-1].date
    else:
        last = today - dt.timedelta(days=1)
        first = last.replace(year=last.year - _YEARS, day=min(last.day, 28))
    days = start or first, min(end or last, last)
    if days[0] > days[1]:
        raise ConfigError(f"nothing to download from {days[0]} to {days[1]}: the last complete day is {last}")
    return days
