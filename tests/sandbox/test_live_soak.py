"""A session played fast to the live feed while its stream goes wrong: the small version of `stream.soak`."""

import datetime as dt

from benchmarks.stream import names, soaked
from daytrader_ray.sandbox.config import SandboxConfig

HALF_DAY = dt.date(2025, 11, 28)


def test_under_faults_every_minute_is_closed_once_and_no_bar_is_lost_or_used_twice():
    config = SandboxConfig(first_session=dt.date(2025, 11, 26), n_sessions=3)
    soak = soaked(config, HALF_DAY, names(12), speed=1800.0, a_second=4.0)
    assert soak.minutes == list(range(210))
    assert sum(soak.faults.values()) >= 10 and len(soak.faults) >= 4
    assert (soak.lost, soak.wrong, soak.twice) == (0, 0, 0)
    assert soak.bars > 2000 and soak.in_time > soak.bars / 2
