"""Bars with the fills of the run for some symbols and days: which to show, their bars, and how the page keeps them."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.analytics.run import Fills, Run
from daytrader_ray.dashboard.markup import section
from daytrader_ray.dashboard.tearsheet.timeline import clock
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.domain.sessions import US_PER_MINUTE
from daytrader_ray.domain.trading import OrderKind

Float64 = npt.NDArray[np.float64]

N_EXTREME = 10
"""Winners, and as many losers, whose days are shown when none are asked for."""


@dataclass(frozen=True)
class SymbolDay:
    """A symbol on a day."""

    symbol: str
    date: dt.date


@dataclass(frozen=True)
class DayBars:
    """Raw bars of a symbol and a session: `slot` of each bar, prices in USD, volume in shares, all `[bar]`."""

    of: SymbolDay
    slot: npt.NDArray[np.int64]
    open: Float64
    high: Float64
    low: Float64
    close: Float64
    volume: Float64


def day_asked(text: str) -> SymbolDay:
    """Return what `SYMBOL:YYYY-MM-DD` names.

    >>> day_asked("aapl:2025-12-02")
    SymbolDay(symbol='AAPL', date=datetime.date(2025, 12, 2))
    """
    symbol, _, day = text.rpartition(":")
    try:
        return SymbolDay(symbol.strip().upper(), dt.date.fromisoformat(day))
    except ValueError:
        raise ConfigError(f"--bars {text!r} is not a symbol and a day", "write it as AAPL:2025-12-02") from None


def stored_bars(store: ParquetStore, days: Sequence[SymbolDay]) -> list[DayBars]:
    """Return the bars that the store has of these days; a day without a bar is left out."""
    found = [_stored(store, day) for day in days]
    return [bars for bars in found if len(bars.slot)]


def _stored(store: ParquetStore, day: SymbolDay) -> DayBars:
    grid = session_grid(day.date, day.date, store.bar_minutes)
    table = store.bars(day.symbol, day.date, day.date)
    minutes = table["timestamp"].cast("int64").to_numpy() // US_PER_MINUTE
    rows = grid.rows_of_minutes(minutes) if grid.sessions else np.full(len(minutes), -1)
    inside = rows >= 0
    columns = {name: table[name].to_numpy()[inside] for name in ("open", "high", "low", "close", "volume")}
    return DayBars(day, rows[inside], **columns)


def extreme_days(run: Run) -> tuple[SymbolDay, ...]:
    """Return the symbols and days of the ten largest wins and losses, the largest win first, none twice."""
    order = np.argsort(-run.trades.pnl_usd, kind="stable")
    half = min(N_EXTREME, len(order) // 2)
    chosen = [*order[:half], *order[::-1][:half]]
    days = (SymbolDay(str(run.trades.symbol[k]), run.trades.session[k].item()) for k in chosen)
    return tuple(dict.fromkeys(days))


def bars_section(run: Run, bars: Sequence[DayBars]) -> str:
    """Return the chart of bars with a choice of days, or how to get one."""
    title = "Bars and fills"
    more = "Other days: daytrader report --run ID --bars SYMBOL:YYYY-MM-DD (as often as you like)."
    if not bars:
        return section(title, f"The store has no bars of these trades. {more}")
    options = "".join(f"<option value='{k}'>{escape(_label(run, day))}</option>" for k, day in enumerate(bars))
    values = json.dumps([_values(run, day) for day in bars])
    return section(
        title,
        "Minute bars in USD; triangles are our fills, up for bought and down for sold. The days of the largest wins "
        f"and losses, or those asked for. {more}",
        f"<label class='pick'>Day <select id='bars-day'>{options}</select></label>"
        "<div class='chart' style='min-height:420px'><div id='bars'></div></div>"
        f"<script type='application/json' id='bars-data'>{values}</script>",
    )


def _label(run: Run, day: DayBars) -> str:
    trades = run.trades
    mine = (trades.symbol == day.of.symbol) & (trades.session == np.datetime64(day.of.date))
    n = int(mine.sum())
    return f"{day.of.symbol} {day.of.date}: {n} trade{'' if n == 1 else 's'}, {trades.pnl_usd[mine].sum():+,.2f} USD"


def _values(run: Run, day: DayBars) -> dict[str, object]:
    fills = run.fills.where((run.fills.symbol == day.of.symbol) & (run.fills.session == np.datetime64(day.of.date)))
    bars = {name: np.round(getattr(day, name), 4).tolist() for name in ("open", "high", "low", "close", "volume")}
    return bars | {
        "time": [clock(run, slot) for slot in day.slot.tolist()],
        "fills": [_fill(run, fills, k) for k in range(len(fills))],
    }


def _fill(run: Run, fills: Fills, k: int) -> dict[str, object]:
    side = int(fills.side[k])
    return {
        "time": clock(run, int(fills.slot[k])),
        "price": float(fills.price[k]),
        "side": side,
        "text": f"{OrderKind(fills.kind[k]).name.lower()}: {'bought' if side > 0 else 'sold'} {fills.qty[k]:,} at "
        f"{fills.price[k]:,.4f}",
    }
