"""The journal on disk: one JSON line for each order, fill and note, an order's line safe before the order leaves."""

import datetime as dt
import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import orjson

from daytrader_ray.adapters.atomic import atomic_write_bytes
from daytrader_ray.adapters.folder import local_root
from daytrader_ray.domain.errors import DataError
from daytrader_ray.domain.trading import Fill, Order
from daytrader_ray.engine.book import HALTED, Carried
from daytrader_ray.engine.market import Start


class FileJournal:
    """Appends to the file `path`; `fresh` begins a new one.

    Orders reach the disk (fsync) before `order` returns; fills and notes are handed to the system at once and reach
    the disk with the next order, or on `close`. `copy_to` is a URL at which the whole journal is left on `close`. What
    a crash has left of a last line becomes a note `torn`.
    """

    def __init__(self, path: Path, fresh: bool = False, copy_to: str = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._copy_to = copy_to
        torn = b"" if fresh else _cut(path)
        self._file = path.open("wb" if fresh else "ab", buffering=0)
        if torn:
            self.note("torn", {"text": torn.decode(errors="replace")})

    def order(self, order: Order) -> None:
        """Write the order and wait for the disk."""
        self._write("order", _order_values(order))
        os.fsync(self._file.fileno())

    def fill(self, fill: Fill) -> None:
        """Write an execution."""
        self._write("fill", _fill_values(fill))

    def note(self, kind: str, values: Mapping[str, Any]) -> None:
        """Write anything else under its kind."""
        self._write(kind, values)

    def close(self) -> None:
        """Bring everything to the disk and close."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()
            if self._copy_to:
                atomic_write_bytes(self._copy_to, self.path.read_bytes())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, kind: str, values: Mapping[str, Any]) -> None:
        line = orjson.dumps({"kind": kind, **values}, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
        end = self._file.seek(0, os.SEEK_END)
        if self._file.write(line) != len(line):
            self._file.truncate(end)
            raise OSError(errno.ENOSPC, "the journal could not be written whole", str(self.path))


def _cut(path: Path) -> bytes:
    """Take what follows the last whole line off a journal and return it."""
    whole = path.read_bytes() if path.exists() else b""
    end = whole.rfind(b"\n") + 1
    if end < len(whole):
        os.truncate(path, end)
    return whole[end:]


def open_journal(root: str, session: dt.date, name: str, fresh: bool = False) -> FileJournal:
    """Open one session's journal under a data root; at a URL, which cannot be appended to, it is left on `close`."""
    copy_to = f"{root.rstrip('/')}/{_place(session, name)}" if "://" in root else ""
    return FileJournal(journal_path(root, session, name), fresh, copy_to)


def journal_path(root: str | Path, session: dt.date, name: str) -> Path:
    """Return the local file of one session's journal: `journal/2025-12-02/<name>.jsonl` under the data root."""
    return local_root(root) / _place(session, name)


def reduce_path(root: str | Path) -> Path:
    """Return the file that, while it is there, lets no session open anything (`daytrader reduce`)."""
    return local_root(root) / "journal" / "reduce"


def has_ended(root: str | Path, session: dt.date, name: str) -> bool:
    """Return whether a session went on to its close; one that broke off, or is not known, did not."""
    told = _last(_records(journal_path(root, session, name)), "open", "close", "aborted")
    return told is not None and told["kind"] == "close"


def start_of(root: str | Path, session: dt.date, name: str, cash: float) -> Start:
    """Return where the books stand when `session` begins with `cash` USD, or begins again.

    The day's own journal says what it started with and whether it was halted; the highest equity and what a halt kept
    through the close come from the last journal before. What was paid in or out between moves the highest equity too;
    after a halt that is not to be told from what was sold by hand.
    """
    today = journal_path(root, session, name)
    if last := _last(_records(today), "mark"):
        peak, start_equity, state = _values(today, "mark", last, ("peak", "start_equity", "state"))
        return Start(cash, peak, start_equity, state == HALTED)
    days = sorted((local_root(root) / "journal").glob(f"*/{name}.jsonl"), reverse=True)
    for path in days:
        if path.parent.name < session.isoformat() and (last := _last(found := _records(path), "mark")):
            (peak,) = _values(path, "mark", last, ("peak",))
            closed = _last(found, "close") or {"cash": cash, "carried": {}}
            left, kept_in = _values(path, "close", closed, ("cash", "carried"))
            carried = {
                symbol: Carried(*_values(path, f"carried of {symbol} in close", kept, Carried._fields))
                for symbol, kept in kept_in.items()
            }
            return Start(cash, peak + (0.0 if carried else cash - left), carried=carried)
    return Start(cash)


def _values(path: Path, what: str, found: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
    """Return the values of `keys`; `DataError` where one is missing."""
    if missing := [key for key in keys if key not in found]:
        raise DataError(
            f"{path}, {what}: expected {', '.join(keys)}, found {', '.join(found) or 'nothing'}; no {missing[0]}",
            "write it in by hand; or close all positions and move this journal away: the highest equity counts anew",
        )
    return [found[key] for key in keys]


def _records(path: Path) -> list[dict[str, Any]]:
    return read(path) if path.exists() else []


def _last(records: list[dict[str, Any]], *kinds: str) -> dict[str, Any] | None:
    return next((record for record in reversed(records) if record["kind"] in kinds), None)


def _place(session: dt.date, name: str) -> str:
    return f"journal/{session.isoformat()}/{name}.jsonl"


def read(path: Path) -> list[dict[str, Any]]:
    """Return all whole lines of a journal, without a last one cut by a crash; `DataError` for one that is none."""
    lines = path.read_bytes().split(b"\n")
    return [_record(path, number, line) for number, line in enumerate(lines[:-1], 1) if line]


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError:
        found = line[:60].decode(errors="replace")
        raise DataError(
            f"{path}, line {number}: expected a JSON object, found {found!r}",
            "mend or take out that line; what it recorded is in the broker's account",
        ) from None
    return record


def _order_values(order: Order) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "session": order.session,
        "slot": order.slot,
        "symbol": order.symbol,
        "order_kind": order.kind.name,
        "side": order.side,
        "qty": order.qty,
        "stop_price": order.stop_price,
        "limit_price": order.limit_price,
        "reason": order.reason.name,
    }


def _fill_values(fill: Fill) -> dict[str, Any]:
    return {
        "client_order_id": fill.client_order_id,
        "session": fill.session,
        "slot": fill.slot,
        "phase": fill.phase.value,
        "symbol": fill.symbol,
        "order_kind": fill.kind.name,
        "side": fill.side,
        "qty": fill.qty,
        "price": fill.price,
        "fee": fill.fee,
    }
