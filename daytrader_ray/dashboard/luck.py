"""Is it luck? The five numbers under the verdict, what each means, and how the best of one half did in the other."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from daytrader_ray.analytics.assessment import P_BELOW
from daytrader_ray.analytics.verdict import DSR_ABOVE, MIN_DAYS
from daytrader_ray.dashboard.figures import CHOSEN, LOSS, html_of
from daytrader_ray.dashboard.formats import number, share, text, whole
from daytrader_ray.dashboard.markup import chart, section

HALF = 0.5
"""From this probability of overfitting on the choice of the best is worth nothing."""


def numbers_section(result: Mapping[str, Any]) -> str:
    """Return the five numbers that the verdict rests on."""
    found = result["statistics"]
    cards = (_deflated(found), _superior(result, found), _overfitted(found), _record(found), _interval(found))
    return (
        f"<div class='numbers'>{''.join(cards)}</div><p class='muted rule'>Significant only where the first is over "
        f"{DSR_ABOVE:g}, the second under {P_BELOW:g}, the mean day gains after costs, and there are {MIN_DAYS} days "
        "at least. The other three say how far to trust that.</p>"
    )


def _card(value: str, name: str, judged: str, meaning: str) -> str:
    return (
        f"<div class='card'><b>{value}</b><strong>{escape(name)}</strong>{judged}<span>{escape(meaning)}</span></div>"
    )


def _mark(good: bool | None, said: str) -> str:
    tone = "muted" if good is None else "up" if good else "down"
    return f"<em class='mark {tone}'>{escape(said)}</em>"


def _held(value: float | None, good: bool, wanted: str) -> str:
    if value is None:
        return _mark(None, f"{wanted} wanted; not known")
    return _mark(good, f"{wanted} wanted: {'met' if good else 'missed'}")


def _deflated(found: Mapping[str, Any]) -> str:
    value, others = found["dsr"], found["n_ledger"]
    ledger = f" and {others} earlier ones of the ledger" if others else ""
    meaning = (
        f"The chance that its true Sharpe ratio beats what the luckiest of {found['n_trials']} tries without skill "
        f"shows: {found['n_search']} of this search{ledger}, all on these days."
    )
    return _card(
        text(value, number),
        "deflated Sharpe ratio",
        _held(value, (value or 0.0) > DSR_ABOVE, f"over {DSR_ABOVE:g}"),
        meaning,
    )


def _superior(result: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    value = found["spa"]
    meaning = (
        f"How often the best of {result['ensembles'] - 1} ensembles would look this good if none earned more than cash "
        "(Hansen's test for superior predictive ability)."
    )
    return _card(text(value, number), "p value", _held(value, (value or 0.0) < P_BELOW, f"under {P_BELOW:g}"), meaning)


def _overfitted(found: Mapping[str, Any]) -> str:
    pbo = found["pbo"]
    value = pbo["value"]
    meaning = (
        "How often the ensemble that is best in one half of the days is below the middle in the other half. At "
        f"{HALF:.0%} choosing the best is worth nothing."
    )
    judged = _mark(None, "not known") if value is None else _evidence(pbo)
    return _card(text(value, share), "probability of overfitting", judged, meaning)


def _evidence(pbo: Mapping[str, Any]) -> str:
    if not pbo["evidence"]:
        return _mark(None, "not evidence: the best ensemble lost")
    good = pbo["value"] < HALF
    return _mark(good, f"{'under' if good else 'not under'} {HALF:.0%}")


def _record(found: Mapping[str, Any]) -> str:
    needed, days = found["track_record"], found["days"]
    meaning = (
        "How many days a Sharpe ratio like this one needs to exceed, with 95 %, what the luckiest of "
        f"{found['n_trials']} tries without skill shows."
    )
    if needed is None:
        return _card("no length", "minimum track record", _mark(False, f"{days} days known"), meaning)
    judged = _mark(days >= needed, f"{days} days known: {'enough' if days >= needed else 'not enough'}")
    return _card(f"{whole(needed)} days", "minimum track record", judged, meaning)


def _interval(found: Mapping[str, Any]) -> str:
    value, low, high = found["intervals"]["sharpe"]
    meaning = (
        "What the Sharpe ratio a year might have been on other days like these; not corrected for choosing the best."
    )
    if low is None or high is None:
        return _card(text(value, number), "Sharpe ratio a year", _mark(None, "too few days for an interval"), meaning)
    judged = _mark(low > 0, f"95 %: {number(low)} to {number(high)}")
    return _card(text(value, number), "Sharpe ratio a year", judged, meaning)


def overfitting_section(found: Mapping[str, Any]) -> str:
    """Return the histogram of the logits of CSCV, empty where there were too few days for it."""
    pbo = found["pbo"]
    counts, edges = pbo["histogram"]["counts"], pbo["histogram"]["edges"]
    if pbo["value"] is None or not counts:
        return ""
    doubt = "" if pbo["evidence"] else (
        "Not evidence: the best ensemble lost money, and differences in cost alone make a ranking last. "
    )  # fmt: skip
    lead = (
        f"{doubt}The days are cut into {pbo['blocks']} blocks; of each of the {sum(counts):,} ways to take half of "
        "them the best ensemble is looked up in the other half. Right of 0 it was in the better half there, left of 0 "
        f"(red) in the worse one: {share(pbo['value'])} of the splits (combinatorially symmetric cross-validation)."
    )
    title = "Does the best stay the best?"
    return section(title, lead, chart(_histogram(edges, counts), 280))


def _histogram(edges: Sequence[float], counts: Sequence[int]) -> str:
    bounds = np.array(edges)
    middle, width = 0.5 * (bounds[1:] + bounds[:-1]), np.diff(bounds)
    figure = go.Figure()
    figure.add_bar(
        x=np.round(middle, 4).tolist(), y=list(counts), width=width.tolist(),
        marker={"color": [LOSS if high <= 0 else CHOSEN for high in bounds[1:]], "line": {"width": 0}},
        hovertemplate="logit %{x:.2f}: %{y} splits<extra></extra>",
    )  # fmt: skip
    figure.update_layout(bargap=0.04)
    return html_of(figure, "logits", 280, {"nticks": 9, "showgrid": False}, "")
