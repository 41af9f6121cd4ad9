"""A search as one self-contained HTML page: verdict, ensembles, curves, windows. It fetches nothing, ever.

A content security policy in the page forbids the browser every request; scripts and styles are inside.
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from daytrader_ray.analytics.verdict import MIN_DAYS, TOO_SHORT
from daytrader_ray.dashboard.figures import equity_figure
from daytrader_ray.dashboard.formats import DASH, Format, depth, number, percent, share, text, whole
from daytrader_ray.dashboard.regime import section as regime_section
from daytrader_ray.dashboard.selection import section as features_section

SHORT = {"lstm": "LSTM", "cnn": "CNN", "random_forest": "RF", "xgboost": "XGB", "transformer": "TF"}

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"

WARNING = (
    "Trading can lose money, and day trading loses it fast. These figures are a simulation: fills, costs and market "
    "impact are estimates, borrowing and outages are not in them, and the ensemble shown on top was chosen because it "
    "looked best. Past results, simulated ones above all, do not tell what comes next. Trade on paper first, and never "
    "with money you cannot lose."
)

COLUMNS: tuple[tuple[str, str, Format], ...] = (
    ("sharpe", "Sharpe", number),
    ("total_return", "Return", percent),
    ("intraday_drawdown", "Drawdown", depth),
    ("trades", "Trades", whole),
    ("win_rate", "Wins", share),
    ("profit_factor", "Profit factor", number),
    ("cost_share", "Cost share", share),
    ("psr", "PSR", number),
    ("dsr", "DSR", number),
)
"""Columns of the table of ensembles: key, heading, format."""

METRICS: tuple[tuple[str, str, Format], ...] = (
    ("total_return", "Return, net", percent),
    ("annual_return", "Return a year", percent),
    ("volatility", "Volatility a year", share),
    ("sharpe", "Sharpe ratio", number),
    ("sortino", "Sortino ratio", number),
    ("calmar", "Calmar ratio", number),
    ("intraday_drawdown", "Deepest drawdown, at minute closes", depth),
    ("max_drawdown", "Deepest drawdown, at session closes", depth),
    ("drawdown_days", "Longest drawdown, days", whole),
    ("trades_a_day", "Round trips a day", number),
    ("win_rate", "Winning trades", share),
    ("profit_factor", "Profit factor", number),
    ("average_win_usd", "Average win, USD", number),
    ("average_loss_usd", "Average loss, USD", number),
    ("average_minutes", "Minutes held", number),
    ("turnover", "Turnover a day over equity", number),
    ("exposure", "Mean gross exposure", share),
    ("cost_share", "Costs / gross profit", share),
    ("capacity_usd", "Capacity, USD", whole),
    ("skewness", "Skewness of days", number),
    ("kurtosis", "Kurtosis of days", number),
    ("var_5", "5 % value at risk a day", depth),
    ("shortfall_5", "Mean loss beyond it", depth),
)
"""Everything that is measured of the best ensemble."""


def render(result: Mapping[str, Any], notice: str = "") -> str:
    """Return the page of a search's stored result; `notice` stands above everything else."""
    best = _best(result)
    span = f"{result['dates'][0]} to {result['dates'][-1]}" if result["dates"] else "no days"
    body = "\n".join(
        (
            "<header><h1>daytrader_ray · walk-forward search</h1>"
            f"<span class='muted'>out of sample {escape(span)}</span></header>",
            f"<section class='notice'>{escape(notice)}</section>" if notice else "",
            _verdict(result),
            _cards(result, best),
            _curves(result, best),
            _ensembles(result, best),
            _windows(result, best),
            regime_section(result["regime"], result["left_out"]),
            features_section(result["selection"]),
            _figures(best),
            _made(result),
            f"<section class='risk'><h2>Before you trade</h2><p>{escape(WARNING)}</p></section>",
        )
    )
    title = f"daytrader_ray: {escape(result['verdict']['label'])}"
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{title}</title><style>{_asset('report.css')}</style></head>"
        f"<body><main>{body}</main><script>{_asset('report.js')}</script></body></html>\n"
    )


def _asset(name: str) -> str:
    return files("daytrader_ray.dashboard").joinpath(name).read_text(encoding="utf-8")


def _best(result: Mapping[str, Any]) -> Mapping[str, Any]:
    best: Mapping[str, Any] = next(t for t in result["trials"] if t["mask"] == result["best"]["mask"])
    return best


def _verdict(result: Mapping[str, Any]) -> str:
    label, sentence = escape(result["verdict"]["label"]), escape(result["verdict"]["sentence"])
    return f"<section class='verdict'><span class='pill'>{label}</span><p>{sentence}</p></section>"


def _cards(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    metrics = best["metrics"]
    total = metrics["total_return"]
    tone = "up" if total > 0 else "down" if total < 0 else ""
    too_short = result["verdict"]["label"] == TOO_SHORT
    doubt, caveat = ("doubt", f": means nothing below {MIN_DAYS} days") if too_short else ("", "")
    cards = (
        _card(_chips(best["members"], result["members"]), "best ensemble", "wide"),
        _card(f"<em class='{tone}'>{percent(total)}</em>", "net return"),
        _card(text(metrics["sharpe"], number), f"Sharpe ratio a year{caveat}", doubt),
        _card(text(metrics["intraday_drawdown"], depth), "deepest drawdown, minute by minute"),
        _card(str(metrics["days"]), "days out of sample"),
        _card(text(metrics["trades_a_day"], number), "round trips a day"),
        _card(text(best["dsr"], number), f"deflated Sharpe ratio (0 to 1){caveat}", doubt),
    )
    return f"<div class='cards'>{''.join(cards)}</div>"


def _card(value: str, what: str, kind: str = "") -> str:
    return f"<div class='card {kind}'><b>{value}</b><span>{escape(what)}</span></div>"


def _curves(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    figure = equity_figure(result["trials"], result["dates"], best["mask"])
    return (
        "<section><h2>Equity of all ensembles</h2><p class='muted'>Net of spread, impact and fees, stitched from the "
        "first step of each test. Choose a row below to see its curve.</p>"
        f"<div class='chart'>{figure}</div></section>"
    )


def _ensembles(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    order = sorted(range(len(result["trials"])), key=lambda k: _rank(result["trials"][k]))
    rows = "".join(_ensemble_row(result, k, best["mask"]) for k in order)
    heads = "".join(
        f"<th scope='col'{' aria-sort=descending' if key == 'sharpe' else ''}><button>{escape(name)}</button></th>"
        for key, name, _ in COLUMNS
    )
    return (
        f"<section><h2>{result['ensembles']} ensembles</h2><p class='muted'>Every subset of the five models. "
        "Figures are before any correction for choosing the best, except DSR, which asks how likely the Sharpe ratio "
        "beats the luckiest of 31 tries without skill.</p><div class='scroll'><table class='sortable'><thead><tr>"
        f"<th scope='col'>Ensemble</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _rank(trial: Mapping[str, Any]) -> tuple[float, int, int]:
    sharpe = trial["metrics"]["sharpe"]
    return (-sharpe if sharpe is not None else math.inf, len(trial["members"]), trial["mask"])


def _ensemble_row(result: Mapping[str, Any], index: int, chosen: int) -> str:
    trial = result["trials"][index]
    values = {**trial["metrics"], "psr": trial["psr"], "dsr": trial["dsr"]}
    cells = "".join(_cell(values[key], form) for key, _, form in COLUMNS)
    mark = " class='chosen'" if trial["mask"] == chosen else ""
    chips = _chips(trial["members"], result["members"])
    return f"<tr{mark} data-trace='{index}'><td data-value='{trial['mask']}'>{chips}</td>{cells}</tr>"


def _cell(value: float | None, form: Format) -> str:
    return f"<td data-value='{'' if value is None else value}'>{text(value, form)}</td>"


def _chips(members: Sequence[str], every: Sequence[str]) -> str:
    if not members:
        return "<span class='chips'><i class='cash'>cash</i></span>"
    words = "".join(
        f"<i{'' if name in members else ' class=off'} title='{escape(name)}'>{SHORT.get(name, escape(name))}</i>"
        for name in every
    )
    return f"<span class='chips' aria-label='{escape(', '.join(members))}'>{words}</span>"


def _windows(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    rows = []
    for window, found in zip(result["windows"], best["windows"], strict=True):
        weights = ", ".join(
            f"{SHORT.get(name, name)} {weight:.0%}"
            for name, weight in zip(result["members"], found["weights"], strict=True)
            if weight > 0
        )
        rows.append(
            f"<tr><td>{window['index'] + 1}</td><td>{window['train'][0]} {DASH} {window['train'][1]}</td>"
            f"<td>{window['test'][0]} {DASH} {window['test'][1]}</td>{_cell(found['test']['total_return'], percent)}"
            f"{_cell(found['test']['trades'], whole)}{_cell(found['rank_ic'], number)}"
            f"{_cell(found['threshold'], number)}<td>{escape(weights) or DASH}</td></tr>"
        )
    names = ("Window", "Train", "Test", "Return", "Trades", "Rank IC", "Threshold", "Weights")
    heads = "".join(f"<th scope=col>{name}</th>" for name in names)
    quiet = sum(found["threshold"] is None for found in best["windows"])
    note = f" In {quiet} of them no signal paid its cost on validation, so nothing was opened." if quiet else ""
    return (
        f"<section><h2>Windows of the best ensemble</h2><p class='muted'>{escape(result['spec'])}: "
        f"{result['windows_used']} windows, {result['windows_effective']:g} if overlapping tests count once.{note}</p>"
        f"<div class='scroll'><table class='windows'><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _figures(best: Mapping[str, Any]) -> str:
    lines = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{text(best['metrics'][key], form)}</dd></div>" for key, name, form in METRICS
    )
    return (
        "<section><h2>All figures of the best ensemble</h2><p class='muted'>After selection, not corrected. A dash: "
        f"the data cannot give the figure.</p><dl>{lines}</dl></section>"
    )


def _made(result: Mapping[str, Any]) -> str:
    traded, watched = result["traded"], [s for s in result["symbols"] if s not in result["traded"]]
    sessions = result["sessions"]
    watching = f" Watched, not traded: {escape(', '.join(watched))}." if watched else ""
    return (
        f"<section><h2>How it was made</h2><p>{sessions['n']} sessions from {sessions['first']} to {sessions['last']}. "
        f"Traded: {escape(', '.join(traded))}.{watching} Each of {result['fits']} fits (a model in a window) was "
        "trained on earlier sessions only; weights, scale and threshold come from the last sessions before each test. "
        "Orders fill at the next bar's open, worse by half the spread and market impact; every position has a resting "
        f"stop and is closed before the end of the day.</p>"
        f"<p class='muted'>Result {escape(result['id'])}.</p></section>"
    )
