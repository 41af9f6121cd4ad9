"""What holds in every test: no Ray outside its own tests, no key of the user's, warm kernels in one cache."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

RAY_ROOMS = ("cluster", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, for its fixtures, and all that starts Ray in one, for the processors."""
    for item in items:
        room = _room(item)
        item.add_marker(pytest.mark.xdist_group("ray" if room in RAY_ROOMS else str(item.path)))


def _room(item: pytest.Item) -> str:
    """Return the folder of tests that a test is in, "" for a doctest."""
    here = Path(__file__).parent
    return item.path.relative_to(here).parts[0] if item.path.is_relative_to(here) else ""


@pytest.fixture(autouse=True)
def _no_ray_outside_its_room(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make `ray.init` fail in tests that do not live in tests/cluster or tests/e2e."""
    if _room(request.node) not in RAY_ROOMS:
        if sys.modules.get("ray") is None:
            monkeypatch.setitem(sys.modules, "ray", None)
        else:
            monkeypatch.setattr("ray.init", _refuse)
    yield


def _refuse(*_: object, **__: object) -> None:
    raise AssertionError("Ray is started only in tests/cluster and tests/e2e")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the user's own credentials and settings from tests."""
    for name in (
        "POLYGON_API_KEY",
        "MASSIVE_API_KEY",
        "ALPACA_API_KEY",
        "ALPACA_SECRET_KEY",
        "APCA_API_KEY_ID",
        "APCA_API_SECRET_KEY",
        "DAYTRADER_DATA",
    ):
        monkeypatch.delenv(name, raising=False)
