"""`daytrader report`: the last search as one HTML file."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer


def command(
    search: Annotated[str | None, typer.Option(help="Id of a search; default the last one.")] = None,
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Write the report of a search: one HTML file that opens anywhere and fetches nothing.

    Example: daytrader report
    """
    import orjson
    from rich.console import Console

    from daytrader_ray.cli.profile import load
    from daytrader_ray.cluster.search import load_result

    root = load(profile, data).root
    result = load_result(root, search)
    path = publish(root, result)
    Console(stderr=True).print(f"{result['verdict']['sentence']}\nReport: {path}", soft_wrap=True)
    if json:
        typer.echo(orjson.dumps({"report": path, "verdict": result["verdict"]["label"]}).decode())


def publish(root: str, result: Mapping[str, Any], notice: str = "") -> str:
    """Write the page of a search beside its result, whole or not at all; return its path.

    `notice` stands above everything else on the page.
    """
    from daytrader_ray.adapters.atomic import atomic_write_bytes
    from daytrader_ray.cluster.search import REPORTS
    from daytrader_ray.dashboard.report import render

    path = f"{root}/{REPORTS}/{result['id']}.html"
    atomic_write_bytes(path, render(result, notice).encode())
    return path
