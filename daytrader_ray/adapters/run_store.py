"""Runs on disk: what a backtest, a rehearsal or a live session did, as Parquet that any program reads.

::

    <root>/runs/<id>/manifest.json       where it comes from; written last: without it there is no run
    <root>/runs/<id>/sessions.parquet    session, equity, spy: before the first session (null) and after each
    <root>/runs/<id>/curve.parquet       the books at the close of every bar
    <root>/runs/<id>/orders.parquet      and fills, trades, decisions: the columns of `analytics.run`
    <root>/runs/<id>/decay.json          what followed its signals, where that was measured
    <root>/runs/latest.json              the id of the run stored last

Rows are in the order of time, in groups that say which sessions they hold: what is asked of one session reads one.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from daytrader_ray.adapters.folder import Folder
from daytrader_ray.analytics.decay import Decay
from daytrader_ray.analytics.run import Curve, Decisions, Fills, Manifest, Orders, Run, Table, Trades
from daytrader_ray.domain.budget import SIZING_STEPS
from daytrader_ray.domain.errors import DataError

T = TypeVar("T", bound=Table)
Filters = list[tuple[str, str, Any]] | None

RUNS = "runs"
SCHEMA = 1
"""Version of what a stored run holds."""

ROWS_OF_A_GROUP = 1 << 14
TABLES: dict[str, type[Table]] = {
    "curve": Curve,
    "orders": Orders,
    "fills": Fills,
    "trades": Trades,
    "decisions": Decisions,
}
_HINT = "run `daytrader backtest` first"
_TYPES = {"M": pa.date32(), "U": pa.string(), "i": pa.int64(), "f": pa.float64(), "b": pa.bool_()}
"""Column type by the kind of a numpy array."""


def save(root: str, run: Run) -> Run:
    """Store a run under the data root (a folder or a URL) as the latest, and return it with its id.

    The id is made of the content: the same run is stored once.
    """
    files = {f"{name}.parquet": _parquet(_table(getattr(run, name), run.manifest.members)) for name in TABLES}
    files["sessions.parquet"] = _parquet(_sessions(run))
    if run.decay is not None:
        files["decay.json"] = _json(run.decay.as_dict())
    digest = hashlib.sha256(_json(asdict(replace(run.manifest, id=""))))
    for name in sorted(files):
        digest.update(files[name])
    named = replace(run, manifest=replace(run.manifest, id=f"{run.manifest.kind}-{digest.hexdigest()[:16]}"))
    folder, place = Folder(root), f"{RUNS}/{named.manifest.id}"
    for name, content in files.items():
        folder.write(f"{place}/{name}", content)
    folder.write(f"{place}/manifest.json", _json({"schema": SCHEMA, **asdict(named.manifest)}))
    folder.write_json(f"{RUNS}/latest.json", {"run": named.manifest.id})
    return named


def load(root: str, run_id: str | None = None) -> Run:
    """Return a stored run, by default the one stored last; a `DataError` where there is none."""
    manifest = manifest_of(root, run_id)
    tables: dict[str, Any] = {name: _read(root, manifest, name, kind) for name, kind in TABLES.items()}
    sessions = _rows(root, manifest, "sessions")
    told = Folder(root).read(f"{RUNS}/{manifest.id}/decay.json")
    return Run(
        manifest=manifest,
        dates=_array(sessions["session"])[1:],
        session_equity=_array(sessions["equity"]),
        spy=_array(sessions["spy"]),
        decay=None if told is None else Decay.from_dict(json.loads(told)),
        **tables,
    )


def run_ids(root: str) -> list[str]:
    """Return the ids of all stored runs, sorted."""
    return [path.split("/")[1] for path in Folder(root).find(f"{RUNS}/*/manifest.json")]


def sessions_of(root: str, manifest: Manifest) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    """Return the sessions `[session]` and session equities `[session + 1]` of a run; nothing else of it is read."""
    sessions = _rows(root, manifest, "sessions")
    return _array(sessions["session"])[1:], _array(sessions["equity"])


def find(root: str, manifest: Manifest, name: str, kind: type[T], **wanted: Any) -> T:
    """Return the lines of a table of a run whose columns have the values `wanted`; only what may hold them is read."""
    return _read(root, manifest, name, kind, [(column, "=", value) for column, value in wanted.items()])


def manifest_of(root: str, run_id: str | None = None) -> Manifest:
    """Return where a stored run comes from, by default the one stored last; a `DataError` where there is none."""
    folder = Folder(root)
    chosen = run_id or folder.read_json(f"{RUNS}/latest.json").get("run")
    if not chosen:
        raise DataError(f"no run in {folder.path(RUNS)}", _HINT)
    values = folder.read_json(f"{RUNS}/{chosen}/manifest.json")
    if not values:
        raise DataError(f"no run '{chosen}' in {folder.path(RUNS)}", _HINT)
    if (found := values.pop("schema", None)) != SCHEMA:
        raise DataError(f"the run '{chosen}' has schema {found}, this program reads {SCHEMA}", "make it again")
    tuples = {name: tuple(values[name]) for name in ("members", "notices")}
    return Manifest(**values | tuples)


def _table(table: Table, members: tuple[str, ...]) -> pa.Table:
    """Return columns as Arrow's; those of two dimensions one by one, by name."""
    columns: dict[str, pa.Array] = {}
    for column in fields(table):  # type: ignore[arg-type]
        values = getattr(table, column.name)
        names = _names(column.name, members)
        parts = [values] if names is None else list(values.T)
        for name, part in zip(names or [column.name], parts, strict=True):
            columns[name] = pa.array(part, _TYPES[part.dtype.kind])
    return pa.table(columns)


def _names(column: str, members: tuple[str, ...]) -> list[str] | None:
    """Return the names of the columns that an array of two dimensions is kept in; None for others."""
    inner = {"steps": list(SIZING_STEPS)}
    inner |= {f"{word}s": [f"{word}_{name}" for name in members] for word in ("score", "weight")}
    return inner.get(column)


def _sessions(run: Run) -> pa.Table:
    days = pa.array([None, *run.dates.tolist()], pa.date32())
    return pa.table({"session": days, "equity": run.session_equity, "spy": run.spy})


def _read(root: str, manifest: Manifest, name: str, kind: type[T], only: Filters = None) -> T:
    rows = _rows(root, manifest, name, only)
    columns: dict[str, npt.NDArray[Any]] = {}
    for column in fields(kind):  # type: ignore[arg-type]
        names = _names(column.name, manifest.members)
        if names is None:
            columns[column.name] = _array(rows[column.name])
        else:
            columns[column.name] = np.column_stack([_array(rows[one]) for one in names])
    return kind(**columns)


def _rows(root: str, manifest: Manifest, name: str, only: Filters = None) -> pa.Table:
    """Return the rows of a file, or those that pass all filters; a `DataError` where it is damaged."""
    folder, place = Folder(root), f"{RUNS}/{manifest.id}/{name}.parquet"
    content = folder.read(place)
    if content is None:
        raise DataError(f"{folder.path(place)}: there is no such file", "make the run again")
    try:
        return pq.read_table(pa.BufferReader(content), filters=only, use_threads=False)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise DataError(f"{folder.path(place)}: damaged: {str(error).splitlines()[0]}", "make the run again") from None


def _array(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column as numpy: text as such, days as `datetime64[D]`."""
    if pa.types.is_string(column.type):
        return np.array(column.to_pylist(), dtype=np.str_)
    values: npt.NDArray[Any] = column.to_numpy()
    return values.astype("datetime64[D]") if pa.types.is_date32(column.type) else values


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=ROWS_OF_A_GROUP)
    return sink.getvalue()


def _json(values: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(values, sort_keys=True, indent=1)}\n".encode()
