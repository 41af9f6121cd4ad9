"""`daytrader import`: bars of your own, a vendor's flat files, corporate actions, or a calendar of events."""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from daytrader_ray.domain.errors import ConfigError

if TYPE_CHECKING:
    from daytrader_ray.adapters.bar_files import BarFormat, ImportReport
    from daytrader_ray.adapters.store import ParquetStore

VENDOR = "api.polygon.io"


class Stamp(StrEnum):
    """What a stamp in a file names."""

    START = "start"
    END = "end"


def command(  # noqa: PLR0913 - one argument for each option
    paths: Annotated[list[str], typer.Argument(help="Files, folders of them, or URLs.")],
    columns: Annotated[list[str] | None, typer.Option("--map", help="Our column = yours, as in close=last.")] = None,
    zone: Annotated[str | None, typer.Option("--tz", help="Time zone of stamps without one; has no default.")] = None,
    stamp_format: Annotated[
        str | None, typer.Option(help="How stamps are written that are not ISO, as in '%m/%d/%Y %I:%M %p'.")
    ] = None,
    stamp: Annotated[Stamp, typer.Option(help="Whether a stamp names the bar's start or its end.")] = Stamp.START,
    bar_minutes: Annotated[int, typer.Option(help="Length of the bars: 1 or 5.")] = 1,
    flat_files: Annotated[bool, typer.Option("--flat-files", help="The vendor's minute_aggs_v1 day files.")] = False,
    events: Annotated[
        bool, typer.Option("--events", help="A CSV calendar: symbol,timestamp,kind,known_at,note,withdrawn_at.")
    ] = False,
    actions: Annotated[
        bool, typer.Option("--actions", help="A CSV: symbol,date,split_from,split_to,cash_amount.")
    ] = False,
    profile: Annotated[str, typer.Option(help="sandbox, paper, or a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store; default $DAYTRADER_DATA, else ./data.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Import minute bars from Parquet or CSV files; rows that cannot be trusted go to quarantine with their reason.

    Columns: timestamp, open, high, low, close, volume; vwap, trades and symbol if you have them (else the file's name
    is the symbol). With --flat-files only the profile's universe is kept, and days that are there are not read again.
    Days and times in two columns are --map timestamp=date+time.

    An event counts from known_at on; without it only once it happens, so that no entry is blocked before it. A row with
    withdrawn_at takes back the event of its symbol, timestamp and kind, for good; the moved one is a row of its own.

    Example: daytrader import bars/*.csv --map close=last --tz America/New_York --stamp end
    """
    from daytrader_ray.adapters.bar_files import BarFormat
    from daytrader_ray.adapters.store import ParquetStore
    from daytrader_ray.cli.profile import load

    if bar_minutes not in (1, 5):
        raise ConfigError(f"--bar-minutes {bar_minutes}: bars are of 1 or 5 minutes")
    own = BarFormat(_columns(columns or []), zone, stamp_format, stamp is Stamp.END, bar_minutes)
    if flat_files + events + actions > 1 or ((flat_files or actions) and own != BarFormat()):
        raise ConfigError("--flat-files, --events and --actions stand alone: their columns and stamps are fixed")
    if events and own != BarFormat(zone=zone):
        raise ConfigError("--events takes no option of bars, only --tz")
    settings = load(profile, data)
    store = ParquetStore(settings.root)
    if events:
        _events(store, paths, zone, as_json)
    elif actions:
        _actions(store, paths, as_json)
    elif flat_files:
        market = urlsplit(settings.polygon.url).hostname or VENDOR
        _show(_flat_files(store, paths, settings.universe.symbols, market), store.root, as_json)
    else:
        _show(_bars(store, paths, own), store.root, as_json)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - only this edge of the program knows what time it is


def _bars(store: "ParquetStore", paths: list[str], bar_format: "BarFormat") -> "ImportReport":
    from daytrader_ray.adapters.bar_files import import_files

    with _progress() as tell:
        return import_files(store, paths, bar_format, _now(), tell)


def _flat_files(store: "ParquetStore", paths: list[str], symbols: tuple[str, ...], market: str) -> "ImportReport":
    from daytrader_ray.adapters.flat_files import import_flat_files

    with _progress() as tell:
        return import_flat_files(store, paths, symbols, market, _now(), tell)


def _events(store: "ParquetStore", paths: list[str], zone: str | None, as_json: bool) -> None:
    from daytrader_ray.adapters.event_files import import_events

    report = import_events(store, paths, zone)
    counts = {"files": report.files, "events": report.events, "unannounced": report.unannounced}
    counts |= {"unmatched": report.unmatched, "symbols": len(report.symbols)}
    text = f"{report.events:,} events of {len(report.symbols)} symbols from {report.files} files into {store.root}"
    if report.unannounced:
        text += f"; {report.unannounced:,} are known only when they happen: nothing is blocked before (column known_at)"
    if report.unmatched:
        text += f"; {report.unmatched:,} withdrawals match no event that was there (symbol, timestamp, kind)"
    _say(counts, text, as_json)


def _actions(store: "ParquetStore", paths: list[str], as_json: bool) -> None:
    from daytrader_ray.adapters.action_files import import_actions

    report = import_actions(store, paths)
    counts = {"files": report.files, "splits": report.splits, "dividends": report.dividends}
    text = f"{report.splits:,} splits and {report.dividends:,} dividends of {len(report.symbols)} symbols from "
    _say(counts | {"symbols": len(report.symbols)}, f"{text}{report.files} files into {store.root}", as_json)


def _show(report: "ImportReport", root: str, as_json: bool) -> None:
    counts = {
        "files": report.files,
        "complete": report.complete,
        "rows": report.rows,
        "accepted": report.accepted,
        "quarantined": report.quarantined,
        "extended_hours": report.extended_hours,
        "symbols": len(report.symbols),
    }
    reasons = ", ".join(f"{name} {rows:,}" for name, rows in sorted(report.reasons.items()))
    text = (
        f"[bold]{report.accepted:,}[/] bars of {len(report.symbols)} symbols from {report.files} files into {root}; "
        f"{report.quarantined:,} rows in quarantine{f' ({reasons})' if reasons else ''}, "
        f"{report.extended_hours:,} of extended hours left out"
    )
    if report.complete:
        text += f"; {report.complete} of {report.files + report.complete} days were already complete"
    if "unexplained_split" in report.reasons:
        text += "; tell of the splits with --actions FILE.csv, then run this again"
    _say(counts, text, as_json)


def _say(counts: dict[str, int], text: str, as_json: bool) -> None:
    import json

    from rich.console import Console

    if as_json:
        typer.echo(json.dumps(counts))
    else:
        Console().print(text, soft_wrap=True)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("importing files")
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _columns(pairs: list[str]) -> dict[str, str]:
    """Return names in the files by ours, from texts such as `close=last`."""
    found = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (equals and ours.strip() and theirs.strip()):
            raise ConfigError(f"--map {pair}: expected OURS=YOURS, such as close=last")
        found[ours.strip().lower()] = theirs
    return found
