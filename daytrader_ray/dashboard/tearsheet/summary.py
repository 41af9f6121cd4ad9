"""The top of the page: what the run made, how sure that is, and what was hoped for."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from daytrader_ray.analytics.measure import FEWEST_OF_A_YEAR, Estimate
from daytrader_ray.analytics.run import Run
from daytrader_ray.analytics.verdict import SELECTED, TOO_SHORT, Verdict
from daytrader_ray.dashboard.formats import depth, gain, number, share
from daytrader_ray.dashboard.markup import between, estimated, folded, section, table, toned, written
from daytrader_ray.dashboard.metrics import METRICS

Measured = Mapping[str, Estimate]


def verdict(judged: Verdict) -> str:
    """Return the one plain sentence about a run."""
    label, sentence = escape(judged.label), escape(judged.sentence)
    return f"<section class='verdict'><span class='pill'>{label}</span><p>{sentence}</p></section>"


def cards(measured: Measured, judged: Verdict) -> str:
    """Return the eight figures that are looked at first; a Sharpe ratio of a few days is struck out."""
    shown = (
        ("total_return", gain, "net return"),
        ("sharpe", number, "Sharpe ratio a year"),
        ("intraday_drawdown", depth, "deepest drawdown"),
        ("win_rate", share, "winning trades"),
        ("profit_factor", number, "profit factor"),
        ("trades_a_day", number, "round trips a day"),
        ("cost_share", share, "of gross profit went to costs"),
        ("exposure", share, "mean gross exposure"),
    )
    made = []
    for key, form, what in shown:
        said = between(measured[key], form)
        value = measured[key].value
        figure = toned(value, form) if key == "total_return" else written(value, form)
        interval = f"<small>{said}</small>" if said else ""
        doubt = " doubt" if key == "sharpe" and judged.label == TOO_SHORT and math.isfinite(value) else ""
        made.append(f"<div class='card{doubt}'><b>{figure}</b>{interval}<span>{escape(what)}</span></div>")
    return f"<div class='cards'>{''.join(made)}</div>"


def figures(runs: Sequence[Run], measured: Sequence[Measured]) -> str:
    """Return every metric with its interval and its meaning; a column for each of two runs."""
    note = f" Those of a backtest are {SELECTED}." if any(run.manifest.kind == "backtest" for run in runs) else ""
    lead = (
        "In small print the 95 % interval: what the same trading might have shown on other days like these (stationary "
        f"bootstrap of sessions).{note} A dash: the data cannot give it; fewer than {FEWEST_OF_A_YEAR} sessions say "
        "nothing of a year."
    )
    heads = ("Figure", *(run.manifest.kind.capitalize() for run in runs), "What it means")
    rows = [
        (
            escape(metric.name),
            *(estimated(one[metric.key], metric.form) for one in measured),
            f"<span class='muted'>{escape(metric.meaning)}</span>",
        )
        for metric in METRICS
    ]
    return section("All figures", lead, table(heads, rows, "figures"))


def manifest(run: Run) -> str:
    """Return where the run comes from and by which parameters it was made."""
    made = run.manifest
    lines = {
        "run": made.id,
        "kind": made.kind,
        "traded by": made.subject,
        "models": ", ".join(made.members),
        "sessions": f"{len(run.dates)}, {run.dates[0]} to {run.dates[-1]}" if len(run.dates) else "none",
        "cash at the start, USD": f"{made.cash:,.2f}",
        "bars": f"{made.bar_minutes} minute",
        "seed": str(made.seed),
        "commit": made.commit,
        "data": made.data,
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(made.versions.items())),
    }
    told = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in lines.items())
    rows = ((escape(key), f"<code>{escape(value)}</code>") for key, value in flattened(made.config))
    parameters = folded("All parameters", table(("Parameter", "Value"), rows, "words"))
    return section("How it was made", "Enough to make the same run again.", f"<dl class='wide'>{told}</dl>", parameters)


def flattened(config: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Return the leaves of a nested mapping with their dotted names.

    >>> flattened({"kernel": {"max_gross": 2.0}})
    [('kernel.max_gross', '2.0')]
    """
    leaves: list[tuple[str, str]] = []
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            leaves += flattened(value, f"{prefix}{key}.")
        else:
            leaves.append((f"{prefix}{key}", str(value)))
    return leaves
