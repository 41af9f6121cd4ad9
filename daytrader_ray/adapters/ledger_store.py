"""The ledger of trials on disk, a small file for each trial.

::

    <root>/reports/ledger/<key>.json    one trial: what was tried, its days, Sharpe ratio, curve's digest, looks
"""

from daytrader_ray.adapters.folder import Folder
from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.domain.ledger import Entry

LEDGER = "reports/ledger"


def read(root: str) -> list[Entry]:
    """Return all entries, in the order of their keys; `DataError` for a damaged one."""
    folder = Folder(root)
    return [_read(folder, name) for name in folder.find(f"{LEDGER}/*.json")]


def enter(root: str, entry: Entry) -> None:
    """Write an entry after what is there of the same key (`Entry.after`), left alone where that changes nothing.

    `DataError` where what is there is damaged.
    """
    folder, name = Folder(root), f"{LEDGER}/{entry.key}.json"
    with folder.locked(name):
        before = _read(folder, name) if folder.exists(name) else None
        now = entry if before is None else entry.after(before)
        if now != before:
            folder.write_json(name, now.model_dump(mode="json"))


def _read(folder: Folder, name: str) -> Entry:
    try:
        return Entry.parse(folder.read_cache(name), name)
    except ConfigError as error:
        raise DataError(
            f"{folder.path(name)}: no entry of the ledger: {error.message}",
            "restore it; without it a trial is not counted, and luck looks like skill",
        ) from None
