"""`audit lookahead` clears the forward filter and accuses what looks ahead: Viterbi's path of the same model."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM

from benchmarks.regime import STOCKS, Planted, planted
from daytrader_ray.cli.audit_subjects import RegimeSubject
from daytrader_ray.domain.regime import RegimeModel
from daytrader_ray.features.audit import lookahead
from daytrader_ray.features.audit_table import Table
from daytrader_ray.features.world import World
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.regime.fit import fit
from daytrader_ray.regime.observations import INPUTS, observe

SINCE, N_MOMENTS = 10, 20


@pytest.fixture(scope="module")
def market() -> Planted:
    return planted(20, 6)  # its first sessions have no crisis: the states lie close, and what follows tells them apart


@pytest.fixture(scope="module")
def world(market) -> World:
    return World(market.frames.panel)


@pytest.fixture(scope="module")
def subject(market, world) -> RegimeSubject:
    model = fit(observe(market.frames, STOCKS, 0, SINCE), RegimeConfig(), seed=7)
    assert model is not None
    return RegimeSubject(model, world.grid.sessions[SINCE].date)


def viterbi(model: RegimeModel, market: Planted, world: World) -> np.ndarray:
    """Return the likeliest path of the whole history [row]."""
    seen = observe(replace(market.frames, panel=world.panel), STOCKS, 0, world.n_sessions)
    x = seen.x[:, [INPUTS.index(name) for name in model.inputs]]
    x[:, 0] = np.log(x[:, 0] / model.profile[seen.slots])
    known = np.isfinite(x).all(axis=1)
    states = np.full(world.grid.n_rows, -1.0)
    if not known.any():
        return states
    hmm = GaussianHMM(3, init_params="")
    hmm.startprob_, hmm.transmat_, hmm.means_, hmm.covars_ = model.start, model.transition, model.means, model.variances
    _, path = hmm.decode((x[known] - model.mean) / model.std)
    at = np.searchsorted(seen.rows[known], np.arange(world.grid.n_rows), side="right") - 1
    states[at >= 0] = path[at[at >= 0]]
    return states


def test_the_forward_filter_knows_nothing_of_what_follows(world, subject):
    (finding,) = lookahead(world, lambda w: [subject.history(w)], N_MOMENTS, np.random.default_rng(0))
    assert finding.checked > 100 and finding.difference is None


def test_a_viterbi_path_of_the_same_model_is_accused(market, world, subject):
    def compute(w: World) -> Sequence[Table]:
        return [subject.table(w, viterbi(subject.model, market, w))]

    (finding,) = lookahead(world, compute, N_MOMENTS, np.random.default_rng(0))
    assert finding.difference is not None and finding.name == "regime.in_force"
