"""From bars to the panel: every symbol on the same session grid, quiet minutes carried, unknown ones NaN."""

import datetime as dt
from collections.abc import Callable, Mapping

import numpy as np

from daytrader_ray.domain.indices import MAX_AGE_MINUTES, is_index
from daytrader_ray.domain.jit import njit
from daytrader_ray.domain.panel import Bool, Float64, Panel
from daytrader_ray.domain.sessions import Int64, SessionGrid
from daytrader_ray.market_data.bars import SymbolBars

IsImported = Callable[[str, dt.date], bool]
"""Says whether nothing is known of a symbol's session outside its first and last bar."""


def build_panel(columns: Mapping[str, SymbolBars], grid: SessionGrid, imported: IsImported) -> Panel:
    """Lay the bars of all symbols (sorted by name) on `grid`.

    In a downloaded session a minute without a bar had no trade: it carries the last close of its session in all four
    prices with volume 0 and `traded` False, from the symbol's first bar to the session's close. In an imported one it
    is carried only up to the last bar and NaN after it (that a later bar exists is seen earlier, never its values).
    Before the first bar, and where a session has none, prices are NaN. A bar with volume 0 sets the carried price and
    is not `traded`. An index (`domain.indices`) is carried for `MAX_AGE_MINUTES` and NaN from then on. Bars that start
    on no minute of the grid are left out; for `bar_minutes` above 1 the one-minute bars are joined first.
    """
    symbols = tuple(sorted(columns))
    shape = (grid.n_rows, len(symbols))
    prices = np.full((4, *shape), np.nan)
    vwap = np.full(shape, np.nan)
    volume = np.zeros(shape)
    traded = np.zeros(shape, dtype=np.bool_)
    for column, symbol in enumerate(symbols):
        carry_on = np.array([not imported(symbol, session.date) for session in grid.sessions], dtype=np.bool_)
        one = _one_symbol(columns[symbol], grid)
        longest = MAX_AGE_MINUTES // grid.bar_minutes if is_index(symbol) else grid.n_rows
        _fill(one, grid.first_row, carry_on, longest, prices[:, :, column], volume[:, column], vwap[:, column])
        traded[:, column] = volume[:, column] > 0
    return Panel(grid, symbols, prices[0], prices[1], prices[2], prices[3], volume, vwap, traded)


def _one_symbol(bars: SymbolBars, grid: SessionGrid) -> tuple[Int64, Float64, Float64, Float64]:
    """Return row `[n]`, prices `[4, n]`, volume `[n]` and vwap `[n]` of one symbol's bars on the grid, ascending."""
    opens = np.array([session.open_minute for session in grid.sessions], dtype=np.int64)
    rows = _rows_of(bars.minute, opens, grid.first_row, grid.bar_minutes)
    values = np.stack([bars.open, bars.high, bars.low, bars.close, bars.volume, bars.vwap])
    inside = rows >= 0
    if not inside.all():
        rows, values = rows[inside], values[:, inside]
    if grid.bar_minutes == 1:
        return rows, values[:4], values[4], values[5]
    return _join(rows, values[:4], values[4], values[5])


@njit
def _rows_of(minutes: Int64, opens: Int64, first_row: Int64, bar_minutes: int) -> Int64:
    """Row of the bar that holds each of the ascending minutes `[n]`; -1 outside the sessions."""
    rows = np.full(len(minutes), -1, dtype=np.int64)
    session = 0
    for i in range(len(minutes)):
        while session + 1 < len(opens) and opens[session + 1] <= minutes[i]:
            session += 1
        if session < len(opens) and minutes[i] >= opens[session]:
            row = first_row[session] + (minutes[i] - opens[session]) // bar_minutes
            if row < first_row[session + 1]:
                rows[i] = row
    return rows


@njit
def _join(rows: Int64, prices: Float64, volume: Float64, vwap: Float64) -> tuple[Int64, Float64, Float64, Float64]:
    """Join one-minute bars that share a row; only bars with a trade count, where the row has one."""
    n = len(rows)
    at = np.empty(n, dtype=np.int64)
    joined = np.empty((4, n))
    total = np.zeros(n)
    value = np.zeros(n)
    k = -1
    for i in range(n):
        fresh = k < 0 or at[k] != rows[i]
        if fresh:
            k += 1
            at[k] = rows[i]
        if fresh or (total[k] == 0.0 and volume[i] > 0.0):
            joined[:, k] = prices[:, i]
        elif volume[i] > 0.0 or total[k] == 0.0:
            joined[1, k] = max(joined[1, k], prices[1, i])
            joined[2, k] = min(joined[2, k], prices[2, i])
            joined[3, k] = prices[3, i]
        if volume[i] > 0.0:
            total[k] += volume[i]
            value[k] += volume[i] * vwap[i]
    k += 1
    mean = np.full(k, np.nan)
    for i in range(k):
        if total[i] > 0.0:
            mean[i] = value[i] / total[i]
    return at[:k], joined[:, :k], total[:k], mean


@njit
def _fill(
    bars: tuple[Int64, Float64, Float64, Float64],
    first_row: Int64,
    carry_on: Bool,
    longest: int,
    prices: Float64,
    volume: Float64,
    vwap: Float64,
) -> None:
    """Write one symbol's bars into its columns and carry the last close over at most `longest` quiet bars in a row."""
    rows, bar_prices, bar_volume, bar_vwap = bars
    i = 0
    for session in range(len(carry_on)):
        start, stop = first_row[session], first_row[session + 1]
        after_last = i
        while after_last < len(rows) and rows[after_last] < stop:
            after_last += 1
        if after_last == i:
            continue
        end = stop if carry_on[session] else rows[after_last - 1] + 1
        carried, last = np.nan, start
        for row in range(start, end):
            if i < after_last and rows[i] == row:
                carried, last = bar_prices[3, i], row
                if bar_volume[i] > 0.0:
                    volume[row] = bar_volume[i]
                    vwap[row] = bar_vwap[i]
                for k in range(4):
                    prices[k, row] = bar_prices[k, i] if bar_volume[i] > 0.0 else carried
                i += 1
            elif row - last <= longest:
                for k in range(4):
                    prices[k, row] = carried
        i = after_last
