"""The rules of the decision kernel as numbers."""

from typing import Literal

from pydantic import Field

from daytrader_ray.domain.config import Config


class EventRule(Config):
    """Entries near the events of a stock (earnings, FDA dates ...) that are known by then.

    An event of SPY is one of the whole market: it counts for every stock.
    """

    kinds: tuple[str, ...] = Field(default=(), description="kinds of the calendar that count; empty: all")
    minutes_before: int = Field(default=30, ge=0, description="before an event it is near; 0: never")
    minutes_after: int = Field(default=30, ge=0, description="after an event it is near; 0: never")
    size: float = Field(default=0.0, ge=0, le=1, description="near an event times the usual size; 0: no entry")


class HedgeRule(Config):
    """The hedge instruments: a bucket apart from the stocks, traded towards the slow loop's targets."""

    caps: dict[str, float] = Field(
        default={"SPY": 0.5, "QQQ": 0.5, "TLT": 0.5, "GLD": 0.5, "VIXY": 0.02},
        description="most of equity in each hedge instrument; no other reference is ever traded",
    )
    band: float = Field(default=0.05, ge=0, description="distance from the target, in equity, that is not traded")


class KernelConfig(Config):
    """Sizing, limits and holding rules; fractions of equity unless the name says otherwise."""

    max_position: float = Field(default=0.05, gt=0, le=1, description="most of equity in one stock")
    max_sector: float = Field(default=0.25, gt=0, description="most gross exposure of one sector")
    max_gross: float = Field(default=2.0, gt=0, le=4, description="most gross exposure of the book")
    max_net: float = Field(default=1.0, gt=0, description="most net exposure of the book, long or short")
    max_beta: float = Field(default=0.5, gt=0, description="most net exposure to the market (SPY = 1), long or short")
    buying_power: float = Field(
        default=2.0, gt=0, le=4, description="what the account may hold, in equity: 1 cash, 2 margin, 4 day trader"
    )
    sizing: Literal["kelly", "confidence"] = Field(
        default="kelly", description="kelly: by the edge of like signals on validation; confidence: |signal| alone"
    )
    orders: Literal["limit", "market"] = Field(
        default="limit", description="patient entries and exits: a limit at the close for one bar, or at market"
    )
    max_daily_loss: float = Field(default=0.02, gt=0, lt=1, description="loss on the day that flattens and halts")
    stop_atr: float = Field(default=2.0, gt=0, description="stop distance in ATR_5")
    trailing: bool = Field(default=False, description="stops follow the price")
    flat_minutes: int = Field(default=5, ge=1, description="minutes before the close by which the book is flat")
    min_hold_minutes: int = Field(default=15, ge=0, description="holding time before a faded signal exits")
    time_exit_minutes: int = Field(default=120, ge=1, description="longest holding time")
    cooldown_minutes: int = Field(default=5, ge=0, description="no entry after a stop for this long")
    max_trades_per_symbol: int = Field(default=8, ge=1, description="entries per stock and day")
    exit_hysteresis: float = Field(default=0.25, ge=0, le=1, description="exit below this share of the threshold")
    max_quiet_minutes: int = Field(default=5, ge=1, description="no entry in a stock without a trade for this long")
    allow_short: bool = Field(default=True, description="sell stocks short on negative signals")
    hard_to_borrow: tuple[str, ...] = Field(
        default=(),
        description="never sold short; live also what the broker says is hard to borrow, which history lacks",
    )
    events: EventRule = EventRule()
    hedge: HedgeRule = HedgeRule()
