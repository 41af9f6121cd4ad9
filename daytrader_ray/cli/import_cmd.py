"""`daytrader import`: bars from your own files into the store."""

from typing import Annotated

import typer


def command(
    paths: Annotated[list[str], typer.Argument(help="Parquet or CSV files of minute bars, or folders of them.")],
    profile: Annotated[str, typer.Option(help="sandbox, paper, or a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store; default $DAYTRADER_DATA, else ./data.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on the last line.")] = False,
) -> None:
    """Import minute bars from Parquet or CSV files; rows that cannot be trusted go to quarantine with their reason.

    Columns: timestamp (START of the bar, UTC), open, high, low, close, volume; vwap, trades and symbol if you have
    them (else the file's name is the symbol).

    Example: daytrader import bars/*.parquet
    """
    import json

    from rich.console import Console
    from rich.progress import Progress

    from daytrader_ray.adapters.bar_files import import_files
    from daytrader_ray.adapters.store import ParquetStore
    from daytrader_ray.cli.profile import load

    store = ParquetStore(load(profile, data).root)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("importing files")
        report = import_files(store, paths, lambda done, total: progress.update(task, completed=done, total=total))
    if as_json:
        counts = {"rows": report.rows, "accepted": report.accepted, "quarantined": report.quarantined}
        typer.echo(json.dumps({"files": report.files, **counts, "symbols": len(report.symbols)}))
        return
    Console().print(
        f"[bold]{report.accepted:,}[/] bars of {len(report.symbols)} symbols from {report.files} files into "
        f"{store.root}, {report.quarantined:,} rows in quarantine",
        soft_wrap=True,
    )
