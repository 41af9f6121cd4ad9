"""Weights that go on learning: Hedge over the rounds of B; search, backtest and live continue from there."""

from daytrader_ray.models.online import Online, bars_of_round, learnt, new_hedge, run_rounds
from daytrader_ray.models.weights.surface import Bool, Evidence, Weighting


def hedge(evidence: Evidence, inside: Bool, _seed: int) -> Weighting:
    """Run Hedge over B from equal weights; a score's scale is the member's 99 % quantile of |score| there."""
    b = evidence.b
    running = new_hedge(Online.untaught(b.q99), inside, b.scores.shape[1])
    run_rounds(running, bars_of_round(evidence.bar_minutes), b.slot, b.scores, b.return_30, b.sigma_30)
    return Weighting.same(running.weights, learnt(running))
