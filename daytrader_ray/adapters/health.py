"""Looks at the machine and at the vendors, and says of each thing what was found and what to do about it.

Nothing here can disturb a session that trades: no stream is authenticated (a vendor ends the older connection of a
key), no order is looked at, and keys are used but never shown.
"""

import importlib.metadata
import os
import shutil
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import fsspec
import psutil
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import connect

State = Literal["ok", "warn", "fail"]

SECONDS = 5.0
PACKAGES = (
    "ray",
    "torch",
    "xgboost",
    "scikit-learn",
    "hmmlearn",
    "alpaca-py",
    "pandas",
    "pyarrow",
    "numba",
    "websockets",
)
VENDOR_CLIENTS = ("polygon-api-client", "massive")
"""Either of the two reads the market data."""
GIB = 2**30
LEAST_DISK_GIB, SMALL_DISK_GIB = 1.0, 10.0
LEAST_MEMORY_GIB, SMALL_MEMORY_GIB = 2.0, 5.0
SKEW_WARN, SKEW_FAIL = 1.0, 5.0
"""Seconds between this clock and a vendor's: a minute is closed 1.5 s after its end."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what it is called, how it is, what was found, and what to do (empty where all is well)."""

    name: str
    state: State
    found: str
    todo: str = ""


def versions() -> list[Finding]:
    """Say which Python and which packages are installed."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    good = sys.version_info[:2] >= (3, 11)
    findings = [Finding("python", "ok" if good else "fail", python, "" if good else "install Python 3.11 or newer")]
    known = {name: _version(name) for name in (*PACKAGES, *VENDOR_CLIENTS)}
    missing = [name for name in PACKAGES if not known[name]]
    if not any(known[name] for name in VENDOR_CLIENTS):
        missing.append(" or ".join(VENDOR_CLIENTS))
    found = ", ".join(f"{name} {version}" for name, version in known.items() if version)
    if missing:
        todo = "install the project again: make demo, or pip install . -c constraints.txt"
        return [*findings, Finding("packages", "fail", f"missing: {', '.join(missing)}; {found}", todo)]
    return [*findings, Finding("packages", "ok", found)]


def keys(present: Mapping[str, bool], needed: bool) -> list[Finding]:
    """Say of each environment variable whether it is set; a missing one is a failure where `needed`."""
    return [
        Finding(f"key {name}", "ok", "set")
        if there
        else Finding(f"key {name}", "fail", "not set", f"export {name}=...")
        if needed
        else Finding(f"key {name}", "ok", "not set; the built-in exchange needs none")
        for name, there in present.items()
    ]


def proxies(environ: Mapping[str, str]) -> Finding:
    """Say whether a proxy could stand between us and a server on this machine."""
    names = [
        name for name in ("http_proxy", "https_proxy", "all_proxy") if environ.get(name) or environ.get(name.upper())
    ]
    if not names:
        return Finding("proxy", "ok", "none")
    exempt = environ.get("NO_PROXY", "") + "," + environ.get("no_proxy", "")
    if "127.0.0.1" in exempt:
        return Finding("proxy", "ok", f"{', '.join(names)} set, this machine exempt")
    return Finding("proxy", "warn", f"{', '.join(names)} set", "export NO_PROXY=127.0.0.1,127.0.0.2,localhost")


def memory() -> Finding:
    """Say how much memory is free."""
    found = psutil.virtual_memory()
    free = found.available / GIB
    text = f"{free:.1f} of {found.total / GIB:.1f} GiB available"
    if free < LEAST_MEMORY_GIB:
        return Finding("memory", "fail", text, "close other programs: a search needs about 4 GiB")
    if free < SMALL_MEMORY_GIB:
        return Finding("memory", "warn", text, "a search needs about 4 GiB: use --cpus 1")
    return Finding("memory", "ok", text)


def disk(root: str) -> Finding:
    """Say whether the store's root can be written, and how much room it has where that can be known."""
    try:
        _write_and_remove(root)
    except Exception as error:  # noqa: BLE001 - any storage may stand behind a URL; each raises errors of its own
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        return Finding("store root", "fail", f"{root} cannot be written: {reason[:160]}", "give another --data")
    if "://" in root:
        return Finding("store root", "ok", f"{root} can be written")
    free = shutil.disk_usage(_nearest(Path(root))).free / GIB
    text = f"{root} can be written, {free:.1f} GiB free"
    if free < LEAST_DISK_GIB:
        return Finding("store root", "fail", text, "make room, or give another --data")
    if free < SMALL_DISK_GIB:
        return Finding("store root", "warn", text, "two years of 60 symbols take about 1 GiB")
    return Finding("store root", "ok", text)


def server(name: str, url: str, headers: Mapping[str, str], now: Callable[[], float]) -> list[Finding]:
    """Ask `url` once whether it is there, takes the key, and agrees with the clock `now` (epoch seconds)."""
    handlers = [urllib.request.ProxyHandler({})] if urlsplit(url).hostname in LOOPBACK else []
    opener = urllib.request.build_opener(*handlers)
    started = now()
    try:
        with opener.open(urllib.request.Request(url, headers=dict(headers)), timeout=SECONDS) as answer:
            status, date = answer.status, answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        status, date = error.code, error.headers.get("Date")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        return [
            Finding(name, "fail", f"{_place(url)}: no answer ({reason})", "check the network and the profile's url")
        ]
    return [_answered(name, url, status, now() - started), *_skew(name, date, started, now())]


def stream(name: str, url: str, greets: bool) -> Finding:
    """Open `url` without a key and, where the vendor `greets`, wait for its first word."""
    options = {"proxy": None} if urlsplit(url).hostname in LOOPBACK else {}
    try:
        with connect(url, open_timeout=SECONDS, close_timeout=1.0, **options) as socket_:
            if greets:
                socket_.recv(timeout=SECONDS)
    except (OSError, ValueError, TimeoutError, InvalidHandshake, WebSocketException) as error:
        return Finding(name, "fail", f"{_place(url)}: {type(error).__name__}", "check the network and the stream_url")
    return Finding(name, "ok", f"{_place(url)} answers")


def ray_cluster(environ: Mapping[str, str]) -> Finding:
    """Say where Ray would run, and whether a cluster that was named can be reached."""
    address = environ.get("RAY_ADDRESS", "")
    if not address or address == "local":
        return Finding("ray", "ok", f"on this machine, {os.cpu_count()} processors")
    if address == "auto":
        return Finding("ray", "ok", "the running cluster (RAY_ADDRESS=auto)")
    host, _, port = urlsplit(address if "://" in address else f"ray://{address}").netloc.rpartition(":")
    try:
        socket.create_connection((host, int(port)), SECONDS).close()
    except (OSError, ValueError) as error:
        return Finding("ray", "fail", f"RAY_ADDRESS={address}: {error}", "start the cluster, or unset RAY_ADDRESS")
    return Finding("ray", "ok", f"RAY_ADDRESS={address} answers")


def worst(findings: Sequence[Finding]) -> State:
    """Return the worst state of all."""
    states = {finding.state for finding in findings}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"


def _answered(name: str, url: str, status: int, seconds: float) -> Finding:
    text = f"{_place(url)} answers {status} in {1e3 * seconds:.0f} ms"
    if status in (401, 403):
        return Finding(name, "fail", text, "the key is refused: check it, and that it belongs to this server")
    if status == 429:
        return Finding(name, "warn", text, "the vendor limits requests: wait a minute")
    if status >= 400:
        return Finding(name, "fail", text, "check the profile's url; the vendor's status page may tell more")
    return Finding(name, "ok", text)


def _skew(name: str, date: str | None, started: float, ended: float) -> list[Finding]:
    if not date:
        return []
    theirs = parsedate_to_datetime(date).timestamp()
    # The header has whole seconds: the server's time lies in [theirs, theirs + 1).
    ahead = max(0.0, started - (theirs + 1.0)) - max(0.0, theirs - ended)
    text = "agrees with this machine's" if ahead == 0.0 else f"this machine is {ahead:+.0f} s off"
    state: State = "fail" if abs(ahead) >= SKEW_FAIL else "warn" if abs(ahead) >= SKEW_WARN else "ok"
    todo = "" if state == "ok" else "set the clock (systemd-timesyncd, chrony): bars are awaited by this clock"
    return [Finding(f"{name} clock", state, text, todo)]


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _nearest(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _write_and_remove(root: str) -> None:
    if "://" not in root:
        tempfile.TemporaryFile(dir=_nearest(Path(root))).close()
        return
    filesystem, base = fsspec.core.url_to_fs(root)
    probe = f"{base}/.doctor-{os.getpid()}"
    filesystem.pipe_file(probe, b"")
    filesystem.rm_file(probe)
