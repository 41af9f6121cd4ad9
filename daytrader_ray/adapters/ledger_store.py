"""The ledger of trials on disk, a small file for each trial.

::

    <root>/reports/ledger/<key>.json    one trial: mask, configuration, first and last day, Sharpe ratio, curve's digest
"""

from collections.abc import Iterable

from daytrader_ray.adapters.folder import Folder
from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.ledger import Entry

LEDGER = "reports/ledger"


def read(root: str) -> list[Entry]:
    """Return all entries, in the order of their keys; `DataError` for a damaged one."""
    folder = Folder(root)
    return [_read(folder, name) for name in folder.find(f"{LEDGER}/*.json")]


def write(root: str, entries: Iterable[Entry]) -> None:
    """Write entries; one of the same key is replaced, and an entry that has not changed is left alone."""
    folder = Folder(root)
    for entry in entries:
        name, values = f"{LEDGER}/{entry.key}.json", entry.model_dump(mode="json")
        if folder.read_cache(name) != values:
            folder.write_json(name, values)


def _read(folder: Folder, name: str) -> Entry:
    try:
        return Entry.parse(folder.read_cache(name), name)
    except ConfigError as error:
        raise DataError(
            f"{folder.path(name)}: no entry of the ledger: {error.message}",
            "restore it; without it a trial is not counted, and luck looks like skill",
        ) from None
