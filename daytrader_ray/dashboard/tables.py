"""Every number on a search's page, as tables: columns by name, for Parquet files and for the CSV in the page."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from daytrader_ray.analytics.measure import Estimate
from daytrader_ray.analytics.paths import Band
from daytrader_ray.analytics.performance import plain
from daytrader_ray.dashboard.records import Column
from daytrader_ray.domain.regime import Regime

Table = dict[str, list[Any]]
Rows = Iterator[dict[str, Any]]

IN_PAGE = ("trials", "baselines", "statistics", "windows", "weights", "curves")
"""Tables that the page has inside; all are written as Parquet."""

MEANINGS = {
    "trials": "every ensemble and baseline: its figures, intervals, and what other costs leave of it",
    "baselines": "the best ensemble against what anybody can have",
    "statistics": "what the verdict rests on, and how much data there was",
    "windows": "what each trial did in each window: spans, thresholds, scheme, Kelly fraction, figures of the test",
    "weights": "weights of the models in each window, their mean in force and those fitted by regime, and rank IC",
    "curves": "equity after each session, what the session paid, and the band around the best ensemble",
    "logits": "the histogram of cross-validation",
    "capacity": "what size leaves of the best ensemble",
    "regime_results": "what each trial earned in each regime",
    "regime_path": "SPY and the regime in force",
    "regime_model": "what the last window's regime model says",
    "features": "what each window kept of each feature, and why not",
    "importances": "which features each model listens to in each window",
}
"""The tables, in the order of the page, and what is in each."""


def tables(result: Mapping[str, Any], figures: Mapping[str, Estimate], band: Band | None) -> dict[str, Table]:
    """Return all tables of a search's result by name; a value that is not known is None.

    `figures` and `band` are those of the best ensemble.
    """
    made = {
        "trials": _trials(result),
        "baselines": _baselines(result),
        "statistics": _statistics(result, figures),
        "windows": _windows(result),
        "weights": _weights(result),
        "curves": _curves(result, band),
        "logits": _logits(result["statistics"]["pbo"]["histogram"]),
        "capacity": _capacity(result["best"]["capacity"]),
        "regime_results": _regime_results(result),
        "regime_path": _regime_path(result["regime"]["path"]),
        "regime_model": _regime_model(result["regime"]),
        "features": _features(result["selection"]),
        "importances": _importances(result["importances"]),
    }
    return {name: _columns(rows) for name, rows in made.items()}


def columns_of(table: Table) -> list[Column]:
    """Return a table as columns of the page: amounts to the cent, other numbers with six digits."""
    return [_column(name, values) for name, values in table.items()]


def _column(name: str, values: Sequence[Any]) -> Column:
    if any(isinstance(value, str) for value in values):
        return Column(name, ["" if value is None else str(value) for value in values])
    form = "%.2f" if name.endswith(("_usd", "equity")) else "%.6g"
    return Column(name, np.array([math.nan if value is None else value for value in values], np.float64), form)


def _columns(rows: Rows) -> Table:
    """Turn rows into columns; a key that a row lacks is None in it."""
    listed = list(rows)
    names = dict.fromkeys(name for row in listed for name in row)
    return {name: [row.get(name) for row in listed] for name in names}


def _named(trial: Mapping[str, Any]) -> dict[str, Any]:
    return {"mask": trial["mask"], "ensemble": trial["name"]}


def _trials(result: Mapping[str, Any]) -> Rows:
    for trial in result["trials"]:
        intervals = {
            f"{name}_{end}": value
            for name, ends in trial["intervals"].items()
            for end, value in zip(("low", "high"), ends, strict=True)
        }
        swept = {
            f"{name}_costs_x{told['factor']:g}": told[name]
            for told in trial["cost_sweep"]
            for name in ("total_return", "sharpe")
        }
        kind = {"kind": "baseline" if trial["baseline"] else "ensemble"}
        yield _named(trial) | kind | trial["metrics"] | {k: trial[k] for k in ("psr", "dsr", "key")} | intervals | swept


def _baselines(result: Mapping[str, Any]) -> Rows:
    for row in result["baselines"]["rows"]:
        yield {name: value for name, value in row.items() if name != "members"}


def _statistics(result: Mapping[str, Any], figures: Mapping[str, Estimate]) -> Rows:
    """Yield single figures by their names; of an interval value and ends."""
    for name, (value, low, high) in result["statistics"]["intervals"].items():
        yield {"statistic": f"verdict.{name}", "value": value, "low": low, "high": high}
    for name, found in figures.items():
        ends = {"value": plain(found.value), "low": plain(found.low), "high": plain(found.high)}
        yield {"statistic": f"best.{name}"} | ends
    shown = {
        "verdict": {name: value for name, value in result["statistics"].items() if name != "intervals"},
        "data": {name: result[name] for name in ("windows_used", "windows_effective", "fits", "ensembles", "sessions")},
        "labels": result["labels"],
        "features": {name: result["selection"][name] for name in ("of", "kept", "stability")},
    }
    for name, figure in _leaves(shown):
        yield {"statistic": name, "value": figure, "low": None, "high": None}


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float | None]]:
    """Yield the numbers (or None) of nested values with their dotted names; texts and lists are elsewhere."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        elif value is None or isinstance(value, int | float):
            yield f"{prefix}{name}", None if value is None else float(value)


def _pairs(result: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]]:
    """Yield every trial with every window: trial, window, what the trial found in it."""
    for trial in result["trials"]:
        for window, found in zip(result["windows"], trial["windows"], strict=True):
            yield trial, window, found


PLAIN = ("scheme", "fraction", "threshold", "break_even", "q99", "trips_a_day", "rank_ic", "regret", "regret_bound")
"""Of what a trial found in a window, the single values."""


def _windows(result: Mapping[str, Any]) -> Rows:
    for trial, window, found in _pairs(result):
        spans = {
            f"{name}_{end}": day
            for name in ("train", "test")
            for end, day in zip(("first", "last"), window[name], strict=True)
        }
        lists = {"hours": ("first_hour", "last_hour"), "timeframes": ("now", "mean_5", "mean_15")}
        parts = {name: value for key, names in lists.items() for name, value in zip(names, found[key], strict=True)}
        test = {f"test_{name}": value for name, value in found["test"].items()}
        test |= {f"step_{name}": value for name, value in found["costs"].items()}
        single = {name: found.get(name) for name in PLAIN}
        yield _named(trial) | {"window": window["index"] + 1} | spans | single | parts | test | {"note": found["note"]}


def _weights(result: Mapping[str, Any]) -> Rows:
    for trial, window, found in _pairs(result):
        for k, member in enumerate(result["members"]):
            if member not in trial["members"]:
                continue
            by_regime = {f"weight_{name}": row[k] for name, row in zip(STATES, found["weights_by_regime"], strict=True)}
            own = {"model": member, "weight": found["weights"][k]} | by_regime | {"rank_ic": found["member_ic"][k]}
            yield _named(trial) | {"window": window["index"] + 1} | own


STATES = tuple(regime.name.lower() for regime in Regime)
"""Rows of weights by regime."""


def _curves(result: Mapping[str, Any], band: Band | None) -> Rows:
    for trial in result["trials"]:
        paid = {name: [usd for found in trial["windows"] for usd in found["paid"][name]] for name in PAID}
        best = band if trial["mask"] == result["best"]["mask"] else None
        for k, (session, equity) in enumerate(zip(["start", *result["dates"]], trial["equity"], strict=True)):
            costs = {name: values[k - 1] if k else None for name, values in paid.items()}
            ends = {"return_low": None, "return_high": None} if best is None else {
                "return_low": float(best.low[k]), "return_high": float(best.high[k])
            }  # fmt: skip
            yield _named(trial) | {"session": session, "equity": equity} | costs | ends


PAID = ("spread_usd", "impact_usd", "fees_usd")


def _logits(histogram: Mapping[str, Sequence[float]]) -> Rows:
    edges = histogram["edges"]
    for low, high, count in zip(edges[:-1], edges[1:], histogram["counts"], strict=True):
        yield {"logit_over": low, "logit_up_to": high, "splits": count}


def _capacity(capacity: Mapping[str, Any]) -> Rows:
    names = ("factor", "total_return", "annual_return", "sharpe")
    for values in zip(*(capacity[name] for name in names), strict=True):
        yield dict(zip(names, values, strict=True))


def _regime_results(result: Mapping[str, Any]) -> Rows:
    for trial, window, found in _pairs(result):
        for name, part in found["by_regime"].items():
            yield _named(trial) | {"window": window["index"] + 1, "regime": name} | part


def _regime_path(path: Mapping[str, Sequence[Any]]) -> Rows:
    for minute, close, state in zip(path["minute"], path["close"], path["state"], strict=True):
        yield {"minute_utc": minute, "spy_close": close, "state": state}


def _regime_model(regime: Mapping[str, Any]) -> Rows:
    yield from (
        {"figure": "in force in the test", "state": name, "value": part} for name, part in regime["shares"].items()
    )
    now = regime["now"]
    if now is None:
        return
    rows = {"probability now": now["probabilities"], "minutes on average": now["minutes"]}
    rows |= {f"next after {name}": row for name, row in zip(now["states"], now["transition"], strict=True)}
    rows |= {f"mean of {name}": row for name, row in now["means"].items()}
    rows |= {"in force, all history": [now["shares"].get(name, 0.0) for name in now["states"]]}
    for figure, values in rows.items():
        yield from (
            {"figure": figure, "state": name, "value": value} for name, value in zip(now["states"], values, strict=True)
        )


def _features(selection: Mapping[str, Any]) -> Rows:
    for index, window in enumerate(selection["windows"]):
        cells = zip(selection["features"], window["mutual_information"], window["dropped"], strict=True)
        for feature, told, dropped in cells:
            yield {"feature": feature, "window": index + 1, "mutual_information": told, "dropped": dropped}


def _importances(windows: Sequence[Mapping[str, Mapping[str, Mapping[str, float]]]]) -> Rows:
    for index, window in enumerate(windows):
        for model, kinds in window.items():
            for kind, values in kinds.items():
                for feature, value in values.items():
                    yield {"model": model, "window": index + 1, "kind": kind, "feature": feature, "value": value}
