"""What the demo says of itself: the keys that scripts read, and `ok` only when everything holds."""

import dataclasses
import datetime as dt
from types import SimpleNamespace

import pytest

from daytrader_ray.cli.demo import Done
from daytrader_ray.cluster.rehearsal import Rehearsal
from daytrader_ray.domain.trading import MEMBERS

KEYS = {
    "ok", "seconds", "peak_gib", "bars", "features", "windows", "fits", "fits_run", "ensembles", "best", "verdict",
    "rehearsal", "report",
}  # fmt: skip
REHEARSAL_KEYS = {"session", "orders", "fills", "stops", "differences", "flat_at_close", "bar_to_order_ms"}

REHEARSED = Rehearsal(
    session=dt.date(2025, 12, 1),
    orders=10,
    fills=5,
    stops=1,
    flattened=1,
    differences=(),
    alarms=(),
    flat_at_close=True,
    p50_ms=1.0,
    p99_ms=2.0,
)


def done(rehearsal: Rehearsal = REHEARSED, fits: int = 4 * len(MEMBERS), ensembles: int = 2 ** len(MEMBERS)) -> Done:
    summary = {
        "windows_used": 4,
        "fits": fits,
        "fits_run": 3,
        "ensembles": ensembles,
        "best": {"mask": 8, "members": ["xgboost"], "sharpe": 1.5},
        "verdict": {"label": "too short"},
    }
    searched = SimpleNamespace(summary=lambda: summary)
    return Done(None, searched, SimpleNamespace(bundle_id="b"), rehearsal, {"report": "report.html"}, 100, 28, {})


def test_the_last_line_has_the_keys_that_scripts_read() -> None:
    values = done().values(12.34, 1.234)
    assert values["ok"] is True
    assert set(values) >= KEYS
    assert set(values["rehearsal"]) >= REHEARSAL_KEYS
    assert set(values["rehearsal"]["bar_to_order_ms"]) == {"p50", "p99"}


@pytest.mark.parametrize(
    "change",
    [{"differences": ("minute 1: x",)}, {"orders": 0}, {"flat_at_close": False}, {"alarms": ("something",)}],
)
def test_a_rehearsal_with_anything_wrong_is_not_ok(change: dict[str, object]) -> None:
    assert done(dataclasses.replace(REHEARSED, **change)).values(1.0, 1.0)["ok"] is False


def test_missing_fits_or_ensembles_are_not_ok() -> None:
    assert done(fits=4 * len(MEMBERS) - 1).values(1.0, 1.0)["ok"] is False
    assert done(ensembles=2 ** len(MEMBERS) - 1).values(1.0, 1.0)["ok"] is False
