"""What a search's result proves in the light of a ledger: that grows, so the same curves prove less on another day."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from daytrader_ray.analytics.assessment import BY_LEDGER, reassessed
from daytrader_ray.analytics.overfitting import psr
from daytrader_ray.analytics.performance import daily_returns, plain
from daytrader_ray.analytics.verdict import Stands, verdict
from daytrader_ray.domain.ledger import Entry
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.ledger import curve_digest, in_ledger, page_of


def judged_by(result: Mapping[str, Any], ledger: Sequence[Entry]) -> dict[str, Any]:
    """Return a search's result with what `ledger` decides: verdict, deflated Sharpe ratios, number of looks.

    All of it comes from the curves in the result, so that the same ledger gives the same bits on any day. `ledger` may
    hold this search's trials or not: they are counted once.
    """
    tested = page_of(result)
    ensembles = sorted(
        (trial for trial in result["trials"] if in_ledger(trial["mask"])), key=lambda one: by_size(one["mask"])
    )
    returns = {trial["mask"]: daily_returns(np.array(trial["equity"], dtype=np.float64)) for trial in ensembles}
    others = tested.others(ledger, {curve_digest(tested.dates, trial["equity"]) for trial in ensembles})
    found = reassessed(result["statistics"], np.stack(list(returns.values()), axis=1), others)
    looks = tested.looks(ledger)
    judged = verdict(found, _stands(result, looks))
    counted = {name: value for name, value in found.as_dict().items() if name in BY_LEDGER}
    dsr = {mask: plain(psr(curve, found.sr0)) for mask, curve in returns.items()}
    return {
        **result,
        "verdict": {"label": judged.label, "sentence": judged.sentence},
        "statistics": {**result["statistics"], **counted, "looks": len(looks), "first_look": looks[0]},
        "trials": [{**trial, "dsr": dsr.get(trial["mask"])} for trial in result["trials"]],
    }


def by_size(mask: int) -> tuple[int, int]:
    """Return what orders an assessment's columns: of equals the smaller ensemble is the best."""
    return mask.bit_count(), mask


def _stands(result: Mapping[str, Any], looks: Sequence[str]) -> Stands:
    settings, dates = result["settings"], result["dates"]
    return Stands(
        members=result["best"]["members"],
        first=dates[0],
        last=dates[-1],
        symbols=result["traded"],
        market=result["market"],
        cash=settings["search"]["cash"],
        looks=looks,
        hindsight=hindsight(UniverseConfig.parse(settings["universe"], str(result["id"])), dates),
    )


def hindsight(universe: UniverseConfig, tested: Sequence[str]) -> str:
    """Return in a sentence on how many of the days `tested` the list of symbols was not yet made; empty on none."""
    chosen_on = universe.chosen_on
    early = sum(dt.date.fromisoformat(day) < chosen_on for day in tested) if chosen_on else 0
    if not early:
        return ""
    return (
        f"The symbols were chosen on {chosen_on}, after {early} of the {len(tested)} days: that flatters every figure."
    )
