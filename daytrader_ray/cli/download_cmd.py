"""`daytrader download`: bars and reference data from the market data vendor into the store."""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from daytrader_ray.cli.profile import Profile
    from daytrader_ray.cluster.ingest import DownloadReport, DownloadRequest

YEARS = 2.0
MISSING_SHOWN = 10
WAIT_SAID = 2.0
NEW_YORK = ZoneInfo("America/New_York")
SANDBOX_PER_MINUTE = 60_000.0
"""The built-in exchange needs no sparing, as an unlimited plan of a vendor does."""


def command(  # noqa: PLR0913 - a parameter an option
    profile: Annotated[str, typer.Option(help="sandbox, paper, or a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store; default $DAYTRADER_DATA, else ./data.")] = None,
    symbols: Annotated[str | None, typer.Option(help="Comma-separated; default: the profile's universe.")] = None,
    years: Annotated[
        float, typer.Option(min=0.1, help="Length of the window, in whole months, to the last day.")
    ] = YEARS,
    start: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day, instead.")] = None,
    end: Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; default: yesterday.")] = None,
    roll: Annotated[bool, typer.Option("--roll", help="Last day: a month after the one that the store has.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Then remove the months before it, of symbols of which nothing is missing.")
    ] = False,
    quotes: Annotated[str | None, typer.Option(help="Symbols with minutes of quotes; default: live.quotes.")] = None,
    trades: Annotated[str | None, typer.Option(help="Symbols with minutes of trades; default: live.trades.")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="Downloads at a time; default: all processors.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Download bars, splits, dividends and fundamentals; what is complete is not asked for again: it resumes.

    On the sandbox profile all comes from the built-in exchange, by default all its sessions.

    Example: daytrader download --symbols SPY,AAPL --years 1
    """
    import json
    import time

    from rich.console import Console

    from daytrader_ray.cli.profile import load
    from daytrader_ray.cli.requests import symbols_of
    from daytrader_ray.cluster.ingest import download
    from daytrader_ray.cluster.limits import seconds_to_wait
    from daytrader_ray.cluster.runtime import started

    loaded = load(profile, data)
    names = symbols_of(symbols) if symbols else loaded.universe.symbols
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - only this edge of the program knows what time it is
    asked = Days(start and start.date(), end and end.date(), years, roll)
    days = days_of(loaded, names, asked, now)
    ticks = {
        "quotes": symbols_of(quotes) if quotes else loaded.live.quotes,
        "trades": symbols_of(trades) if trades else loaded.live.trades,
    }
    began = time.perf_counter()
    with vendor(loaded) as access, started(cpus, loaded.root):
        request = request_of(loaded, access, names, days, now, **ticks)
        with progress(lambda: seconds_to_wait(*access, request.requests_per_minute)) as tell:
            report = download(request, tell)
    values = values_of(report, loaded.root, names, days, prune) | {"seconds": round(time.perf_counter() - began, 1)}
    if as_json:
        typer.echo(json.dumps(values))
        return
    _print(Console(), values)


@dataclass(frozen=True)
class Days:
    """What was asked of the window: its ends where given, else its length in years, and whether it moves a month."""

    start: dt.date | None = None
    end: dt.date | None = None
    years: float = YEARS
    roll: bool = False


def days_of(profile: "Profile", symbols: Iterable[str], asked: Days, now: dt.datetime) -> tuple[dt.date, dt.date]:
    """Return the first and the last day to download: what was asked for, cut to the days that are complete.

    The last complete day is yesterday in New York.
    """
    from daytrader_ray.cluster.ingest import downloaded_until, months_later
    from daytrader_ray.domain.errors import ConfigError

    oldest, last = dt.date.min, now.astimezone(NEW_YORK).date() - dt.timedelta(days=1)
    if profile.is_sandbox:
        from daytrader_ray.sandbox.sessions import market_grid

        sessions = market_grid(profile.sandbox).sessions
        oldest, last = sessions[0].date, sessions[-1].date
    end = min(asked.end or last, last)
    if asked.roll:
        until = downloaded_until(profile.root, symbols)
        if until is None:
            raise ConfigError(
                "--roll moves the window of a store, and there is none yet", "download without --roll first"
            )
        end = min(months_later(until, 1), end)
    start = max(asked.start or months_later(end, -round(12 * asked.years)), oldest)
    if start > end:
        raise ConfigError(f"nothing to download from {start} to {end}: the last complete day is {last}")
    return start, end


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


def request_of(
    profile: "Profile",
    access: tuple[str, str],
    symbols: Collection[str],
    days: tuple[dt.date, dt.date],
    now: dt.datetime,
    quotes: Collection[str] = (),
    trades: Collection[str] = (),
) -> "DownloadRequest":
    """Return the request of a profile to the vendor at `access` (address, key), made at `now`."""
    from daytrader_ray.cluster.ingest import DownloadRequest

    per_minute = SANDBOX_PER_MINUTE if profile.is_sandbox else profile.polygon.requests_per_minute
    return DownloadRequest(*access, profile.root, symbols, *days, quotes, trades, per_minute, now)


def values_of(
    report: "DownloadReport", root: str, symbols: Collection[str], days: tuple[dt.date, dt.date], prune: bool
) -> dict[str, Any]:
    """Return what a download did as JSON values.

    With `prune` the months before its window go now, but for symbols (`not_pruned`) with something of it missing.
    """
    from dataclasses import asdict

    from daytrader_ray.adapters.store import ParquetStore

    values = asdict(report) | {"start": str(days[0]), "end": str(days[1])}
    values["missing"] = [{key: str(value) for key, value in asdict(one).items()} for one in report.missing]
    skipped = sorted({one.symbol for one in report.missing}) if prune else []
    whole = [symbol for symbol in symbols if symbol not in skipped] if prune else []
    values |= {"pruned": ParquetStore(root).prune(days[0], whole), "not_pruned": skipped}
    return values


@contextmanager
def progress(wait: Callable[[], float]) -> Iterator[Callable[[int, int, int], None]]:
    """Yield a function to be told (done, all, rows): a bar on stderr with rows a second and the time left.

    `wait` returns the seconds until the vendor's limit lets the next request through; a long wait is said.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        Task,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class WaitColumn(ProgressColumn):
        def render(self, task: Task) -> Text:  # noqa: ARG002 - rich calls it so
            seconds = wait()
            return Text(f"waiting {seconds:.0f} s for the vendor's limit" if seconds >= WAIT_SAID else "")

    columns = (
        TextColumn("downloading"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[speed]:,.0f} a second, left"),
        TimeRemainingColumn(),
        WaitColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=2) as screen:
        task = screen.add_task("download", total=None, rows=0, speed=0.0)

        def tell(done: int, of: int, rows: int) -> None:
            seconds = screen.tasks[0].elapsed or 0.0
            screen.update(task, completed=done, total=of, rows=rows, speed=rows / seconds if seconds else 0.0)

        yield tell


def _print(console: "Console", values: dict[str, Any]) -> None:
    speed = values["rows"] / max(values["seconds"], 0.1)
    console.print(
        f"[bold]{values['accepted']:,}[/] minute bars and {values['daily_bars']:,} daily bars of {values['symbols']} "
        f"symbols, {values['start']} to {values['end']}: {values['months_fetched']} of {values['months']} months "
        f"fetched in {values['seconds']:g} s ({speed:,.0f} bars a second), {values['quarantined']:,} rows in "
        f"quarantine, {values['extended_hours']:,} outside regular hours",
        soft_wrap=True,
    )
    for name in ("quote_minutes", "trade_minutes"):
        if values[name]:
            console.print(f"{values[name]:,} {name.replace('_', ' ')}", soft_wrap=True)
    if values["silent_sessions"]:
        console.print(f"{values['silent_sessions']:,} sessions without a bar: see `daytrader doctor --data`")
    if values["ticks_left_out"]:
        console.print(f"{values['ticks_left_out']:,} quotes or trades left out: no stamp, unsound values, or late")
    if values["pruned"]:
        console.print(f"{len(values['pruned'])} files of months before {values['start']} removed", soft_wrap=True)
    if values["not_pruned"]:
        console.print(f"nothing removed for {', '.join(values['not_pruned'])}: something is missing", soft_wrap=True)
    for one in values["missing"][:MISSING_SHOWN]:
        console.print(f"missing: {one['what']} {one['first']} to {one['last']}: {one['reason']}", soft_wrap=True)
    if len(values["missing"]) > MISSING_SHOWN:
        console.print(f"and {len(values['missing']) - MISSING_SHOWN} more; --json lists all", soft_wrap=True)
