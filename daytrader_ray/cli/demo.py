"""`daytrader demo`: the whole machine once, on the built-in exchange."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daytrader_ray.domain.trading import MEMBERS

if TYPE_CHECKING:
    from daytrader_ray.analytics.run import Run
    from daytrader_ray.cli.profile import Profile
    from daytrader_ray.cluster.ingest import DownloadReport
    from daytrader_ray.cluster.rehearsal import Rehearsal
    from daytrader_ray.cluster.search import SearchReport
    from daytrader_ray.cluster.train import Trained

MARK = ".daytrader-demo"
"""A folder with this file in it was made by the demo and may be emptied by it."""

Tell = Callable[[str, int, int], None]


def command(
    seed: Annotated[int, typer.Option(min=0, help="Seed of the synthetic market and of every fit.")] = 7,
    signal: Annotated[
        float | None, typer.Option(min=0, help="Strength of the planted signal, bps a minute; default: the profile's.")
    ] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="Processors for Ray; default all.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Go on with what an earlier demo stored.")] = False,
    data: Annotated[str | None, typer.Option(help="Folder of the demo's own store; default data/demo.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Run everything on a synthetic market: download, features, search, training, serving, rehearsal, reports.

    The market has a signal planted in it, so its profits say nothing about any real one. No keys, no network.

    Example: daytrader demo --seed 3
    """
    import orjson

    from daytrader_ray.adapters import logs
    from daytrader_ray.cli.memory import peak_memory
    from daytrader_ray.cli.stages import stages

    logs.configure(level="error")
    profile = _profile(seed, signal, data)
    _prepare(Path(profile.root), keep)
    started_at = time.perf_counter()
    with peak_memory() as peak, stages() as tell:
        done = run(profile, cpus, tell)
    values = done.values(time.perf_counter() - started_at, peak.gib)
    _print(profile, values)
    if json:
        typer.echo(orjson.dumps(values).decode())
    done.rehearsal.check()
    if not values["ok"]:
        raise typer.Exit(1)


@dataclass(frozen=True)
class Done:
    """What each stage left."""

    downloaded: "DownloadReport"
    searched: "SearchReport"
    trained: "Trained"
    rehearsal: "Rehearsal"
    reports: dict[str, str]
    bars: int
    n_features: int
    stage_seconds: dict[str, float]

    def values(self, seconds: float, peak_gib: float) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        found, rehearsal = self.searched.summary(), self.rehearsal.values()
        best = found["best"]
        kept = ("session", "orders", "fills", "stops", "flattened", "differences", "flat_at_close", "bar_to_order_ms")
        whole = (
            rehearsal["differences"] == 0
            and rehearsal["orders"] > 0
            and rehearsal["flat_at_close"]
            and not self.rehearsal.alarms
            and found["fits"] == len(MEMBERS) * found["windows_used"]
            and found["ensembles"] == 2 ** len(MEMBERS)
        )
        return {
            "ok": bool(whole),
            "seconds": round(seconds, 1),
            "peak_gib": round(peak_gib, 2),
            "bars": self.bars,
            "features": self.n_features,
            "windows": found["windows_used"],
            "fits": found["fits"],
            "fits_run": found["fits_run"],
            "ensembles": found["ensembles"],
            "best": {"mask": best["mask"], "members": best["members"], "sharpe": best["sharpe"]},
            "verdict": found["verdict"]["label"],
            "bundle": self.trained.bundle_id,
            "rehearsal": {key: rehearsal[key] for key in kept},
            "stage_seconds": self.stage_seconds,
            **self.reports,
        }


def run(profile: "Profile", cpus: int | None, tell: Tell) -> Done:
    """Run all stages on a store of their own; the exchange and Ray end with the block, however it ends."""
    from daytrader_ray.cli.download_cmd import SANDBOX_PER_MINUTE
    from daytrader_ray.cli.requests import search_request
    from daytrader_ray.cli.session_spec import rehearsal_spec
    from daytrader_ray.cluster.backtest import backtest_mask
    from daytrader_ray.cluster.ingest import DownloadRequest, download
    from daytrader_ray.cluster.rehearsal import rehearse
    from daytrader_ray.cluster.runtime import started
    from daytrader_ray.cluster.search import frames_of, search
    from daytrader_ray.cluster.train import train
    from daytrader_ray.sandbox.process import running
    from daytrader_ray.sandbox.sessions import market_grid

    sessions = market_grid(profile.sandbox).sessions
    last = sessions[-1].date
    request = search_request(profile)
    symbols = profile.universe.symbols
    laps = Laps()
    with running(profile.sandbox, profile.costs) as url, started(cpus, data_root=profile.root):
        laps.end("start")
        days = sessions[0].date, last
        wanted = DownloadRequest(url, "sandbox", profile.root, symbols, *days, requests_per_minute=SANDBOX_PER_MINUTE)
        downloaded = download(wanted, lambda done, of, _: tell("download", done, of))
        laps.end("download")
        frames = frames_of(request, tell)
        laps.end("features")
        found = search(request, tell)
        laps.end("search")
        best = backtest_mask(request, found.result["best"]["mask"], progress=tell)
        laps.end("backtest")
        trained = train(request, until=last, progress=tell)
        laps.end("train")
        tell("rehearsal", 0, 1)
        rehearsal = rehearse(rehearsal_spec(profile, last, trained.bundle_id, url), "serve")
        tell("rehearsal", 1, 1)
        laps.end("rehearsal")
    reports = _reports(profile, found, best.run, rehearsal)
    laps.end("report")
    n_bars, n_features = int(frames.panel.traded.sum()), len(frames.features.names)
    return Done(downloaded, found, trained, rehearsal, reports, n_bars, n_features, laps.seconds)


def _reports(profile: "Profile", found: "SearchReport", best: "Run", rehearsal: "Rehearsal") -> dict[str, str]:
    """Write the search, its best ensemble's backtest, and the rehearsal beside its own; return their paths.

    The page of the search comes after that of the backtest, to which it leads.
    """
    from daytrader_ray.adapters.run_store import load as load_run
    from daytrader_ray.cli.report_cmd import publish, publish_runs

    side_by_side = [load_run(profile.root, name) for name in rehearsal.runs]
    backtest = publish_runs(profile.root, [best])["report"]
    return {
        "report": publish(profile.root, found.result),
        "backtest_report": backtest,
        "rehearsal_report": publish_runs(profile.root, side_by_side)["report"],
    }


class Laps:
    """Wall time of each stage in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def end(self, stage: str) -> None:
        """Note the time since the last call as that of `stage`."""
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._since, 1)
        self._since = now


def _profile(seed: int, signal: float | None, data: str | None) -> "Profile":
    from daytrader_ray.cli.profile import load

    profile = load("sandbox", data)
    market = {"seed": seed, "url": None} | ({} if signal is None else {"signal_strength": signal})
    return profile.model_copy(
        update={
            "root": profile.root if data else str(Path(profile.root) / "demo"),
            "sandbox": profile.sandbox.model_copy(update=market),
            "search": profile.search.model_copy(update={"seed": seed}),
        }
    )


def _prepare(root: Path, keep: bool) -> None:
    """Empty the demo's folder, unless it is to be kept; a folder that is not the demo's is never touched."""
    from daytrader_ray.domain.errors import DataError

    if root.exists() and any(root.iterdir()) and not (root / MARK).exists():
        raise DataError(f"{root} is not empty and was not made by the demo", "choose another folder with --data")
    if root.exists() and not keep:
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True)
    (root / MARK).touch()


def _print(profile: "Profile", values: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    rehearsal, best = values["rehearsal"], values["best"]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    strength = profile.sandbox.signal_strength
    stages = ", ".join(f"{name} {seconds:.0f}" for name, seconds in values["stage_seconds"].items())
    rows = (
        ("market", f"synthetic, seed {profile.sandbox.seed}, PLANTED signal of {strength:g} bps a minute"),
        ("data", f"{values['bars']:,} bars, {values['features']} features, {values['windows']} windows"),
        ("search", f"{values['ensembles']} ensembles from {values['fits']} fits ({values['fits_run']} run now)"),
        ("best", f"{' + '.join(best['members']) or 'cash'}, Sharpe {_number(best['sharpe'])} on the planted market"),
        ("verdict", values["verdict"]),
        (
            f"rehearsal {rehearsal['session']}",
            f"{rehearsal['orders']} orders, {rehearsal['fills']} fills, {rehearsal['stops']} stops, "
            f"{rehearsal['flattened']} flattened at the close",
        ),
        ("against the backtest", f"{rehearsal['differences']} differences"),
        ("bar to order", "p50 {p50:g} ms, p99 {p99:g} ms".format(**rehearsal["bar_to_order_ms"])),
        ("took", f"{values['seconds']:.0f} s ({stages}), {values['peak_gib']:.1f} GiB"),
        ("search report", values["report"]),
        ("best ensemble", values["backtest_report"]),
        ("rehearsal report", values["rehearsal_report"]),
    )
    for name, text in rows:
        table.add_row(name, text)
    Console(stderr=True, soft_wrap=True).print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
