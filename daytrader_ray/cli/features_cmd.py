"""`daytrader features`: bars to features."""

from typing import Annotated

import typer


def command(
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    symbols: Annotated[str | None, typer.Option(help="A,B,C instead of all symbols that have bars.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Compute the features of all stored bars (Ray Data, one item per symbol).

    What has been computed from the same bars is not computed again.

    Example: daytrader features --symbols SPY,TLT,XLV
    """
    import time
    from dataclasses import asdict

    import orjson
    from rich.console import Console
    from rich.progress import Progress

    from daytrader_ray.adapters.store import ParquetStore
    from daytrader_ray.cli.profile import load
    from daytrader_ray.cli.requests import feature_request, symbols_of
    from daytrader_ray.cluster.features import build
    from daytrader_ray.domain.errors import DataError

    loaded = load(profile, data)
    root = loaded.root
    store = ParquetStore(root)
    chosen = symbols_of(symbols) if symbols else store.symbols()
    if not chosen:
        raise DataError(f"no bars in {root}", "run `daytrader download` or `daytrader import` first")
    with Progress(console=Console(stderr=True), transient=True) as screen:
        task = screen.add_task("features", total=len(chosen))
        request, start = feature_request(loaded, chosen), time.perf_counter()
        report = build(request, lambda done, total: screen.update(task, completed=done, total=total))
    computed, seconds = report.computed.get("kernel", 0), time.perf_counter() - start
    Console(stderr=True).print(
        f"{report.n_features} features of {report.symbols} symbols over {report.sessions} sessions "
        f"({report.rows} minutes of symbols), {computed} computed now ({computed / seconds:,.0f} rows/s)"
    )
    if json:
        typer.echo(orjson.dumps(asdict(report)).decode())
