"""The compiled backtest and the plain reference of `docs/fills.md` decide and fill the same, order by order."""

import numpy as np
import pytest

from daytrader_ray.domain.budget import SIZING_STEPS
from daytrader_ray.engine.backtest import BacktestResult, backtest
from tests.engine.cases import Case, case
from tests.engine.reference import Reference
from tests.engine.reference_values import Inputs, Record

N_SESSIONS, BLOCKS = 1_000, 20


def compiled(case: Case) -> BacktestResult:
    return backtest(case.frames, case.signals, case.scale, case.plan, case.kernel, case.costs, case.sessions, case.cash)


def by_the_page(case: Case) -> Record:
    start, stop = case.sessions
    inputs = Inputs(case.frames, case.signals, case.scale, case.plan, case.kernel, case.costs, start)
    return Reference(inputs, stop, case.cash).run()


def assert_equal(seed: int, ours: BacktestResult, page: Record) -> None:
    orders = [
        (o.session, o.slot, o.symbol, o.kind, o.side, o.qty, o.stop_price or o.limit_price, o.reason, o.client_order_id)
        for o in ours.orders
    ]
    fills = [
        (f.session, f.slot, f.phase, f.symbol, f.kind, f.side, f.qty, f.price, f.fee, f.client_order_id)
        for f in ours.fills
    ]
    for name, mine, theirs in (("order", orders, page.orders), ("fill", fills, page.fills)):
        for k, (left, right) in enumerate(zip(mine, theirs, strict=False)):
            assert left == tuple(right), f"seed {seed}, {name} {k}: compiled {left}, page {tuple(right)}"
        assert len(mine) == len(theirs), f"seed {seed}: {len(mine)} {name}s, page {len(theirs)}"
    for name in ("equity", "cash", "gross", "net", "beta", "hedge"):
        mine = getattr(ours, name if name in ("equity", "cash") else f"{name}_usd")
        np.testing.assert_allclose(mine, getattr(page, name), rtol=1e-12, atol=1e-6, err_msg=f"seed {seed} {name}")
    assert ours.verdicts == {reason: n for reason, n in page.verdicts.items() if n}, f"seed {seed}"
    assert {t.symbol for t in ours.trades if t.carried} <= {symbol for _, symbol in page.carried}
    assert ours.sizing.keys() == page.sizing.keys()
    for order, steps in ours.sizing.items():
        want = [page.sizing[order][name] for name in SIZING_STEPS]
        np.testing.assert_allclose(steps, want, rtol=1e-9, atol=1e-6, err_msg=f"seed {seed} {order} {SIZING_STEPS}")


@pytest.mark.parametrize("block", range(BLOCKS))
def test_random_sessions_are_decided_and_filled_as_the_page_says(block: int) -> None:
    """Twenty blocks of fifty sessions."""
    sessions, seed = 0, 100 * block
    while sessions < N_SESSIONS / BLOCKS:
        drawn = case(seed)
        ours = compiled(drawn)
        assert_equal(seed, ours, by_the_page(drawn))
        sessions, seed = sessions + len(ours.dates), seed + 1
