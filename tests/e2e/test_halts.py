"""A session with halts and a stock that cannot be borrowed is its backtest all the same."""

import pytest

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.journal import journal_path, read
from daytrader_ray.cli.session_spec import rehearsal_spec
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.process import running
from daytrader_ray.sandbox.sessions import market_grid
from tests.e2e.conftest import SANDBOX, fill_store


@pytest.fixture(scope="module")
def halting(profile, day, tmp_path_factory):
    """Return a profile whose exchange halts on the day, and its address."""
    root = str(tmp_path_factory.mktemp("halts"))
    sandbox = SANDBOX.model_copy(update={"halt_chance": 1.0, "hard_to_borrow": ("NVDA",)})
    fill_store(root, Market(sandbox, market_grid(sandbox)))
    bundle = model_store.load(day.root, day.bundle_id)
    model_store.save(bundle, root)
    mine = profile.model_copy(update={"sandbox": sandbox, "root": root})
    with running(sandbox, profile.costs) as url:
        yield mine, url


def test_a_rehearsal_with_halts_and_a_hard_borrow_has_no_difference(halting, day):
    from daytrader_ray.cluster.rehearsal import rehearse

    mine, url = halting
    found = rehearse(rehearsal_spec(mine, day.session, "latest", url))
    assert found.differences == ()
    assert found.fills > 10 and found.flat_at_close
    records = read(journal_path(mine.root, day.session, "rehearsal"))
    reasons = [why for r in records if r["kind"] == "decision" for why in r["reasons"].values()]
    assert any("halt" in why for why in reasons) and "DENIED_BORROW" in reasons
