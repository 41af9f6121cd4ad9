"""Whether the features that training reads from disk are what the bars give."""

from dataclasses import replace

import numpy as np

from daytrader_ray.adapters.frames import load_frames
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.audit_input import expected_volume, world_with
from daytrader_ray.cli.profile import Profile
from daytrader_ray.cli.requests import feature_request
from daytrader_ray.cluster.features import current_set
from daytrader_ray.domain.panel import Frames
from daytrader_ray.features.audit import Finding, warmup
from daytrader_ray.features.audit_table import Values
from daytrader_ray.features.audited import RANGES, FeatureTables
from daytrader_ray.features.feature_set import feature_set
from daytrader_ray.features.world import World

NOT_BUILT = "stored.features (not built: `daytrader features`)"


def stored(profile: Profile, audited: World) -> list[Finding]:
    """Compare what is stored of the audited sessions, of all symbols, with what their bars give now.

    The stored features began with earlier bars: they agree as two beginnings of a history do (`audit.warmup`). Where
    the features of the profile are not built, or from other bars, a finding says so.
    """
    wanted = (profile.universe.symbols, ParquetStore(profile.root).symbols())
    names = (current_set(feature_request(profile, symbols)) for symbols in wanted)
    name = next((name for name in names if name), None)
    if name is None:
        return [Finding(NOT_BUILT)]
    frames = load_frames(profile.root, None, name)
    dates = [session.date for session in frames.panel.grid.sessions]
    first = int(np.searchsorted(np.array(dates), np.datetime64(audited.grid.sessions[0].date)))
    row = int(frames.panel.grid.first_row[first])
    world = replace(
        world_with(profile, frames.panel.part(first, len(dates))), expected_volume=frames.expected_volume[row:]
    )
    now = FeatureTables(feature_set(profile.features), expected_volume).history(world)
    age = np.cumsum(np.isfinite(frames.panel.close), axis=0)[row:]
    age = np.where(now[0].age[-1] > 0, age, 0)
    then = [replace(table, values=values, age=age) for table, values in zip(now, _values(frames, row), strict=True)]
    return [_named(finding) for finding in warmup(world, lambda seen: then if seen is world else now, [0])]


def _values(frames: Frames, row: int) -> tuple[Values, Values]:
    """Return the stored features and ranges from a row on, `[row, symbol, name]`."""
    found = frames.features
    columns = [found.values[row : found.values.shape[0], column] for column in range(len(frames.panel.symbols))]
    return np.stack(columns, axis=1), np.stack([getattr(found, name)[row:] for name in RANGES], axis=2)


def _named(finding: Finding) -> Finding:
    cause = finding.difference and replace(finding.difference, cause="computed from the stored bars")
    return Finding(f"stored.{finding.name}", finding.checked, cause)
