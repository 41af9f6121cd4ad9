"""A run: everything that a backtest, a rehearsal or a live session left, as numpy columns.

Sessions are `datetime64[D]`, slots bars of their session, amounts USD of their day; NaN: not known. Reasons, kinds and
regimes are the numbers of `Reason`, `OrderKind` and `Regime`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from daytrader_ray.analytics.decay import Decay

Bool = npt.NDArray[np.bool_]
Days = npt.NDArray[np.datetime64]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Text = npt.NDArray[np.str_]

Kind = Literal["backtest", "rehearsal", "live"]


class Table:
    """Columns of one length: a frozen dataclass whose fields are arrays `[line, ...]`."""

    def __post_init__(self) -> None:
        """Refuse columns of different lengths."""
        lengths = {column.name: len(getattr(self, column.name)) for column in fields(self)}  # type: ignore[arg-type]
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{type(self).__name__}: columns of different lengths: {lengths}")

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))  # type: ignore[arg-type]

    def where(self, lines: Bool | Int64) -> Self:
        """Return the lines that a mask or an array of numbers chooses."""
        return replace(self, **{c.name: getattr(self, c.name)[lines] for c in fields(self)})  # type: ignore[type-var,arg-type]


@dataclass(frozen=True)
class Curve(Table):
    """The books on the mark at the close of every bar `[bar]`; `beta_usd` and `net_usd` with hedges."""

    session: Days
    slot: Int64
    equity: Float64
    cash: Float64
    gross_usd: Float64
    net_usd: Float64
    hedge_usd: Float64
    beta_usd: Float64
    regime: Int64


@dataclass(frozen=True)
class Orders(Table):
    """Every order sent `[order]`: decided at the close of `slot`; `price` of a limit or a stop, NaN at market."""

    session: Days
    slot: Int64
    symbol: Text
    kind: Int64
    side: Int64
    qty: Int64
    price: Float64
    reason: Int64
    client_order_id: Text


@dataclass(frozen=True)
class Fills(Table):
    """Every execution `[fill]`, with what it cost against `base_price`, the price without costs; `phase` A or B."""

    session: Days
    slot: Int64
    phase: Text
    symbol: Text
    kind: Int64
    side: Int64
    qty: Int64
    price: Float64
    base_price: Float64
    spread_usd: Float64
    impact_usd: Float64
    fee_usd: Float64
    client_order_id: Text


@dataclass(frozen=True)
class Trades(Table):
    """Closed round trips `[trade]`, in the order in which they closed.

    `pnl_usd` is net of the three costs; `regime` was in force at the entry; `hedge` marks those of hedge instruments,
    `carried` those that a halt kept through a close; `entry_order` is the client order id of the first entry.
    """

    session: Days
    symbol: Text
    sector: Text
    side: Int64
    qty: Int64
    entry_slot: Int64
    exit_slot: Int64
    entry_price: Float64
    exit_price: Float64
    fees_usd: Float64
    spread_usd: Float64
    impact_usd: Float64
    pnl_usd: Float64
    exit_reason: Int64
    regime: Int64
    hedge: Bool
    carried: Bool
    entry_order: Text

    @property
    def notional_usd(self) -> Float64:
        """Value at the entry, unsigned `[trade]`."""
        return self.qty * self.entry_price

    @property
    def cost_usd(self) -> Float64:
        """Spread, impact and fees of both sides `[trade]`."""
        return self.spread_usd + self.impact_usd + self.fees_usd


@dataclass(frozen=True)
class Decisions(Table):
    """Why each entry was as large as it was `[entry]`.

    `steps` `[entry, len(SIZING_STEPS)]`; `scores` and `weights` `[entry, member]`, members as in the manifest.
    """

    client_order_id: Text
    session: Days
    slot: Int64
    symbol: Text
    regime: Int64
    steps: Float64
    scores: Float64
    weights: Float64


@dataclass(frozen=True)
class Manifest:
    """Where a run comes from.

    `subject` is what traded ("bundle ab12...", "mask 9 of search-..."), `members` its models; `data` the fingerprint of
    the bars that it read, `features` the build of its features (empty: the session made its own), `commit` that of the
    program, `config` the profile in plain values. `notices` are sentences that stand above every figure (a planted
    market; sessions that chose the ensemble); `denied` counts wishes by the reason that denied them, `budgets` the slow
    loop's answers by the step of its ladder.
    """

    kind: Kind
    id: str
    subject: str
    members: tuple[str, ...]
    cash: float
    bar_minutes: int
    seed: int
    commit: str
    data: str
    versions: Mapping[str, str]
    config: Mapping[str, Any]
    features: str = ""
    notices: tuple[str, ...] = ()
    denied: Mapping[str, int] = field(default_factory=dict)
    budgets: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run in memory.

    `dates` `[session]`; `session_equity` USD before the first session and after each `[session + 1]`, `spy` SPY's
    adjusted close then (NaN: not known); `decay` where the signals of the run's sessions were kept to measure it.
    """

    manifest: Manifest
    dates: Days
    session_equity: Float64
    spy: Float64
    curve: Curve
    orders: Orders
    fills: Fills
    trades: Trades
    decisions: Decisions
    decay: Decay | None = None

    def __post_init__(self) -> None:
        """Refuse curves that are not of these sessions."""
        wanted = len(self.dates) + 1
        if not len(self.session_equity) == len(self.spy) == wanted:
            found = f"{len(self.session_equity)} equities and {len(self.spy)} closes of SPY"
            raise ValueError(f"a run of {len(self.dates)} sessions has {wanted} of each, not {found}")

    @property
    def stocks(self) -> Trades:
        """The round trips in stocks: those of hedge instruments are judged apart."""
        return self.trades.where(~self.trades.hedge)
