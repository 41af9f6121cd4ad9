"""One live session a data root at a time: a lock that ends with the process that holds it, however that ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daytrader_ray.adapters.folder import local_root
from daytrader_ray.domain.errors import BrokerError


@contextmanager
def only_session(root: str | Path, day: str) -> Iterator[None]:
    """Be the only live session of a data root on this machine; `BrokerError` where another one runs."""
    path = _place(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BrokerError(
                f"the session of {path.read_text()} runs with this data root already ({path} is locked)",
                "wait for its end; to stop it, interrupt it where it was started: it closes its positions",
            ) from None
        lock.truncate(0)
        lock.write(day)
        lock.flush()
        yield


def running(root: str | Path) -> str:
    """Return the day of the live session that runs with a data root on this machine, "" while none does."""
    path = _place(root)
    try:
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return ""
    except BlockingIOError:
        return path.read_text()
    return ""


def _place(root: str | Path) -> Path:
    return local_root(root) / "journal" / "live.lock"
