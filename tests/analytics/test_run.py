import dataclasses

import numpy as np
import pytest

from tests.dashboard.runs import made_run


def test_columns_of_different_lengths_are_refused() -> None:
    fills = made_run(2).fills
    with pytest.raises(ValueError, match="columns of different lengths"):
        dataclasses.replace(fills, price=fills.price[:-1])


def test_a_curve_of_other_sessions_is_refused() -> None:
    run = made_run(2)
    with pytest.raises(ValueError, match="a run of 2 sessions has 3 of each"):
        dataclasses.replace(run, spy=run.spy[:-1])


def test_lines_are_chosen_by_a_mask_in_every_column() -> None:
    trades = made_run(2).trades
    longs = trades.where(trades.side > 0)
    assert 0 < len(longs) < len(trades)
    assert np.array_equal(longs.entry_order, trades.entry_order[trades.side > 0])
    assert np.allclose(longs.notional_usd, longs.qty * longs.entry_price)
