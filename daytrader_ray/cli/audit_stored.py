"""Whether the features that training reads from disk are what the bars give."""

from dataclasses import replace

import numpy as np

from daytrader_ray.adapters.feature_parts import FOLDER
from daytrader_ray.adapters.frames import load_frames
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.audit_input import expected_volume, world_with
from daytrader_ray.cli.profile import Profile
from daytrader_ray.cli.requests import feature_request
from daytrader_ray.cluster.features import current_set
from daytrader_ray.domain.panel import Frames
from daytrader_ray.features.audit import Finding, utc, warmup
from daytrader_ray.features.audit_table import Values
from daytrader_ray.features.audited import RANGES, FeatureTables
from daytrader_ray.features.feature_set import feature_set
from daytrader_ray.features.world import World

NOT_BUILT = "stored.features (not built: `daytrader features`)"


def stored(profile: Profile, audited: World) -> list[Finding]:
    """Compare what is stored of the audited sessions, of all symbols, with what their bars give now.

    The stored features began with earlier bars: they agree as two beginnings of a history do (`audit.warmup`), so what
    is compared with them begins earlier too, by the longest warm-up as far as there are bars. Where the features of the
    profile are not built, or from other bars, a finding says so.
    """
    wanted = (profile.universe.symbols, ParquetStore(profile.root).symbols())
    names = (current_set(feature_request(profile, symbols)) for symbols in wanted)
    name = next((name for name in names if name), None)
    if name is None:
        return [Finding(NOT_BUILT)]
    frames = load_frames(profile.root, None, name)
    grid, chosen = frames.panel.grid, feature_set(profile.features)
    dates = [session.date for session in grid.sessions]
    from_row = int(grid.first_row[np.searchsorted(np.array(dates), np.datetime64(audited.grid.sessions[0].date))])
    warm_up = max(feature.warm_up_of(grid.bar_minutes) for feature in chosen.features)
    first = int(grid.session_of_row[max(from_row - warm_up, 0)])
    row = int(grid.first_row[first])
    world = replace(
        world_with(profile, frames.panel.part(first, len(dates))), expected_volume=frames.expected_volume[row:]
    )
    tables = FeatureTables(chosen, expected_volume).history(world)
    now = [table.part(from_row - row, None) for table in tables]
    age = np.cumsum(np.isfinite(frames.panel.close), axis=0)[from_row:]
    age = np.where(now[0].age[-1] > 0, age, 0)
    values = _values(frames, from_row)
    then = [replace(table, values=part, age=age) for table, part in zip(now, values, strict=True)]
    return [_named(finding) for finding in warmup(world, lambda seen: then if seen is world else now, [0])]


def _values(frames: Frames, row: int) -> tuple[Values, Values]:
    """Return the stored features and ranges from a row on, `[row, symbol, name]`."""
    found = frames.features
    columns = [found.values[row : found.values.shape[0], column] for column in range(len(frames.panel.symbols))]
    return np.stack(columns, axis=1), np.stack([getattr(found, name)[row:] for name in RANGES], axis=2)


def _named(finding: Finding) -> Finding:
    found = finding.difference
    if found:
        part = f"{FOLDER}/*/symbol={found.symbol}/{utc(found.minute)[:7]}.*"
        found = replace(found, cause=f"computed from the stored bars (files: {part})")
    return Finding(f"stored.{finding.name}", finding.checked, found)
