"""The table of all ensembles of a search and of its baselines, with the way to the tear sheet of each."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from daytrader_ray.analytics.verdict import MIN_DAYS
from daytrader_ray.dashboard.formats import DASH, Format, chance, depth, gain, number, text, whole

SHORT = {"lstm": "LSTM", "cnn": "CNN", "random_forest": "RF", "xgboost": "XGB", "transformer": "TF"}


NAMES = {
    "lstm": "LSTM",
    "cnn": "CNN",
    "random_forest": "random forest",
    "xgboost": "XGBoost",
    "transformer": "transformer",
    "logistic": "logistic regression, a baseline",
    "boosting": "default boosting, a baseline",
}
"""What models are called where there is room."""

FACTORS = ((0, "No costs"), (2, "Costs x 2"))
"""Factors of the cost sweep whose return has a column."""

COLUMNS: tuple[tuple[str, str, Format], ...] = (
    ("intraday_drawdown", "Drawdown", depth),
    ("trades", "Trades", whole),
    ("dsr", "DSR", chance),
)
"""The last figures of the table of ensembles: key, heading, format."""


class Sheet(NamedTuple):
    """A stored backtest of an ensemble: the id of the run, and whether its page is written."""

    run: str
    written: bool


def ensembles_section(result: Mapping[str, Any], chosen: int, sheets: Mapping[int, Sheet]) -> str:
    """Return the table of all ensembles and baselines; `sheets` are the stored backtests by mask."""
    rows = "".join(_ensemble_row(result, k, chosen, sheets) for k in by_rank(result["trials"]))
    names = ["Sharpe", "95 % interval", "Return", *(name for _, name in FACTORS), *(name for _, name, _ in COLUMNS)]
    heads = "".join(
        f"<th scope='col'{' aria-sort=descending' if k == 0 else ''}><button>{escape(name)}</button></th>"
        for k, name in enumerate(names)
    )
    few = result["statistics"]["days"] < MIN_DAYS
    doubt = f" Below {MIN_DAYS} days no ratio here means anything." if few else ""
    return (
        f"<section><h2>{result['ensembles']} ensembles</h2>"
        f"<p class='muted'>Every subset of {len(result['members'])} models, and the baselines. Figures are before any "
        "correction for choosing the best, except DSR: how surely the Sharpe ratio exceeds the luckiest of "
        f"{result['statistics']['n_trials']} tries without skill, weak where few days trade.{doubt} "
        "The last column leads to the tear sheet, or is the command that makes it: a click selects it.</p>"
        "<div class='scroll'><table class='sortable tight'><thead>"
        f"<tr><th scope='col'>Ensemble</th>{heads}<th scope='col'>Tear sheet</th></tr></thead><tbody>{rows}</tbody>"
        "</table></div></section>"
    )


def by_rank(trials: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the numbers of trials, the highest Sharpe ratio first; of equals the smaller ensemble."""
    return sorted(range(len(trials)), key=lambda k: _rank(trials[k]))


def _rank(trial: Mapping[str, Any]) -> tuple[float, int, int]:
    sharpe = trial["metrics"]["sharpe"]
    return (-sharpe if sharpe is not None else math.inf, len(trial["members"]), trial["mask"])


def _ensemble_row(result: Mapping[str, Any], index: int, chosen: int, sheets: Mapping[int, Sheet]) -> str:
    trial = result["trials"][index]
    values = {**trial["metrics"], "dsr": trial["dsr"]}
    swept = {told["factor"]: told["total_return"] for told in trial["cost_sweep"]}
    cells = [cell(values["sharpe"], number), _interval(trial["intervals"]["sharpe"])]
    cells += [cell(values["total_return"], gain), *(cell(swept.get(factor), gain) for factor, _ in FACTORS)]
    cells += [cell(values[key], form) for key, _, form in COLUMNS]
    mark = " class='chosen'" if trial["mask"] == chosen else ""
    what = _baseline(trial["name"]) if trial["baseline"] else chips(trial["members"], result["members"])
    return (
        f"<tr{mark} data-trace='{index}'><td data-value='{trial['mask']}'>{what}</td>{''.join(cells)}"
        f"<td>{_sheet(result['id'], trial, sheets)}</td></tr>"
    )


def cell(value: float | None, form: Format) -> str:
    """Return a cell of a table that is sorted by `value`."""
    return f"<td data-value='{'' if value is None else value}'>{text(value, form)}</td>"


def _interval(ends: Sequence[float | None]) -> str:
    low, high = ends
    if low is None or high is None:
        return f"<td data-value=''>{DASH}</td>"
    return f"<td data-value='{low}'>{number(low)} to {number(high)}</td>"


def _sheet(search_id: str, trial: Mapping[str, Any], sheets: Mapping[int, Sheet]) -> str:
    """Return a link where the page is there, else what makes it; cash has none."""
    if not trial["mask"]:
        return DASH
    known = sheets.get(trial["mask"])
    if known is None:
        return f"<code class='copy'>daytrader backtest --mask {trial['mask']} --search {escape(search_id)}</code>"
    if not known.written:
        return f"<code class='copy'>daytrader report --run {escape(known.run)}</code>"
    return f"<a href='../runs/{escape(known.run)}/report.html'>{escape(known.run)}</a>"


def _baseline(name: str) -> str:
    return f"<span class='chips'><i class='cash'>baseline</i></span> {escape(name)}"


def letter(name: str) -> str:
    """Return one letter for a model, where there is no room for more.

    >>> [letter(name) for name in ("lstm", "random_forest", "xgboost")]
    ['L', 'R', 'X']
    """
    return SHORT.get(name, name)[0].upper()


def chips(members: Sequence[str], every: Sequence[str]) -> str:
    """Return the names of `every` member, those in `members` filled."""
    if not members:
        return "<span class='chips'><i class='cash'>cash</i></span>"
    words = "".join(
        f"<i{'' if name in members else ' class=off'} title='{escape(name)}'>{SHORT.get(name, escape(name))}</i>"
        for name in every
    )
    return f"<span class='chips' aria-label='{escape(', '.join(members))}'>{words}</span>"
