"""A small store of synthetic bars and a bundle fitted on all but its last session."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest

from daytrader_ray.adapters import model_store
from daytrader_ray.adapters.store import FILE_SCHEMA, ParquetStore
from daytrader_ray.adapters.tables import Kind
from daytrader_ray.cli.profile import Profile, load
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.trading import MEMBERS
from daytrader_ray.features.compute import compute
from daytrader_ray.features.feature_set import feature_set
from daytrader_ray.features.selection import SelectionConfig
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.models.bundle import Bundle
from daytrader_ray.models.calibration import calibrate
from daytrader_ray.models.labels import LabelConfig, triple_barrier
from daytrader_ray.models.registry import member
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.market import Market
from daytrader_ray.sandbox.process import running
from daytrader_ray.sandbox.sessions import market_grid
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.universe.peers import peers_of
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.cut import cut
from daytrader_ray.walkforward.fit import Market as Bars
from daytrader_ray.walkforward.fit import samples
from daytrader_ray.walkforward.view import view_of
from daytrader_ray.walkforward.windows import training_window
from tests.models.ensembles import equal

STOCKS = ("AAPL", "MRNA", "NVDA", "XOM")
SYMBOLS = (*STOCKS, "SPY")
SANDBOX = SandboxConfig(first_session=dt.date(2025, 11, 17), n_sessions=9, signal_strength=3.0)
MASK = 0b01100
FEATURES = load("sandbox", environ={}).features
"""With extras."""
ALL = SearchConfig(selection=SelectionConfig(top=1000, max_correlation=1.0))
"""Every feature is seen, so that one that differs between the two sides would show."""
OFF = {"volume": "off", "atr": "off"}
UNIVERSE = UniverseConfig(sectors={"one": STOCKS[:2], "two": STOCKS[2:]}, references=("SPY",), eligibility=OFF)


@dataclass(frozen=True)
class Day:
    """Where the store is, which bundle trades, the last session it has seen and the first it has not."""

    root: str
    bundle_id: str
    seen: dt.date
    session: dt.date


def fill_store(root: str, market: Market, symbols: Sequence[str] = SYMBOLS) -> None:
    """Write the market's bars, splits and dividends."""
    store, sessions = ParquetStore(root), market.grid.sessions
    for symbol in symbols:
        splits = [{"execution_date": s.date, "split_from": s.old, "split_to": s.new} for s in market.splits(symbol)]
        dividends = [{"ex_date": d.ex_date, "cash_amount": d.amount} for d in market.dividends(symbol)]
        for kind, name, rows in ((Kind.SPLITS, "splits", splits), (Kind.DIVIDENDS, "dividends", dividends)):
            store.write_table(kind, symbol, name, pa.Table.from_pylist(rows, kind.schema))
        for month, first, last in Kind.MINUTE.parts(sessions[0].date, sessions[-1].date):
            parts = [table(market, symbol, i) for i, s in enumerate(sessions) if f"{s.date:%Y-%m}" == month]
            store.write_bars(symbol, month, pa.concat_tables(parts), (first, last))


def table(market: Market, symbol: str, index: int) -> pa.Table:
    session, bars = market.grid.sessions[index], market.bars(symbol, index)
    slots = np.flatnonzero(bars.traded)
    columns = {name: getattr(bars, name)[slots] for name in ("open", "high", "low", "close", "volume", "vwap")}
    stamps = (session.open_minute + slots) * 60_000_000
    trades = np.ones(len(slots), dtype=np.int32)
    return pa.table({"timestamp": stamps, **columns, "trades": trades}).cast(FILE_SCHEMA)


def frames_of(root: str, symbols: Sequence[str] = SYMBOLS) -> Frames:
    panel = ParquetStore(root).panel(symbols)
    adv, sigma_day, expected = session_statistics(panel)
    peers = peers_of(UNIVERSE, panel.symbols, [session.date for session in panel.grid.sessions])
    features = compute(panel, expected, peers=peers, extras=feature_set(FEATURES).extras)
    return Frames(panel, features, adv, sigma_day, expected)


def fit_bundle(frames: Frames, last: int, stocks: Sequence[str] = STOCKS) -> Bundle:
    """Fit two quick members on the sessions before `last`."""
    labels = triple_barrier(cut(frames, (0, last)), LabelConfig())
    columns = np.array([frames.panel.symbols.index(symbol) for symbol in stocks])
    history = Bars(cut(frames, (0, last)), labels, columns)
    view = view_of(history, training_window((0, last)), ALL)
    dataset = samples(history, view, ((0, last),), (0, last), ALL)
    names = [name for bit, name in enumerate(MEMBERS) if MASK >> bit & 1]
    train, validation = dataset.thinned(3000, 7), dataset.thinned(300, 8)
    members = {name: calibrate(member(name).fit(train, validation, seed=7), validation, "platt") for name in names}
    scores = sum(0.5 * fitted.predict(dataset.windows[::5]) for fitted in members.values())
    return Bundle(
        selection=view.selection,
        symbols=frames.panel.symbols,
        scaler=view.scaler,
        members=members,
        ensemble=replace(equal(MASK, q99=float(np.quantile(np.abs(scores), 0.99)), threshold=0.25), ic=0.05),
        regime=None,
        left_out=(),
        plan={"extras": feature_set(FEATURES).origins},
        seed=7,
        last_training_session=frames.panel.grid.sessions[last - 1].date,
        fingerprint="test",
    )


@pytest.fixture(scope="session")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    root = str(tmp_path_factory.mktemp("store"))
    market = Market(SANDBOX, market_grid(SANDBOX))
    fill_store(root, market)
    frames = frames_of(root)
    last = len(frames.panel.grid.sessions) - 1
    bundle_id = model_store.save(fit_bundle(frames, last), root)
    seen, unseen = (session.date for session in frames.panel.grid.sessions[-2:])
    return Day(root, bundle_id, seen, unseen)


@pytest.fixture(scope="session")
def profile(day: Day) -> Profile:
    return load("sandbox", day.root, {}).model_copy(update={"sandbox": SANDBOX, "universe": UNIVERSE})


@pytest.fixture(scope="session")
def exchange(profile: Profile) -> Iterator[str]:
    with running(profile.sandbox, profile.costs) as url:
        yield url
