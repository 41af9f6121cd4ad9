"""The report's section on regimes: what was in force over the tested days, and what the last window's model says."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from daytrader_ray.dashboard.figures import points_apart, price_figure
from daytrader_ray.dashboard.formats import duration, number, share, text, usd, whole
from daytrader_ray.dashboard.markup import below, table, toned

LEFT_OUT = {
    "log_rv": "volatility of SPY (SPY has too few bars)",
    "breadth": "share of stocks above their first price",
    "mean_corr": "mean correlation of the stocks (fewer than two have enough bars)",
    "corr_qqq": "correlation of SPY with QQQ (QQQ has too few bars)",
    "corr_tlt": "correlation of SPY with TLT (TLT has too few bars)",
    "corr_gld": "correlation of SPY with GLD (GLD has too few bars)",
    "trend": "trend of SPY (SPY has too few bars)",
    "vix": "level of the VIX (I:VIX has too few bars)",
    "vix_term": "term structure of the VIX (I:VIX and I:VIX3M have too few bars together)",
}

INPUTS = {
    "log_rv": "log volatility over usual",
    "breadth": "stocks above their first price",
    "mean_corr": "mean correlation",
    "corr_qqq": "correlation with QQQ",
    "corr_tlt": "correlation with TLT",
    "corr_gld": "correlation with GLD",
    "trend": "|trend|",
    "vix": "log VIX",
    "vix_term": "VIX3M / VIX - 1",
}
"""What the model observes every five minutes, of SPY where nothing else is said."""


APART = 5
"""Minutes between the points of a stored path."""


def section(regime: Mapping[str, Any], left_out: Sequence[str], best: Mapping[str, Any]) -> str:
    """Return the section; `regime` and `left_out` are those of a search's result, `best` is its best trial."""
    missing = "".join(f"<li>{escape(LEFT_OUT.get(name, name))}</li>" for name in left_out)
    left = f"<p>The regime model had to do without:</p><ul>{missing}</ul>" if missing else ""
    now = _now(regime["now"]) if regime["now"] else _no_model()
    return f"<section><h2>Regimes</h2>{_path(regime)}{_earned(regime, best)}{left}{now}</section>"


def _path(regime: Mapping[str, Any]) -> str:
    path = regime["path"]
    told = ", ".join(f"{escape(name)} {share(part)}" for name, part in regime["shares"].items())
    words = (
        "Over the tested days, each bar knowing only the bars before it (a forward filter; nothing is smoothed "
        f"afterwards): {told}."
    )
    if all(price is None for price in path["close"]):
        return f"<p class='muted'>{words} SPY has no price here to draw.</p>"
    figure = price_figure(path["minute"], path["close"], path["state"])
    minutes = APART * points_apart(len(path["minute"]))
    return (
        f"<p class='muted'>{words} The line is SPY's close every {minutes} minutes, New York time, in the "
        f"colour of the regime in force.</p><div class='chart low'>{figure}</div>"
    )


def _earned(regime: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    """Return what the best ensemble earned in each regime, by that in force at the entry."""
    seen = [name for name, part in regime["shares"].items() if part > 0]
    rows = [(escape(name), share(regime["shares"][name]), *_result(name, best["windows"])) for name in seen]
    lead = "Round trips in stocks, net of their own costs, by the regime in force at their entry."
    heads = ("Regime", "In force", "Trades", "Net USD", "USD a trade", "Windows that gained")
    return below("What the best ensemble earned in each", lead) + table(heads, rows) if rows else ""


def _result(name: str, windows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    parts = [window["by_regime"][name] for window in windows if name in window["by_regime"]]
    trades, net = sum(part["trades"] for part in parts), sum(part["pnl_usd"] for part in parts)
    traded = [part for part in parts if part["trades"]]
    return (
        whole(trades),
        toned(net, usd),
        text(net / trades if trades else None, usd),
        f"{sum(part['pnl_usd'] > 0 for part in traded)} of {len(traded)}",
    )


def _no_model() -> str:
    return "<p>The last window's history was too short for a model: every strategy weighed the same.</p>"


def _now(now: Mapping[str, Any]) -> str:
    """Return the tables of the last window's model: what it thinks now, how states follow each other, what they are."""
    states = now["states"]
    heads = "".join(f"<th scope=col>{escape(name)}</th>" for name in states)
    chances = "".join(f"<td>{share(p)}</td>" for p in now["probabilities"])
    lasting = "".join(f"<td>{duration(minutes)}</td>" for minutes in now["minutes"])
    in_force = "".join(f"<td>{share(now['shares'].get(name, 0.0))}</td>" for name in states)
    follows = "".join(
        f"<tr><td>five minutes after {escape(name)}</td>{''.join(_shaded(p) for p in row)}</tr>"
        for name, row in zip(states, now["transition"], strict=True)
    )
    means = "".join(
        f"<tr><td>{escape(INPUTS.get(name, name))}, mean</td>{''.join(f'<td>{text(v, number)}</td>' for v in row)}</tr>"
        for name, row in now["means"].items()
    )
    return (
        f"<p class='muted'>The last window's model at {_utc(now['as_of'])}, fitted on all earlier sessions. "
        f"{_crisis(now)} A row of the table of transitions sums to 100 %.</p>"
        f"<div class='scroll'><table><thead><tr><th scope=col></th>{heads}</tr></thead><tbody>"
        f"<tr><td>probability now</td>{chances}</tr><tr><td>lasts on average</td>{lasting}</tr>"
        f"<tr><td>in force, all history</td>{in_force}</tr>{follows}{means}</tbody></table></div>"
    )


def _utc(moment: str) -> str:
    return escape(moment.replace("T", " ").replace("Z", " UTC"))


def _crisis(now: Mapping[str, Any]) -> str:
    vix = now["crisis_vix"]
    if vix > 0 and "vix" in now["left_out"]:
        return "Its third state always counts as volatile: whether it is a crisis would be the VIX's to say."
    if vix > 0:
        return f"Its third state counts as a crisis only while the VIX is above {vix:g}, else as volatile."
    return "Its third state is a crisis whatever the VIX."


def _shaded(probability: float) -> str:
    return f"<td><i class='shade' style='opacity:{0.5 * probability:.2f}'></i>{share(probability)}</td>"
