"""What `daytrader runs` shows, as tables and lines."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daytrader_ray.cli.models_view import sides
from daytrader_ray.dashboard.formats import DASH, Format, chance, depth, gain, number, share, whole

if TYPE_CHECKING:
    from rich.table import Table

FIGURES: dict[str, tuple[str, Format]] = {
    "dsr": ("deflated Sharpe ratio, over 0.95 is significant", chance),
    "spa_p": ("p value, under 0.05 is significant", chance),
    "pbo": ("probability of overfitting", share),
    "track_record_days": ("minimum track record, days", whole),
    "total_return": ("return after costs", gain),
    "sharpe": ("Sharpe ratio a year", number),
    "intraday_drawdown": ("deepest drawdown", depth),
    "trades_a_day": ("trades a day", number),
    "win_rate": ("winning trades", share),
    "profit_factor": ("profit factor", number),
    "cost_share": ("of gross profit went to costs", share),
}
"""Figure, its name, its format."""

Figure = Mapping[str, float | None] | None


def listing(runs: Sequence[Mapping[str, Any]]) -> "Iterator[Table | str]":
    """Return one line for each search and run, then the unreadable ones with the reason."""
    table = _table("id", "what", "sessions", "return", "Sharpe", "verdict")
    table.columns[0].no_wrap = True
    for one in runs:
        if not one["refused"]:
            span = f"{one['sessions']}, {one['first'] or DASH} to {one['last'] or DASH}"
            figures = (_value(gain, one["total_return"]), _value(number, one["sharpe"]))
            table.add_row(one["id"], one["subject"], span, *figures, one["verdict"])
    yield table if table.row_count else "nothing yet: `daytrader search` or `daytrader backtest` makes the first"
    yield from (f"[red]refused[/]: {one['refused']}" for one in runs if one["refused"])


def description(found: Mapping[str, Any]) -> "Iterator[Table | str]":
    """Return what is known of one, the verdict first."""
    yield f"[bold]{found['sentence']}[/]"
    yield from found["notices"]
    yield ""
    yield f"{found['id']}: {found['kind']}, {found['subject']}"
    data = found["data"]
    yield f"{data['sessions']} sessions, {data['first']} to {data['last']}"
    yield f"market {data['market'] or DASH}, bars {data['fingerprint']}"
    yield f"symbols ({len(data['symbols'])}): {' '.join(data['symbols']) or DASH}"
    yield from (f"{name}: {text}" for name, text in found["made"].items())
    table = _table("figure", "value", "95 % interval")
    for name, figure in found["figures"].items():
        title, form = FIGURES[name]
        table.add_row(title, _value(form, figure["value"]), _interval(form, figure))
    yield table
    yield f"next: daytrader report {'--search' if found['kind'] == 'search' else '--run'} {found['id']}"


def comparison(found: Mapping[str, Any]) -> "Iterator[Table | str]":
    """Return two side by side: what and on which data, settings that differ, all figures."""
    for part, title in (("what", "what ran, on which data"), ("settings", "settings")):
        if not found[part]:
            yield f"{title}: no difference"
            continue
        table = _table(title, *found["runs"])
        for row in found[part]:
            table.add_row(row["key"], *sides(row["one"], row["other"]))
        yield table
    if found["not_compared"]:
        yield f"settings that only one has: {', '.join(found['not_compared'])}"
    table = _table("figure", *found["runs"])
    for row in found["figures"]:
        title, form = FIGURES[row["figure"]]
        table.add_row(title, _told(form, row["one"]), _told(form, row["other"]))
    yield table


def _table(*heads: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _value(form: Format, value: float | None) -> str:
    return DASH if value is None else form(value)


def _interval(form: Format, figure: Mapping[str, float | None]) -> str:
    low, high = figure["low"], figure["high"]
    return "" if low is None or high is None else f"{form(low)} to {form(high)}"


def _told(form: Format, figure: Figure) -> str:
    if figure is None:
        return DASH
    between = _interval(form, figure)
    return f"{_value(form, figure['value'])}{f' ({between})' if between else ''}"
