"""`daytrader train`: fit on the latest sessions and publish a model bundle."""

import datetime as dt
from typing import Annotated

import typer

from daytrader_ray.domain.trading import MEMBERS

BITS = ", ".join(f"{1 << bit} {name}" for bit, name in enumerate(MEMBERS))


def command(  # noqa: PLR0913 - one argument for each option
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    symbols: Annotated[str | None, typer.Option(help="A,B,C; default those of the last search.")] = None,
    train: Annotated[
        str | None, typer.Option(help="Training span: 6m, 26w or 120s (sessions); default the last search's.")
    ] = None,
    mask: Annotated[
        int | None, typer.Option(min=1, help=f"Ensemble: the sum of {BITS}; default the last search's best.")
    ] = None,
    until: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Train on sessions before this day only.")
    ] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="CPUs to use; default all.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Fit an ensemble on the latest training span and publish it as a bundle, with the verdict of the search behind it.

    Universe, training span and candidates of options are those of the last search, and the profile's where the profile
    has changed in more than that since, or there was no search.

    Example: daytrader train --until 2025-12-02
    """
    import orjson
    from rich.console import Console

    from daytrader_ray.cli import verdict_view
    from daytrader_ray.cli.profile import load
    from daytrader_ray.cli.requests import as_searched, search_request
    from daytrader_ray.cli.stages import stages
    from daytrader_ray.cluster.runtime import started
    from daytrader_ray.cluster.train import train as fit

    request = as_searched(search_request(load(profile, data), symbols, train), symbols, train)
    with stages() as progress, started(cpus, request.root):
        trained = fit(request, mask, until.date() if until else None, progress)
    summary = trained.summary()
    opens = (
        f"opens at |signal| {summary['threshold']:.3g}" if summary["threshold"] else "opens nothing: no edge over cost"
    )
    console = Console(stderr=True, soft_wrap=True)
    console.print(verdict_view.sentence(trained.bundle.verdict), markup=False)
    console.print(
        f"bundle [bold]{trained.bundle_id}[/]: {' + '.join(summary['members'])} weighed by scheme "
        f"'{summary['scheme']}', {summary['features']} of {len(trained.bundle.feature_set)} features, "
        f"trained {trained.first} to {trained.last}, {opens}"
    )
    if json:
        typer.echo(orjson.dumps(summary).decode())
