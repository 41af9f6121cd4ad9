"""How much memory this program and all its children really hold."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

PAUSE_SECONDS = 2.0


@dataclass
class Peak:
    """The highest sum seen so far, in GiB: proportional set size, so that shared pages count once."""

    gib: float = 0.0


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Watch this process and its descendants every two seconds inside the block."""
    peak, stop = Peak(), threading.Event()

    def watch() -> None:
        while not stop.wait(PAUSE_SECONDS):
            peak.gib = max(peak.gib, _pss_bytes() / 2**30)

    watcher = threading.Thread(target=watch, daemon=True, name="memory")
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join(timeout=10 * PAUSE_SECONDS)


def _pss_bytes() -> int:
    me = psutil.Process()
    total = 0
    for process in (me, *me.children(recursive=True)):
        try:
            total += int(process.memory_full_info().pss)
        except (psutil.Error, AttributeError):
            continue
    return total
