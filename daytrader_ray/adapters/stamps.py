"""Times as files write them, in any of the usual forms, to microseconds UTC."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from daytrader_ray.adapters.tables import UTC
from daytrader_ray.domain.errors import ConfigError, DataError

_EPOCH_US = ((1e17, 1e-3), (1e14, 1.0), (1e11, 1e3), (0.0, 1e6))
"""Epoch stamps by size: nanoseconds, microseconds, milliseconds, seconds, each with its microseconds."""
_HINT = (
    "expected ISO times such as 2025-03-03T14:30:00Z, all with a zone or all without, or epoch s, ms, us or ns; "
    "other stamps of bars with --stamp-format"
)


def check_zone(zone: str | None) -> None:
    """Raise `ConfigError` where `zone` is no time zone such as America/New_York; None is that of no stamp."""
    try:
        ZoneInfo("UTC" if zone is None else zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"unknown time zone '{zone}'", "expected a name such as America/New_York or UTC") from None


def to_utc(column: pa.ChunkedArray, zone: str | None, source: str, stamp_format: str | None = None) -> pa.Array:
    """Return times as `timestamp[us, UTC]`; `DataError` starts with `source` where one cannot be read.

    ISO text, timestamps or epoch numbers (s, ms, us, ns by their size), or text as `stamp_format` (of strptime) says.
    Times without a zone are of `zone`, and an error where there is none; those that its clocks skip or show twice are
    null, for nobody knows which they were. A fraction of a microsecond counts as a whole one, so that it stays visible.
    """
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    try:
        if stamp_format is None and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            return _epoch(column).cast(UTC)
        times = _formatted(column, stamp_format) if stamp_format else _parsed(column)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        hint = f"expected times like {stamp_format}" if stamp_format else _HINT
        raise DataError(f"{source}: {str(error).splitlines()[0]}", hint) from None
    if zone is None and times.type.tz is None and times.null_count < len(times):
        raise DataError(f"{source}: times without a time zone", "name theirs: --tz America/New_York, or --tz UTC")
    try:
        return _whole_us(_with_zone(times, zone or "UTC"))
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise DataError(f"{source}: {str(error).splitlines()[0]}", _HINT) from None


def _formatted(column: pa.Array, stamp_format: str) -> pa.Array:
    """Return text as timestamps; nothing is null."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return pa.array(pd.to_datetime(text.to_pandas(), format=stamp_format, utc="%z" in stamp_format))


def _parsed(column: pa.Array) -> pa.Array:
    """Return a column of some other type as timestamps."""
    if pa.types.is_timestamp(column.type):
        return column
    if pa.types.is_date(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.timestamp("us"))
    text = column.cast(pa.string())
    try:
        return text.cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:
        return text.cast(pa.timestamp("ns"))


def _with_zone(column: pa.Array, zone: str) -> pa.Array:
    if column.type.tz is not None:
        return column
    if zone == "UTC":
        return pc.assume_timezone(column, "UTC")
    local = column.to_pandas().dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    return pa.array(local.dt.tz_convert("UTC"))


def _whole_us(column: pa.Array) -> pa.Array:
    if column.type.unit != "ns":
        return column.cast(UTC)
    ns = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return pa.array(-(-ns // 1000), mask=column.is_null().to_numpy(zero_copy_only=False)).cast(UTC)


def _epoch(column: pa.Array) -> pa.Array:
    """Return epoch numbers as int64 microseconds; one unit for the whole column, by its largest number."""
    if pa.types.is_floating(column.type):
        values = column.cast(pa.float64())
        factor = _factor(pc.max(pc.abs(values)).as_py() or 0.0)
        return pc.ceil(pc.round(pc.multiply(values, factor), 3)).cast(pa.int64())
    whole = column.cast(pa.int64())
    factor = _factor(pc.max(pc.abs_checked(whole)).as_py() or 0)
    if factor >= 1:
        return pc.multiply_checked(whole, int(factor))
    known = whole.is_valid().to_numpy(zero_copy_only=False)
    return pa.array(-(-whole.fill_null(0).to_numpy() // 1000), mask=~np.asarray(known))


def _factor(size: float) -> float:
    return next(factor for least, factor in _EPOCH_US if size >= least)
