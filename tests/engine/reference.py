"""`docs/fills.md` in plain Python: what a backtest must decide and fill, one symbol after the other, slowly.

Written from the page alone, before the compiled rules of the page were there to be read: floats, dictionaries, and a
method for each of its paragraphs. What it shares with the engine is what both are given (`Frames`, `Plan`, configs) and
the names of orders and reasons. Where the two differ, the page decides.
"""

import datetime as dt
import math
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from daytrader_ray.domain.budget import CONFIDENCE, Budget, unlimited
from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.panel import Frames
from daytrader_ray.domain.trading import OrderKind, Reason, client_order_id
from daytrader_ray.engine.backtest import Plan
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.models.thresholds import thresholds

CANCEL_STOP, EXIT, ENTRY, STOP, CANCEL, HEDGE = OrderKind
URGENT = {Reason.FLATTEN, Reason.HALTED, Reason.UNPROTECTED, Reason.CARRIED}
ROOMS = ("sector", "gross", "net", "beta", "power", "volume")
DENIED_BY = (
    Reason.DENIED_SECTOR,
    Reason.DENIED_GROSS,
    Reason.DENIED_NET,
    Reason.DENIED_BETA,
    Reason.DENIED_CASH,
    Reason.DENIED_SIZE,
)


class Sent(NamedTuple):
    """An order as it left; `price` is its stop or its limit, None at market."""

    date: dt.date
    slot: int
    symbol: str
    kind: OrderKind
    side: int
    qty: int
    price: float | None
    reason: Reason
    id: str


class Done(NamedTuple):
    """A fill."""

    date: dt.date
    slot: int
    phase: str
    symbol: str
    kind: OrderKind
    side: int
    qty: int
    price: float
    fee: float
    id: str


@dataclass
class Held:
    """A position: signed `qty`; `stop` is where its stop belongs, `leaving` why it is on its way out."""

    qty: int
    price: float = math.nan
    first: int = 0
    atr: float = math.nan
    stop: float = math.nan
    best: float | None = None
    leaving: Reason = Reason.NONE
    carried: bool = False

    @property
    def side(self) -> int:
        return 1 if self.qty > 0 else -1


@dataclass
class Limit:
    """A limit order at the venue."""

    sent: Sent
    left: int
    filled: bool = False


@dataclass
class Bars:
    """One session as lists `[slot][symbol]`."""

    date: dt.date
    n: int
    open: list[list[float]]
    high: list[list[float]]
    low: list[list[float]]
    close: list[list[float]]
    volume: list[list[float]]
    atr: list[list[float]]
    expected: list[list[float]]
    signal: list[list[float]]
    scale: list[float]
    threshold: list[float]
    event: list[list[float]]
    halted: list[list[bool]]
    restricted: list[list[bool]]
    reducing: list[bool]
    budget: list[Budget]


@dataclass
class Record:
    """What happened."""

    orders: list[Sent] = field(default_factory=list)
    fills: list[Done] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    cash: list[float] = field(default_factory=list)
    gross: list[float] = field(default_factory=list)
    net: list[float] = field(default_factory=list)
    carried: list[tuple[dt.date, str]] = field(default_factory=list)
    sizing: dict[str, dict[str, float]] = field(default_factory=dict)
    verdicts: Counter[Reason] = field(default_factory=Counter)


def rounded(value: float, per_unit: int) -> float:
    """Round to multiples of `1 / per_unit`, ties to even; within 1e-6 of a tie is a tie."""
    exact = Fraction(value) * per_unit
    low = math.floor(exact)
    rest = exact - low
    if abs(rest - Fraction(1, 2)) < Fraction(1, 1_000_000):
        return (low if low % 2 == 0 else low + 1) / per_unit
    return (low if rest < Fraction(1, 2) else low + 1) / per_unit


def whole(value: float) -> int:
    """Return the whole number at or below `value`; one that is 1e-9 above it counts."""
    return math.floor(value + 1e-9)


def to_increment(price: float) -> float:
    """Round a stop or a limit to the exchange's increment."""
    return rounded(price, 100 if price >= 1 else 10_000)


class Reference:
    """A backtest by the page."""

    def __init__(self, frames: Frames, signals: np.ndarray, scale: np.ndarray, plan: Plan, kernel: KernelConfig,
                 costs: CostConfig, sessions: tuple[int, int], cash: float) -> None:  # fmt: skip
        self.frames, self.signals, self.scale, self.plan, self.kernel, self.costs = (
            frames, signals, scale, plan, kernel, costs,
        )  # fmt: skip
        self.start, self.stop = sessions
        self.symbols = frames.panel.symbols
        self.all = range(len(self.symbols))
        self.bar_minutes = frames.panel.grid.bar_minutes
        self.hedges = {i for i in self.all if self.symbols[i] in kernel.hedge.caps}
        self.sizing = CONFIDENCE if kernel.sizing == "confidence" else plan.sizing
        self.cash = self.equity = self.peak = self.equity_at_start = cash
        self.held: dict[int, Held] = {}
        self.last: dict[int, float] = {}
        self.record = Record()

    def run(self) -> Record:
        """Trade all sessions."""
        for s in range(self.start, self.stop):
            self.session(s)
        return self.record

    def session(self, s: int) -> None:
        self.s, self.bars = s, self.bars_of(s)
        self.equity_at_start, self.halted = self.equity, False
        self.stops: dict[int, Sent] = {}
        self.limits: dict[int, Limit] = {}
        self.entries: Counter[int] = Counter()
        self.stopped: dict[int, int] = {}
        self.traded_at: dict[int, int] = {}
        self.pending: list[Sent] = []
        for i, held in list(self.held.items()):
            held.carried, held.first, held.leaving, held.best = True, 0, Reason.NONE, None
            self.split(i, held)
        for t in range(self.bars.n):
            self.at_the_open(t)
            self.protect(t, leaving_too=True)
            self.stops_inside(t)
            self.limits_inside(t)
            self.release(t)
            self.protect(t, leaving_too=False)
            self.mark(t)
            self.decide(t)
        self.record.carried += [(self.bars.date, self.symbols[i]) for i in sorted(self.held)]

    def split(self, i: int, held: Held) -> None:
        """Restate a carried position in today's shares; a fraction of a share is paid out at the mark."""
        factor = self.frames.panel.share_factor
        ratio = float(factor[self.s, i] / factor[self.s - 1, i])
        if ratio == 1:
            return
        self.last[i] /= ratio
        shares = held.qty * ratio
        held.qty = held.side * whole(abs(shares))
        self.cash += (shares - held.qty) * self.last[i]
        held.price, held.atr, held.stop = held.price / ratio, held.atr / ratio, to_increment(held.stop / ratio)
        if held.qty == 0:
            del self.held[i]

    # --- the bar ---------------------------------------------------------------------------------------------

    def at_the_open(self, t: int) -> None:
        """Orders decided at the last close meet the open, in the order in which they were sent."""
        for sent in self.pending:
            if sent.kind in (EXIT, HEDGE, ENTRY):
                self.meet(t, sent)
        self.pending = []

    def meet(self, t: int, sent: Sent) -> None:
        i = self.symbols.index(sent.symbol)
        if sent.price is not None:
            self.limits[i] = Limit(sent, sent.qty)
            self.limit_at_the_open(t, i)
            return
        volume, last = self.volume(t, i), t == self.bars.n - 1
        if self.bars.halted[t][i] or (volume == 0 and not (last and sent.kind is EXIT)):
            return
        if sent.kind is EXIT and (sent.reason in URGENT or last):
            base = self.bars.open[t][i] if volume else self.last[i]
            self.fill(t, "A", sent, sent.qty, self.price(t, i, base, sent.side, sent.qty, urgent=True))
            return
        qty = min(sent.qty, self.share_of(volume))
        if qty >= 1:
            self.fill(t, "A", sent, qty, self.price(t, i, self.bars.open[t][i], sent.side, qty))

    def limit_at_the_open(self, t: int, i: int) -> None:
        limit, base = self.limits[i], self.bars.open[t][i]
        side, price = limit.sent.side, limit.sent.price
        qty = min(limit.left, self.share_of(self.volume(t, i)))
        if self.bars.halted[t][i] or qty < 1 or not side * base < side * price:
            return
        costly = self.price(t, i, base, side, qty)
        self.fill_limit(t, "A", i, qty, min(costly, price) if side > 0 else max(costly, price))

    def protect(self, t: int, leaving_too: bool) -> None:
        """Every position without a stop of its size gets one; none while a limit exit rests."""
        for i in sorted(self.held):
            held, stop = self.held[i], self.stops.get(i)
            resting = i in self.limits and self.limits[i].sent.kind is EXIT
            if i in self.hedges or resting or (held.leaving and not leaving_too):
                continue
            if stop and stop.qty == abs(held.qty) and stop.price == held.stop:
                continue
            self.cancel_stop(t, i, Reason.PROTECT)
            self.place_stop(t, i, Reason.PROTECT)

    def stops_inside(self, t: int) -> None:
        for i in sorted(self.stops):
            stop, held = self.stops[i], self.held[i]
            if self.bars.halted[t][i] or self.volume(t, i) == 0:
                continue
            hit = self.bars.low[t][i] <= stop.price if held.qty > 0 else self.bars.high[t][i] >= stop.price
            if not hit:
                continue
            open_ = self.bars.open[t][i]
            through = open_ <= stop.price if held.qty > 0 else open_ >= stop.price
            base = open_ if through else stop.price
            self.fill(t, "B", stop, stop.qty, self.price(t, i, base, stop.side, stop.qty, urgent=True))
            self.stopped[i] = t

    def limits_inside(self, t: int) -> None:
        for i in sorted(self.limits):
            limit = self.limits[i]
            qty = min(limit.left, self.share_of(self.volume(t, i)))
            if limit.filled or self.bars.halted[t][i] or qty < 1:
                continue
            side, price = limit.sent.side, limit.sent.price
            if (side > 0 and self.bars.low[t][i] < price) or (side < 0 and self.bars.high[t][i] > price):
                self.fill_limit(t, "B", i, qty, price)

    def release(self, t: int) -> None:
        for i in sorted(self.limits):
            limit = self.limits[i]
            if limit.left:
                self.send(t, i, CANCEL, limit.sent.side, limit.left, None, Reason.UNFILLED)
        self.limits = {}

    def mark(self, t: int) -> None:
        for i in self.all:
            if not math.isnan(self.bars.close[t][i]):
                self.last[i] = self.bars.close[t][i]
            if self.volume(t, i) > 0:
                self.traded_at[i] = t
        self.equity = self.cash + sum(held.qty * self.last[i] for i, held in sorted(self.held.items()))
        self.peak = max(self.peak, self.equity)
        record = self.record
        record.equity.append(self.equity)
        record.cash.append(self.cash)
        record.gross.append(sum(abs(held.qty) * self.last[i] for i, held in self.held.items()))
        record.net.append(sum(held.qty * self.last[i] for i, held in self.held.items()))

    # --- the decision ----------------------------------------------------------------------------------------

    def decide(self, t: int) -> None:
        if self.equity <= (1 - self.kernel.max_daily_loss) * self.equity_at_start:
            self.halted = True
        if t == self.bars.n - 1:
            return
        signal = self.signal(t)
        self.exits(t, signal)
        if self.kernel.trailing:
            self.trail(t)
        self.exposure(t)
        self.hedge(t)
        self.enter(t, signal)

    def signal(self, t: int) -> list[float]:
        """Signals of all symbols; in sector-neutral mode less the mean of the sector's known ones."""
        raw, sector = self.bars.signal[t], self.plan.sector
        if not self.bars.budget[t].neutral:
            return raw
        known: dict[int, list[float]] = {}
        for i in self.all:
            if i not in self.hedges and not math.isnan(raw[i]):
                known.setdefault(int(sector[i]), []).append(raw[i])
        out = list(raw)
        for i in self.all:
            if i not in self.hedges and not math.isnan(raw[i]):
                of = known[int(sector[i])]
                out[i] = min(1.0, max(-1.0, raw[i] - sum(of) / len(of)))
        return out

    def exits(self, t: int, signal: list[float]) -> None:
        for i in sorted(self.held):
            held = self.held[i]
            reason = self.why_out(t, i, signal[i])
            if not reason:
                continue
            first = not held.leaving
            patient = first and reason not in URGENT and self.kernel.orders == "limit"
            self.cancel_stop(t, i, reason)
            limit = to_increment(self.bars.close[t][i]) if patient else None
            self.pending.append(self.send(t, i, EXIT, -held.side, abs(held.qty), limit, reason))
            held.leaving = reason

    def why_out(self, t: int, i: int, signal: float) -> Reason:
        """First reason that holds."""
        held, kernel, threshold = self.held[i], self.kernel, self.bars.threshold[t]
        if self.halted:
            return Reason.HALTED
        if t >= self.bars.n - 1 - self.in_bars(kernel.flat_minutes):
            return Reason.FLATTEN
        if held.carried:
            return Reason.CARRIED
        if held.leaving:
            return held.leaving
        if i in self.hedges:
            return Reason.NONE
        age = t - held.first + 1
        if age >= self.in_bars(kernel.time_exit_minutes):
            return Reason.TIME_EXIT
        if math.isnan(signal) or not math.isfinite(threshold):
            return Reason.NONE
        if held.side * signal <= -threshold:
            return Reason.REVERSED
        faded = held.side * signal < kernel.exit_hysteresis * threshold
        return Reason.SIGNAL_EXIT if faded and age >= self.in_bars(kernel.min_hold_minutes) else Reason.NONE

    def trail(self, t: int) -> None:
        for i in sorted(self.held):
            held = self.held[i]
            if i in self.hedges or t <= held.first:
                continue
            extreme = (self.bars.high if held.qty > 0 else self.bars.low)[t][i]
            if held.best is None or held.side * extreme > held.side * held.best:
                held.best = extreme
            if held.leaving:
                continue
            wanted = self.stop_from(held.best, held)
            step = 0.01 if wanted >= 1 else 0.0001
            if held.side * (wanted - held.stop) > step - 1e-9:
                held.stop = wanted
                self.cancel_stop(t, i, Reason.TRAIL)
                self.place_stop(t, i, Reason.TRAIL)

    def exposure(self, t: int) -> None:
        """Sums over all positions on the mark; entries and hedges of this step are added as they are sent."""
        self.budget = self.bars.budget[t]
        self.gross = self.net = self.net_beta = self.stocks_beta = 0.0
        self.by_sector: Counter[int] = Counter()
        for i, held in sorted(self.held.items()):
            worth = held.qty * self.last[i]
            self.gross += abs(worth)
            self.net += worth
            self.net_beta += worth * self.beta(i)
            if i not in self.hedges:
                self.stocks_beta += worth * self.beta(i)
                self.by_sector[int(self.plan.sector[i])] += abs(worth)

    def hedge(self, t: int) -> None:
        if self.halted or t >= self.bars.n - 1 - self.in_bars(self.kernel.flat_minutes):
            return
        only_closing = self.bars.reducing[t] or not self.entries_open(t)
        for i in sorted(self.hedges):
            close = self.bars.close[t][i]
            qty = self.held[i].qty if i in self.held else 0
            if math.isnan(close) or (i in self.held and self.held[i].leaving):
                continue
            held, target = qty * close, self.hedge_target(i)
            band = min(self.kernel.hedge.band, self.kernel.hedge.caps[self.symbols[i]] / 2)
            if abs(target - held) <= band * self.equity:
                continue
            side, shares = (1 if target > held else -1), whole(abs(target - held) / close)
            closing = qty != 0 and side * qty < 0
            if closing:
                shares = min(shares, abs(qty))
            elif only_closing or self.frozen(t, i, side):
                continue
            else:
                shares = min(shares, whole(max(0.0, min(self.gross_room(), self.power())) / close))
            if shares < 1:
                continue
            self.pending.append(self.send(t, i, HEDGE, side, shares, None, Reason.HEDGE))
            self.add(i, side, shares * close, frees=closing)

    def frozen(self, t: int, i: int, side: int) -> bool:
        """Return whether a hedge may not grow."""
        hard = self.bars.restricted[t][i] or not self.plan.shortable[i]
        return self.bars.halted[t][i] or (side < 0 and hard)

    def hedge_target(self, i: int) -> float:
        budget = self.budget
        weight = float(budget.hedge_weight[i])
        target = weight * self.equity
        if i == budget.hedge:
            target = -self.stocks_beta / self.beta(i) if self.beta(i) > 0 else 0.0
        cap = self.kernel.hedge.caps[self.symbols[i]] * self.equity
        return min(cap, max(-cap, target))

    def enter(self, t: int, signal: list[float]) -> None:
        wishes = []
        for i in self.all:
            reason = self.denied(t, i, signal[i])
            if reason:
                self.record.verdicts[reason] += 1
            else:
                wishes.append(i)
        for i in sorted(wishes, key=lambda i: (-abs(signal[i]), i)):
            self.record.verdicts[self.size(t, i, signal[i])] += 1

    def entries_open(self, t: int) -> bool:
        return t + 1 < self.bars.n - 1 - self.in_bars(self.kernel.flat_minutes)

    def denied(self, t: int, i: int, signal: float) -> Reason:
        """First reason that denies an entry."""
        kernel, bars = self.kernel, self.bars
        side = 1 if signal > 0 else -1
        short = side < 0
        close, atr, expected = bars.close[t][i], bars.atr[t][i], bars.expected[min(t + 1, bars.n - 1)][i]
        stop = self.stopped.get(i)
        rules = (
            (self.halted, Reason.HALTED),
            (bars.reducing[t], Reason.DENIED_REDUCING),
            (not self.entries_open(t), Reason.DENIED_SESSION),
            (i in self.hedges or not abs(signal) >= bars.threshold[t], Reason.DENIED_THRESHOLD),
            (i in self.held, Reason.DENIED_POSITION),
            (stop is not None and t + 1 < stop + self.in_bars(kernel.cooldown_minutes), Reason.DENIED_COOLDOWN),
            (self.entries[i] >= kernel.max_trades_per_symbol, Reason.DENIED_TRADES),
            (not self.plan.tradable[self.s, i], Reason.DENIED_HISTORY),
            (not (close > 0 and atr > 0 and expected >= 0), Reason.DENIED_HISTORY),
            (bars.halted[t][i], Reason.DENIED_HALT),
            (t - self.traded_at.get(i, -1) >= self.in_bars(kernel.max_quiet_minutes), Reason.DENIED_QUIET),
            (bars.event[t][i] == 0, Reason.DENIED_EVENT),
            (short and not kernel.allow_short, Reason.DENIED_SHORT),
            (short and not self.plan.shortable[i], Reason.DENIED_BORROW),
            (short and bars.restricted[t][i], Reason.DENIED_RULE_201),
            (self.kelly(abs(signal)) == 0, Reason.DENIED_EDGE),
        )
        return next((reason for holds, reason in rules if holds), Reason.NONE)

    def kelly(self, strength: float) -> float:
        found = 0.0
        for edge, weight in zip(self.sizing.edges, self.sizing.weight, strict=True):
            if strength >= edge:
                found = float(weight)
        return found

    def fraction(self) -> float:
        """The Kelly fraction after drawdown."""
        if self.kernel.sizing == "confidence":
            return 0.5
        down = min(1.0, (1 - self.equity / self.peak) / 0.1)
        return self.sizing.fraction - (self.sizing.fraction - 0.25) * down

    def size(self, t: int, i: int, signal: float) -> Reason:
        """Size an entry and send it, or say what left less than a share."""
        kernel, bars, close = self.kernel, self.bars, self.bars.close[t][i]
        side, strength, cap = (1 if signal > 0 else -1), abs(signal), float(self.budget.cap[i])
        scale = min(1.0, bars.scale[t])
        wish = self.equity * cap * (self.fraction() / 0.5) * self.kelly(strength) * strength * scale * bars.event[t][i]
        wish = min(wish, kernel.max_position * self.equity)
        volume = whole(self.costs.participation * bars.expected[min(t + 1, bars.n - 1)][i])
        rooms = self.rooms(i, side) | {"volume": volume * close}
        smallest = min(ROOMS, key=lambda name: rooms[name])
        usd = min(wish, *(rooms[name] for name in ROOMS[:-1]))
        shares = min(whole(usd / close), volume)
        if shares < 1:
            return Reason.DENIED_SIZE if wish < close else DENIED_BY[ROOMS.index(smallest)]
        limit = to_increment(close) if kernel.orders == "limit" else None
        sent = self.send(t, i, ENTRY, side, shares, limit, Reason.SIGNAL)
        self.pending.append(sent)
        self.record.sizing[sent.id] = {
            "signal": signal,
            "threshold": bars.threshold[t],
            "cap": cap,
            "fraction": self.fraction(),
            "kelly": self.kelly(strength),
            "regime_scale": scale,
            "event_scale": bars.event[t][i],
            "wish_usd": wish,
            **{f"room_{name}_usd": rooms[name] for name in ROOMS[:-1]},
            "room_volume_shares": volume,
            "bound": -1 if wish <= rooms[smallest] else ROOMS.index(smallest),
        }
        self.add(i, side, shares * close)
        self.by_sector[int(self.plan.sector[i])] += shares * close
        return Reason.SIGNAL

    def rooms(self, i: int, side: int) -> dict[str, float]:
        """USD that each limit leaves for an entry."""
        kernel, equity, sector, beta = self.kernel, self.equity, int(self.plan.sector[i]), self.beta(i)
        most = min(kernel.max_sector, float(self.plan.sector_limit[self.s, sector]))
        toward = 1 if side * beta > 0 else -1
        return {
            "sector": most * equity - self.by_sector[sector],
            "gross": self.gross_room(),
            "net": kernel.max_net * equity - side * self.net,
            "beta": (kernel.max_beta * equity - toward * self.net_beta) / abs(beta) if beta else math.inf,
            "power": self.power(),
        }

    def gross_room(self) -> float:
        return self.kernel.max_gross * self.budget.gross_scale * self.equity - self.gross

    def power(self) -> float:
        return self.kernel.buying_power * min(self.equity, self.equity_at_start) - self.gross

    def add(self, i: int, side: int, usd: float, frees: bool = False) -> None:
        self.gross += 0.0 if frees else usd
        self.net += side * usd
        self.net_beta += side * usd * self.beta(i)

    def beta(self, i: int) -> float:
        beta = float(self.budget.beta[i])
        return 1.0 if math.isnan(beta) else beta

    # --- orders and fills ------------------------------------------------------------------------------------

    def send(self, t: int, i: int, kind: OrderKind, side: int, qty: int, price: float | None, reason: Reason) -> Sent:
        name = client_order_id("bt", self.bars.date, t, self.symbols[i], kind, reason in URGENT)
        sent = Sent(self.bars.date, t, self.symbols[i], kind, side, qty, price, reason, name)
        self.record.orders.append(sent)
        return sent

    def cancel_stop(self, t: int, i: int, reason: Reason) -> None:
        stop = self.stops.pop(i, None)
        if stop:
            self.send(t, i, CANCEL_STOP, stop.side, stop.qty, None, reason)

    def place_stop(self, t: int, i: int, reason: Reason) -> None:
        held = self.held[i]
        self.stops[i] = self.send(t, i, STOP, -held.side, abs(held.qty), held.stop, reason)

    def stop_from(self, price: float, held: Held) -> float:
        return max(0.0001, to_increment(price - held.side * self.kernel.stop_atr * held.atr))

    def fill_limit(self, t: int, phase: str, i: int, qty: int, price: float) -> None:
        limit = self.limits[i]
        limit.left, limit.filled = limit.left - qty, True
        self.fill(t, phase, limit.sent, qty, price)

    def fill(self, t: int, phase: str, sent: Sent, qty: int, price: float) -> None:
        i, side = self.symbols.index(sent.symbol), sent.side
        fee = self.fee(side, qty, price)
        self.cash -= side * qty * price + fee
        self.record.fills.append(Done(self.bars.date, t, phase, sent.symbol, sent.kind, side, qty, price, fee, sent.id))
        if sent.kind is ENTRY:
            held = self.held[i] = Held(side * qty, price, t, self.bars.atr[sent.slot][i])
            held.stop = self.stop_from(price, held)
            self.entries[i] += 1
            return
        held = self.held.setdefault(i, Held(0))
        held.qty += side * qty
        if held.qty == 0:
            del self.held[i]
            self.stops.pop(i, None)

    def price(self, t: int, i: int, base: float, side: int, qty: int, urgent: bool = False) -> float:
        costs, adv, sigma = self.costs, self.frames.adv[self.s, i], self.frames.sigma_day[self.s, i]
        known = adv > 0 and not math.isnan(sigma)
        steps = sorted(costs.spread_table, key=lambda step: -step.adv_usd)
        usd = adv * base if known else -1.0
        bps = next((step.half_spread_bps for step in steps if usd >= step.adv_usd), steps[-1].half_spread_bps)
        curve = 1.0
        for step in sorted(costs.minute_curve, key=lambda step: step.from_minute):
            if t * self.bar_minutes >= step.from_minute:
                curve = step.factor
        half = max(costs.min_half_spread_usd, base * bps / 10_000) * curve
        turnover, volume = adv, self.volume(t, i)
        if urgent and volume > 0:
            turnover = min(adv, volume * self.bars.n)
        impact = base * costs.impact_factor * sigma * math.sqrt(qty / turnover) if known else 0.0
        return max(0.0001, rounded(base + side * (half + impact), 10_000))

    def fee(self, side: int, qty: int, price: float) -> float:
        if side > 0:
            return 0.0
        fees = self.costs.fees_on(self.bars.date)
        sec = rounded(fees.sec_usd_per_million * qty * price / 1e6, 100)
        return sec + rounded(min(fees.taf_usd_per_share * qty, fees.taf_cap_usd), 100)

    def volume(self, t: int, i: int) -> float:
        volume = self.bars.volume[t][i]
        return 0.0 if math.isnan(volume) else volume

    def share_of(self, volume: float) -> int:
        return whole(self.costs.participation * volume)

    def in_bars(self, minutes: int) -> int:
        return -(-minutes // self.bar_minutes)

    # --- what is given ---------------------------------------------------------------------------------------

    def bars_of(self, s: int) -> Bars:
        panel, features, plan = self.frames.panel, self.frames.features, self.plan
        grid = panel.grid
        date = grid.sessions[s].date
        rows = slice(int(grid.first_row[s]), int(grid.first_row[s + 1]))
        n, wide = rows.stop - rows.start, len(self.symbols)
        first = rows.start - int(grid.first_row[self.start])
        budgets = plan.budgets
        same = unlimited(wide, self.kernel.max_position)
        return Bars(
            date, n,
            *(getattr(panel, name)[rows].tolist() for name in ("open", "high", "low", "close", "volume")),
            features.atr_5[rows].tolist(),
            self.frames.expected_volume[rows].tolist(),
            self.signals[rows].tolist(),
            self.scale[rows].tolist(),
            thresholds(float(plan.threshold[s]), plan.hours, n, self.bar_minutes).tolist(),
            plan.event_scale[date].tolist() if date in plan.event_scale else [[1.0] * wide] * n,
            plan.halts[date].tolist() if date in plan.halts else [[False] * wide] * n,
            self.restricted(s),
            plan.reducing[date].tolist() if date in plan.reducing else [False] * n,
            [budgets.items[budgets.at[first + t]] if budgets else same for t in range(n)],
        )  # fmt: skip

    def restricted(self, s: int) -> list[list[bool]]:
        """Rule 201 at each close: the fall was today, by this bar, or in the session before."""
        n = int(self.frames.panel.grid.bars_per_session[s])
        today, before = self.fell(s), self.fell(s - 1) if s else {}
        return [[i in before or t >= today.get(i, n) for i in self.all] for t in range(n)]

    def fell(self, s: int) -> dict[int, int]:
        """Return the first bar of a session in which a stock was at or below 90 % of its last close before."""
        panel, found = self.frames.panel, {}
        first, stop = int(panel.grid.first_row[s]), int(panel.grid.first_row[s + 1])
        for i in self.all:
            base = self.close_before(s, i)
            for t in range(stop - first):
                if base is not None and panel.low[first + t, i] <= 0.9 * base:
                    found[i] = t
                    break
        return found

    def close_before(self, s: int, i: int) -> float | None:
        """Return the close of the session before, in today's terms."""
        if s == 0:
            return None
        panel = self.frames.panel
        rows = slice(int(panel.grid.first_row[s - 1]), int(panel.grid.first_row[s]))
        closes = [close for close in panel.close[rows, i].tolist() if not math.isnan(close)]
        return closes[-1] * float(panel.price_factor[s - 1, i] / panel.price_factor[s, i]) if closes else None
