"""What the kernel's rules read and write: the limits, what is known at a close, and the orders that come of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daytrader_ray.domain.budget import SIZING_STEPS, Budget
from daytrader_ray.engine.book import B1, F8, I8
from daytrader_ray.engine.config import KernelConfig


class Rules(NamedTuple):
    """`KernelConfig` in bars and plain floats, with the participation cap of the cost config.

    Members score, and entries are decided, each `score_every` bars.
    """

    max_position: float
    max_sector: float
    max_gross: float
    max_net: float
    max_beta: float
    buying_power: float
    kelly: bool
    limits: bool
    max_daily_loss: float
    stop_atr: float
    trailing: bool
    flat_bars: int
    min_hold_bars: int
    time_exit_bars: int
    cooldown_bars: int
    max_trades: int
    hysteresis: float
    max_quiet_bars: int
    allow_short: bool
    hedge_band: float
    participation: float
    score_every: int


class Snapshot(NamedTuple):
    """What is known at the close of a bar, `[symbol]` each unless said otherwise.

    `close` USD (NaN: no price), `signal` in [-1, 1] (NaN: none), `atr` ATR_5 in USD, `expected_volume` shares of the
    NEXT bar's minute, `sector` numbers from 0, `tradable` whether the symbol may be entered today, `quiet` bars since
    its last trade (0: it traded in this one), `event_scale` what entries are sized by near an event (1: none is near,
    0: no entry), `sector_limit` `[sector]` most gross exposure as a fraction of equity beside `max_sector` (inf: none),
    `high` and `low` USD of the bar, `halted` whether trading in it is halted, `shortable` whether it is easy to borrow,
    `restricted` whether Rule 201 forbids to sell it short, `reducing` 1 where exits alone are allowed, `budget` the one
    in force, `is_hedge` the hedge instruments and `hedge_cap` most of equity in each (0 of a stock).
    """

    close: F8
    signal: F8
    atr: F8
    expected_volume: F8
    sector: I8
    tradable: B1
    quiet: I8
    event_scale: F8
    sector_limit: F8
    high: F8
    low: F8
    halted: B1
    shortable: B1
    restricted: B1
    reducing: int
    budget: Budget
    is_hedge: B1
    hedge_cap: F8


class Intents(NamedTuple):
    """Orders in the order in which they are sent: `kind`, `symbol`, `side`, `qty`, `reason` int64 and `price` USD.

    `price` is that of a stop or a limit, 0 at market. `sizing` `[order, step]` says how each ENTRY got its size
    (`SIZING_STEPS`); it is not set for other kinds.
    """

    kind: I8
    symbol: I8
    side: I8
    qty: I8
    reason: I8
    price: F8
    sizing: F8


class Scratch(NamedTuple):
    """Working memory of `step`, which allocates nothing.

    Numbers of symbols: `held` those with a position, `wishes` those whose signal is over the threshold, `rank` those
    that may enter, strongest first. `verdict` `[symbol]` why no entry, the last time; `signal` `[symbol]` as it is
    entered. `marked` (gross, net, net beta, net of the hedges) in USD on the marks; `exposure` gross with what has been
    sent since, and net and net beta twice: as if only that of it filled which raises, or only what lowers them;
    `sector_gross` `[sector]` of the stocks in USD; `sector_sum`, `sector_known` `[sector]` of the signals.
    """

    held: I8
    wishes: I8
    rank: I8
    verdict: I8
    signal: F8
    marked: F8
    exposure: F8
    sector_gross: F8
    sector_sum: F8
    sector_known: I8


GROSS, NET, BETA, HEDGED = range(4)
"""Of `Scratch.marked`."""
NET_UP, NET_DOWN, BETA_UP, BETA_DOWN = range(1, 5)
"""Of `Scratch.exposure`, beside GROSS."""


def rules_of(config: KernelConfig, participation: float, bar_minutes: int, score_every: int = 1) -> Rules:
    """Return the rules for bars of `bar_minutes` minutes (durations are rounded up to whole bars)."""

    def bars(minutes: int) -> int:
        return -(-minutes // bar_minutes)

    return Rules(
        config.max_position, config.max_sector, config.max_gross, config.max_net, config.max_beta, config.buying_power,
        config.sizing == "kelly", config.orders == "limit", config.max_daily_loss, config.stop_atr, config.trailing,
        bars(config.flat_minutes), bars(config.min_hold_minutes), bars(config.time_exit_minutes),
        bars(config.cooldown_minutes), config.max_trades_per_symbol, config.exit_hysteresis,
        bars(config.max_quiet_minutes), config.allow_short, config.hedge.band, participation, score_every,
    )  # fmt: skip


def hedge_caps(config: KernelConfig, symbols: Sequence[str]) -> tuple[B1, F8]:
    """Return which of the symbols are hedge instruments, and the most of equity in each (0 of a stock) `[symbol]`."""
    caps = config.hedge.caps
    return np.array([symbol in caps for symbol in symbols], dtype=np.bool_), np.array(
        [caps.get(symbol, 0.0) for symbol in symbols], dtype=np.float64
    )


def new_intents(n_symbols: int) -> Intents:
    """Return room for the intents of one step: at most a cancel and an exit, or an entry, per symbol."""

    def ints() -> I8:
        return np.zeros(2 * n_symbols, dtype=np.int64)

    prices, sizing = np.zeros(2 * n_symbols), np.zeros((2 * n_symbols, len(SIZING_STEPS)))
    return Intents(ints(), ints(), ints(), ints(), ints(), prices, sizing)


def new_scratch(sector: npt.NDArray[np.int64]) -> Scratch:
    """Return working memory for symbols in these sectors."""
    n, n_sectors = sector.size, int(sector.max()) + 1 if sector.size else 0
    return Scratch(
        np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n),
        np.zeros(HEDGED + 1), np.zeros(BETA_DOWN + 1),
        np.zeros(n_sectors), np.zeros(n_sectors), np.zeros(n_sectors, dtype=np.int64),
    )  # fmt: skip
