"""Stored search results made by hand, for tests and looks at the report."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from daytrader_ray.analytics.performance import CostTotals, TradeTable, performance
from daytrader_ray.domain.trading import MEMBERS, SCORERS, members_of, name_of


def result(label: str = "too short", sentence: str = "Too short: 4 days.") -> dict[str, Any]:
    """Return a result of 32 ensembles and three baselines over two windows of two days each."""
    trials = []
    for mask in (*range(32), 32, 64, 159):
        equity = [100_000.0 + 10.0 * (mask % 33) * k * (-1) ** k for k in range(5)]
        measured = performance(np.array(equity), TradeTable.empty(), CostTotals())
        members = members_of(mask)
        weights = [float(name in members) / max(len(members), 1) for name in SCORERS]
        window = {
            "index": 0,
            "weights": weights,
            "weights_by_regime": [weights] * 4,
            "note": "",
            "regret": None,
            "regret_bound": None,
            "timeframes": [0.6, 0.3, 0.1],
            "hours": [0.8, 1.0],
            "q99": 0.00125,
            "trips_a_day": 1.5,
            "member_ic": [0.01 * (bit + 1) if mask >> bit & 1 else None for bit in range(7)],
            "threshold": None,
            "rank_ic": 0.1,
            "test": measured.as_dict(),
            "scheme": "skill",
            "fraction": 0.25,
            "paid": {
                "spread_usd": [1.0, 3.0],
                "impact_usd": [1.0, 1.0],
                "fees_usd": [0.25, 0.75],
            },
            "costs": {"spread_usd": 4.0, "impact_usd": 2.0, "fees_usd": 1.0, "traded_usd": 10_000.0},
            "by_regime": {
                "unknown": {"trades": 0, "pnl_usd": 0.0},
                "trending": {"trades": 3, "pnl_usd": 12.0},
                "volatile": {"trades": 1, "pnl_usd": -4.0},
                "crisis": {"trades": 0, "pnl_usd": 0.0},
            },
        }
        trials.append(
            {
                "mask": mask,
                "name": name_of(mask),
                "members": list(members),
                "equity": equity,
                "metrics": measured.as_dict() | {"intraday_drawdown": 0.01},
                "psr": 0.5 if mask else None,
                "dsr": 0.25 if 0 < mask < 32 else None,
                "baseline": mask >= 32,
                "key": f"{mask:016x}",
                "intervals": {"sharpe": [None, None], "total_return": [None, None]},
                "cost_sweep": cost_sweep(measured.total_return, 0.0001),
                "windows": [
                    window,
                    {**window, "index": 1, "threshold": 0.0001624, "member_ic": [-0.03] * 7},
                ],
            }
        )
    dates = ["2025-11-03", "2025-11-04", "2025-11-05", "2025-11-06"]
    return {
        "id": "search-0123456789abcdef",
        "schema": 5,
        "bars": "b" * 16,
        "market": "polygon",
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
        "configuration": "c" * 16,
        "settings_key": "d" * 16,
        "best": {"mask": 9, "members": list(members_of(9)), "sharpe": 1.0, "capacity": capacity()},
        "verdict": {"label": label, "sentence": sentence},
        "statistics": statistics(4, None, None),
        "baselines": {
            "ahead": True,
            "sentence": "The best ensemble is ahead of logistic and boosting: 1.00 against <b>.",
            "rows": baselines(),
        },
        "labels": {"samples": 12345, "down": 0.31, "flat": 0.36, "up": 0.33},
        "settings": {
            "search": {"seed": 7, "cash": 100_000.0, "tune_members": 1, "score_every_minutes": 1},
            "universe": {"sectors": {"Technology": ["AAPL"]}},
        },
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


def cost_sweep(total: float, cost: float) -> list[dict[str, float]]:
    """Return what costs of no, the estimated and the double size leave of a return."""
    return [{"factor": k, "sharpe": 1.5 - 0.5 * k, "total_return": total - (k - 1) * cost} for k in range(3)]


def capacity() -> dict[str, Any]:
    """Return a capacity curve that halves at sixteen times the equity."""
    return {
        "factor": [0.25, 1.0, 16.0, 256.0],
        "total_return": [0.09, 0.08, 0.05, -0.01],
        "annual_return": [0.09, 0.08, 0.05, -0.01],
        "sharpe": [1.3, 1.2, 0.6, -0.1],
        "crossing": 16.0,
    }


def statistics(days: int, sharpe: Sequence[float] | None, total: Sequence[float] | None) -> dict[str, Any]:
    """Return an assessment of the best ensemble; of few days most of it is unknown."""
    known = sharpe is not None
    return {
        "best": 8,
        "days": days,
        "traded_days": days - 2,
        "looks": 1,
        "first_look": "2025-11-06",
        "mean": 3.2e-4 if known else 0.0,
        "n_trials": 45,
        "n_ledger": 14,
        "n_search": 31,
        "psr": 0.93 if known else None,
        "dsr": 0.41 if known else None,
        "sr0": 0.09 if known else None,
        "spa": 0.21 if known else None,
        "spa_against": {row["name"]: row["p"] for row in baselines()} if known else {},
        "spa_own": {row["name"]: row["p"] / 2 for row in baselines()} if known else {},
        "pbo": {
            "value": 0.38 if known else None,
            "blocks": 16 if known else 0,
            "evidence": known,
            "histogram": {
                "edges": [float(k) for k in range(-4, 5)] if known else [],
                "counts": [60, 210, 1400, 3220, 4100, 2640, 980, 260] if known else [],
            },
        },
        "track_record": 510.0 if known else None,
        "intervals": {
            "sharpe": sharpe or [1.0, None, None],
            "total_return": total or [0.0036, None, None],
            "mean_bps": [3.2, -0.9, 7.1] if known else [0.4, None, None],
        },
    }


def baselines() -> list[dict[str, Any]]:
    """Return the five things that anybody can have."""
    return [
        {
            "name": name,
            "members": members,
            "sharpe": sharpe,
            "total_return": total,
            "trades": trades,
            "p": p,
            "gap_bps": gap,
            "error_bps": error,
        }
        for name, members, sharpe, total, trades, p, gap, error in (
            ("cash", [], None, 0.0, 0, 0.21, 3.2, 2.0),
            ("SPY", [], 0.92, 0.114, 1, 0.62, -1.1, 6.4),
            ("equal", list(MEMBERS), 0.71, 0.048, 4120, 0.34, 1.3, 1.1),
            ("logistic", ["logistic"], -0.42, -0.021, 2210, 0.18, 4.0, 2.2),
            ("boosting", ["boosting"], 0.15, 0.006, 3904, 0.24, 2.9, 2.1),
        )
    ]


SPREAD_OF_WINDOWS = 50, 5, 21
"""Windows, sessions of a step, sessions of a test."""


def large_result(seed: int = 3) -> dict[str, Any]:
    """Return a result of 34 trials over fifty windows of a month's test and a week's step, drawn from a seed."""
    rng = np.random.default_rng(seed)
    n_windows, step, test = SPREAD_OF_WINDOWS
    days = np.busday_offset("2024-07-01", np.arange(n_windows * step + test), roll="forward").astype(str).tolist()
    before = np.busday_offset("2024-07-01", np.arange(-126, 0), roll="forward").astype(str).tolist()
    sessions, dates = [*before, *days], days[: n_windows * step]
    found = result(
        "not significant",
        "Not significant. LSTM + XGBoost, the best of 31 ensembles, made +8.24% in 250 days after costs; its Sharpe "
        "ratio is 1.21, and with 95 % confidence between -0.62 and 2.87. Seen with the 45 ensembles that were tried on "
        "these days, luck alone would do that about three times in five. It is not proved to beat SPY (p 0.62), equal "
        "(p 0.34), logistic (p 0.18) or boosting (p 0.24). It stands on 50 windows, 12.1 that are independent, of 10 "
        "stocks of polygon from 2024-07-01 to 2025-06-13. The symbols were chosen on 2025-11-01, after 250 of "
        "the 250 days: that flatters every figure.",
    )
    shared = rng.normal(1e-4, 5e-3, len(dates))
    trials = [_drawn_trial(trial, rng, shared) for trial in found["trials"]]
    windows = [
        {
            "index": k,
            "train": [sessions[k * step], sessions[k * step + 125]],
            "test": [sessions[k * step + 126], sessions[k * step + 125 + test]],
            "step_sessions": step,
        }
        for k in range(n_windows)
    ]
    features = [
        f"{family}.{name}_{k}" for family in ("lag", "trend", "volume", "vol") for name in "abcd" for k in (5, 30)
    ]
    stocks = ["AAPL", "AMZN", "COIN", "GILD", "MARA", "MSFT", "NFLX", "NVDA", "TSLA", "XOM"]
    return found | {
        "spec": "train 6 months, test 1 month, step 1 week",
        "symbols": sorted([*stocks, "SPY", "QQQ"]),
        "traded": stocks,
        "sessions": {"first": sessions[0], "last": sessions[-1], "n": len(sessions)},
        "dates": dates,
        "windows": windows,
        "windows_used": n_windows,
        "windows_effective": 12.1,
        "fits": 250,
        "best": found["best"] | {"sharpe": 1.21},
        "statistics": statistics(len(dates), [1.21, -0.62, 2.87], [0.0824, -0.041, 0.221]),
        "regime": regime(dates),
        "importances": [_drawn_importances(features, rng) for _ in windows],
        "selection": _drawn_selection(features, n_windows, rng),
        "trials": trials,
    }


def _drawn_trial(trial: dict[str, Any], rng: np.random.Generator, shared: Any) -> dict[str, Any]:
    n_windows, step, _ = SPREAD_OF_WINDOWS
    mask, inside = trial["mask"], np.array([float(trial["mask"] >> bit & 1) for bit in range(7)])
    returns = np.zeros(len(shared)) if not mask else shared + rng.normal(2e-4 if mask == 9 else 0.0, 3e-3, len(shared))
    equity = 100_000.0 * np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
    measured = performance(equity, TradeTable.empty(), CostTotals())
    weights = rng.dirichlet(np.ones(7), n_windows) * inside
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    windows = []
    for k in range(n_windows):
        total = float(rng.normal(0.004, 0.02)) if mask else 0.0
        paid = {name: rng.gamma(2.0, usd, step).tolist() for name, usd in _PAID.items()} if mask else _NOTHING_PAID
        windows.append(
            trial["windows"][0]
            | {
                "index": k,
                "weights": weights[k].tolist(),
                "member_ic": [float(rng.normal(0.01, 0.02)) if one else None for one in inside],
                "threshold": None if not mask or rng.random() < 0.1 else float(rng.gamma(4.0, 0.1)),
                "trips_a_day": float(rng.gamma(4.0, 5.0)),
                "rank_ic": float(rng.normal(0.01, 0.03)) if mask else None,
                "scheme": str(rng.choice(["equal", "skill", "stacking"])),
                "fraction": float(rng.uniform(0.1, 0.5)) if mask else None,
                "test": measured.as_dict()
                | {"total_return": total, "trades": int(rng.integers(100, 300)) if mask else 0},
                "equity": equity[k * step : (k + 1) * step + 1].tolist(),
                "paid": paid,
                "costs": {name: sum(usd) for name, usd in paid.items()} | {"traded_usd": 6e5 if mask else 0.0},
                "by_regime": _drawn_regimes(rng) if mask else {},
            }
        )
    sharpe = measured.sharpe if mask else None
    return trial | {
        "equity": equity.tolist(),
        "metrics": measured.as_dict()
        | {"intraday_drawdown": measured.max_drawdown + 0.004, "trades": 4100 if mask else 0},
        "psr": 0.8 if mask else None,
        "dsr": 0.41 if 0 < mask < 32 else None,
        "intervals": {
            "sharpe": [sharpe - 1.8, sharpe + 1.8] if sharpe is not None else [None, None],
            "total_return": [measured.total_return - 0.12, measured.total_return + 0.14] if mask else [None, None],
        },
        "cost_sweep": cost_sweep(measured.total_return, 0.06 if mask else 0.0),
        "windows": windows,
    }


_PAID = {"spread_usd": 20.0, "impact_usd": 9.0, "fees_usd": 1.0}
_NOTHING_PAID: Mapping[str, list[float]] = {name: [0.0] * SPREAD_OF_WINDOWS[1] for name in _PAID}


def _drawn_regimes(rng: np.random.Generator) -> dict[str, dict[str, float]]:
    return {
        name: {"trades": int(rng.integers(0, trades)), "pnl_usd": float(rng.normal(usd, 200.0))}
        for name, trades, usd in (
            ("unknown", 1, 0.0),
            ("trending", 80, 40.0),
            ("volatile", 40, -15.0),
            ("crisis", 10, -30.0),
        )
    }


def _drawn_importances(features: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
    found = {}
    for name in (*MEMBERS, "logistic", "boosting"):
        lost = dict(zip(features, rng.normal(0.003, 0.01, len(features)).tolist(), strict=True))
        found[name] = {"permutation": lost, "permutation_error": dict.fromkeys(features, 0.004)}
    return found


def _drawn_selection(features: Sequence[str], n_windows: int, rng: np.random.Generator) -> dict[str, Any]:
    windows = []
    for _ in range(n_windows):
        told = rng.gamma(1.0, 1e-3, len(features))
        windows.append(
            {
                "mutual_information": told.tolist(),
                "dropped": ["" if value > 8e-4 else "number 31 of 40" for value in told],
            }
        )
    return {"features": list(features), "of": len(features), "kept": 15.0, "stability": 0.41, "windows": windows}
