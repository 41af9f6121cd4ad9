"""The purge at a boundary inside a session: noon, where labels of the morning still look at the afternoon.

Labels are made on whole sessions; `noon` then cuts each into two blocks, so that nothing but the purge keeps them
apart.
"""

from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.folds import purged
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.models.labels import NO_LABEL
from daytrader_ray.walkforward.fit import Market
from tests.walkforward.markets import market, planted

NOON, CLOSE = 150, 390
"""Slots of a session that opens at 9:30."""
MORNING = (0, 1)
"""Block of the first half of the first session once it is cut."""


def noon(whole: Market) -> Market:
    """Return the market with every session cut into two blocks at 12:00, labels as they were."""
    halves: list[Session] = []
    for session in whole.frames.panel.grid.sessions:
        halves += [replace(session, n_minutes=NOON), Session(session.date, session.open_minute + NOON, CLOSE - NOON)]
    panel = whole.frames.panel
    factors = {name: np.repeat(getattr(panel, name), 2, axis=0) for name in ("price_factor", "share_factor")}
    panel = replace(panel, grid=SessionGrid(tuple(halves)), **factors)
    return replace(whole, frames=replace(whole.frames, panel=panel))


def quiet(jumps: dict[int, float]) -> Frames:
    """Return one session of one symbol whose price stands still, but for jumps (USD) at the open of some bars."""
    frames = planted(n_sessions=1, n_symbols=1, n_slots=CLOSE)
    price = np.full((CLOSE, 1), 100.0)
    for slot, jump in jumps.items():
        price[slot:] += jump
    panel = replace(frames.panel, open=price, high=price, low=price, close=price, vwap=price)
    return replace(frames, panel=panel)


def dropped(here: Market) -> list[int]:
    """Return the slots of the morning's samples that the purge drops."""
    at = np.arange(4, NOON, 5)
    return at[~here.usable(at, 0, MORNING)].tolist()


def test_every_sample_whose_label_uses_the_bar_of_noon_is_dropped_and_no_other() -> None:
    still = market(quiet({}))
    assert still.labels.span_end[114, 0] == 145 and still.labels.span_end[119, 0] == NOON
    assert dropped(noon(still)) == [119, 124, 129, 134, 139, 144, 149]


def test_a_label_that_is_closed_before_noon_is_kept_however_late_it_began() -> None:
    jumped = market(quiet({131: 1.0, 146: -1.0}))
    assert jumped.labels.label[[129, 144], 0].tolist() == [1, -1]
    assert dropped(noon(jumped)) == [149]
    at_noon = market(quiet({NOON: 1.0}))
    assert dropped(noon(at_noon)) == [119, 124, 129, 134, 139, 144, 149]


def test_the_same_rows_by_index_arithmetic() -> None:
    labels = market(quiet({131: 1.0})).labels
    at = np.arange(4, CLOSE, 5)
    kept = at[purged(at, labels.span_end[at, 0], 0, NOON)]
    assert kept.tolist() == list(range(4, 130, 5))


def nearest(here: Market, keep: str) -> tuple[float, float]:
    """Return the mean of own x foretold label and its standard error, over the half hours after noon.

    A probe that remembers its training samples foretells the label of the one nearest in time: what any model can do
    that sees slowly moving features. `keep` says which samples of the morning it has learned from.
    """
    labels, grid = here.labels, here.frames.panel.grid
    found = []
    for half in range(0, len(grid.sessions), 2):
        first = int(grid.first_row[half])
        told = []
        for column in here.columns:
            at = first + np.arange(4, NOON, 5)
            learned = at[here.usable(at, int(column), (half, half + 1)) | (keep == "all")]
            asked = first + np.arange(NOON + 4, NOON + 30, 5)
            answers = labels.label[learned[np.abs(asked[:, None] - learned).argmin(axis=1)], column]
            told.append(answers.astype(float) * labels.label[asked, column])
        found.append(float(np.mean(told)))
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(len(found)))


@pytest.fixture(scope="module")
def null() -> Market:
    """Prices without memory: nothing that is known at noon says anything about what follows."""
    frames = planted(seed=11, n_sessions=60, n_symbols=12, n_slots=CLOSE, strength=0.0)
    whole = market(replace(frames, features=replace(frames.features, atr_5=np.full_like(frames.features.atr_5, 0.15))))
    touched = whole.labels.label[whole.labels.label != NO_LABEL] != 0
    assert 0.5 < touched.mean() < 0.7
    return noon(whole)


def test_without_the_purge_a_probe_foretells_a_market_that_nothing_can_foretell(null: Market) -> None:
    leaked, error = nearest(null, "all")
    assert leaked > 5 * error and leaked > 0.1


def test_with_the_purge_the_same_probe_is_at_chance(null: Market) -> None:
    honest, error = nearest(null, "purged")
    assert abs(honest) < 2 * error and error < 0.03
