"""What the live session makes of a minute's bars is what the panel makes of them, on the morning of a split too."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from daytrader_ray.domain.panel import Frames, Panel
from daytrader_ray.domain.peers import Peers
from daytrader_ray.domain.ports import LiveBar
from daytrader_ray.domain.sessions import Session, SessionGrid
from daytrader_ray.engine.market import Market, Start, Terms
from daytrader_ray.engine.session import SessionEngine
from daytrader_ray.features.compute import compute
from daytrader_ray.features.step import NAMES
from daytrader_ray.market_data.bars import SymbolBars
from daytrader_ray.market_data.panel import build_panel
from daytrader_ray.market_data.statistics import next_session_statistics, session_statistics
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.dataset import symbol_windows, valid_rows
from daytrader_ray.models.scaling import Scaler
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.regime.fit import fit
from daytrader_ray.regime.live import LiveRegime
from daytrader_ray.regime.observations import observe
from tests.models.ensembles import equal
from tests.models.samples import keeping

SYMBOLS = ("AAA", "I:VIX", "SPY")
FEATURES = (
    "lag.return_1",
    "lag.overnight_gap",
    "trend.sma_20",
    "volume.relative_volume",
    "cross_section.excess_spy_15",
)
N_SESSIONS, N_SLOTS = 6, 120
TODAY = N_SESSIONS - 1
RATIO = 3.0
PEERS = Peers(2, -1, np.array([0, -1, -1]), np.full(3, -1), np.tile([True, False, False], (N_SESSIONS, 1)))
QUIET = {"AAA": (40, 41, 42), "I:VIX": range(20, 61), "SPY": (7,)}
"""Slots of today without a bar."""


def whole() -> Panel:
    """Return all sessions; today AAA has split 3:1, and in slot 30 it has a price without a trade."""
    rng = np.random.default_rng(4)
    sessions = [Session(dt.date(2025, 3, 3 + s), 29_000_000 + 1440 * s, N_SLOTS) for s in range(N_SESSIONS)]
    grid, columns = SessionGrid(tuple(sessions)), {}
    for symbol in SYMBOLS:
        close = 90 * np.exp(np.cumsum(rng.normal(0, 6e-4, grid.n_rows)))
        volume = rng.integers(100, 9000, grid.n_rows).astype(float) * (symbol != "I:VIX")
        today = grid.session_of_row == TODAY
        if symbol == "AAA":
            close[today] /= RATIO
            volume[today & (grid.slot_of_row == 30)] = 0.0
        there = ~(today & np.isin(grid.slot_of_row, list(QUIET[symbol])))
        bars = SymbolBars(grid.minute_of_row, close * 0.9999, close * 1.0005, close * 0.9995, close, volume, close)
        columns[symbol] = bars.take(there)
    factor = np.ones((N_SESSIONS, len(SYMBOLS)))
    factor[TODAY, 0] = RATIO
    return replace(build_panel(columns, grid, lambda *_: False), price_factor=factor, share_factor=factor)


def bars_of(panel: Panel, slot: int) -> list[LiveBar]:
    row, found = int(panel.grid.first_row[TODAY]) + slot, []
    for i, symbol in enumerate(SYMBOLS):
        if slot not in QUIET[symbol]:
            prices = [float(x[row, i]) for x in (panel.open, panel.high, panel.low, panel.close)]
            minute, volume = int(panel.grid.minute_of_row[row]), float(panel.volume[row, i])
            found.append(LiveBar(symbol, minute, *prices, volume, float(panel.vwap[row, i])))
    return found


@pytest.fixture(scope="module")
def panel() -> Panel:
    return whole()


@pytest.fixture(scope="module")
def frames(panel: Panel) -> Frames:
    adv, sigma_day, expected = session_statistics(panel)
    return Frames(panel, compute(panel, expected, peers=PEERS), adv, sigma_day, expected)


@pytest.fixture(scope="module")
def bundle(frames: Frames) -> Bundle:
    model = fit(observe(frames, ("AAA",), 0, TODAY), RegimeConfig(), seed=1)
    assert model is not None and "vix" in model.inputs
    n = len(FEATURES)
    return Bundle(
        keeping(NAMES, FEATURES), SYMBOLS, Scaler(np.zeros(n), np.full(n, 0.01)), {}, equal(0b11111), model,
        model.left_out, {}, 0, panel_date(frames), "",
    )  # fmt: skip


def panel_date(frames: Frames) -> dt.date:
    return frames.panel.grid.sessions[TODAY - 1].date


def engine_of(panel: Panel, bundle: Bundle) -> SessionEngine:
    return SessionEngine(bundle, market_of(panel), Terms(), Start(100_000.0), "run")


def market_of(panel: Panel) -> Market:
    history = panel.part(0, TODAY)
    return Market(
        session=panel.grid.sessions[TODAY],
        history=history,
        expected_history=session_statistics(history)[2],
        statistics=next_session_statistics(history, N_SLOTS, panel.share_factor[TODAY]),
        price_factor=panel.price_factor[TODAY],
        share_factor=panel.share_factor[TODAY],
        tradable=np.array([True, False, False]),
        sector=np.zeros(3, dtype=np.int64),
        sector_limit=np.full(1, np.inf),
        event_scale=np.ones((N_SLOTS, 3)),
        peers=PEERS,
    )


def test_windows_and_atr_are_those_of_the_batch(panel: Panel, frames: Frames, bundle: Bundle) -> None:
    engine, first = engine_of(panel, bundle), int(panel.grid.first_row[TODAY])
    values = bundle.scaler.transform(frames.features.values[:, 0][:, [NAMES.index(name) for name in bundle.features]])
    ends, windows = symbol_windows(values, valid_rows(values))
    expected = {int(end) - first: window for end, window in zip(ends, windows, strict=True)}
    for slot in range(N_SLOTS):
        found = engine.on_bars(slot, bars_of(panel, slot))
        assert len(found) == 1 and found[0].tobytes() == np.ascontiguousarray(expected[slot]).tobytes(), slot
        assert engine.inputs.aux.tobytes() == atr_and_rest(frames, first + slot).tobytes(), slot


def atr_and_rest(frames: Frames, row: int) -> np.ndarray:
    features = frames.features
    return np.stack([features.atr_5[row], features.return_30[row], features.sigma_30[row]], axis=1)


def test_prices_and_regime_are_those_of_the_panel_and_a_silent_index_goes_out(panel: Panel, bundle: Bundle) -> None:
    engine, first = engine_of(panel, bundle), int(panel.grid.first_row[TODAY])
    batch = LiveRegime(bundle.regime, SYMBOLS)
    batch.warm(panel.part(0, TODAY))
    for slot in range(N_SLOTS):
        engine.on_bars(slot, bars_of(panel, slot))
        assert engine.inputs.minutes.close.tobytes() == panel.close[first + slot].tobytes(), slot
        batch.step(slot, panel.close[first + slot])
        assert engine.inputs._filter.probabilities.tobytes() == batch.probabilities.tobytes(), slot
        assert np.isnan(engine.inputs.minutes.close[1]) == (35 <= slot <= 60), slot
    assert np.isfinite(batch.probabilities).all()


def test_features_that_the_history_is_too_short_for_are_told(panel: Panel, bundle: Bundle) -> None:
    long = ("cross_section.beta_spy_390", "trend.ema_50_15m")
    wishing = replace(bundle, selection=keeping(NAMES, ("lag.return_1", *long)), scaler=Scaler(np.zeros(3), np.ones(3)))
    assert set(engine_of(panel, wishing).inputs.unknown) == set(long)
    assert engine_of(panel, bundle).inputs.unknown == []
    nobody = replace(market_of(panel), tradable=np.zeros(3, dtype=np.bool_))
    assert SessionEngine(wishing, nobody, Terms(), Start(1.0), "run").inputs.unknown == []
