"""The report's section on size: what trades of like signals made on validation, and what Kelly would have bet."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from daytrader_ray.dashboard.formats import number, share, signed_share, significant, text, whole
from daytrader_ray.dashboard.markup import folded, section, table

BPS = 1e4


def kelly_section(windows: Sequence[Mapping[str, Any]]) -> str:
    """Return the section for the windows of the best ensemble, or nothing where none was sized by Kelly."""
    told = [(window["index"] + 1, window["kelly"]) for window in windows if window.get("kelly")]
    if not told:
        return ""
    bets = [bet for _, kelly in told if (bet := kelly["true_kelly"][-1]) is not None]
    idle = sum(not any(kelly["weight"]) for _, kelly in told)
    heads = ("Window", "|Signal| from", "Trades", "Won", "Mean win, bps", "Mean loss, bps", "Weight", "True Kelly")
    rows = [row for window, kelly in told for row in _rows(window, kelly)]
    largest = (
        f" True Kelly of the strongest signals: {signed_share(median(bets))} of equity a bet (median)." if bets else ""
    )
    none = (
        f" In {idle} of {len(told)} windows the strongest signals had no edge, so nothing was entered." if idle else ""
    )
    return section(
        "What validation says to bet",
        "Trades that the kernel made on validation B, by strength of signal. Weight: the share of a full position that "
        "signals of a bucket are entered with. True Kelly: the fraction of equity that would make capital grow fastest "
        f"if the next trades were like these, held side by side and as correlated.{largest}{none}",
        folded("All windows", table(heads, rows)),
    )


def _rows(window: int, kelly: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each bucket of a window."""
    columns = (kelly[key] for key in ("edges", "trades", "win_rate", "win", "loss", "weight", "true_kelly"))
    return [
        (
            str(window),
            text(edge, significant),
            text(trades, whole),
            text(won, share),
            text(BPS * win, number),
            text(BPS * loss, number),
            text(weight, number),
            text(bet, signed_share),
        )
        for edge, trades, won, win, loss, weight, bet in zip(*columns, strict=True)
    ]
