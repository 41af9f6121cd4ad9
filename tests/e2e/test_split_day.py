"""The morning of a split and of a dividend, with the VIX: live decides as the backtest does, in today's shares."""

from dataclasses import replace

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cli.profile import load
from daytrader_ray.cli.session_spec import rehearsal_spec
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.regime.fit import fit
from daytrader_ray.regime.observations import observe
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.process import running
from daytrader_ray.sandbox.sessions import market_grid
from daytrader_ray.universe.config import UniverseConfig
from tests.e2e.conftest import OFF, SANDBOX, fill_store, fit_bundle, frames_of

STOCKS, REFERENCES = ("META", "TSLA", "XOM"), ("I:VIX", "I:VIX3M", "SPY")
SYMBOLS = tuple(sorted((*STOCKS, *REFERENCES)))
EX_SESSION = 6
"""META: 3 shares for 2; TSLA: a dividend."""


def test_the_rehearsal_of_an_ex_date_has_no_difference_to_its_backtest(tmp_path):
    from daytrader_ray.cluster.rehearsal import rehearse

    root, market = str(tmp_path), Market(SANDBOX, market_grid(SANDBOX))
    fill_store(root, market, SYMBOLS)
    panel = ParquetStore(root).panel(SYMBOLS)
    meta, tsla = (panel.column(symbol) for symbol in ("META", "TSLA"))
    assert panel.share_factor[EX_SESSION - 1 : EX_SESSION + 1, meta].tolist() == [1.0, 1.5]
    assert panel.price_factor[EX_SESSION - 1, tsla] == 1.0 < panel.price_factor[EX_SESSION, tsla]
    frames = frames_of(root, SYMBOLS)
    regime = fit(observe(frames, STOCKS, 0, EX_SESSION), RegimeConfig(), seed=7)
    assert regime is not None and {"vix", "vix_term"} <= set(regime.inputs)
    model_store.save(replace(fit_bundle(frames, EX_SESSION, STOCKS), regime=regime), root)
    universe = UniverseConfig(sectors={"one": STOCKS}, references=REFERENCES, eligibility=OFF)
    profile = load("sandbox", root, {}).model_copy(update={"sandbox": SANDBOX, "universe": universe})
    with running(profile.sandbox, profile.costs) as url:
        found = rehearse(rehearsal_spec(profile, market.grid.sessions[EX_SESSION].date, "latest", url))
    assert found.differences == () and found.alarms == ()
    found.check()
    assert found.orders >= 20
