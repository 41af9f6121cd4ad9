"""Markets for the honesty of the search: one of which nothing can be known, and one with a secret of a known worth.

Both are drawn by the same lines; only `strength` differs, and 0 is the null market. Prices are martingales: in a bar
each one is a Brownian motion whose variance was drawn before, so that no limit, stop or holding time can earn anything
when fills are free. Around that is what real bars have: a market and two sectors that move the stocks together,
volatility that clusters over days, is high at the open and the close, and differs from bar to bar (fat tails), gaps
over night and between bars, and volume that goes with both.

The secret of a stock is z, an AR(1) process with a half-life of 15 minutes. In a bar the price drifts by `strength` x
z of the close before, in standard deviations of the stock's average bar: the same basis points in calm and in wild
hours, so that who knows z knows of the next return all there is. That is the oracle. Six of the eight features are
looks at z, each with noise of its own that lasts; the others are the program's own, computed from the bars.

What 16 sessions of 8 stocks can teach is little: hence many looks at one thing, and wide spreads. A secret that is
worth a Sharpe ratio of 5 after costs is then worth more before them, and can be found.
"""

import datetime as dt
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from daytrader_ray.adapters.calendar import session_grid
from daytrader_ray.cluster.search import SearchRequest
from daytrader_ray.domain.costs import CostConfig, FeeSchedule, SpreadStep
from daytrader_ray.domain.indices import SPY
from daytrader_ray.domain.panel import FeatureMatrix, Frames, Panel
from daytrader_ray.domain.regime import Regime
from daytrader_ray.domain.sessions import SessionGrid
from daytrader_ray.domain.trading import SCORERS
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.features.compute import compute
from daytrader_ray.market_data.statistics import session_statistics
from daytrader_ray.models.labels import LabelConfig, triple_barrier
from daytrader_ray.regime.config import RegimeConfig
from daytrader_ray.universe.config import UniverseConfig
from daytrader_ray.walkforward.config import SearchConfig
from daytrader_ray.walkforward.cut import without_features
from daytrader_ray.walkforward.findings import Asked
from daytrader_ray.walkforward.fit import Market
from daytrader_ray.walkforward.result import stitch
from daytrader_ray.walkforward.study import Study, WindowInputs
from daytrader_ray.walkforward.trial import run_trial
from daytrader_ray.walkforward.windows import Window, WindowSpec, windows

Float64 = npt.NDArray[np.float64]

FIRST, LAST, BAR_MINUTES = dt.date(2024, 1, 2), dt.date(2025, 12, 31), 5
N_STOCKS, N_SECTORS = 8, 2
LOOKS = tuple(f"plant.look_{k}" for k in range(6))
BLUR = 0.5
"""Standard deviation of the noise of a look; that of z is 1."""
FEATURES = (*LOOKS, "lag.return_1", "time.to_close")
HALF_LIFE_BARS = 15 / BAR_MINUTES
"""Of z, and of the noise of a look at it."""

SHARES = np.sqrt([0.3, 0.1, 0.6])
"""What the market, the sector and the stock itself give to the standard deviation of a stock's returns."""
DAILY, MARKET_DAILY = (0.012, 0.022), 0.009
"""Standard deviations of a day's return, of the stocks (from, to) and of the market."""
BETWEEN_BARS, OVER_NIGHT = 0.05, 0.25
"""Shares of the variance of a bar, and of a day, that are in the gap before its first trade."""
CLUSTERS = ((2.0, 0.35), (0.5, 0.25))
"""Log volatility of all and of each one: half-life in sessions, standard deviation."""
TAILS = 4.0
"""Degrees of freedom of Student's t, which a bar's variance makes of its return."""
DAILY_SHARES = 4e5

STRENGTH = 0.119
"""Worth an annual Sharpe ratio of 5 to the oracle after costs; frozen before any verdict on this market was seen.

On the seeds 1000 to 1039, on which no search is judged, its mean was 5.09 +- 0.19 at 0.12, and rises by 0.85 with each
0.01.
"""


@dataclass(frozen=True)
class Plant:
    """Which market: its seed, how much z moves a bar (0: the null market), and how many sessions."""

    seed: int
    strength: float = 0.0
    n_sessions: int = 270


CONFIG = SearchConfig(
    train="20s",
    test="5s",
    step="5s",
    max_samples=2_000,
    min_windows=1,
    importance_samples=0,
    members={
        "lstm": {"hidden": 8, "epochs": 1},
        "cnn": {"filters": 8, "epochs": 1},
        "transformer": {"width": 8, "heads": 2, "layers": 1, "epochs": 1},
        "random_forest": {"trees": 50, "depth": 4},
        "xgboost": {"rounds": 50, "depth": 4},
    },
)
"""The protocol of the measurement: 50 windows of 270 sessions."""

FREE = CostConfig(
    min_half_spread_usd=0.0,
    spread_table=(SpreadStep(adv_usd=0.0, half_spread_bps=0.0),),
    impact_factor=0.0,
    fees=(FeeSchedule(from_date=FIRST, sec_usd_per_million=0.0, taf_usd_per_share=0.0, taf_cap_usd=0.0),),
)
"""Fills at the middle, without fees."""

COSTS = CostConfig(spread_table=(SpreadStep(adv_usd=0.0, half_spread_bps=10.0),))
"""The program's own, with the spreads of small companies: a round trip costs some 23 bps."""

NO_REGIME = RegimeConfig(min_observations=10**9)
"""These markets have no moods to tell apart."""

STOCKS = tuple(f"N{k}" for k in range(N_STOCKS))
SECTOR_OF = np.arange(N_STOCKS) * N_SECTORS // N_STOCKS
UNIVERSE = UniverseConfig(
    sectors={f"sector {k}": tuple(np.array(STOCKS)[k == SECTOR_OF].tolist()) for k in range(N_SECTORS)},
    references=(SPY,),
)


def made(plant: Plant) -> Market:
    """Draw the market, a pure function of `plant`: frames with features and labels of its stocks, and SPY."""
    grid = session_grid(FIRST, LAST, BAR_MINUTES).part(0, plant.n_sessions)
    rng, secret = np.random.default_rng([plant.seed, 1]), secret_of(plant, grid.n_rows)
    drift = np.zeros((grid.n_rows, N_STOCKS + 1))
    drift[1:, :N_STOCKS] = plant.strength * secret[:-1]
    panel = _panel(rng, grid, drift)
    adv, sigma_day, expected = session_statistics(panel)
    frames = Frames(panel, _features(rng, panel, expected, secret), adv, sigma_day, expected)
    return Market(frames, triple_barrier(frames, LabelConfig()), np.arange(N_STOCKS, dtype=np.int64))


def planted(seed: int) -> Plant:
    """Return the market whose secret is worth a Sharpe ratio of 5 after costs to who knows it."""
    return Plant(seed, STRENGTH)


def study_of(market: Market, plant: Plant, costs: CostConfig) -> Study:
    """Return what the trials on a market share: the program's own rules, all stocks tradable in all sessions."""
    panel = market.frames.panel
    n_sessions, n_symbols = len(panel.grid.sessions), len(panel.symbols)
    return Study(
        frames=without_features(market.frames),
        labels=market.labels,
        columns=market.columns,
        tradable=np.tile(np.arange(n_symbols) < N_STOCKS, (n_sessions, 1)),
        sector=np.append(SECTOR_OF, N_SECTORS).astype(np.int64),
        sector_limit=np.full((n_sessions, N_SECTORS + 1), np.inf),
        kernel=KernelConfig(),
        costs=costs,
        regime=NO_REGIME,
        config=_config(plant),
    )


def windows_of(market: Market) -> tuple[Window, ...]:
    """Return the windows of the protocol that a market has sessions for."""
    return windows(market.frames.panel.grid, WindowSpec.parse(CONFIG.train, CONFIG.test, CONFIG.step))


def asked() -> Asked:
    """Return what the search of a market is asked beside its study."""
    return Asked(UNIVERSE, LabelConfig(), "made up", "")


def request_of(plant: Plant, costs: CostConfig, root: str) -> SearchRequest:
    """Return the same search as Ray is asked for it; `root` is where it keeps what it finds."""
    return SearchRequest(root=root, universe=UNIVERSE, config=_config(plant), costs=costs, regime=NO_REGIME)


def _config(plant: Plant) -> SearchConfig:
    return CONFIG.model_copy(update={"seed": plant.seed})


def secret_of(plant: Plant, n_rows: int) -> Float64:
    """Return z of every bar and stock `[row, stock]`."""
    return _persistent(np.random.default_rng([plant.seed, 0]), (n_rows, N_STOCKS), HALF_LIFE_BARS)


def oracle_sharpe(plant: Plant) -> float:
    """Return the annual Sharpe ratio, net of costs, of an ensemble whose only member says z.

    It goes the way of every ensemble: scale, threshold and sizes from validation B of each window, trades by the
    kernel, 50 weeks laid end to end.
    """
    market = made(plant)
    study = study_of(market, plant, COSTS)
    trial = stitch(1, list(run_trial(1, study, _told(market, plant))))
    return float(np.nan_to_num(trial.performance.sharpe))


def _told(market: Market, plant: Plant) -> Iterator[WindowInputs]:
    """Yield what the windows' fits would leave if the first member knew z."""
    score = np.clip(secret_of(plant, market.frames.panel.grid.n_rows) / 4.0, -1.0, 1.0)
    for window in windows_of(market):
        rows = market.rows((window.a[0], window.test[1]))
        scores = np.full((rows.stop - rows.start, N_STOCKS, len(SCORERS)), np.nan)
        scores[:, :, 0] = score[rows]
        yield WindowInputs(window, scores, np.full(len(scores), Regime.UNKNOWN, dtype=np.int8))


def _persistent(rng: np.random.Generator, shape: tuple[int, int], half_life: float) -> Float64:
    """Return AR(1) processes `[row, k]` with variance 1 in equilibrium; `half_life` in rows."""
    phi = 0.5 ** (1.0 / half_life)
    noise = rng.standard_normal(shape)
    noise[1:] *= math.sqrt(1.0 - phi**2)
    return np.asarray(lfilter([1.0], [1.0, -phi], noise, axis=0))


def _panel(rng: np.random.Generator, grid: SessionGrid, drift: Float64) -> Panel:
    """Return the bars of the stocks and of SPY, the last column; `drift` `[row, symbol]` in the stock's usual bar."""
    daily = np.append(rng.uniform(*DAILY, N_STOCKS), MARKET_DAILY)
    usual = daily * _usual(rng, grid)
    shocks, variance = _shocks(rng, usual.shape)
    a_bar = daily * math.sqrt((1.0 - OVER_NIGHT) / grid.bars_per_session.max())
    moves = usual * math.sqrt(1.0 - BETWEEN_BARS) * shocks + a_bar * drift
    gaps = usual * math.sqrt(BETWEEN_BARS) * _shocks(rng, usual.shape)[0]
    opening = grid.first_row[1:-1]
    gaps[opening] = daily * math.sqrt(OVER_NIGHT) * _shocks(rng, (len(opening), len(daily)))[0]
    close = 100.0 * np.cumprod((1.0 + gaps) * (1.0 + moves), axis=0)
    open_ = close / (1.0 + moves)
    high, low = _extremes(rng, moves, usual**2 * (1.0 - BETWEEN_BARS) * variance)
    high, low = open_ * (1.0 + high), open_ * (1.0 - low)
    volume = _volume(rng, grid, np.abs(shocks))
    return Panel(grid, (*STOCKS, SPY), open_, high, low, close, volume, (open_ + high + low + close) / 4.0, volume > 0)


def _usual(rng: np.random.Generator, grid: SessionGrid) -> Float64:
    """Return the standard deviation of each bar `[row, symbol]` in those of a day: U-shaped, in clusters over days."""
    n_bars = int(grid.bars_per_session.max())
    from_noon = np.linspace(-1.0, 1.0, n_bars)
    shape = 0.7 + from_noon**2
    shape *= math.sqrt((1.0 - OVER_NIGHT) / (shape**2).sum())
    logs = [
        sd * _persistent(rng, (grid.n_rows, n), days * n_bars)
        for (days, sd), n in zip(CLUSTERS, (1, N_STOCKS + 1), strict=True)
    ]
    return np.asarray(shape[grid.slot_of_row, None] * np.exp(sum(logs) - sum(sd**2 for _, sd in CLUSTERS)))


def _shocks(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Float64, Float64]:
    """Return returns with fat tails in standard deviations, moved together, and their variances, both `[row, symbol]`.

    The last column is the market. A return is normal given its variance, which is drawn for each bar.
    """
    n = (1, N_SECTORS, N_STOCKS)
    variances = [(TAILS - 2.0) / rng.chisquare(TAILS, (shape[0], k)) for k in n]
    market, sectors, own = (rng.standard_normal(w.shape) * np.sqrt(w) for w in variances)
    stocks = SHARES[0] * market + SHARES[1] * sectors[:, SECTOR_OF] + SHARES[2] * own
    weights = SHARES**2
    total = weights[0] * variances[0] + weights[1] * variances[1][:, SECTOR_OF] + weights[2] * variances[2]
    return np.hstack([stocks, market]), np.hstack([total, variances[0]])


def _extremes(rng: np.random.Generator, moves: Float64, variance: Float64) -> tuple[Float64, Float64]:
    """Return how far above and below its first price a Brownian motion that ends `moves` away from it has been."""
    reach = [np.sqrt(moves**2 - 2.0 * variance * np.log1p(-rng.random(moves.shape))) for _ in range(2)]
    return (reach[0] + moves) / 2.0, (reach[1] - moves) / 2.0


def _volume(rng: np.random.Generator, grid: SessionGrid, sizes: Float64) -> Float64:
    """Return shares `[row, symbol]`: U-shaped, more where the price moved more."""
    n_bars = int(grid.bars_per_session.max())
    shape = 1.0 + np.linspace(-1.0, 1.0, n_bars) ** 2
    shape *= DAILY_SHARES / shape.sum()
    noise = np.exp(0.3 * rng.standard_normal(sizes.shape))
    return np.round(shape[grid.slot_of_row, None] * noise * (0.6 + 0.5 * sizes))


def _features(rng: np.random.Generator, panel: Panel, expected_volume: Float64, secret: Float64) -> FeatureMatrix:
    """Return FEATURES of all symbols; SPY has no secret, and looks at it show 0."""
    full, shape = compute(panel, expected_volume), panel.close.shape
    shown = np.zeros((*shape, len(LOOKS)), dtype=np.float32)
    for k in range(len(LOOKS)):
        shown[:, :N_STOCKS, k] = secret + BLUR * _persistent(rng, secret.shape, HALF_LIFE_BARS)
    own = np.asarray(full.values[:])[:, :, [full.names.index(name) for name in FEATURES[len(LOOKS) :]]]
    return replace(full, names=FEATURES, values=np.concatenate([shown, own], axis=2))
