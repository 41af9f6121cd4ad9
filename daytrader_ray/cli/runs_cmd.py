"""`daytrader runs`: what was searched, backtested, rehearsed and traded, on which data, and what came of it."""

from enum import StrEnum
from typing import Annotated, Any

import typer


class What(StrEnum):
    """What is asked."""

    LIST = "list"
    SHOW = "show"
    COMPARE = "compare"


COUNTS = {What.LIST: 0, What.SHOW: 1, What.COMPARE: 2}
"""How many runs are named."""


def command(
    what: Annotated[What, typer.Argument(help="list, show or compare.")],
    runs: Annotated[
        list[str] | None, typer.Argument(help="Ids of searches or runs, or how they begin: as much as is unique.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """List searches, backtests, rehearsals and live sessions, show one, or set two side by side.

    Shown are what ran, on which data and configuration, its verdict and its figures; compared are two of any kind: the
    settings that differ, then all figures.

    Example: daytrader runs compare search-0123456789abcdef backtest-fedcba9876543210
    """
    import orjson
    from rich.console import Console

    from daytrader_ray.adapters import ledger_store
    from daytrader_ray.cli import runs_view as view
    from daytrader_ray.cli.roots import data_root
    from daytrader_ray.cli.runs_values import compared, described, listed, named

    asked = runs or []
    if len(asked) != COUNTS[what]:
        raise typer.BadParameter(f"{what} takes {COUNTS[what]} ids, found {len(asked)}")
    root, console = data_root(data), Console(stderr=json, highlight=False)
    chosen = [described(root, named(root, one), ledger_store.read(root)) for one in asked]
    found: dict[str, Any]
    if what is What.LIST:
        found = {"runs": listed(root)}
        parts = view.listing(found["runs"])
    elif what is What.SHOW:
        found = chosen[0]
        parts = view.description(found)
    else:
        found = compared(*chosen)
        parts = view.comparison(found)
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))
    if json:
        typer.echo(orjson.dumps(found).decode())
