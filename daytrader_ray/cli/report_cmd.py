"""`daytrader report`: a search or a run as one HTML file."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pyarrow as pa

    from daytrader_ray.analytics.run import Run
    from daytrader_ray.dashboard.ensembles import Sheet

MOST_RUNS = 2
"""Runs that stand side by side."""


def command(
    run: Annotated[
        list[str] | None, typer.Option(help="Id of a run, or latest; twice: two runs of the same sessions.")
    ] = None,
    search: Annotated[str | None, typer.Option(help="Id of a search; default the last one.")] = None,
    bars: Annotated[
        list[str] | None, typer.Option(help="SYMBOL:YYYY-MM-DD to draw, repeatable; default the best and worst trades.")
    ] = None,
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Write the report of a search, a backtest, a rehearsal or a live session: one HTML file that fetches nothing.

    Two runs of the same sessions, such as a live one and its backtest, stand side by side. Every number on the page of
    a search is also in a Parquet table of the folder beside it.

    Example: daytrader report --run latest --bars AAPL:2025-12-02
    """
    import orjson
    from rich.console import Console

    from daytrader_ray.cli.profile import load
    from daytrader_ray.domain.errors import ConfigError

    if run and search:
        raise ConfigError("--run and --search are both given", "choose one")
    if bars and not run:
        raise ConfigError("--bars is of a run, and none is given", "add --run latest")
    root = load(profile, data).root
    told = _of_runs(root, run, bars) if run else _of_search(root, search)
    files = "".join(f"\n{name.capitalize()}: {told[name]}" for name in ("report", "tables") if name in told)
    Console(stderr=True).print(f"{told['sentence']}{files}", soft_wrap=True)
    if json:
        typer.echo(orjson.dumps(told).decode())


def _of_search(root: str, search: str | None) -> dict[str, str]:
    from daytrader_ray.cluster.search import judged_result

    result = judged_result(root, search)
    verdict, page = result["verdict"], publish(root, result)
    tables = f"{page.removesuffix('.html')}/*.parquet"
    return {"verdict": verdict["label"], "sentence": verdict["sentence"], "report": page, "tables": tables}


def _of_runs(root: str, ids: Sequence[str], bars: Sequence[str] | None) -> dict[str, str]:
    from daytrader_ray.adapters.run_store import load
    from daytrader_ray.domain.errors import ConfigError

    if len(ids) > MOST_RUNS:
        raise ConfigError(f"{len(ids)} runs are given", "one, or two of the same sessions")
    return publish_runs(root, [load(root, None if name == "latest" else name) for name in ids], bars)


def publish_runs(root: str, runs: "Sequence[Run]", bars: Sequence[str] | None = None) -> dict[str, str]:
    """Write the tear sheet of one run, or of two of the same sessions, beside the first; return verdict and path.

    `bars` are days to draw as `SYMBOL:YYYY-MM-DD`; None: those of the best and the worst trades.
    """
    from daytrader_ray.adapters.atomic import atomic_write_bytes
    from daytrader_ray.adapters.run_store import RUNS
    from daytrader_ray.adapters.store import ParquetStore
    from daytrader_ray.dashboard.tearsheet.bars import day_asked, extreme_days, stored_bars
    from daytrader_ray.dashboard.tearsheet.page import render

    days = extreme_days(runs[0]) if bars is None else [day_asked(text) for text in bars]
    page = render(runs, stored_bars(ParquetStore(root), days))
    name = "-".join(["report", *(run.manifest.id for run in runs[1:])])
    path = f"{root}/{RUNS}/{runs[0].manifest.id}/{name}.html"
    atomic_write_bytes(path, page.text.encode())
    return {"verdict": page.verdict.label, "sentence": page.verdict.sentence, "report": path}


def publish(root: str, result: Mapping[str, Any]) -> str:
    """Write the page of a search beside its result, and every number on it as Parquet; return the path of the page."""
    from daytrader_ray.adapters.folder import Folder
    from daytrader_ray.adapters.store import ParquetStore
    from daytrader_ray.analytics.verdict import market_notice
    from daytrader_ray.cluster.search import REPORTS
    from daytrader_ray.dashboard.report import render

    page = render(result, market_notice(ParquetStore(root).market()), _sheets(root, result["id"]))
    folder = Folder(f"{root}/{REPORTS}")
    for name, columns in page.tables.items():
        folder.write_parquet(f"{result['id']}/{name}.parquet", _arrow(columns))
    folder.write(f"{result['id']}.html", page.text.encode())
    return folder.path(f"{result['id']}.html")


def _arrow(columns: "Mapping[str, Sequence[Any]]") -> "pa.Table":
    """Return columns of texts or numbers as Arrow's; None is null."""
    import pyarrow as pa

    def typed(values: Sequence[Any]) -> pa.Array:
        kinds = {type(value) for value in values if value is not None}
        return pa.array(values, pa.string() if str in kinds else pa.int64() if kinds == {int} else pa.float64())

    return pa.table({name: typed(values) for name, values in columns.items()})


def _sheets(root: str, search_id: str) -> "dict[int, Sheet]":
    """Return the stored backtests of a search's ensembles by mask; of several one whose page is written."""
    from daytrader_ray.adapters.folder import Folder
    from daytrader_ray.adapters.run_store import RUNS, manifest_of, run_ids
    from daytrader_ray.dashboard.ensembles import Sheet
    from daytrader_ray.domain.errors import DataError

    found: dict[int, Sheet] = {}
    for name in run_ids(root):
        with suppress(DataError):  # a run of another schema is no reason for no page
            subject = re.fullmatch(rf"mask (\d+) of {re.escape(search_id)}", manifest_of(root, name).subject)
            mask = int(subject[1]) if subject else 0
            if mask and not (mask in found and found[mask].written):
                found[mask] = Sheet(name, Folder(root).exists(f"{RUNS}/{name}/report.html"))
    return found
