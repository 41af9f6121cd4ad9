"""`daytrader models`: the bundles there are, what is in one, and how two differ."""

from enum import StrEnum
from typing import Annotated, Any

import typer


class What(StrEnum):
    """What is asked."""

    LIST = "list"
    SHOW = "show"
    DIFF = "diff"


COUNTS = {What.LIST: (0, 0), What.SHOW: (0, 1), What.DIFF: (1, 2)}
"""How many bundles may be named, at least and at most; the latest stands for those that are not."""


def command(
    what: Annotated[What, typer.Argument(help="list, show or diff.")],
    bundles: Annotated[list[str] | None, typer.Argument(help="Ids; none, or `latest`: published last.")] = None,
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """List the model bundles, show what one holds and what is stale about it, or compare two.

    Example: daytrader models diff 0f3a5c9e1b2d4f60 latest
    """
    import orjson
    from rich.console import Console

    from daytrader_ray.cli import models_view as view
    from daytrader_ray.cli.models_stale import stale
    from daytrader_ray.cli.models_values import LATEST, compared, described, listed, opened
    from daytrader_ray.cli.profile import load

    named, (fewest, most) = bundles or [], COUNTS[what]
    if not fewest <= len(named) <= most:
        raise typer.BadParameter(f"{what} takes {fewest} to {most} bundles, found {len(named)}")
    loaded, console = load(profile, data), Console(stderr=json)
    chosen = [opened(loaded.root, one) for one in [*named, *[LATEST] * (most - len(named))]]
    found: dict[str, Any]
    if what is What.LIST:
        found = {"bundles": listed(loaded.root)}
        console.print(*view.listing(found["bundles"]), sep="\n")
    elif what is What.SHOW:
        found = {**described(chosen[0]), "stale": list(stale(loaded, chosen[0]))}
        console.print(*view.description(found), sep="\n")
    else:
        found = compared(*map(described, chosen))
        console.print(*view.comparison(found), sep="\n")
    if json:
        typer.echo(orjson.dumps(found).decode())
