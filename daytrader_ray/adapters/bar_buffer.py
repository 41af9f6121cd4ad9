"""What a live session received, on disk before it is used.

::

    <root>/live/buffer/2025-12-02/received.log    frames: length, CRC-32 (4 bytes each, little endian), JSON

A frame is handed to the system in one write: the death of the process loses none. A frame cut by the death of the
machine is recognised and left out.
"""

import datetime as dt
import os
import shutil
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import orjson

from daytrader_ray.domain.errors import DataError

FILE = "received.log"
_HEAD = struct.Struct("<II")


class BarBuffer:
    """Appends to the buffer in `folder`, from its last whole frame on; `fresh` begins a new one."""

    def __init__(self, folder: Path, fresh: bool = False) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / FILE).open("wb" if fresh else "ab", buffering=0)
            self._file.truncate(sum(size for size, _ in _frames(folder / FILE)))
        except OSError as error:
            raise DataError(f"{folder}: the buffer of live bars cannot be written: {error.strerror}") from None

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record; NaN becomes null."""
        data = orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY)
        self._file.write(_HEAD.pack(len(data), zlib.crc32(data)) + data)

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
    for _, data in _frames(folder / FILE):
        yield orjson.loads(data)


def remove(folder: Path) -> None:
    """Delete a buffer whose records are safe elsewhere."""
    shutil.rmtree(folder)


def _frames(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield size in the file and content of each frame up to the first that is not whole."""
    with path.open("rb") as file:
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            data = file.read(length)
            if len(data) < length or zlib.crc32(data) != checksum:
                return
            yield _HEAD.size + length, data
