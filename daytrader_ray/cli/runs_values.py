"""What `daytrader runs` tells of searches and runs, as plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

from daytrader_ray.adapters import ledger_store, run_store
from daytrader_ray.adapters.folder import Folder
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.analytics.measure import Estimate, measure, measure_returns
from daytrader_ray.analytics.performance import daily_returns, plain
from daytrader_ray.analytics.run import Manifest
from daytrader_ray.analytics.verdict import run_verdict
from daytrader_ray.cluster.search import REPORTS, load_result
from daytrader_ray.dashboard.best import best_of, figures_of
from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.ledger import Entry
from daytrader_ray.models.bundle import differences
from daytrader_ray.walkforward.judge import judged_by

KEY_FIGURES = ("total_return", "sharpe", "intraday_drawdown", "trades_a_day", "win_rate", "profit_factor", "cost_share")
"""Figures that are told of everything; of a search those that its verdict rests on come before."""

IN_PROFILE = {"config": "search"}
"""Sections of a run's configuration whose name in a profile is another."""


def names(root: str) -> list[str]:
    """Return the ids of all searches, then of all runs."""
    found = Folder(root).find(f"{REPORTS}/search-*.json")
    return [path.rpartition("/")[2].removesuffix(".json") for path in found] + run_store.run_ids(root)


def named(root: str, beginning: str) -> str:
    """Return the one id that begins so; a `ConfigError` names the candidates where there are several."""
    every = names(root)
    found = [name for name in every if name.startswith(beginning)]
    if beginning in found or len(found) == 1:
        return beginning if beginning in found else found[0]
    if not found:
        raise DataError(f"no search and no run '{beginning}' in {root}", "`daytrader runs list` names all there are")
    raise ConfigError(f"'{beginning}' begins {len(found)} ids: {', '.join(found)}", "give more of it")


def listed(root: str) -> list[dict[str, Any]]:
    """Return a line for each search and run, the oldest data first; of one that cannot be read the reason only."""
    lines, ledger = [], ledger_store.read(root)
    for name in names(root):
        try:
            line = _line(described(root, name, ledger, whole=False)) | {"refused": None}
        except DataError as error:
            line = {"id": name, "refused": error.message}
        lines.append(line)
    return sorted(lines, key=lambda line: (line["refused"] is not None, line.get("last") or "", line["id"]))


def _line(found: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: found[name] for name in ("id", "kind", "subject", "verdict")}
    data = {name: found["data"][name] for name in ("first", "last", "sessions", "fingerprint")}
    figures = {name: found["figures"][name]["value"] for name in ("total_return", "sharpe")}
    return told | data | {"symbols": len(found["data"]["symbols"])} | figures


def described(root: str, name: str, ledger: Sequence[Entry], whole: bool = True) -> dict[str, Any]:
    """Return what ran, on which data and configuration, its verdict and its figures (`whole`: all key figures).

    A search is judged by `ledger`.
    """
    searched = name.startswith("search-")
    return _search(judged_by(load_result(root, name), ledger)) if searched else _run(root, name, whole)


def _search(result: Mapping[str, Any]) -> dict[str, Any]:
    best, found, sessions = best_of(result), result["statistics"], result["sessions"]
    rests_on = {"dsr": found["dsr"], "spa_p": found["spa"], "pbo": found["pbo"]["value"]}
    rests_on |= {"track_record_days": found["track_record"]}
    return {
        "id": result["id"],
        "kind": "search",
        "subject": f"best of {result['ensembles'] - 1}: {' + '.join(best['members'])}",
        "members": list(best["members"]),
        "verdict": result["verdict"]["label"],
        "sentence": result["verdict"]["sentence"],
        "notices": [],
        "data": {
            "market": result["market"],
            "fingerprint": result["bars"],
            "first": result["dates"][0],
            "last": result["dates"][-1],
            "sessions": len(result["dates"]),
            "symbols": list(result["traded"]),
        },
        "made": {
            "windows": result["spec"],
            "windows used": f"{result['windows_used']}, whose tests tell as much as {result['windows_effective']:g} "
            "that do not overlap",
            "history": f"{sessions['n']} sessions, {sessions['first']} to {sessions['last']}",
            "fits": str(result["fits"]),
        },
        "figures": {name: _figure(Estimate(value)) for name, value in rests_on.items() if value is not None}
        | _key_figures(figures_of(result)),
        "config": result["settings"],
    }


def _run(root: str, name: str, whole: bool) -> dict[str, Any]:
    manifest = run_store.manifest_of(root, name)
    dates, equity = run_store.sessions_of(root, manifest)
    found = measure(run_store.load(root, name)) if whole else measure_returns(daily_returns(equity), manifest.seed)
    judged = run_verdict(len(dates), found["total_return"], selected=manifest.kind == "backtest")
    return {
        "id": name,
        "kind": manifest.kind,
        "subject": manifest.subject,
        "members": list(manifest.members),
        "verdict": judged.label,
        "sentence": judged.sentence,
        "notices": list(manifest.notices),
        "data": {
            "market": ParquetStore(root).market(),
            "fingerprint": manifest.data,
            "first": str(dates[0]) if len(dates) else None,
            "last": str(dates[-1]) if len(dates) else None,
            "sessions": len(dates),
            "symbols": _symbols(manifest),
        },
        "made": {
            "cash": f"{manifest.cash:,.2f} USD",
            "bars": f"{manifest.bar_minutes} minute",
            "commit": manifest.commit,
            "versions": ", ".join(f"{library} {version}" for library, version in sorted(manifest.versions.items())),
        },
        "figures": _key_figures(found),
        "config": {IN_PROFILE.get(section, section): values for section, values in manifest.config.items()},
    }


def _symbols(manifest: Manifest) -> list[str]:
    """Return the stocks of the universe that a run was told."""
    sectors = manifest.config.get("universe", {}).get("sectors", {})
    return sorted({symbol for symbols in sectors.values() for symbol in symbols})


def _key_figures(found: Mapping[str, Estimate]) -> dict[str, dict[str, float | None]]:
    return {name: _figure(found[name]) for name in KEY_FIGURES if name in found}


def _figure(found: Estimate) -> dict[str, float | None]:
    return {"value": plain(found.value), "low": plain(found.low), "high": plain(found.high)}


def compared(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs of two: what and on which data, the settings that both have, and their figures."""
    shared = [name for name in one["config"] if name in other["config"]]
    sides = [{name: side["config"][name] for name in shared} for side in (one, other)]
    facts = [_facts(side) for side in (one, other)]
    return {
        "runs": [one["id"], other["id"]],
        "what": _differences(*facts),
        "settings": _differences(*sides),
        "not_compared": sorted({*one["config"], *other["config"]} - {*shared}),
        "figures": [
            {"figure": name, "one": one["figures"].get(name), "other": other["figures"].get(name)}
            for name in dict.fromkeys((*one["figures"], *other["figures"]))
        ],
    }


def _facts(side: Mapping[str, Any]) -> dict[str, Any]:
    return {name: side[name] for name in ("kind", "subject", "verdict")} | dict(side["data"])


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "one": then, "other": now} for key, then, now in differences(one, other)]
