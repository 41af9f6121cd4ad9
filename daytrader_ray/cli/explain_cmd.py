"""`daytrader explain`: why an order was sent, and what came of it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

AMOUNTS = ("_usd", "_shares")
"""Ends of the steps that are no fractions."""

FEATURE_WIDTH = 45
"""Characters of a feature and its value: as many stand side by side as there is room for."""


def command(
    order: Annotated[str, typer.Argument(help="Client order id, such as bt-20251202-007-AAPL-entry.")],
    run: Annotated[str | None, typer.Option(help="Id of a run; default the one stored last.")] = None,
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Show what an order of a stored run knew, how it was sized, what bound it, and what it earned.

    The ids of orders are in the tables of `daytrader report` and in orders.parquet of the run.

    Example: daytrader explain bt-20251202-007-AAPL-entry
    """
    import orjson
    from rich.console import Console

    from daytrader_ray.adapters.explain import explain
    from daytrader_ray.cli.roots import data_root

    told = explain(data_root(data), order, run)
    show(Console(stderr=True, highlight=False), told)
    if json:
        typer.echo(orjson.dumps(told).decode())


def show(console: "Console", told: Mapping[str, Any]) -> None:
    """Print what is known of an order, a block for each part."""
    order, bar = told["order"], told["bar"]
    price = "at market" if order["price"] is None else f"at {order['price']:,.4f}"
    side = "buy" if order["side"] > 0 else "sell"
    console.print(f"[bold]{order['client_order_id']}[/]  ({told['subject']}, {told['run']})", soft_wrap=True)
    _rows(
        console,
        "order",
        {
            "decided": f"{order['session']} at the close of the bar of {order['time']}",
            "order": f"{order['kind']}: {side} {order['qty']:,} {order['symbol']} {price}",
            "reason": order["reason"],
            "bar": "no trade" if bar is None else ", ".join(f"{name} {_number(value)}" for name, value in bar.items()),
        },
    )
    if told["decision"] is not None:
        _decision(console, told["decision"], order["client_order_id"])
    fills = [_fill(fill) for fill in told["fills"]] or ["none"]
    _rows(console, "fills", {str(k + 1): fill for k, fill in enumerate(fills)})
    if told["trade"] is not None:
        _rows(console, "trade", _trade(told["trade"]))
    _features(console, told["features"], told["features_of"])


def _decision(console: "Console", decision: Mapping[str, Any], order_id: str) -> None:
    from rich.table import Table

    whose = "" if decision["entry"] == order_id else f" of its entry, {decision['entry']}"
    table = Table(title=f"decision{whose}: regime {decision['regime']}", title_justify="left")
    for name in ("member", "score", "weight", "share"):
        table.add_column(name, justify="left" if name == "member" else "right")
    for member in decision["members"]:
        score, weight = member["score"], member["weight"]
        share = None if score is None or weight is None else score * weight
        table.add_row(member["name"], *(_number(value, 5) for value in (score, weight, share)))
    console.print(table)
    bound = decision["bound"]
    steps = decision["steps"].items()
    said = {name.replace("_", " "): _number(value, 2 if name.endswith(AMOUNTS) else 4) for name, value in steps}
    _rows(
        console, "size", said | {"bound by": "nothing: the wish itself" if bound is None else bound.replace("_", " ")}
    )


def _fill(fill: Mapping[str, Any]) -> str:
    where = {"A": "at the open", "B": "inside"}[fill["phase"]]
    costs = ", ".join(f"{name} {_number(fill[f'{name}_usd'])}" for name in ("spread", "impact", "fee"))
    return (
        f"{fill['qty']:,} at {fill['price']:,.4f} {where} of the bar of {fill['time']} "
        f"(without costs {_number(fill['base_price'], 4)}; USD: {costs})"
    )


def _trade(trade: Mapping[str, Any]) -> dict[str, str]:
    held = "carried through a halt" if "minutes" not in trade else f"{trade['minutes']} minutes"
    costs = ", ".join(f"{name} {_number(trade[f'{name}_usd'])}" for name in ("spread", "impact", "fees"))
    return {
        "position": f"{'long' if trade['side'] > 0 else 'short'} {trade['qty']:,} {trade['symbol']}, {held}",
        "prices": f"{trade['entry_price']:,.4f} to {trade['exit_price']:,.4f}, sold for {trade['exit_reason']}",
        "costs, USD": costs,
        "net, USD": f"{trade['pnl_usd']:+,.2f} ({trade['gross_usd']:+,.2f} before costs)",
    }


def _features(console: "Console", features: Mapping[str, float | None], whose: str | None) -> None:
    from rich.table import Table

    if not features:
        console.print("features: none stored of that bar; run `daytrader features`")
        return
    table, n = Table.grid(padding=(0, 2)), max(1, console.width // FEATURE_WIDTH)
    for _ in range(n):
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
    cells = [(name, _number(value, 5)) for name, value in features.items()]
    for k in range(0, len(cells), n):
        table.add_row(*(text for cell in cells[k : k + n] for text in cell))
    warned = "" if whose == "the run" else "; of another build than the run's: they may differ from what it saw"
    console.print(f"[bold]features[/] ({len(features)}{warned})", soft_wrap=True)
    console.print(table)


def _rows(console: "Console", title: str, rows: Mapping[str, str]) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(f"[bold]{title}[/]")
    console.print(table)


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
