"""Is it luck? The five numbers under the verdict, what each means, and how the best of one half did in the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from daytrader_ray.analytics.assessment import P_BELOW
from daytrader_ray.analytics.verdict import DSR_ABOVE, MIN_DAYS, TOO_SHORT, probability
from daytrader_ray.dashboard.figures import CHOSEN, LOSS, html_of
from daytrader_ray.dashboard.formats import DASH, number, share, text
from daytrader_ray.dashboard.markup import chart, section


@dataclass(frozen=True)
class _Number:
    """A figure as it is written, what it is called, whether it is good and in which words, and what it means.

    `good` None: it is not known, or says nothing.
    """

    value: str
    name: str
    good: bool | None
    said: str
    meaning: str

    def card(self, too_short: bool) -> str:
        """Return it as a card; of too few days it is struck out."""
        doubt = too_short and self.good is not None
        tone = "muted" if doubt or self.good is None else "up" if self.good else "down"
        said = f"means nothing below {MIN_DAYS} days" if doubt else self.said
        return (
            f"<div class='card{' doubt' if doubt else ''}'><b>{escape(self.value)}</b><strong>{self.name}</strong>"
            f"<em class='mark {tone}'>{escape(said)}</em><span>{escape(self.meaning)}</span></div>"
        )


def numbers_section(result: Mapping[str, Any]) -> str:
    """Return the five numbers that the verdict rests on."""
    found, too_short = result["statistics"], result["verdict"]["label"] == TOO_SHORT
    numbers = (_deflated(found), _superior(found), _overfitted(found["pbo"]), _record(found), _interval(found))
    return (
        f"<div class='numbers'>{''.join(one.card(too_short) for one in numbers)}</div>"
        f"<p class='muted rule'>Significant only where the first is over {DSR_ABOVE:g}, the second under {P_BELOW:g}, "
        f"the mean day gains after costs, and there are {MIN_DAYS} days at least. The other three say how far to trust "
        "that.</p>"
    )


def _deflated(found: Mapping[str, Any]) -> _Number:
    value, earlier = found["dsr"], found["n_ledger"]
    ledger = f" and {earlier} earlier ones of the ledger" if earlier else ""
    looks = f" They were looked at {found['looks']} times: that is not counted." if found["looks"] > 1 else ""
    meaning = (
        f"How surely its Sharpe ratio exceeds what the luckiest of {found['n_trials']} tries without skill shows: all "
        f"different curves of this search{ledger} on these days.{looks} A one-sided test that takes errors as normal: "
        f"weak where few days trade (here {found['traded_days']} of {found['days']} did)."
    )
    met = value is not None and value > DSR_ABOVE
    return _wanted(value, DSR_ABOVE, "deflated Sharpe ratio", met, f"over {DSR_ABOVE:g}", meaning)


def _superior(found: Mapping[str, Any]) -> _Number:
    value = found["spa"]
    meaning = (
        f"How often the best of {found['n_search']} ensembles would look this good if none earned more than cash "
        "(Hansen's test for superior predictive ability)."
    )
    met = value is not None and value < P_BELOW
    return _wanted(value, P_BELOW, "p value", met, f"under {P_BELOW:g}", meaning)


def _wanted(value: float | None, threshold: float, name: str, met: bool, wanted: str, meaning: str) -> _Number:
    if value is None:
        return _Number(DASH, name, None, f"{wanted} wanted; not known", meaning)
    return _Number(probability(value, threshold), name, met, f"{wanted} wanted: {'met' if met else 'missed'}", meaning)


def _overfitted(pbo: Mapping[str, Any]) -> _Number:
    value, name = pbo["value"], "probability of overfitting"
    meaning = (
        "How often the ensemble that is best in one half of the days is below the middle in the other half: near 0 %, "
        "what is best stays good; at 50 % choosing the best is worth nothing. No threshold: it decides nothing."
    )
    if value is None:
        return _Number(DASH, name, None, "not known", meaning)
    if not pbo["evidence"]:
        return _Number(share(value), name, None, "not evidence: the best ensemble lost", meaning)
    return _Number(share(value), name, None, "of the splits", meaning)


def _record(found: Mapping[str, Any]) -> _Number:
    needed, days, name = found["track_record"], found["days"], "minimum track record"
    meaning = (
        "How many days a Sharpe ratio like this one needs to exceed, with 95 %, what the luckiest of "
        f"{found['n_trials']} tries without skill shows."
    )
    if needed is None:
        return _Number("no length", name, False, f"{days} days known: not enough", meaning)
    enough = days >= needed
    said = f"{days} days known: {'enough' if enough else 'not enough'}"
    return _Number(f"{needed:,.0f} days", name, enough, said, meaning)


def _interval(found: Mapping[str, Any]) -> _Number:
    value, low, high = found["intervals"]["sharpe"]
    meaning = (
        "What the Sharpe ratio a year might have been on other days like these; not corrected for choosing the best."
    )
    if low is None or high is None:
        return _Number(text(value, number), "Sharpe ratio a year", None, "too few days for an interval", meaning)
    said = f"95 %: {number(low)} to {number(high)}"
    return _Number(number(value), "Sharpe ratio a year", low > 0, said, meaning)


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
