"""Tables by date: months as a heat map, years, days, and the ten worst drawdowns."""

from collections.abc import Mapping

import numpy as np

from daytrader_ray.analytics.measure import by_session
from daytrader_ray.analytics.paths import Span, spans, worst_drawdowns
from daytrader_ray.analytics.performance import daily_returns
from daytrader_ray.analytics.run import Run
from daytrader_ray.dashboard.formats import depth, gain, number, share, usd, whole
from daytrader_ray.dashboard.markup import below, estimated, folded, section, table, toned, written

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

DARKEST = 0.6
"""Opacity of the largest month."""


def calendar_section(run: Run) -> str:
    """Return months, years and days of a run."""
    return section(
        "Months, years, days",
        "Net returns. A darker cell is a larger gain (green) or loss (red).",
        _months(run),
        below("Years"),
        table(("Year", "Sessions", "Return", "Sharpe", "Volatility", "Drawdown"), (_year(s) for s in spans(run, "Y"))),
        folded(f"All sessions ({len(run.dates)})", _days(run)),
    )


def _months(run: Run) -> str:
    by_month = {
        (int(str(s.begins)[:4]), int(str(s.begins)[5:7])): s.metrics["total_return"].value for s in spans(run, "M")
    }
    largest = max((abs(value) for value in by_month.values()), default=0.0)
    years = sorted({year for year, _ in by_month})
    rows = ((str(year), *(_month(by_month, (year, m), largest) for m in range(1, 13))) for year in years)
    return table(("", *MONTHS), rows, "heat")


def _month(by_month: Mapping[tuple[int, int], float], month: tuple[int, int], largest: float) -> str:
    if month not in by_month:
        return ""
    value = by_month[month]
    tone = "shade bad" if value < 0 else "shade"
    opacity = DARKEST * abs(value) / largest if largest else 0.0
    return f"<i class='{tone}' style='opacity:{opacity:.2f}'></i>{written(100.0 * value, number)}"


def _year(span: Span) -> tuple[str, ...]:
    shown = (("total_return", gain), ("sharpe", number), ("volatility", share), ("max_drawdown", depth))
    return (str(span.begins)[:4], str(span.sessions), *(estimated(span.metrics[key], form) for key, form in shown))


def _days(run: Run) -> str:
    sessions, returns, market = by_session(run), daily_returns(run.session_equity), daily_returns(run.spy)
    heads = ("Session", "Return", "SPY", "Net USD", "Equity", "Trades", "Won", "Costs USD", "Exposure", "Deepest fall")
    rows = (
        (
            str(run.dates[k]),
            toned(float(returns[k]), gain),
            written(float(market[k]), gain),
            written(float(sessions.sums.net_usd[k]), usd),
            written(float(run.session_equity[k + 1]), whole),
            written(float(sessions.sums.trades[k]), whole),
            written(float(sessions.sums.wins[k]), whole),
            written(float(sessions.sums.cost_usd[k]), usd),
            written(float(sessions.sums.held[k]), share),
            written(float(sessions.fall[k]), depth),
        )
        for k in range(len(run.dates) - 1, -1, -1)
    )
    return table(heads, rows)


def drawdown_section(run: Run) -> str:
    """Return the ten worst drawdowns at session closes."""
    days = ["start", *run.dates.astype(str).tolist()]
    rows = []
    for fall in worst_drawdowns(run.session_equity):
        over = fall.recovery >= 0
        last = fall.recovery if over else len(run.dates)
        rows.append(
            (
                written(fall.depth, depth),
                days[fall.peak],
                days[fall.trough],
                days[fall.recovery] if over else "not yet",
                str(last - fall.peak),
                written(float(run.session_equity[fall.peak] - run.session_equity[fall.trough]), whole),
            )
        )
    heads = ("Depth", "Peak", "Lowest", "New peak", "Sessions", "USD")
    lead = "At session closes. How deep it went, and how long one had to wait for a new peak."
    if not np.any(np.diff(run.session_equity) < 0):
        return section("The worst drawdowns", "No session ended below an earlier one.")
    return section("The ten worst drawdowns", lead, table(heads, rows))
