"""Assessments made by hand, for tests of what is said of them."""

from dataclasses import replace
from typing import Any

import numpy as np

from daytrader_ray.analytics.assessment import Assessment
from daytrader_ray.analytics.cscv import Pbo
from daytrader_ray.analytics.measure import Estimate


def assessment(**changes: Any) -> Assessment:
    """Return a clear case: 250 days, a gain, DSR 0.97, SPA p 0.01, both baselines beaten; with `changes`."""
    return replace(
        Assessment(
            best=4,
            days=250,
            traded_days=250,
            mean=0.0004,
            n_search=31,
            n_ledger=0,
            n_trials=31,
            psr=0.99,
            sr0=0.05,
            dsr=0.97,
            spa=0.01,
            spa_against={"cash": 0.01, "SPY": 0.02},
            spa_own={"cash": 0.002, "SPY": 0.004},
            pbo=Pbo(0.1, np.array([-1.0, 1.0]), 16),
            track_record=200.0,
            intervals={
                "sharpe": Estimate(2.0, 0.5, 3.5),
                "total_return": Estimate(0.1, 0.02, 0.18),
                "mean_bps": Estimate(4.0, 1.0, 7.0),
            },
        ),
        **changes,
    )
