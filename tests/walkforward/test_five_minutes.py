"""Five-minute bars run through the same chain, from bars to orders."""

import numpy as np
import pytest

from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.regime.live import regime_states
from daytrader_ray.walkforward.replay import replay
from tests.walkforward.chain import N_TRAIN, UNIVERSE, frames_of, made_up, study_of, trained_on


@pytest.fixture(scope="module")
def frames() -> Frames:
    return frames_of(made_up(bar_minutes=5))


@pytest.fixture(scope="module")
def bundle(frames: Frames) -> Bundle:
    return trained_on(frames)


def test_sessions_have_78_bars_that_join_the_minutes(frames: Frames) -> None:
    joined, minutes = frames.panel, made_up()
    assert joined.grid.bars_per_session[0] == 78
    day, column = slice(0, 390), joined.column("SPY")
    high = minutes.high[day, column].reshape(78, 5)
    assert np.array_equal(joined.high[:78, column], np.nanmax(high, axis=1))
    assert joined.volume[:78, column].sum() == minutes.volume[day, column].sum()


def test_labels_span_the_same_time(frames: Frames) -> None:
    market, _ = study_of(frames)
    labelled = market.labels.weight > 0
    lengths = (market.labels.span_end - np.arange(frames.panel.grid.n_rows)[:, None])[labelled]
    assert lengths.min() >= 1 and lengths.max() <= 7


def test_a_bundle_is_fitted_and_trades_by_the_same_rules(frames: Frames, bundle: Bundle) -> None:
    assert bundle.regime is not None and bundle.regime.bar_minutes == 5
    assert len(set(regime_states(bundle.regime, frames))) > 1
    _, study = study_of(frames)
    result = replay(bundle, study, frames, (N_TRAIN, N_TRAIN + 1), 1e5).result
    entries = [order for order in result.orders if order.kind is OrderKind.ENTRY]
    assert entries and {order.symbol for order in entries} <= set(UNIVERSE.stocks)
    assert max(order.slot for order in entries) <= 75
    for trade in result.trades:
        assert (trade.exit_slot - trade.entry_slot) * 5 <= 125
    flattened = [order.slot for order in result.orders if order.reason is Reason.FLATTEN]
    assert set(flattened) <= {76, 77}
