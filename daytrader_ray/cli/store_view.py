"""The state of the store as `daytrader doctor` shows it."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from daytrader_ray.adapters.health import Finding
    from daytrader_ray.adapters.store_report import MonthReport, StoreReport, SymbolReport

WHOLE, IMPORTED, PARTLY, NOTHING = "█", "▓", "▄", "·"
LEGEND = f"{WHOLE} downloaded whole   {IMPORTED} every session has bars   {PARTLY} some have none   {NOTHING} none has"
SHOWN = 5
"""Names or days listed before the rest is only counted."""


def findings(state: "StoreReport", universe: Collection[str]) -> "list[Finding]":
    """Judge the store: what is missing, what was not accepted, what cannot be adjusted, what waits."""
    from daytrader_ray.adapters.health import Finding

    absent = sorted(set(universe) - {symbol.symbol for symbol in state.symbols})
    if not state.symbols:
        return [Finding("store", "warn", f"{state.root} has no bars", "run `daytrader download` or `daytrader import`")]
    kind = f"{state.bar_minutes}-minute bars of {len(state.symbols)} symbols, {state.first} to {state.last}"
    found = [Finding("store", "ok", f"{kind}; market: {state.market}")]
    if absent:
        todo = "run `daytrader download`, or take them out of the universe"
        found.append(Finding("store: symbols", "warn", f"none of {_some(absent)}", todo))
    gaps = [f"{symbol.symbol} {day}" for symbol in state.symbols for day in symbol.gaps]
    if gaps:
        todo = "a day before a listing or in a long halt is right; any other: `daytrader download`"
        found.append(Finding("store: gaps", "warn", f"sessions without a bar: {_some(gaps)}", todo))
    unpriced = [f"{symbol.symbol} {day}" for symbol in state.symbols for day in symbol.unpriced]
    if unpriced:
        todo = "download the session before the ex-date: without its close prices are not adjusted for it"
        found.append(Finding("store: dividends", "warn", f"not priced: {_some(unpriced)}", todo))
    if state.quarantined:
        rows = ", ".join(f"{n:,} {reason}" for reason, n in state.quarantined.items())
        todo = f"look at them in {state.root}/quarantine; for a missing split: `daytrader download`, `import --actions`"
        found.append(Finding("store: quarantine", "warn", rows, todo))
    if state.pending:
        todo = "the next `daytrader live` writes them into the store before it starts"
        found.append(Finding("store: live buffer", "warn", f"not yet stored: {_some(state.pending)}", todo))
    return found


def coverage(state: "StoreReport") -> "Table":
    """Return a table of the symbols, one mark for each month."""
    from rich.table import Table

    months = [month.month for month in state.symbols[0].months] if state.symbols else []
    caption = f"months {months[0]} to {months[-1]}: {LEGEND}" if months else LEGEND
    table = Table(box=None, pad_edge=False, caption=caption, caption_justify="left")
    table.add_column("symbol", no_wrap=True)
    table.add_column("months", no_wrap=True)
    for name in ("sessions", "minutes", "revised", "refused", "actions", "daily"):
        table.add_column(name, justify="right", no_wrap=True)
    for symbol in state.symbols:
        table.add_row(*_row(symbol))
    return table


def values(state: "StoreReport") -> dict[str, object]:
    """Return the whole report as JSON takes it."""
    from dataclasses import asdict

    def plain(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [plain(inner) for inner in value]
        if isinstance(value, float):
            return value if value == value else None
        return value if value is None or isinstance(value, str | int) else str(value)

    return {key: plain(value) for key, value in asdict(state).items()}


def _row(symbol: "SymbolReport") -> list[str]:
    months = [month for month in symbol.months if month.sessions]
    sessions = sum(month.sessions for month in months)
    present = sum(month.present for month in months)
    minutes = sum(month.minutes * month.sessions for month in months) / sessions if sessions else 0.0
    refused = sum(sum(month.quarantined.values()) for month in months)
    return [
        symbol.symbol,
        "".join(_mark(month) for month in symbol.months),
        f"{present}/{sessions}",
        f"{minutes:.1%}",
        f"{sum(month.revised for month in months):,}",
        f"{refused:,}",
        str(symbol.splits + symbol.dividends),
        str(symbol.daily),
    ]


def _mark(month: "MonthReport") -> str:
    if not month.present:
        return NOTHING
    if month.present < month.sessions:
        return PARTLY
    return WHOLE if month.complete else IMPORTED


def _some(names: Collection[str]) -> str:
    listed = list(names)
    rest = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + rest
