"""The section that compares the best ensemble with what anybody can have."""

from collections.abc import Mapping
from html import escape
from typing import Any

from daytrader_ray.analytics.assessment import P_BELOW, p_shared_by
from daytrader_ray.analytics.verdict import probability
from daytrader_ray.dashboard.formats import DASH, MINUS, gain, number, text, whole
from daytrader_ray.dashboard.markup import section, table

WORDS = {
    "cash": "cash at 0 %: no trade at all",
    "SPY": "SPY, bought and held",
    "equal": "all models, weighed equally",
    "logistic": "logistic regression",
    "boosting": "gradient boosting, default options",
}
"""What each baseline is."""

HEADS = ("Against", "Sharpe", "Return", "Trades", "Best less it, bps a day", "p value")


def baselines_section(result: Mapping[str, Any]) -> str:
    """Return the table of baselines and the sentence that compares them with the best ensemble."""
    found = result["baselines"]
    below = p_shared_by(sum(row["trades"] is not None for row in found["rows"]))
    return section(
        "Against what anybody can have",
        "",
        f"<p>{escape(found['sentence'])}</p>"
        "<p class='muted'>All on the same days, net of the same costs; SPY is held overnight too, all others are flat "
        "at every close, and cash earns 0 %. Best less it: mean difference of daily returns with one standard error. "
        "p value: the larger of two, how often the best of all ensembles, and how often this one tested alone, would "
        f"be this far ahead if none were truly better. Under {below:.4g}, {P_BELOW} "
        "shared by the rows, is more than luck where the verdict is significant.</p>",
        table(HEADS, (_row(row, below) for row in found["rows"]), "names"),
    )


def _row(row: Mapping[str, Any], below: float) -> tuple[str, ...]:
    return (
        escape(WORDS.get(row["name"], row["name"]) + (": no price" if row["trades"] is None else "")),
        text(row["sharpe"], number),
        text(row["total_return"], gain),
        text(row["trades"], whole),
        _gap(row["gap_bps"], row["error_bps"]),
        text(row["p"], lambda p: probability(p, below)),
    )


def _gap(gap: float | None, error: float | None) -> str:
    if gap is None:
        return DASH
    swing = "" if error is None else f" ± {error:.1f}"
    return escape(f"{round(gap, 1) + 0.0:+.1f}{swing}".replace("-", MINUS))
