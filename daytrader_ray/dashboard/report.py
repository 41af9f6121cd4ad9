"""A search as one self-contained HTML page: verdict, ensembles, curves, windows. It fetches nothing, ever.

A content security policy in the page forbids the browser every request; scripts and styles are inside.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from daytrader_ray.analytics.bootstrap import FEWEST_SESSIONS
from daytrader_ray.analytics.measure import Estimate
from daytrader_ray.analytics.paths import Band
from daytrader_ray.analytics.verdict import SELECTED
from daytrader_ray.dashboard.baselines import baselines_section
from daytrader_ray.dashboard.best import band_of, best_of, figures_of
from daytrader_ray.dashboard.ensembles import Sheet, chips, ensembles_section
from daytrader_ray.dashboard.expenses import expenses_section
from daytrader_ray.dashboard.figures import equity_figure
from daytrader_ray.dashboard.formats import depth, gain, number, share, text
from daytrader_ray.dashboard.heat import heat_section
from daytrader_ray.dashboard.importances import section as importances_section
from daytrader_ray.dashboard.luck import numbers_section, overfitting_section
from daytrader_ray.dashboard.markup import estimated, folded, section, table
from daytrader_ray.dashboard.metrics import METRICS
from daytrader_ray.dashboard.records import records
from daytrader_ray.dashboard.regime import section as regime_section
from daytrader_ray.dashboard.selection import section as features_section
from daytrader_ray.dashboard.tables import IN_PAGE, MEANINGS, Table, columns_of, tables
from daytrader_ray.dashboard.targets import targets_section
from daytrader_ray.dashboard.windows import windows_section

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"

NO_SHEETS: Mapping[int, Sheet] = {}

WARNING = (
    "Trading can lose money, and day trading loses it fast. These figures are a simulation: fills, costs and market "
    "impact are estimates, borrowing and outages are not in them, and the ensemble shown on top was chosen because it "
    "looked best. Past results, simulated ones above all, do not tell what comes next. Trade on paper first, and never "
    "with money you cannot lose."
)


@dataclass(frozen=True)
class Page:
    """A page, and every number on it as tables: columns by name."""

    text: str
    tables: dict[str, Table]


def render(result: Mapping[str, Any], notice: str = "", sheets: Mapping[int, Sheet] = NO_SHEETS) -> Page:
    """Return the page of a search's stored result; `notice` stands above everything else.

    `sheets` are the stored backtests of its ensembles by mask.
    """
    best, band, found = best_of(result), band_of(result), figures_of(result)
    held = tables(result, found, band)
    body = "\n".join(
        (
            _header(result),
            f"<section class='notice'>{escape(notice)}</section>" if notice else "",
            _verdict(result),
            numbers_section(result),
            _cards(result, best),
            baselines_section(result),
            _curves(result, best, band),
            heat_section(result),
            ensembles_section(result, best["mask"], sheets),
            expenses_section(best, result["best"]["capacity"]),
            overfitting_section(result["statistics"]),
            windows_section(result, best),
            regime_section(result["regime"], result["left_out"], best),
            features_section(result["selection"]),
            importances_section(result["importances"], result["members"]),
            targets_section(found, best["metrics"]["days"]),
            _figures(best, found),
            _tables(result, held),
            _made(result),
            f"<section class='risk'><h2>Before you trade</h2><p>{escape(WARNING)}</p></section>",
        )
    )
    title = f"daytrader_ray: {escape(result['verdict']['label'])}"
    page = (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{title}</title><style>{asset('report.css')}</style></head>"
        f"<body><main>{body}</main><script>{asset('report.js')}{asset('records.js')}</script></body></html>\n"
    )
    return Page(page, held)


def asset(name: str) -> str:
    """Return a script or a style that every page has inside."""
    return files("daytrader_ray.dashboard").joinpath(name).read_text(encoding="utf-8")


def _header(result: Mapping[str, Any]) -> str:
    span = f"{result['dates'][0]} to {result['dates'][-1]}" if result["dates"] else "no days"
    return (
        "<header><h1>daytrader_ray · walk-forward search</h1>"
        f"<span class='muted'>out of sample {escape(span)}</span></header>"
    )


def _verdict(result: Mapping[str, Any]) -> str:
    label, sentence = escape(result["verdict"]["label"]), escape(result["verdict"]["sentence"])
    return f"<section class='verdict'><span class='pill'>{label}</span><p>{sentence}</p></section>"


def _cards(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    metrics = best["metrics"]
    total = metrics["total_return"]
    tone = "up" if total > 0 else "down" if total < 0 else ""
    cards = (
        _card(chips(best["members"], result["members"]), "best ensemble", "wide"),
        _card(f"<em class='{tone}'>{gain(total)}</em>", "net return"),
        _card(text(metrics["intraday_drawdown"], depth), "deepest drawdown, bar by bar"),
        _card(str(metrics["days"]), "days out of sample"),
        _card(
            f"{result['windows_effective']:g}", f"of {result['windows_used']} windows if none overlapped in its test"
        ),
        _card(text(metrics["trades_a_day"], number), "round trips a day"),
        _card(text(metrics["cost_share"], share), "of gross profit went to costs"),
    )
    return f"<div class='cards'>{''.join(cards)}</div>"


def _card(value: str, what: str, kind: str = "") -> str:
    return f"<div class='card {kind}'><b>{value}</b><span>{escape(what)}</span></div>"


def _curves(result: Mapping[str, Any], best: Mapping[str, Any], band: Band | None) -> str:
    trials = {trial["name"]: trial for trial in result["trials"]}
    figure = equity_figure(trials, result["dates"], best["mask"], band)
    told = " The band: on other days like these 95 of 100 curves of the best one would be inside it at that day."
    return (
        "<section><h2>Equity of all ensembles</h2><p class='muted'>Net of spread, impact and fees, stitched from the "
        f"first step of each test; the baselines' are dashed.{told if band else ''} Choose a row of the table of "
        f"ensembles to see its curve.</p><div class='chart'>{figure}</div></section>"
    )


def _figures(best: Mapping[str, Any], found: Mapping[str, Estimate]) -> str:
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
        f"bootstrap), from {FEWEST_SESSIONS} sessions on; the tear sheet of mask {best['mask']}, in the table of "
        "ensembles, gives those of trades too. A dash: the data cannot give the figure.",
        table(("Figure", "Best ensemble", "What it means"), rows, "figures"),
    )


def _tables(result: Mapping[str, Any], held: Mapping[str, Table]) -> str:
    name = result["id"]
    parts = "".join(
        folded(f"{one}: {MEANINGS[one]}", records(one, f"{name}-{one}", columns_of(held[one]), "xgboost 2025-03"))
        for one in IN_PAGE
    )
    files = "".join(f"<li>{one}: {escape(meaning)}</li>" for one, meaning in MEANINGS.items() if one not in IN_PAGE)
    return section(
        "Every number",
        f"The folder {name} beside this page has all tables as Parquet: every number above stands in them, or what it "
        "is a sum or a mean of. These are here too, to search, to sort, and as CSV:",
        parts,
        f"<p class='muted'>Only in the folder:</p><ul class='muted'>{files}</ul>",
    )


def _made(result: Mapping[str, Any]) -> str:
    traded, watched = result["traded"], [s for s in result["symbols"] if s not in result["traded"]]
    sessions = result["sessions"]
    watching = f" Watched, not traded: {escape(', '.join(watched))}." if watched else ""
    labels, every = result["labels"], result["settings"]["search"]["score_every_minutes"]
    apart = f" Models score every {every} minutes; in between their signal holds." if every > 1 else ""
    return (
        f"<section><h2>How it was made</h2><p>{sessions['n']} sessions from {sessions['first']} to {sessions['last']}. "
        f"Traded: {escape(', '.join(traded))}.{watching} {labels['samples']:,} labels: {share(labels['down'])} down, "
        f"{share(labels['flat'])} flat, {share(labels['up'])} up. Each of {result['fits']} fits (a model in a window) "
        "was trained on earlier sessions only; weights, scale and threshold come from the last sessions before each "
        f"test.{apart} Orders meet the bar after the decision: limits fill where the price passes through them, "
        "market orders at the open, worse by half the spread and market impact. Every position has a resting stop and "
        "is closed before the end of the day.</p>"
        f"<p class='muted'>Result {escape(result['id'])}.</p></section>"
    )
