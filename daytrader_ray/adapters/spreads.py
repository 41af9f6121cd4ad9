"""The half-spreads that a backtest pays where the profile asks for more than the table."""

import numpy as np

from daytrader_ray.adapters.feature_inputs import QUOTE_COLUMNS, tick_rows
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Float64, Panel
from daytrader_ray.market_data.spreads import estimated_half_spreads, quoted_half_spreads


def half_spreads(store: ParquetStore, panel: Panel, costs: CostConfig) -> Float64:
    """Return the symbols' own half-spreads in bps before each session `[session, symbol]`; NaN: that of the table."""
    if costs.spread == "table":
        return np.full(panel.price_factor.shape, np.nan)
    if costs.spread == "estimated":
        return estimated_half_spreads(panel)
    told = np.full(panel.close.shape, np.nan)
    for i, symbol in enumerate(panel.symbols):
        rows = tick_rows(store, symbol, panel.grid, quotes=True, trades=False)
        if rows is not None:
            told[:, i] = rows[:, QUOTE_COLUMNS.index("spread_mean_bps")]
    return quoted_half_spreads(told, panel.grid.first_row)
