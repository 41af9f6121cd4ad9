"""How results are spread: over sessions and trades, over the length of a trade, over the minutes of a day."""

import math

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from scipy.stats import norm

from daytrader_ray.analytics.bootstrap import FEWEST_SESSIONS
from daytrader_ray.analytics.measure import held_minutes
from daytrader_ray.analytics.paths import average_day
from daytrader_ray.analytics.performance import daily_returns, moments, tail
from daytrader_ray.analytics.run import Run
from daytrader_ray.dashboard.figures import CHOSEN, LEGEND, LOSS, MARKET, OTHER, html_of, ticks_at
from daytrader_ray.dashboard.formats import gain, number
from daytrader_ray.dashboard.markup import below, chart, section, table, toned, written
from daytrader_ray.dashboard.tearsheet.timeline import clock

Float64 = npt.NDArray[np.float64]

TAILS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

MANY = 400
"""From more values on the ends of a histogram are drawn together."""

QUARTER, HALF_HOUR = 15, 30
"""Minutes of a bar of the average day."""


def spread_section(run: Run) -> str:
    """Return the distributions of sessions and of trades."""
    stocks = run.stocks
    trade_bps = 1e4 * stocks.pnl_usd / stocks.notional_usd
    won = stocks.pnl_usd > 0
    held = held_minutes(run, stocks)
    return section(
        "How results are spread",
        "A few sessions or trades that carry everything are a warning; so is a long tail on the left.",
        *_sessions(run),
        below("Trades", "Net result of each round trip in stocks, in bps of its value; ends are drawn together."),
        chart(_histogram(trade_bps, "trades", " bps"), 300),
        _tails(trade_bps, "bps"),
        below("Holding times", "Minutes from the first fill to the last, winners and losers."),
        chart(_holding(held, won), 280),
    )


def _sessions(run: Run) -> tuple[str, ...]:
    """Return the distribution of sessions, or nothing for a few."""
    returns = 100.0 * daily_returns(run.session_equity)
    if len(returns) < FEWEST_SESSIONS:
        return ()
    lead = "Net return of each session in per cent; the line is a bell curve of the same mean and swing."
    drawn = chart(_histogram(returns, "sessions", " %", bell=True), 300)
    return below("Sessions", lead), drawn, _tails(returns, "%"), _extremes(run)


def _histogram(values: Float64, name: str, suffix: str, bell: bool = False) -> str:
    """Return a histogram between the 0.5 % and 99.5 % quantiles; what lies beyond is in the outer bars."""
    figure = go.Figure()
    if len(values):
        low, high = np.quantile(values, (0.005, 0.995)) if len(values) > MANY else (values.min(), values.max())
        width = max(float(high - low), 1e-9)
        n_bins = int(np.clip(math.sqrt(len(values)), 8, 60))
        edges = low + width * np.arange(n_bins + 1) / n_bins
        count, _ = np.histogram(np.clip(values, low, high), edges)
        middle = 0.5 * (edges[1:] + edges[:-1])
        colors = [LOSS if x < 0 else CHOSEN for x in middle]
        figure.add_bar(
            x=np.round(middle, 4), y=count, marker={"color": colors, "line": {"width": 0}}, showlegend=False,
            hovertemplate="%{x:.3f}" + suffix + ": %{y}<extra></extra>",
        )  # fmt: skip
        if bell and values.std() > 0:
            expected = len(values) * width / n_bins * norm.pdf(middle, values.mean(), values.std())
            figure.add_scatter(
                x=np.round(middle, 4), y=np.round(expected, 3), mode="lines", line={"color": MARKET, "width": 2},
                showlegend=False, hoverinfo="skip",
            )  # fmt: skip
    figure.update_layout(bargap=0.04)
    return html_of(figure, f"spread-{name}", 300, {"ticksuffix": suffix, "nticks": 5, "showgrid": False}, "")


def _tails(values: Float64, unit: str) -> str:
    """Return skewness, kurtosis and quantiles as a table of one row."""
    if not len(values):
        return ""
    skewness, kurtosis = (float(value) for value in moments(values))
    _, shortfall = tail(values)
    ends = (f"{100 * q:g} %" for q in TAILS)
    heads = (f"In {unit}", "Worst", *ends, "Best", "Mean of worst 5 %", "Skewness", "Kurtosis")
    cells = [values.min(), *np.quantile(values, TAILS), values.max(), -float(shortfall), skewness, kurtosis]
    return table(heads, [("quantiles", *(written(float(cell), number) for cell in cells))])


def _holding(minutes: Float64, won: npt.NDArray[np.bool_]) -> str:
    longest = float(np.ceil(max(minutes.max(initial=1.0), 1.0) / 5.0) * 5.0)
    edges = np.linspace(0.0, longest, 31)
    figure = go.Figure()
    for name, mine, color in (("winners", won, CHOSEN), ("losers", ~won, OTHER)):
        count, _ = np.histogram(minutes[mine], edges)
        figure.add_bar(
            x=np.round(0.5 * (edges[1:] + edges[:-1]), 2),
            y=count,
            name=name,
            marker={"color": color, "line": {"width": 0}},
            hovertemplate="about %{x:.0f} min: %{y}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.04, legend=LEGEND)
    return html_of(figure, "holding", 280, {"ticksuffix": " min", "nticks": 5, "showgrid": False}, "")


def day_section(run: Run) -> str:
    """Return the average day: result by minute, entries by half-hour, exposure by minute."""
    return section(
        "The average day",
        "By time of New York, mean over all sessions.",
        below("Profit and loss by minute of the day", "Of the book on the mark in each quarter of an hour, with two "
        "standard errors; the line adds them up."),
        chart(_pnl(run), 320),
        below("Trades by time of day", "Entries in stocks in each half-hour of a session."),
        chart(_entries(run), 240),
        below("Exposure by minute of the day"),
        chart(_exposure(run), 260),
    )  # fmt: skip


def _pnl(run: Run) -> str:
    day = average_day(run)
    parts = _parts(run, QUARTER, len(day.pnl_usd))
    known = np.nan_to_num(day.pnl_usd)
    usd = np.array([known[part].sum() for part in parts])
    error = np.array([math.sqrt(np.nansum((0.5 * (day.high - day.low)[part]) ** 2)) for part in parts])
    times = [clock(run, part.start) for part in parts]
    figure = go.Figure()
    figure.add_bar(
        x=times, y=np.round(usd, 4), marker={"color": [LOSS if v < 0 else CHOSEN for v in usd], "line": {"width": 0}},
        error_y={"array": np.round(error, 4), "color": OTHER, "thickness": 1, "width": 2}, showlegend=False,
        hovertemplate="from %{x}: %{y:.2f} USD<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=times, y=np.round(usd.cumsum(), 4), mode="lines", line={"color": MARKET, "width": 2}, name="added up",
        showlegend=False, hovertemplate="by the end of the quarter from %{x}: %{y:.2f} USD<extra></extra>",
    )  # fmt: skip
    return html_of(figure, "minutes", 320, _hours(times), "")


def _entries(run: Run) -> str:
    day = average_day(run)
    parts = _parts(run, HALF_HOUR, len(day.entries))
    times = [clock(run, part.start) for part in parts]
    figure = go.Figure()
    figure.add_bar(
        x=times, y=[round(float(np.nansum(day.entries[part])), 4) for part in parts],
        marker={"color": CHOSEN, "line": {"width": 0}}, hovertemplate="from %{x}: %{y:.2f} entries<extra></extra>",
    )  # fmt: skip
    return html_of(figure, "entries", 240, _hours(times), "")


def _exposure(run: Run) -> str:
    day = average_day(run)
    shown = [part.start for part in _parts(run, 5, len(day.gross))]
    times = [clock(run, slot) for slot in shown]
    figure = go.Figure()
    for name, values, color in (("gross", day.gross, CHOSEN), ("net", day.net, MARKET)):
        figure.add_scatter(
            x=times, y=np.round(100.0 * values[shown], 3), mode="lines", name=name, line={"color": color, "width": 2},
            hovertemplate="%{x}: %{y:.1f} %<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_layout(legend=LEGEND)
    return html_of(figure, "day-exposure", 260, _hours(times), " %")


def _parts(run: Run, minutes: int, n_slots: int) -> list[slice]:
    """Cut the session into parts of some minutes."""
    width = max(minutes // run.manifest.bar_minutes, 1)
    return [slice(first, min(first + width, n_slots)) for first in range(0, n_slots, width)]


def _hours(times: list[str]) -> dict[str, object]:
    full = [time for time in times if time.endswith(":00")][::2] or times[:1]
    return {"type": "category"} | ticks_at(full, full)


def _extremes(run: Run, n: int = 5) -> str:
    """Return the best and the worst sessions side by side."""
    returns = daily_returns(run.session_equity)
    order = np.argsort(returns, kind="stable")
    rows = [
        (
            str(run.dates[worst]),
            toned(float(returns[worst]), gain),
            str(run.dates[best]),
            toned(float(returns[best]), gain),
        )
        for worst, best in zip(order[:n], order[::-1][:n], strict=True)
    ]
    return table(("Worst session", "Return", "Best session", "Return"), rows)
