"""Stores of three months of made-up bars, small enough to build features of them many times."""

import datetime as dt
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.feature_inputs import event_panel, tick_panel
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import EVENTS, QUOTE_BARS, UTC, Kind
from daytrader_ray.cluster.features import FeatureRequest
from daytrader_ray.domain.panel import FeatureMatrix
from daytrader_ray.domain.sessions import US_PER_MINUTE
from daytrader_ray.features.compute import compute
from daytrader_ray.features.feature_set import FeaturesConfig, feature_set
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.peers import peers_of

FIRST, LAST = dt.date(2025, 11, 3), dt.date(2026, 1, 8)
"""Forty-five sessions, two of them half-days, and three months that end in the middle of one."""
UNIVERSE = UniverseConfig(sectors={"one": ("AAA", "BBB"), "two": ("NEW",)}, references=("SPY",))
SYMBOLS = ("AAA", "BBB", "NEW", "SPY")


def bars(symbol: str, first: dt.date, last: dt.date, present: float = 0.9) -> pa.Table:
    """Return minutes of a symbol, one in ten missing; the same days are the same bars whatever is around them."""
    parts = []
    for session in session_grid(first, last).sessions:
        rng = np.random.default_rng([*symbol.encode(), session.date.toordinal()])
        n = session.n_minutes
        close = np.round(50 * np.exp(np.cumsum(rng.normal(0, 1e-3, n))), 2)
        close[n // 2 : n // 2 + 25] = close[n // 2]
        opened = np.concatenate([close[:1], close[:-1]])
        columns = [
            pa.array((session.open_minute + np.arange(n)) * US_PER_MINUTE).cast(UTC),
            *(pa.array(values) for values in (opened, np.maximum(opened, close) + 0.02, np.minimum(opened, close))),
            pa.array(close),
            pa.array(np.round(rng.lognormal(8.0, 0.5, n))),
            pa.array((opened + close) / 2),
            pa.nulls(n, pa.int32()),
        ]
        parts.append(pa.Table.from_arrays(columns, schema=FILE_SCHEMA).filter(pa.array(rng.random(n) < present)))
    return pa.concat_tables(parts)


def write(store: ParquetStore, symbol: str, first: dt.date, last: dt.date, table: pa.Table | None = None) -> None:
    """Download the days `first` to `last` of a symbol."""
    table = bars(symbol, first, last) if table is None else table
    months = np.array([f"{stamp:%Y-%m}" for stamp in table["timestamp"].to_pylist()])
    for month, a, b in Kind.MINUTE.parts(first, last):
        store.write_bars(symbol, month, table.filter(pa.array(months == month)), (a, b))


def fill(root: str) -> ParquetStore:
    """Write a market with a late listing, a split, a symbol with quotes and one with events."""
    store = ParquetStore(root)
    for symbol in SYMBOLS:
        write(store, symbol, dt.date(2025, 12, 10) if symbol == "NEW" else FIRST, LAST)
    split = {"execution_date": [dt.date(2025, 12, 16)], "split_from": [1.0], "split_to": [2.0]}
    store.write_table(Kind.SPLITS, "BBB", "splits", pa.table(split, Kind.SPLITS.schema))
    stamps = bars("AAA", FIRST, LAST)["timestamp"]
    values = pa.array(np.random.default_rng(1).uniform(0.5, 2.0, len(stamps)))
    quotes = [pa.array(np.ones(len(stamps), dtype=np.int32)), *[values] * (len(QUOTE_BARS) - 2)]
    table = pa.Table.from_arrays([stamps.combine_chunks(), *quotes], schema=QUOTE_BARS)
    months = np.array([f"{stamp:%Y-%m}" for stamp in stamps.to_pylist()])
    for month in np.unique(months):
        store.write_table(Kind.QUOTE_BARS, "AAA", str(month), table.filter(pa.array(months == month)))
    days = [dt.datetime(2025, 12, 3, 14, 0, tzinfo=dt.UTC), dt.datetime(2025, 12, 20, 14, 0, tzinfo=dt.UTC)]
    event = {"timestamp": days[1:], "known_at": days[:1], "kind": ["earnings"], "note": [""], "withdrawn_at": [None]}
    store.write_table(Kind.EVENTS, "BBB", "events", pa.table(event, EVENTS))
    return store


def copied(source: str, target: Path) -> ParquetStore:
    """Copy the history of a store, and what has been made of it."""
    for folder in ("historical", "processed"):
        if Path(source, folder).exists():
            shutil.copytree(Path(source, folder), target / folder)
    return ParquetStore(str(target))


def request(store: ParquetStore, *extra: str) -> FeatureRequest:
    """Return the request for all symbols of the store."""
    return FeatureRequest(
        root=store.root,
        symbols=SYMBOLS,
        universe=UNIVERSE,
        features=FeaturesConfig(extra=extra),
        quotes=("AAA",),
    )


def in_one_pass(wanted: FeatureRequest) -> FeatureMatrix:
    """Return the features of all bars of a store, computed at once."""
    store = ParquetStore(wanted.root)
    panel = store.panel(wanted.symbols)
    dates = [session.date for session in panel.grid.sessions]
    return compute(
        panel,
        session_statistics(panel)[2],
        peers=peers_of(wanted.universe, panel.symbols, dates),
        ticks=tick_panel(store, panel.symbols, panel.grid, wanted.quotes, wanted.trades),
        events=event_panel(store, panel.symbols, panel.grid),
        extras=feature_set(wanted.features).extras,
    )


def files(store: ParquetStore) -> dict[str, bytes]:
    """Return all that has been made of the bars, by path."""
    root = Path(store.root, "processed", "features")
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
