"""A search as one self-contained HTML page: verdict, ensembles, curves, windows. It fetches nothing, ever.

A content security policy in the page forbids the browser every request; scripts and styles are inside.
"""

import math
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from daytrader_ray.analytics.bootstrap import FEWEST_SESSIONS
from daytrader_ray.analytics.measure import Estimate, measure_returns
from daytrader_ray.analytics.performance import daily_returns
from daytrader_ray.analytics.verdict import MIN_DAYS, SELECTED, TOO_SHORT
from daytrader_ray.dashboard.ensembles import chips, ensembles_section, windows_section
from daytrader_ray.dashboard.figures import equity_figure
from daytrader_ray.dashboard.formats import depth, number, percent, share, text
from daytrader_ray.dashboard.importances import section as importances_section
from daytrader_ray.dashboard.markup import estimated, section, table
from daytrader_ray.dashboard.metrics import METRICS
from daytrader_ray.dashboard.regime import section as regime_section
from daytrader_ray.dashboard.selection import section as features_section
from daytrader_ray.dashboard.targets import targets_section

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"

WARNING = (
    "Trading can lose money, and day trading loses it fast. These figures are a simulation: fills, costs and market "
    "impact are estimates, borrowing and outages are not in them, and the ensemble shown on top was chosen because it "
    "looked best. Past results, simulated ones above all, do not tell what comes next. Trade on paper first, and never "
    "with money you cannot lose."
)


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
            ensembles_section(result, best),
            windows_section(result, best),
            regime_section(result["regime"], result["left_out"]),
            features_section(result["selection"]),
            importances_section(result["importances"], result["members"]),
            targets_section(_measured(best), best["metrics"]["days"]),
            _figures(result, best),
            _made(result),
            f"<section class='risk'><h2>Before you trade</h2><p>{escape(WARNING)}</p></section>",
        )
    )
    title = f"daytrader_ray: {escape(result['verdict']['label'])}"
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{title}</title><style>{asset('report.css')}</style></head>"
        f"<body><main>{body}</main><script>{asset('report.js')}</script></body></html>\n"
    )


def asset(name: str) -> str:
    """Return a script or a style that every page has inside."""
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
        _card(chips(best["members"], result["members"]), "best ensemble", "wide"),
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
        "first step of each test; the baselines' are dashed. Choose a row below to see its curve.</p>"
        f"<div class='chart'>{figure}</div></section>"
    )


def _measured(best: Mapping[str, Any]) -> dict[str, Estimate]:
    return {key: Estimate(math.nan if value is None else value) for key, value in best["metrics"].items()}


def _figures(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    returns = daily_returns(np.array(best["equity"]))
    found = _measured(best) | measure_returns(returns, result["settings"]["search"]["seed"])
    rows = [
        (
            escape(metric.name),
            estimated(found[metric.key], metric.form),
            f"<span class='muted'>{escape(metric.meaning)}</span>",
        )
        for metric in METRICS
        if metric.key in found
    ]
    return section(
        "All figures of the best ensemble",
        f"{SELECTED.capitalize()}. In small print the 95 % interval of what sessions alone tell (stationary "
        f"bootstrap), from {FEWEST_SESSIONS} sessions on; daytrader backtest --mask {best['mask']} gives those of "
        "trades too. A dash: the data cannot give the figure.",
        table(("Figure", "Best ensemble", "What it means"), rows, "figures"),
    )


def _made(result: Mapping[str, Any]) -> str:
    traded, watched = result["traded"], [s for s in result["symbols"] if s not in result["traded"]]
    sessions = result["sessions"]
    watching = f" Watched, not traded: {escape(', '.join(watched))}." if watched else ""
    labels = result["labels"]
    return (
        f"<section><h2>How it was made</h2><p>{sessions['n']} sessions from {sessions['first']} to {sessions['last']}. "
        f"Traded: {escape(', '.join(traded))}.{watching} {labels['samples']:,} labels: {share(labels['down'])} down, "
        f"{share(labels['flat'])} flat, {share(labels['up'])} up. Each of {result['fits']} fits (a model in a window) "
        "was trained on earlier sessions only; weights, scale and threshold come from the last sessions before each "
        "test. Orders meet the bar after the decision: limits fill where the price passes through them, market orders "
        "at the open, worse by half the spread and market impact. Every position has a resting stop and is closed "
        "before the end of the day.</p>"
        f"<p class='muted'>Result {escape(result['id'])}.</p></section>"
    )
