"""From a profile and its store to the world that `daytrader audit` changes, and to what it audits."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.adapters.feature_inputs import events_of, tick_panel
from daytrader_ray.adapters.market_caps import market_caps
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.audit_subjects import Everything, RegimeSubject, Subject
from daytrader_ray.cli.profile import Profile
from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.panel import Float64, Frames, Panel
from daytrader_ray.domain.ports import LiveBar
from daytrader_ray.domain.sessions import US_PER_MINUTE
from daytrader_ray.engine.minutes import LiveMinutes, Prices
from daytrader_ray.features.audited import ROUNDING, FeatureTables, whole_history
from daytrader_ray.features.compute import compute
from daytrader_ray.features.extras import parse
from daytrader_ray.features.feature_set import FeatureSet, feature_set
from daytrader_ray.features.own_function import OwnFunction
from daytrader_ray.features.step import FEATURES
from daytrader_ray.features.world import PRICES, Known, World
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.regime.fit import fit
from daytrader_ray.regime.observations import observe
from daytrader_ray.universe.peers import peers_of

STOCKS = 4
"""Stocks that are drawn where none are named."""
LEAST = 2
"""Sessions without which there is nothing to audit."""
BAR = ("open", "high", "low", "close", "volume", "vwap")
"""Columns of the store in the order of `LiveBar`."""


def symbols_of_store(profile: Profile, named: Collection[str], rng: np.random.Generator) -> tuple[str, ...]:
    """Return the `named` symbols, else a few stocks of the universe, and the references, as far as they have bars."""
    there, universe = set(ParquetStore(profile.root).symbols()), profile.universe
    if not named:
        stocks = sorted(there.intersection(universe.stocks)) or sorted(there.difference(universe.references))
        named = rng.choice(stocks, min(STOCKS, len(stocks)), replace=False).tolist() if stocks else []
    return tuple(sorted({*named, *there.intersection(universe.references)}))


def world_of(profile: Profile, symbols: Collection[str], n_sessions: int) -> World:
    """Return all inputs of `symbols` over the last `n_sessions` sessions of their bars; `DataError` without bars."""
    store = ParquetStore(profile.root)
    first, last = store.span(symbols)
    sessions = session_grid(first, last).sessions[-n_sessions:]
    if len(sessions) < LEAST:
        raise DataError(f"{len(sessions)} sessions in {profile.root}: an audit needs {LEAST}", "download more")
    return world_with(profile, store.panel(symbols, sessions[0].date, sessions[-1].date))


def world_with(profile: Profile, panel: Panel) -> World:
    """Return all inputs of a panel of the store's bars."""
    store = ParquetStore(profile.root)
    events = tuple(Known(*events_of(store, symbol)[:-1]) for symbol in panel.symbols)
    return World(
        panel=panel,
        ticks=tick_panel(store, panel.symbols, panel.grid, profile.live.quotes, profile.live.trades),
        events=events if any(len(one.timestamp) for one in events) else None,
        peers=peers_of(profile.universe, panel.symbols, [session.date for session in panel.grid.sessions]),
        market_cap=market_caps(store, panel, profile.universe.stocks),
    )


def laid(world: World, session: int, root: str) -> World:
    """Return a world whose bars from `session` on are what a live session's `LiveMinutes` makes of the stored ones.

    After the last bar of an imported session nothing is known of a symbol: there a live session carries its close on,
    and what it would make of that is not compared.
    """
    panel, grid = world.panel, world.grid
    coming = _by_minute(root, panel.symbols, [one.date for one in grid.sessions[session:]])
    fields = {name: getattr(panel, name).copy() for name in Prices._fields}
    for now in range(session, world.n_sessions):
        minutes = LiveMinutes(panel.symbols, grid.sessions[now].open_minute, grid.bar_minutes)
        rows = slice(int(grid.first_row[now]), int(grid.first_row[now + 1]))
        for slot, minute in enumerate(grid.minute_of_row[rows].tolist()):
            for name, values in minutes.lay(slot, coming.get(minute, []))._asdict().items():
                fields[name][rows.start + slot] = values
        over = ~np.logical_or.accumulate(np.isfinite(panel.close[rows])[::-1])[::-1]
        for name in (*PRICES, "vwap"):
            fields[name][rows][over] = np.nan
    return replace(world, panel=replace(panel, **fields))


def _by_minute(root: str, symbols: Collection[str], dates: Sequence[dt.date]) -> dict[int, list[LiveBar]]:
    """Return the stored bars of some days as a stream brings them, by the minute at which they start."""
    found: dict[int, list[LiveBar]] = {}
    for symbol in symbols:
        table = ParquetStore(root).bars(symbol, dates[0], dates[-1])
        minutes = (table["timestamp"].cast(pa.int64()).to_numpy() // US_PER_MINUTE).tolist()
        values = [table[name].to_numpy().tolist() for name in BAR]
        for minute, *bar in zip(minutes, *values, strict=True):
            found.setdefault(minute, []).append(LiveBar(symbol, minute, *bar))
    return found


def expected_volume(panel: Panel) -> Float64:
    """Return the mean volume of each minute in earlier sessions `[row, symbol]`."""
    return session_statistics(panel)[2]


def everything(profile: Profile, world: World, seed: int) -> Subject:
    """Return all that is computed with a profile; the regime model is fitted on the first half of the sessions."""
    tables = FeatureTables(feature_set(profile.features), expected_volume)
    parts = Everything(tables, profile.universe, profile.kernel.max_sector, _regime(profile, world, seed))
    return Subject(parts.history, parts.history, parts.live, 0.0)


def own(feature: str) -> Subject:
    """Return a user's function: over a whole history, and as the extra that a configuration would make of it."""
    extra = parse(feature)
    name, function = extra.feature.name, extra.function
    if not isinstance(function, OwnFunction):
        hint = "what the configuration names is audited without --feature"
        raise ConfigError(f"--feature {feature}: expected FILE:FUNCTION", hint)
    tables = FeatureTables(FeatureSet((*FEATURES, extra.feature), (extra,)), expected_volume)
    return Subject(
        history=whole_history({name: function.values}, {name: extra.window}),
        batch=lambda world: [tables.history(world)[0].only(name)],
        live=lambda world, session: [tables.live(world, session)[0].only(name)],
        rounding=ROUNDING,
    )


def _regime(profile: Profile, world: World, seed: int) -> RegimeSubject | None:
    half = world.n_sessions // 2
    panel = world.part(0, half).panel
    adv, sigma_day, expected = session_statistics(panel)
    frames = Frames(panel, compute(panel, expected), adv, sigma_day, expected)
    model = fit(observe(frames, profile.universe.stocks, 0, half), profile.regime, seed)
    return None if model is None else RegimeSubject(model, world.grid.sessions[half].date)
