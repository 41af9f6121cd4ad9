"""Charts over time: equity against SPY with drawdown and regime, rolling figures, exposure, turnover."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from daytrader_ray.analytics.measure import added, number_of
from daytrader_ray.analytics.paths import rolling, sector_exposure, volatility_matched
from daytrader_ray.analytics.run import Run
from daytrader_ray.dashboard.figures import (
    CHOSEN,
    LEGEND,
    LOSS,
    MARKET,
    OTHER,
    PALETTE,
    REGIMES,
    SECOND,
    html_of,
    ticks_at,
)
from daytrader_ray.dashboard.markup import below, chart, section
from daytrader_ray.dashboard.tearsheet.timeline import N_TICKS, Timeline, short, timeline
from daytrader_ray.domain.regime import Regime

Float64 = npt.NDArray[np.float64]


def equity_section(runs: Sequence[Run]) -> str:
    """Return the curves of the runs against SPY, with the drawdown and the regime of the first below."""
    times = timeline(runs[0])
    figure = make_subplots(rows=3, shared_xaxes=True, vertical_spacing=0.03, row_heights=[0.66, 0.28, 0.06])
    for run, color, dash in zip(runs, (CHOSEN, SECOND), ("solid", "dash"), strict=False):
        _line(figure, times, _growth(run, times.labels), run.manifest.kind, color, 2.5, dash)
    _line(figure, times, _at_closes(runs[0].spy, times), "SPY", MARKET, 1.5)
    matched = _at_closes(volatility_matched(runs[0]), times)
    _line(figure, times, matched, "SPY at this volatility", OTHER, 1.5, "dot")
    growth = _growth(runs[0], times.labels)
    fall = 100.0 * (growth / np.maximum.accumulate(growth) - 1.0)
    figure.add_scatter(
        x=np.arange(len(fall)), y=np.round(fall, 4), fill="tozeroy", mode="lines", line={"color": LOSS, "width": 1},
        showlegend=False, text=times.labels, hovertemplate="%{text}: %{y:.2f} %<extra>drawdown</extra>", row=2, col=1,
    )  # fmt: skip
    _ribbon(figure, runs[0], times)
    figure.update_layout(legend=LEGEND, updatemenus=[_scales()])
    page = html_of(figure, "equity", 560, ticks_at(times.places, times.names), "")
    said = ", ".join(f"<i class='swatch' style='background:{color}'></i> {name}" for name, color in REGIMES.values())
    return section(
        "Equity",
        "Growth of 100 after all costs. SPY is bought and held; the dotted line is SPY at the volatility of this run, "
        "which was known only afterwards: a fair comparison, but nothing that could have been bought. Below: the fall "
        "from the last peak, in per cent, and the regime in force.",
        chart(page, 560),
        f"<p class='muted'>Regimes: {said}.</p>",
    )


def _growth(run: Run, labels: Sequence[str]) -> Float64:
    """Return growth of 100 at the points `labels` of a timeline, NaN where the run has none."""
    own = timeline(run)
    marked = np.concatenate([run.session_equity[:1], run.curve.equity[own.bars]])
    at = dict(zip(own.labels, (100.0 * marked / run.session_equity[0]).tolist(), strict=True))
    return np.round([at.get(label, np.nan) for label in labels], 5)


def _at_closes(values: Float64, times: Timeline) -> Float64:
    """Return session closes `[session + 1]` at their points, growth of 100 since the first one known."""
    drawn = np.full(len(times.labels), np.nan)
    drawn[0], drawn[times.closes + 1] = values[0], values[1:]
    known = values[np.isfinite(values)]
    return np.round(100.0 * drawn / known[0], 5) if len(known) else drawn


def _line(
    figure: go.Figure, times: Timeline, y: Float64, name: str, color: str, width: float, dash: str = "solid"
) -> None:
    known = np.isfinite(y)
    if known.sum() < 2:
        return
    figure.add_scatter(
        x=np.arange(len(y))[known], y=y[known], name=name, mode="lines",
        line={"color": color, "width": width, "dash": dash}, text=[times.labels[k] for k in np.flatnonzero(known)],
        hovertemplate="%{text}: %{y:.3f}<extra>%{fullData.name}</extra>", row=1, col=1,
    )  # fmt: skip


def _scales() -> dict[str, object]:
    buttons = [
        {"label": label, "method": "relayout", "args": [{"yaxis.type": kind}]}
        for label, kind in (("linear", "linear"), ("log", "log"))
    ]
    return {
        "type": "buttons", "direction": "right", "buttons": buttons, "x": 1, "xanchor": "right", "y": 1.0,
        "yanchor": "bottom", "pad": {"b": 2}, "showactive": True, "bgcolor": "rgba(128,140,155,0.15)",
        "bordercolor": "rgba(128,140,155,0.4)", "font": {"size": 12},
    }  # fmt: skip


def _ribbon(figure: go.Figure, run: Run, times: Timeline) -> None:
    """Draw the regime in force as a ribbon; of a long run the one that was so most of the session."""
    states = list(Regime)
    codes = np.array([states.index(Regime(code)) for code in run.curve.regime])
    if len(times.bars) == len(run.dates):
        session = number_of(run, run.curve.session)
        count = np.stack([added(session, codes == k, len(run.dates)) for k in range(len(states))])
        drawn = count.argmax(axis=0)
    else:
        drawn = codes[times.bars]
    colors = [[edge, REGIMES[state][1]] for k, state in enumerate(states) for edge in (k / 4, (k + 1) / 4)]
    names = [[REGIMES[states[k]][0] for k in drawn]]
    figure.add_heatmap(
        z=[drawn], x=np.arange(1, len(drawn) + 1), zmin=-0.5, zmax=3.5, colorscale=colors, showscale=False, text=names,
        customdata=[times.labels[1:]], hovertemplate="%{customdata}: %{text}<extra>regime</extra>", row=3, col=1,
    )  # fmt: skip
    figure.update_yaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False, row=3, col=1)


def rolling_section(run: Run) -> str:
    """Return Sharpe ratio, volatility and beta of the last sessions, or nothing for a short run."""
    found = rolling(run)
    if found is None:
        return ""
    figure = make_subplots(rows=3, shared_xaxes=True, vertical_spacing=0.05)
    dates = run.dates[found.first :].astype(str).tolist()
    for row, (name, values) in enumerate(
        (("Sharpe ratio", found.sharpe), ("volatility, %", 100 * found.volatility), ("beta to SPY", found.beta)), 1
    ):
        figure.add_scatter(
            x=dates, y=np.round(values, 4), mode="lines", line={"color": PALETTE[row - 1], "width": 2}, name=name,
            hovertemplate="%{x}: %{y:.2f}<extra>%{fullData.name}</extra>", row=row, col=1,
        )  # fmt: skip
    figure.update_layout(legend=LEGEND)
    return section(
        f"The last {found.window} sessions, day by day",
        "A good run is good in most stretches; one lucky stretch shows here as a hill.",
        chart(html_of(figure, "rolling", 420, {"showgrid": False, "nticks": 4, "tickformat": "%b %y"}, ""), 420),
    )


def exposure_section(run: Run) -> str:
    """Return gross and net exposure, that of sectors, and turnover."""
    times = timeline(run)
    figure = go.Figure()
    shown = (
        ("gross", run.curve.gross_usd, CHOSEN),
        ("net", run.curve.net_usd, SECOND),
        ("net beta, hedges included", run.curve.beta_usd, OTHER),
        ("hedges", run.curve.hedge_usd, MARKET),
    )
    for name, usd, color in shown:
        if not usd.any() or (color == OTHER and np.array_equal(usd, run.curve.net_usd)):
            continue
        figure.add_scatter(
            x=np.arange(1, len(times.bars) + 1), y=_exposed(run, usd, times), name=name, mode="lines",
            line={"color": color, "width": 2}, text=times.labels[1:],
            hovertemplate="%{text}: %{y:.1f} %<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_layout(legend=LEGEND)
    page = html_of(figure, "exposure", 300, ticks_at(times.places, times.names), " %")
    by_day = "mean of each session" if len(times.bars) == len(run.dates) else "bar by bar"
    return section(
        "Exposure",
        f"Positions over equity, {by_day}: gross adds longs and shorts, net takes shorts from longs.",
        chart(page, 300),
        below("By sector", "Mean gross position in stocks over equity, session by session, at the values of entry."),
        chart(_sectors(run), 300),
        below("Turnover", "Value traded in a session over equity, both sides; every turn pays the costs."),
        chart(_turnover(run), 260),
    )


def _exposed(run: Run, usd: Float64, times: Timeline) -> Float64:
    part = 100.0 * usd / run.curve.equity
    if len(times.bars) != len(run.dates):
        return np.round(part[times.bars], 2)
    session, n = number_of(run, run.curve.session), len(run.dates)
    return np.round(added(session, part, n) / np.maximum(np.bincount(session, minlength=n), 1), 2)


def _sectors(run: Run) -> str:
    figure = go.Figure()
    dates = run.dates.astype(str).tolist()
    for k, (name, values) in enumerate(sector_exposure(run).items()):
        figure.add_bar(
            x=dates, y=np.round(100.0 * values, 3), name=name,
            marker={"color": PALETTE[k % len(PALETTE)], "line": {"width": 0}},
            hovertemplate="%{x}: %{y:.1f} %<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.0 if len(dates) > 60 else 0.15, legend=LEGEND)
    return html_of(figure, "sectors", 300, _sessions_axis(run), " %")


def _turnover(run: Run) -> str:
    n = len(run.dates)
    traded = added(number_of(run, run.fills.session), run.fills.qty * run.fills.price, n) / run.session_equity[:-1]
    dates = run.dates.astype(str).tolist()
    figure = go.Figure()
    figure.add_bar(
        x=dates,
        y=np.round(traded, 4),
        marker={"color": CHOSEN, "line": {"width": 0}},
        hovertemplate="%{x}: %{y:.2f} x equity<extra></extra>",
    )
    figure.update_layout(bargap=0.0 if n > 60 else 0.15)
    return html_of(figure, "turnover", 260, _sessions_axis(run), "")


def _sessions_axis(run: Run) -> dict[str, object]:
    """Return an axis of sessions, without nights and weekends."""
    shown = run.dates[:: -(-len(run.dates) // N_TICKS)]
    return {"type": "category"} | ticks_at(shown.astype(str).tolist(), [short(day, run) for day in shown])
