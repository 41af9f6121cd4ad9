"""`daytrader features`: bars to features, and what each feature is."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from daytrader_ray.cli.profile import Profile


def command(
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    symbols: Annotated[str | None, typer.Option(help="A,B,C instead of all symbols that have bars.")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="Show all features; compute nothing.")] = False,
    explain: Annotated[str | None, typer.Option(help="Show one feature and what it looks like on your data.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Compute the features of all stored bars (Ray Data, one item per symbol).

    What has been computed from the same bars is not computed again.

    Example: daytrader features --symbols SPY,TLT,XLV

    Example: daytrader features --explain momentum.rsi_14
    """
    from daytrader_ray.cli.profile import load

    loaded = load(profile, data)
    if list_all:
        _list(loaded, json)
    elif explain is not None:
        _explain(loaded, explain, symbols, json)
    else:
        _build(loaded, symbols, json)


def _list(profile: "Profile", json: bool) -> None:
    import orjson
    from rich.console import Console

    from daytrader_ray.cli.features_view import definition, listing
    from daytrader_ray.features.feature_set import feature_set

    features = feature_set(profile.features).features
    Console(stderr=json).print(listing(features))
    if json:
        values = {feature.name: definition(feature) for feature in features}
        typer.echo(orjson.dumps(values).decode())


def _explain(profile: "Profile", name: str, symbols: str | None, json: bool) -> None:
    import orjson
    from rich.console import Console

    from daytrader_ray.cli.features_view import definition, explanation, measure, statistics
    from daytrader_ray.cli.requests import symbols_of
    from daytrader_ray.domain.errors import DataError
    from daytrader_ray.features.feature_set import feature_set

    feature = feature_set(profile.features).find(name)
    values, console, found = {"name": feature.name, **definition(feature)}, Console(stderr=json), None
    try:
        found = measure(profile.root, feature.name, symbols_of(symbols) if symbols else None)
    except DataError as error:
        values["no_statistics"] = error.message
    console.print(explanation(feature, found))
    if found is None:
        console.print(f"no statistics: {values['no_statistics']}; run `daytrader features` first", soft_wrap=True)
    if json:
        values["statistics"] = statistics(found) if found is not None else None
        typer.echo(orjson.dumps(values).decode())


def _build(profile: "Profile", symbols: str | None, json: bool) -> None:
    import time
    from dataclasses import asdict

    import orjson
    from rich.console import Console
    from rich.progress import Progress

    from daytrader_ray.adapters.store import ParquetStore
    from daytrader_ray.cli.requests import feature_request, symbols_of
    from daytrader_ray.cluster.features import build

    chosen = symbols_of(symbols) if symbols else ParquetStore(profile.root).symbols()
    with Progress(console=Console(stderr=True), transient=True) as screen:
        task = screen.add_task("features", total=len(chosen))
        request, start = feature_request(profile, chosen), time.perf_counter()
        report = build(request, lambda done, total: screen.update(task, completed=done, total=total))
    computed, seconds = report.computed.get("kernel", 0), time.perf_counter() - start
    Console(stderr=True).print(
        f"{report.n_features} features of {report.symbols} symbols over {report.sessions} sessions "
        f"({report.rows} minutes of symbols), {computed} computed now ({computed / seconds:,.0f} rows/s)"
    )
    if json:
        typer.echo(orjson.dumps(asdict(report)).decode())
