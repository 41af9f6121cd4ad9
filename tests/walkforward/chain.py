"""The real chain from bars to orders on the made-up market, small: statistics, features, labels, members, bundle."""

import dataclasses
import datetime as dt
from collections.abc import Callable

import numpy as np

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.features.compute import compute
from daytrader_ray.market_data.adjust import Dividend, Split, factors
from daytrader_ray.market_data.bars import SymbolBars
from daytrader_ray.market_data.panel import build_panel
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.labels import LabelConfig, triple_barrier
from daytrader_ray.models.weights.config import EnsembleConfig
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market as Sandbox
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.eligibility import tradable
from daytrader_ray.universe.peers import sector_codes
from daytrader_ray.universe.rotation import sector_budgets
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.cut import cut, without_features
from daytrader_ray.walkforward.fit import Market, fit_member
from daytrader_ray.walkforward.study import Study
from daytrader_ray.walkforward.train import Learned, assemble
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import training_window

UNIVERSE = UniverseConfig(
    sectors={"Technology": ("META", "TSLA"), "Energy": ("XOM",)},
    references=("I:VIX", "I:VIX3M", "QQQ", "SPY"),
    eligibility={"volume": {"low": 1.0}, "atr": "off"},
)
N_SESSIONS, N_TRAIN = 12, 10
CONFIG = SearchConfig(
    ensemble=EnsembleConfig(scheme="hedge"),
    max_samples=1200,
    importance_samples=16,
    members={name: {"epochs": 1} for name in ("lstm", "cnn", "transformer")} | {"random_forest": {"trees": 10}},
)
Compute = Callable[[Panel, np.ndarray], object]


def made_up(bar_minutes: int = 1) -> Panel:
    """Return N_SESSIONS of the universe: META splits in them (2 old shares become 1), TSLA pays a dividend."""
    grid = session_grid(dt.date(2025, 11, 17), dt.date(2025, 12, 12)).part(0, N_SESSIONS)
    sandbox = Sandbox(SandboxConfig(seed=5, signal_strength=3.0), grid)
    columns = {symbol: _bars(sandbox, symbol) for symbol in UNIVERSE.symbols}
    panel = build_panel(columns, SessionGrid(grid.sessions, bar_minutes), lambda symbol, date: False)
    pairs = [_factors(sandbox, symbol) for symbol in panel.symbols]
    price, share = (np.stack([pair[k] for pair in pairs], axis=1) for k in (0, 1))
    return dataclasses.replace(panel, price_factor=price, share_factor=share)


def _bars(sandbox: Sandbox, symbol: str) -> SymbolBars:
    parts = [sandbox.bars(symbol, session) for session in range(N_SESSIONS)]
    traded = np.concatenate([part.traded for part in parts])
    names = ("open", "high", "low", "close", "volume", "vwap")
    values = [np.concatenate([getattr(part, name) for part in parts])[traded] for name in names]
    return SymbolBars(sandbox.grid.minute_of_row[traded], *values)


def _factors(sandbox: Sandbox, symbol: str) -> tuple[np.ndarray, np.ndarray]:
    dates = [session.date for session in sandbox.grid.sessions]
    last = {date: sandbox.bars(symbol, s) for s, date in enumerate(dates)}
    closes = {date: float(bars.close[bars.traded][-1]) for date, bars in last.items()}
    splits = [Split(split.date, split.new / split.old) for split in sandbox.splits(symbol)]
    dividends = [Dividend(dividend.ex_date, dividend.amount) for dividend in sandbox.dividends(symbol)]
    return factors(dates, splits, dividends, closes)


def frames_of(panel: Panel, features: Compute = compute) -> Frames:
    """Return the frames of a panel, its features by `features`."""
    adv, sigma_day, expected = session_statistics(panel)
    return Frames(panel, features(panel, expected), adv, sigma_day, expected)


def study_of(frames: Frames, config: SearchConfig = CONFIG) -> tuple[Market, Study]:
    """Return what fits and trials of these frames read."""
    symbols = frames.panel.symbols
    columns = np.array([symbols.index(symbol) for symbol in UNIVERSE.stocks])
    labels = triple_barrier(frames, LabelConfig())
    study = Study(
        frames=without_features(frames),
        labels=labels,
        columns=columns,
        tradable=tradable(UNIVERSE, frames.panel, np.full(frames.adv.shape, np.nan)),
        sector=sector_codes(UNIVERSE, symbols),
        sector_limit=sector_budgets(UNIVERSE, frames.panel, KernelConfig().max_sector),
        kernel=KernelConfig(),
        costs=CostConfig(),
        regime=RegimeConfig(),
        config=config,
    )
    return Market(frames, labels, columns), study


def learned_on(frames: Frames) -> Learned:
    """Fit the members on the first sessions of whatever history there is."""
    market, _ = study_of(cut(frames, (0, N_TRAIN)))
    window = training_window((0, N_TRAIN))
    view = view_of(market, window, CONFIG)
    members = {name: fit_member(market, view, window, name, CONFIG) for name in MEMBERS}
    return Learned(window, view, members, {}, np.empty((0, len(MEMBERS))))


def trained_on(frames: Frames, learned: Learned | None = None, config: SearchConfig = CONFIG) -> Bundle:
    """Fit on the first sessions of whatever history there is; the threshold is set low so that orders flow."""
    market, study = study_of(cut(frames, (0, N_TRAIN)), config)
    learned = learned or learned_on(frames)
    bundle = assemble(market, study, learned, 0b11111, {"data": "test"})
    return dataclasses.replace(bundle, ensemble=dataclasses.replace(bundle.ensemble, threshold=0.2))
