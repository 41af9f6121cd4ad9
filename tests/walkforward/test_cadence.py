"""A search whose members score every five minutes: what it learns from, and that its trades are those of a backtest."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.cadence import is_scored
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.models.labels import NO_LABEL
from daytrader_ray.walkforward.fit import Market, score
from daytrader_ray.walkforward.simulate import Purse
from daytrader_ray.walkforward.study import Study, WindowInputs, scored_block
from daytrader_ray.walkforward.trade import Traded, trade
from daytrader_ray.walkforward.trial import prepared, run_trial
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import WindowSpec, windows
from tests.walkforward.markets import LastRow, market, planted
from tests.walkforward.test_study import CONFIG, study_of

MASK, CASH = 0b00011, 100_000.0
COARSE = CONFIG.model_copy(update={"score_every_minutes": 5})


def inputs_of(here: Market, every: int) -> Iterator[WindowInputs]:
    """Member lstm sees the plant, cnn sees noise."""
    for window in windows(here.frames.panel.grid, WindowSpec.parse("6s", "4s", "2s")):
        view = view_of(here, window, CONFIG)
        block = window.a[0], window.test[1]
        parts = [score(here, view, LastRow(feature), block, window.train[0], every) for feature in (0, 1)]  # type: ignore[arg-type]
        nothing = np.full_like(parts[0], np.nan)
        stack = np.stack([*parts, nothing, nothing, nothing], axis=2)
        yield WindowInputs(window, stack, np.full(len(stack), -1, dtype=np.int8))


@pytest.fixture(scope="module")
def here() -> Market:
    return market(planted(strength=0.0003))


@pytest.fixture(scope="module")
def study(here: Market) -> Study:
    return study_of(here, COARSE)


def test_members_are_asked_at_scored_bars_alone_and_say_there_what_they_always_do(here: Market) -> None:
    fine, coarse = (next(inputs_of(here, every)) for every in (1, 5))
    rows = here.rows((fine.window.a[0], fine.window.test[1]))
    scored = is_scored(here.frames.panel.grid.slot_of_row[rows], 5)
    assert np.array_equal(coarse.scores[scored], fine.scores[scored], equal_nan=True)
    assert np.isfinite(fine.scores[~scored]).any() and np.isnan(coarse.scores[~scored]).all()


def test_nothing_is_learnt_from_bars_without_a_score(here: Market, study: Study) -> None:
    given = next(inputs_of(here, 5))
    b = scored_block(study, given, given.window.b)
    scored = is_scored(b.slot, 5)
    assert np.isnan(b.forward[~scored]).all() and (b.label[~scored] == NO_LABEL).all()
    assert np.isfinite(b.forward[scored]).any()


def test_a_trial_trades_what_a_backtest_of_its_steps_does_and_enters_at_scored_bars_alone(
    here: Market, study: Study
) -> None:
    results = list(run_trial(MASK, study, inputs_of(here, 5)))
    purse, entries = Purse(CASH, CASH), []
    for window, result in zip(prepared(MASK, study, inputs_of(here, 5)), results, strict=True):
        n = study.rows(window.window.step).stop - study.rows(window.window.step).start
        traded = trade(study, window.window.step, window.fit.ensemble, window.said.part(slice(0, n)), purse)
        assert traded.result.session_equity.tolist() == result.equity
        purse = traded.after(purse)
        entries += [order.slot for order in traded.result.orders if order.kind is OrderKind.ENTRY]
        check_verdicts(traded)
    assert len(entries) > 20 and all((slot + 1) % 5 == 0 for slot in entries)


def check_verdicts(traded: Traded) -> None:
    """At four bars of five nothing may be opened."""
    told = traded.result.verdicts
    assert told[Reason.DENIED_HELD] > 3 * sum(n for reason, n in told.items() if reason not in APART)


APART = {Reason.DENIED_HELD, Reason.DENIED_SESSION}


def five_minutes(here: Market) -> Market:
    """Return the same rows as bars of five minutes."""
    panel = here.frames.panel
    sessions = tuple(replace(one, n_minutes=5 * one.n_minutes) for one in panel.grid.sessions)
    longer = replace(here.frames, panel=replace(panel, grid=SessionGrid(sessions, 5)))
    return market(longer)


def test_on_five_minute_bars_every_five_minutes_is_every_bar_to_the_bit(here: Market) -> None:
    longer = five_minutes(here)
    one, five = (
        [
            result.as_dict()
            for result in run_trial(MASK, study_of(longer, config), inputs_of(longer, config.score_every_minutes))
        ]
        for config in (CONFIG, COARSE)
    )
    assert one == five and one[0]["trade_pnl_usd"]


def test_minutes_that_end_no_bar_are_refused_by_name(here: Market) -> None:
    longer = five_minutes(here)
    with pytest.raises(ConfigError, match="score_every_minutes is 3"):
        next(inputs_of(longer, 3))
