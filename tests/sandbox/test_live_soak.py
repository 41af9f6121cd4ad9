"""A session played fast to the live feed while stream and REST go wrong: the small version of `stream.soak`."""

import datetime as dt
import itertools

import pytest

from benchmarks.stream import names, soaked
from daytrader_ray.adapters.bar_table import REST
from daytrader_ray.adapters.receiver import Receiver
from daytrader_ray.sandbox.config import SandboxConfig

HALF_DAY = dt.date(2025, 11, 28)
CONFIG = SandboxConfig(first_session=dt.date(2025, 11, 26), n_sessions=3)


def test_under_faults_every_minute_is_closed_once_and_no_bar_is_lost_unused_or_used_twice():
    soak = soaked(CONFIG, HALF_DAY, names(12), speed=900.0, a_second=4.0)
    assert soak.failures() == []
    assert sum(soak.faults.values()) >= 10 and len(soak.faults) >= 4
    assert soak.bars > 2000 and soak.told.sum() > 0.5 * soak.bars


@pytest.mark.parametrize("share", [1.0, 0.02], ids=["all bars", "one bar in 50"])
def test_a_feed_that_discards_what_the_stream_told_fails(monkeypatch, share):
    keep, draws = Receiver._keep, itertools.count()

    def forgetful(receiver, source, bars):
        left = bars if source == REST else [bar for bar in bars if next(draws) % int(1 / share)]
        return keep(receiver, source, left)

    monkeypatch.setattr(Receiver, "_keep", forgetful)
    soak = soaked(CONFIG, HALF_DAY, names(12), speed=1800.0, a_second=0.0001)
    assert soak.failures()
