"""The report's section on size: what the trades on validation say of betting, and what bound the entries."""

from collections.abc import Mapping
from html import escape
from typing import Any

from daytrader_ray.dashboard.formats import number, share, text, whole

ROOMS = {
    "wish": "nothing",
    "room_sector_usd": "sector",
    "room_gross_usd": "gross",
    "room_net_usd": "net",
    "room_beta_usd": "beta",
    "room_power_usd": "buying power",
    "room_volume_shares": "volume",
}
"""What binds an entry, and how it is called here."""


def section(best: Mapping[str, Any]) -> str:
    """Return the section on the best ensemble; empty where the windows tell nothing of size."""
    windows = [window for window in best["windows"] if window["kelly"] is not None]
    if not windows:
        return ""
    heads = ("Window", "Fraction", "Weight by |signal|", "Won of the strongest", "True Kelly", "Median entry, USD")
    rows = "".join(_row(window) for window in windows)
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in heads)
    return (
        "<section><h2>How much was bet</h2><p class='muted'>Each window sizes by its own trades on validation, in "
        "buckets of |signal|: an entry is weighed by its bucket's edge over that of the strongest, times a fraction of "
        "Kelly (0.5: nothing taken off). Beside it the true Kelly fraction of equity for bets like the strongest, as "
        "many at once as there were and as correlated: where it is below what the caps allow, they are too wide.</p>"
        f"<div class='scroll'><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"<p class='muted'>{_bound(windows)}</p></section>"
    )


def _row(window: Mapping[str, Any]) -> str:
    kelly, caps = window["kelly"], window["caps"]
    weights = ", ".join(
        f"{number(weight)} from {number(edge)}" for edge, weight in zip(kelly["edges"], kelly["weight"], strict=True)
    )
    cells = (
        str(window["index"] + 1),
        number(kelly["fraction"]),
        weights,
        f"{share(kelly['win_rate'][-1])} of {kelly['trades'][-1]}",
        text(kelly["true_kelly"][-1], number),
        text(caps["median_usd"], whole),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _bound(windows: list[Mapping[str, Any]]) -> str:
    """Say how often each limit bound an entry of the tests, and how many wishes were for less than a share."""
    counts = {name: sum(window["caps"]["bound"].get(key, 0) for window in windows) for key, name in ROOMS.items()}
    total, nothing = sum(counts.values()), sum(window["caps"]["zero_shares"] for window in windows)
    said = ", ".join(f"{name} {share(n / total)}" for name, n in counts.items() if n) if total else "there were none"
    return f"What bound the entries of the tests: {said}. Wishes for less than a share: {nothing:,}."
