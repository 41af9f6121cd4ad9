"""`daytrader universe`: who may be traded in a session, and why."""

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from daytrader_ray.adapters.store import ParquetStore
    from daytrader_ray.cli.profile import Profile
    from daytrader_ray.domain.panel import Panel

SPARE_SESSIONS = 10
"""Loaded beyond what the longest criterion looks back: the week's rotation is older than the session."""


def command(
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    date: Annotated[
        dt.datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="A session; default the one after the last stored bars."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Show who may be traded in a session, each with its values and the reason, and how the sectors stand.

    Everything is as it was known before that session opened.

    Example: daytrader universe --profile paper --date 2026-11-20
    """
    import orjson
    from rich.console import Console

    from daytrader_ray.adapters.store import ParquetStore
    from daytrader_ray.cli.profile import load

    loaded = load(profile, data)
    values = state_of(loaded, ParquetStore(loaded.root), date.date() if date else None)
    console = Console(stderr=json)
    console.print(stocks_table(values), sectors_table(values), _summary(values), sep="\n")
    if json:
        typer.echo(orjson.dumps(values).decode())


def state_of(profile: "Profile", store: "ParquetStore", date: dt.date | None) -> dict[str, Any]:
    """Return the universe before the session of `date` in plain values; `DataError` where nothing is known of it."""
    from daytrader_ray.adapters.market_caps import market_caps
    from daytrader_ray.universe.daily import daily_of
    from daytrader_ray.universe.eligibility import eligibility
    from daytrader_ray.universe.rotation import budgets_of, strengths

    universe = profile.universe
    panel = _panel_before(store, universe.symbols, date)
    daily = daily_of(panel, market_caps(store, panel, universe.stocks))
    verdict, strength = eligibility(universe, daily), strengths(universe, daily)
    budget = budgets_of(universe, strength, profile.kernel.max_sector)[-1]
    stocks = [_stock(profile, verdict, symbol) for symbol in universe.stocks]
    return {
        "date": daily.dates[-1].isoformat(),
        "chosen_on": universe.chosen_on.isoformat() if universe.chosen_on else None,
        "max_symbols": universe.max_symbols,
        "tradable": sum(stock["tradable"] for stock in stocks),
        "stocks": stocks,
        "sectors": [
            {
                "sector": name,
                "proxy": universe.proxies.get(name),
                "strength": _plain(strength[-1, number]),
                "budget": round(float(budget[number]), 4),
                "tradable": sum(stock["tradable"] for stock in stocks if stock["sector"] == name),
            }
            for number, name in enumerate(universe.sector_names)
        ],
        "references": {symbol: symbol in panel.symbols for symbol in universe.references},
    }


def stocks_table(values: dict[str, Any]) -> "Table":
    """Return the table of the stocks, by sector."""
    from itertools import groupby

    from rich.table import Table

    from daytrader_ray.universe.criteria import REGISTRY

    used = list(values["stocks"][0]["values"]) if values["stocks"] else []
    table = Table(box=None, pad_edge=False, title=f"before {values['date']}", title_justify="left")
    if "market_cap" in used:
        table.caption, table.caption_justify = "market cap: the vendor's value for the month end before", "left"
    table.add_column("symbol", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in used:
        table.add_column(REGISTRY[name].title, justify="right", no_wrap=True)
    table.add_column("score", justify="right")
    table.add_column("why")
    for sector, stocks in groupby(sorted(values["stocks"], key=lambda one: one["sector"]), lambda one: one["sector"]):
        table.add_row(f"[bold]{sector}[/]")
        for stock in stocks:
            shown = [REGISTRY[name].text(stock["values"][name]) for name in used]
            verdict = "[green]in[/]" if stock["tradable"] else "[dim]out[/]"
            table.add_row(f"  {stock['symbol']}", verdict, *shown, f"{stock['score']:.2f}", stock["reason"])
    return table


def sectors_table(values: dict[str, Any]) -> "Table":
    """Return the table of the sectors."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("sector", no_wrap=True)
    table.add_column("measured by", no_wrap=True)
    for name in ("strength", "budget", "stocks"):
        table.add_column(name, justify="right", no_wrap=True)
    for sector in values["sectors"]:
        strength = "-" if sector["strength"] is None else f"{sector['strength']:+.2f}"
        proxy, budget = sector["proxy"] or "its stocks", f"{sector['budget']:.1%}"
        table.add_row(sector["sector"], proxy, strength, budget, str(sector["tradable"]))
    return table


def _summary(values: dict[str, Any]) -> str:
    chosen = f"; the list was chosen on {values['chosen_on']}" if values["chosen_on"] else ""
    if chosen and values["date"] < values["chosen_on"]:
        chosen += ", after this session: it knows who was still there"
    ranked = "; scores rank nobody: max_symbols is not set" if values["max_symbols"] is None else ""
    absent = [symbol for symbol, there in values["references"].items() if not there]
    missing = f"; no bars of {', '.join(absent)}" if absent else ""
    return f"{values['tradable']} of {len(values['stocks'])} stocks may be traded{ranked}{chosen}{missing}"


def _stock(profile: "Profile", verdict: Any, symbol: str) -> dict[str, Any]:
    universe = profile.universe
    row = {"symbol": symbol, "sector": universe.sector_of(symbol), "pinned": symbol in universe.pinned}
    if symbol not in verdict.symbols:
        nothing = dict.fromkeys(verdict.values)
        return {**row, "tradable": False, "score": 0.0, "values": nothing, "reason": "no bars in the store"}
    column = verdict.symbols.index(symbol)
    return {
        **row,
        "tradable": bool(verdict.tradable[-1, column]),
        "score": round(float(verdict.score[-1, column]), 4),
        "values": {name: _plain(found[-1, column]) for name, found in verdict.values.items()},
        "reason": verdict.reason(-1, symbol),
    }


def _panel_before(store: "ParquetStore", symbols: tuple[str, ...], date: dt.date | None) -> "Panel":
    """Return the stored bars of `symbols` up to the session of `date`, back to what every criterion looks at."""
    from daytrader_ray.adapters.calendar import session_grid
    from daytrader_ray.domain.errors import DataError
    from daytrader_ray.universe.criteria import REGISTRY

    there = sorted(set(symbols) & set(store.symbols()))
    if not there:
        raise DataError(f"no bars of the universe in {store.root}", "run `daytrader download` first")
    first, last = store.span(there)
    following = session_grid(last + dt.timedelta(days=1), last + dt.timedelta(days=10)).sessions[0].date
    day = date or following
    if not session_grid(day, day).sessions:
        raise DataError(f"{day} is no trading day of the New York exchanges", "choose another --date")
    if not first < day <= following:
        raise DataError(f"nothing is known before {day}: bars from {first} to {last}", f"the last is {following}")
    needed = max(criterion.sessions for criterion in REGISTRY.values()) + SPARE_SESSIONS
    return store.panel(there, day - dt.timedelta(days=needed * 3 // 2 + SPARE_SESSIONS), day)


def _plain(value: float) -> float | None:
    return float(value) if value == value else None
