"""A stock that delists, from bars to orders: traded while it was there, and nobody knew before."""

import datetime as dt

import numpy as np
import pytest

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.engine.backtest import BacktestResult, Plan, backtest
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.features.compute import compute
from daytrader_ray.market_data.bars import SymbolBars
from daytrader_ray.market_data.panel import build_panel
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.listing import DELISTED_AFTER
from daytrader_ray.sandbox.market import Market
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.eligibility import tradable
from daytrader_ray.universe.peers import peers_of, sector_codes
from daytrader_ray.universe.rotation import sector_budgets

GONE = "OLDA"
FIRST, STOP = 12, 32
LAST = DELISTED_AFTER[GONE] - FIRST
UNIVERSE = UniverseConfig(
    sectors={"Energy": ("XOM",), "Technology": ("META", GONE)},
    references=("SPY", "XLE"),
    proxies={"Energy": "XLE"},
    eligibility={"volume": {"low": 1e5}, "atr": "off"},
)


@pytest.fixture(scope="module")
def panel() -> Panel:
    grid = session_grid(dt.date(2025, 10, 6), dt.date(2025, 12, 31)).part(0, STOP)
    market = Market(SandboxConfig(seed=5), grid)
    columns = {}
    for symbol in UNIVERSE.symbols:
        parts = [market.bars(symbol, session) for session in range(FIRST, STOP)]
        traded = np.concatenate([part.traded for part in parts])
        names = ("open", "high", "low", "close", "volume", "vwap")
        values = [np.concatenate([getattr(part, name) for part in parts])[traded] for name in names]
        columns[symbol] = SymbolBars(grid.part(FIRST, STOP).minute_of_row[traded], *values)
    return build_panel(columns, grid.part(FIRST, STOP), lambda symbol, day: False)


def traded_on(panel: Panel, universe: UniverseConfig) -> BacktestResult:
    """Trade random signals with a low threshold."""
    adv, sigma_day, expected = session_statistics(panel)
    dates = [session.date for session in panel.grid.sessions]
    peers = peers_of(universe, panel.symbols, dates)
    frames = Frames(panel, compute(panel, expected, peers=peers), adv, sigma_day, expected)
    plan = Plan(
        tradable=tradable(universe, panel, np.full(adv.shape, np.nan)),
        sector=sector_codes(universe, panel.symbols),
        threshold=np.full(len(dates), 0.5),
        sector_limit=sector_budgets(universe, panel, 0.25),
    )
    signal = np.random.default_rng(1).uniform(-1.0, 1.0, panel.close.shape)
    kernel, whole = KernelConfig(max_trades_per_symbol=50), (0, len(dates))
    return backtest(frames, signal, np.ones(len(signal)), plan, kernel, CostConfig(), whole)


def sessions_traded(result: BacktestResult, symbol: str) -> set[dt.date]:
    return {trade.session for trade in result.trades if trade.symbol == symbol}


def test_it_is_traded_up_to_its_last_session_and_leaves_no_position(panel: Panel) -> None:
    result = traded_on(panel, UNIVERSE)
    dates = [session.date for session in panel.grid.sessions]
    traded = sessions_traded(result, GONE)
    assert dates[LAST] in traded and len(traded) > 5
    assert max(traded) == dates[LAST]
    assert dates[-1] in sessions_traded(result, "META")
    assert np.isfinite(result.session_equity).all()


def test_its_last_day_in_the_list_ends_its_trading(panel: Panel) -> None:
    until = panel.grid.sessions[LAST - 3].date
    listed = UniverseConfig.model_validate(UNIVERSE.model_dump() | {"membership": {GONE: {"until": until}}})
    result = traded_on(panel, listed)
    assert max(sessions_traded(result, GONE)) == until


def test_features_of_the_others_go_on_without_it(panel: Panel) -> None:
    dates = [session.date for session in panel.grid.sessions]
    _, _, expected = session_statistics(panel)
    features = compute(panel, expected, peers=peers_of(UNIVERSE, panel.symbols, dates))
    rows = slice(int(panel.grid.first_row[LAST + 2]), panel.grid.n_rows)
    gone, meta = panel.column(GONE), panel.column("META")
    assert np.isnan(features.values[rows, gone]).all()
    rank = features.names.index("cross_section.rank_volume")
    assert np.isfinite(features.values[rows, meta][:, rank]).any()
