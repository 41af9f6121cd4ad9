"""Where the money came from, and what made positions as large as they were."""

from collections.abc import Sequence
from html import escape

import numpy as np

from daytrader_ray.analytics import attribution
from daytrader_ray.analytics.attribution import Part
from daytrader_ray.analytics.run import Run
from daytrader_ray.dashboard.ensembles import NAMES
from daytrader_ray.dashboard.formats import number, share, significant, usd, whole
from daytrader_ray.dashboard.markup import below, between, folded, section, table, toned, written
from daytrader_ray.domain.budget import SIZING_STEPS

SHOWN = 20
"""Symbols that are listed; with more the middle is folded."""

ROOMS = tuple(name for name in SIZING_STEPS if name.startswith("room_"))

BINDING = {
    "room_sector_usd": "the sector's limit",
    "room_gross_usd": "gross exposure",
    "room_net_usd": "net exposure",
    "room_beta_usd": "net beta",
    "room_power_usd": "buying power",
    "room_volume_shares": "the volume of a minute",
}
"""What each room is called."""

FACTORS = {
    "signal": ("|signal|", significant),
    "cap": ("cap, of equity", significant),
    "fraction": ("Kelly fraction", significant),
    "kelly": ("Kelly weight", significant),
    "regime_scale": ("regime scale", significant),
    "event_scale": ("event scale", significant),
    "wish_usd": ("wish, USD", whole),
}
"""What a wish is the product of."""


def attribution_section(run: Run) -> str:
    """Return the results cut by side, hour, regime, exit, sector, symbol and member."""
    cuts = (
        ("By side, hedges apart", attribution.by_side(run)),
        ("By hour of entry", attribution.by_hour(run)),
        ("By regime at entry", attribution.by_regime(run)),
        ("By reason of exit", attribution.by_exit(run)),
        ("By sector", attribution.by_sector(run)),
    )
    tables = "".join(f"{below(name)}{_table(parts)}" for name, parts in cuts)
    return section(
        "Where it came from",
        "Round trips added up, after their own costs. Hedges are in the first table and in that of symbols only.",
        tables,
        below("By symbol"),
        _symbols(attribution.by_symbol(run)),
        below("By model", "Each trade's result, shared by the models that spoke for it at its entry, by weight times "
              "score."),
        _members(run),
    )  # fmt: skip


def _table(parts: Sequence[Part]) -> str:
    heads = ("", "Trades", "Won", "Gross USD", "Costs USD", "Net USD", "95 % interval", "Net bps", "Minutes")
    return table(heads, (_row(part) for part in parts))


def _row(part: Part) -> tuple[str, ...]:
    return (
        escape(part.name.replace("_", " ")),
        f"{part.trades:,}",
        written(part.win_rate, share),
        written(part.gross_usd, usd),
        written(part.cost_usd, usd),
        toned(part.net_usd.value, usd),
        between(part.net_usd, whole),
        written(part.net_bps, number),
        written(part.minutes, whole),
    )


def _symbols(parts: Sequence[Part]) -> str:
    if len(parts) <= SHOWN:
        return _table(parts)
    half = SHOWN // 2
    return (
        _table([*parts[:half], *parts[-half:]])
        + f"<p class='muted'>The {half} best and the {half} worst.</p>"
        + folded(f"All {len(parts)} symbols", _table(parts))
    )


def _members(run: Run) -> str:
    parts = attribution.by_member(run)
    whole_usd = sum(parts.values())
    rows = (
        (
            escape(NAMES.get(name, name)),
            toned(amount, usd),
            written(amount / whole_usd if whole_usd > 0 else float("nan"), share),
        )
        for name, amount in parts.items()
    )
    return table(("", "Net USD", "Of the result"), rows)


def sizing_section(run: Run) -> str:
    """Return what sized entries, which limit bound how often, and which wishes were denied."""
    steps = run.decisions.steps
    if not len(steps):
        return ""
    at = {name: steps[:, k] for k, name in enumerate(SIZING_STEPS)}
    n = len(steps)
    bound = at["bound"].astype(np.int64)
    rows = [("the wish itself", *_count(int((bound < 0).sum()), n))]
    rows += [(BINDING[name], *_count(int((bound == k).sum()), n)) for k, name in enumerate(ROOMS)]
    facts = [
        (name, *(written(float(q), form) for q in np.nanquantile(np.abs(at[key]), (0.05, 0.5, 0.95))))
        for key, (name, form) in FACTORS.items()
    ]
    stocks = run.stocks
    median = float(np.median(stocks.notional_usd)) if len(stocks) else float("nan")
    return section(
        "What sized the positions",
        f"{n:,} entries sent; the median position was {written(median, whole)} USD.",
        table(("Factor", "5 %", "Median", "95 %"), facts),
        below("What bound", "The smallest limit of each entry that was sent."),
        table(("Limit", "Entries", "Share"), rows),
        _budgets(run),
        _denied(run),
    )


def _count(count: int, n: int) -> tuple[str, str]:
    return f"{count:,}", share(count / n)


def _budgets(run: Run) -> str:
    counts = run.manifest.budgets
    if not counts:
        return ""
    rows = ((escape(step.replace("_", " ")), *_count(n, sum(counts.values()))) for step, n in sorted(counts.items()))
    lead = (
        "The step of the ladder that divided the book, at each open and hour; the first that keeps all limits answers."
    )
    return below("Who divided the book", lead) + table(("Step", "Times", "Share"), rows)


def _denied(run: Run) -> str:
    if not run.manifest.denied:
        return ""
    total = sum(run.manifest.denied.values())
    told = sorted(run.manifest.denied.items(), key=lambda item: (-item[1], item[0]))
    rows = ((escape(name.replace("_", " ")), *_count(count, total)) for name, count in told)
    lead = (
        "Signals over the threshold that led to no entry, each at each close; 'size' is less than one share after "
        "every cap."
    )
    return below("Wishes denied", lead) + table(("Reason", "Times", "Share"), rows)
