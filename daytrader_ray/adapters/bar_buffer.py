"""What a live session received, on disk before it is used.

::

    <root>/live/buffer/2025-12-02/received.log    frames: length, CRC-32 (4 bytes each, little endian), JSON

A frame is handed to the system in one write: the death of the process loses none. What is damaged, such as a frame cut
by the death of the machine, is recognised and passed over, and never written over.
"""

import datetime as dt
import errno
import os
import shutil
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import orjson
import structlog

from daytrader_ray.domain.errors import DataError, FeedError

FILE = "received.log"
_HEAD = struct.Struct("<II")
_BEGIN = b'{"kind":'
"""How every record begins."""

log = structlog.get_logger(__name__)


class BarBuffer:
    """Appends to the buffer in `folder`; `fresh` begins a new one."""

    def __init__(self, folder: Path, fresh: bool = False) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / FILE).open("wb" if fresh else "ab", buffering=0)
        except OSError as error:
            raise DataError(f"{folder}: the buffer of live bars cannot be written: {error.strerror}") from None

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record, whose first key is `kind`; NaN becomes null. `FeedError` where it cannot be written."""
        data = orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY)
        frame = _HEAD.pack(len(data), zlib.crc32(data)) + data
        try:
            if self._file.write(frame) < len(frame):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            why = f"{self.folder}: the buffer of live bars cannot be written: {error.strerror}"
            raise FeedError(why, "free the disk") from None

    def close(self) -> None:
        """Bring everything to the disk and close."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def buffer_folder(root: Path, name: str, session: dt.date) -> Path:
    """Return the folder of one session's buffer: `live/<name>/2025-12-02` under the data root."""
    return root / "live" / name / session.isoformat()


def leftovers(root: Path, name: str) -> list[dt.date]:
    """Return the sessions whose buffers still lie there, oldest first."""
    found = (root / "live" / name).glob(f"*/{FILE}")
    return sorted(dt.date.fromisoformat(path.parent.name) for path in found)


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole records of a buffer in the order of their writing."""
    data, at = (folder / FILE).read_bytes(), 0
    while at < len(data):
        found = _record(data, at)
        if found is not None:
            yield orjson.loads(found)
            at += _HEAD.size + len(found)
            continue
        log.warning("a damaged part of the buffer is passed over", folder=str(folder), at=at)
        begin = data.find(_BEGIN, at + _HEAD.size + 1)
        at = begin - _HEAD.size if begin >= 0 else len(data)


def remove(folder: Path) -> None:
    """Delete a buffer whose records are safe elsewhere."""
    shutil.rmtree(folder)


def _record(data: bytes, at: int) -> bytes | None:
    """Return the record of the frame that begins at `at`; None where none does or it is damaged."""
    if at + _HEAD.size > len(data):
        return None
    length, checksum = _HEAD.unpack_from(data, at)
    found = data[at + _HEAD.size : at + _HEAD.size + length]
    return found if length and len(found) == length and zlib.crc32(found) == checksum else None
