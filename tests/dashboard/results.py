"""A stored search result in small, for tests of the report."""

from typing import Any

from daytrader_ray.analytics.performance import CostTotals, TradeTable, performance
from daytrader_ray.domain.trading import MEMBERS, members_of


def result(label: str = "too short", sentence: str = "Too short: 4 days.") -> dict[str, Any]:
    """Return a result of 32 ensembles and two baselines over two windows of two days each."""
    import numpy as np

    trials = []
    for mask in (*range(32), 32, 64):
        equity = [100_000.0 + 10.0 * (mask % 33) * k * (-1) ** k for k in range(5)]
        measured = performance(np.array(equity), TradeTable.empty(), CostTotals())
        window = {
            "index": 0,
            "weights": [float(mask >> bit & 1) / max(mask.bit_count(), 1) for bit in range(7)],
            "weights_by_regime": [[float(mask >> bit & 1) / max(mask.bit_count(), 1) for bit in range(7)]] * 4,
            "note": "",
            "regret": None,
            "regret_bound": None,
            "timeframes": [0.6, 0.3, 0.1],
            "hours": [0.8, 1.0],
            "q99": 0.00125,
            "trips_a_day": 1.5,
            "member_ic": [0.01 * (bit + 1) if mask >> bit & 1 else None for bit in range(7)],
            "kelly": None,
            "threshold": None,
            "rank_ic": 0.1,
            "test": measured.as_dict(),
        }
        trials.append(
            {
                "mask": mask,
                "members": list(members_of(mask)),
                "equity": equity,
                "metrics": measured.as_dict() | {"intraday_drawdown": 0.01},
                "psr": 0.5 if mask else None,
                "dsr": 0.25 if 0 < mask < 32 else None,
                "baseline": mask >= 32,
                "windows": [
                    window,
                    {**window, "index": 1, "threshold": 0.0001624, "member_ic": [-0.03] * 7, "kelly": kelly()},
                ],
            }
        )
    dates = ["2025-11-03", "2025-11-04", "2025-11-05", "2025-11-06"]
    return {
        "id": "search-0123456789abcdef",
        "spec": "train 6 sessions, test 2 sessions, step 2 sessions",
        "symbols": ["AAPL", "SPY"],
        "traded": ["AAPL"],
        "sessions": {"first": "2025-10-20", "last": dates[-1], "n": 14},
        "dates": dates,
        "windows": [
            {"index": k, "train": ["2025-10-20", "2025-10-31"], "test": dates[2 * k : 2 * k + 2], "step_sessions": 2}
            for k in range(2)
        ],
        "windows_used": 2,
        "windows_effective": 2.0,
        "fits": 10,
        "ensembles": 32,
        "best": {"mask": 9, "members": list(members_of(9)), "sharpe": 1.0},
        "verdict": {"label": label, "sentence": sentence},
        "baselines": {"beaten": True, "sentence": "The best ensemble beats logistic and boosting: 1.00 against <b>."},
        "labels": {"samples": 12345, "down": 0.31, "flat": 0.36, "up": 0.33},
        "settings": {"search": {"seed": 7, "ensemble": {"scheme": "skill"}}},
        "left_out": ["corr_qqq", "vix"],
        "members": list(MEMBERS),
        "regime": regime(dates),
        "importances": [importances(0.0), importances(0.1)],
        "selection": {
            "features": ["lag.return_1", "lag.return_5", "trend.sma_20", "volume.obv", "volume.relative_volume"],
            "of": 5,
            "kept": 2.0,
            "stability": 1 / 3,
            "windows": [
                {
                    "mutual_information": [0.004, 0.002, 0.001, 0.0, None],
                    "dropped": ["", "", "", "one value only", "unknown in 100% of the rows"],
                },
                {
                    "mutual_information": [0.002, 0.001, -0.0004, 0.0, None],
                    "dropped": ["", "Spearman +0.970 with <b>", "number 31 of 40", "one value only", "unknown in 90%"],
                },
            ],
        },
        "trials": trials,
    }


def regime(dates: list[str]) -> dict[str, Any]:
    """Return what a search tells of the regimes over `dates`: 78 observations a day, the states in thirds."""
    import datetime as dt

    opens = [dt.datetime.fromisoformat(f"{day}T14:30+00:00") for day in dates]
    minutes = [int(start.timestamp()) // 60 + 5 * k + 4 for start in opens for k in range(78)]
    n = len(minutes)
    states = [3 * k // n for k in range(n)]
    return {
        "now": {
            "states": ["trending", "volatile", "crisis"],
            "inputs": ["log_rv", "trend"],
            "left_out": ["corr_qqq", "vix"],
            "transition": [[0.98, 0.02, 0.0], [0.05, 0.94, 0.01], [0.0, 0.1, 0.9]],
            "minutes": [250.0, 83.3, 50.0],
            "means": {"log_rv": [-0.3, 0.1, 0.9], "trend": [1.1, 0.7, 1.4]},
            "crisis_vix": 30.0,
            "shares": {"unknown": 0.2, "trending": 0.5, "volatile": 0.3},
            "probabilities": [0.1, 0.85, 0.05],
            "as_of": "2025-11-06T21:00Z",
        },
        "shares": {"trending": 1 / 3, "volatile": 1 / 3, "crisis": 1 / 3},
        "path": {
            "minute": minutes,
            "close": [None if k == 5 else 600.0 + 3.0 * ((k * 7) % 11) / 11 + k / 40 for k in range(n)],
            "state": states,
        },
    }


def importances(more: float) -> dict[str, dict[str, dict[str, float]]]:
    """Return what one window measured of two members; `more` is added to the first feature's."""
    features = ["lag.return_1", "lag.return_5", "trend.sma_20"]
    permutation = dict(zip(features, [0.4 + more, 0.1, -0.02], strict=True))
    told = {"permutation": permutation, "permutation_error": dict.fromkeys(features, 0.04)}
    gain = dict(zip(features[: 3 if more else 2], [0.75, 0.25, 0.0], strict=False))
    return {"lstm": told, "xgboost": {**told, "gain": gain}}


def kelly() -> dict[str, Any]:
    """Return what validation said to bet in a window."""
    return {
        "fraction": 0.35,
        "edges": [0.0, 0.4],
        "weight": [0.25, 1.0],
        "trades": [60.0, 61.0],
        "win_rate": [0.5, 0.55],
        "win": [0.0012, 0.0015],
        "loss": [0.0011, 0.001],
        "true_kelly": [-0.5, 4.25],
    }
