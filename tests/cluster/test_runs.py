"""What a run says of itself when it is kept; no Ray is started here."""

from dataclasses import replace
from pathlib import Path

from daytrader_ray import __version__
from daytrader_ray.adapters.store import ParquetStore
from daytrader_ray.cluster.runs import Source, keep
from daytrader_ray.domain.trading import Reason
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.simulate import Purse
from daytrader_ray.walkforward.trade import trade
from daytrader_ray.walkforward.trial import prepared
from tests.walkforward.markets import market, planted
from tests.walkforward.test_study import inputs_of, study_of


def test_a_run_says_which_market_it_is_of_what_made_it_and_which_wishes_were_denied(tmp_path: Path) -> None:
    here = market(planted(strength=0.0003))
    study = study_of(here)
    ready = next(prepared(0b00011, study, inputs_of(here)))
    traded = trade(study, ready.window.test, ready.fit.ensemble, ready.said, Purse(1e5, 1e5))
    assert traded.result.verdicts[Reason.DENIED_THRESHOLD]
    counts = {
        Reason.DENIED_THRESHOLD: 900,
        Reason.DENIED_SESSION: 80,
        Reason.DENIED_REDUCING: 70,
        Reason.DENIED_GROSS: 3,
    }
    traded = replace(traded, result=replace(traded.result, verdicts=counts))
    ParquetStore(str(tmp_path)).claim("sandbox seed 7 strength 1 first 2025-01-02")
    config = {"kernel": study.kernel.model_dump(mode="json")}
    source = Source("backtest", "mask 3", 0b00011, 1e5, 7, "f00d", config, "set/1", ("Chosen on these days.",))
    made = keep(str(tmp_path), source, [traded], UniverseConfig(sectors={"one": ["AAA"]}), study.costs).manifest
    assert made.features == "set/1"
    assert made.denied == {"gross": 3}
    assert made.versions["daytrader-ray"] == __version__
    assert made.notices[0].startswith("Synthetic market (sandbox seed 7") and made.notices[1:] == source.notices
