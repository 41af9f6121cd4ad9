"""The parallel search and the one in a single process find the same, to the byte."""

import json
from pathlib import Path

import pytest

from benchmarks.honesty import both_ways
from benchmarks.honesty_market import COSTS, Plant

pytestmark = pytest.mark.ray


def test_ray_tune_finds_what_one_process_finds_to_the_byte(ray_cluster: int, tmp_path: Path) -> None:
    parallel, alone = both_ways(Plant(seed=3, strength=0.3, n_sessions=30), COSTS, str(tmp_path))
    assert parallel == alone
    found = json.loads(alone)
    assert found["windows_used"] == 2 and found["fits"] == 14
    assert any(trial["metrics"]["trades"] for trial in found["trials"])
