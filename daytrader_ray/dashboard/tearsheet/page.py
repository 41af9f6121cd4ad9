"""A run as one self-contained HTML page; with a second run of the same sessions, their figures side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

import numpy as np

from daytrader_ray.analytics.measure import measure
from daytrader_ray.analytics.run import Run
from daytrader_ray.analytics.verdict import Verdict, run_verdict
from daytrader_ray.dashboard.report import POLICY, WARNING, asset
from daytrader_ray.dashboard.targets import targets_section
from daytrader_ray.dashboard.tearsheet import summary
from daytrader_ray.dashboard.tearsheet.bars import DayBars, bars_section
from daytrader_ray.dashboard.tearsheet.calendar import calendar_section, drawdown_section
from daytrader_ray.dashboard.tearsheet.costs import cost_section, decay_section
from daytrader_ray.dashboard.tearsheet.curves import equity_section, exposure_section, rolling_section
from daytrader_ray.dashboard.tearsheet.records import records_section
from daytrader_ray.dashboard.tearsheet.sources import attribution_section, sizing_section
from daytrader_ray.dashboard.tearsheet.spread import day_section, spread_section
from daytrader_ray.domain.budget import SIZING_STEPS
from daytrader_ray.domain.errors import DataError


@dataclass(frozen=True)
class Page:
    """A page and what it says first."""

    text: str
    verdict: Verdict


def render(runs: Sequence[Run], bars: Sequence[DayBars] = ()) -> Page:
    """Return the page of one run, or of two of the same sessions: figures of both, charts of the first.

    The notices of the runs stand above everything else.

    `DataError` where the sessions differ, or there are none.
    """
    run = runs[0]
    _check(runs)
    measured = [measure(one) for one in runs]
    judged = run_verdict(len(run.dates), measured[0]["total_return"], run.manifest.kind == "backtest")
    body = "\n".join(
        (
            _header(runs),
            *(f"<section class='notice'>{escape(told)}</section>" for told in _notices(runs)),
            summary.verdict(judged),
            summary.cards(measured[0], judged),
            equity_section(runs),
            targets_section(measured[0], len(run.dates)),
            summary.figures(runs, measured),
            calendar_section(run),
            drawdown_section(run),
            rolling_section(run),
            spread_section(run),
            day_section(run),
            exposure_section(run),
            cost_section(run),
            "" if run.decay is None else decay_section(run.decay, _threshold(run)),
            attribution_section(run),
            sizing_section(run),
            bars_section(run, bars),
            records_section(run),
            *(summary.manifest(one) for one in runs),
            f"<section class='risk'><h2>Before you trade</h2><p>{escape(WARNING)}</p></section>",
        )
    )
    text = (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>daytrader_ray: {escape(run.manifest.kind)} {escape(run.manifest.id)}</title>"
        f"<style>{asset('report.css')}{_asset('tearsheet.css')}</style></head>"
        f"<body><main>{body}</main><script>{asset('report.js')}{asset('records.js')}{_asset('tearsheet.js')}</script>"
        "</body></html>\n"
    )
    return Page(text, judged)


def _threshold(run: Run) -> float:
    """Return the median threshold of the entries, 0 without one."""
    known = run.decisions.steps[:, SIZING_STEPS.index("threshold")]
    return float(np.median(known)) if len(known) else 0.0


def _check(runs: Sequence[Run]) -> None:
    first = runs[0]
    if not len(first.dates):
        raise DataError(f"run {first.manifest.id} has no sessions", "there is nothing to report")
    for other in runs[1:]:
        if not np.array_equal(first.dates, other.dates):
            told = [
                f"{one.manifest.id} has {len(one.dates)}, {one.dates[0]} to {one.dates[-1]}" for one in (first, other)
            ]
            raise DataError(f"two runs of other sessions: {'; '.join(told)}", "backtest the sessions of the live run")


def _notices(runs: Sequence[Run]) -> list[str]:
    """Return what must be known before any figure, each once."""
    return list(dict.fromkeys(notice for run in runs for notice in run.manifest.notices))


def _header(runs: Sequence[Run]) -> str:
    run = runs[0]
    kinds = " | ".join(one.manifest.kind for one in runs)
    return (
        f"<header><h1>daytrader_ray · {escape(kinds)} of {escape(run.manifest.subject)}</h1>"
        f"<span class='muted'>{run.dates[0]} to {run.dates[-1]}</span></header>"
    )


def _asset(name: str) -> str:
    return files("daytrader_ray.dashboard.tearsheet").joinpath(name).read_text(encoding="utf-8")
