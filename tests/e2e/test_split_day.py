"""The morning of a split and of a dividend: live decides as the backtest does, in raw prices and today's shares."""

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.session_spec import rehearsal_spec
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.process import running
from daytrader_ray.sandbox.sessions import market_grid
from daytrader_ray.universe.config import UniverseConfig
from tests.e2e.conftest import SANDBOX, fill_store, fit_bundle, frames_of

STOCKS, SYMBOLS = ("META", "TSLA", "XOM"), ("META", "SPY", "TSLA", "XOM")
EX_SESSION = 6
"""META: 3 shares for 2; TSLA: a dividend."""


def test_the_rehearsal_of_an_ex_date_has_no_difference_to_its_backtest(tmp_path):
    from daytrader_ray.cluster.rehearsal import rehearse

    root, market = str(tmp_path), Market(SANDBOX, market_grid(SANDBOX))
    fill_store(root, market, SYMBOLS)
    panel = ParquetStore(root).panel(SYMBOLS)
    assert panel.share_factor[EX_SESSION - 1 : EX_SESSION + 1, 0].tolist() == [1.0, 1.5]
    assert panel.price_factor[EX_SESSION - 1, 2] == 1.0 < panel.price_factor[EX_SESSION, 2]
    model_store.save(fit_bundle(frames_of(root, SYMBOLS), EX_SESSION, STOCKS), root)
    universe = UniverseConfig(sectors={"one": STOCKS}, references=("SPY",), min_mean_volume=0.0)
    profile = load("sandbox", root, {}).model_copy(update={"sandbox": SANDBOX, "universe": universe})
    with running(profile.sandbox, profile.costs) as url:
        found = rehearse(rehearsal_spec(profile, market.grid.sessions[EX_SESSION].date, "latest", url))
    assert found.differences == () and found.alarms == ()
    found.check()
    assert found.orders >= 20
