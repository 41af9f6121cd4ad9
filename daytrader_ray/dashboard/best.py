"""The best ensemble of a search's stored result, and what its daily returns might have been."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from daytrader_ray.analytics.measure import Estimate, measure_returns
from daytrader_ray.analytics.paths import Band, band
from daytrader_ray.analytics.performance import daily_returns


def best_of(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the trial of the best ensemble."""
    best: Mapping[str, Any] = next(t for t in result["trials"] if t["mask"] == result["best"]["mask"])
    return best


def measured(best: Mapping[str, Any]) -> dict[str, Estimate]:
    """Return the stored metrics of a trial, without intervals."""
    return {key: Estimate(math.nan if value is None else value) for key, value in best["metrics"].items()}


def figures_of(result: Mapping[str, Any]) -> dict[str, Estimate]:
    """Return all figures of the best ensemble, those that sessions alone can give with their intervals."""
    best = best_of(result)
    return measured(best) | measure_returns(daily_returns(np.array(best["equity"])), seed_of(result))


def band_of(result: Mapping[str, Any]) -> Band | None:
    """Return the band around the curve of the best ensemble; None for a few sessions."""
    return band(daily_returns(np.array(best_of(result)["equity"])), seed_of(result))


def seed_of(result: Mapping[str, Any]) -> int:
    """Return the seed of the search."""
    return int(result["settings"]["search"]["seed"])
