"""Arrow tables of vendor bars on their way into the store: accepted rows here, the rest with a reason there."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.market_data.bars import NO_STAMP, CleanInput
from daytrader_ray.market_data.clean import clean


@dataclass(frozen=True)
class Screened:
    """Accepted bars, sorted by start, and the others as they came with a column `reason`."""

    accepted: pa.Table
    quarantined: pa.Table

    def months(self) -> dict[str, pa.Table]:
        """Return the accepted bars by month (`2025-03`), in order."""
        labels = pc.strftime(self.accepted["timestamp"], "%Y-%m")
        return {month: self.accepted.filter(pc.equal(labels, month)) for month in sorted(pc.unique(labels).to_pylist())}


def screen(table: pa.Table) -> Screened:
    """Judge the bars of one symbol (`BAR_SCHEMA`) against the exchange's sessions."""
    table = table.combine_chunks()
    stamps = table["timestamp"].cast(pa.int64()).fill_null(NO_STAMP).to_numpy()
    names = ("open", "high", "low", "close", "volume", "vwap")
    columns = (table[name].to_numpy().astype(np.float64) for name in names)
    result = clean(CleanInput(stamps, *columns), _grid(table))
    bad = table.take(pa.array(result.quarantined))
    reasons = pa.array(result.reasons(), pa.string())
    return Screened(table.take(pa.array(result.accepted)), bad.append_column("reason", reasons))


def _grid(table: pa.Table) -> SessionGrid:
    ends = pc.min_max(table["timestamp"]).as_py()
    if ends["min"] is None:
        return SessionGrid(())
    return session_grid(ends["min"].date(), ends["max"].date())
