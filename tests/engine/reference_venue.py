"""The venue of the reference: what happens to orders inside one bar, and at what price, by `docs/fills.md`."""

import math

from daytrader_ray.domain.budget import CONFIDENCE
from daytrader_ray.domain.trading import OrderKind, Reason, client_order_id
from tests.engine.reference_values import Done, Held, Inputs, Limit, Record, Sent, beta_of, rounded, to_increment, whole

CANCEL_STOP, EXIT, ENTRY, STOP, CANCEL, HEDGE = OrderKind
URGENT = {Reason.FLATTEN, Reason.HALTED, Reason.UNPROTECTED, Reason.CARRIED}


class Venue:
    """Books and orders of a backtest by the page."""

    def __init__(self, inputs: Inputs, stop: int, cash: float) -> None:
        self.inputs, self.start, self.stop = inputs, inputs.start, stop
        self.frames, self.plan, self.kernel, self.costs = inputs.frames, inputs.plan, inputs.kernel, inputs.costs
        frames, plan, kernel = inputs.frames, inputs.plan, inputs.kernel
        self.symbols = frames.panel.symbols
        self.all = range(len(self.symbols))
        self.bar_minutes = frames.panel.grid.bar_minutes
        self.hedges = {i for i in self.all if self.symbols[i] in kernel.hedge.caps}
        self.sizing = CONFIDENCE if kernel.sizing == "confidence" else plan.sizing
        self.cash = self.equity = self.peak = self.equity_at_start = cash
        self.held: dict[int, Held] = {}
        self.last: dict[int, float] = {}
        self.record = Record()

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
        held.price, held.atr = held.price / ratio, held.atr / ratio
        if i not in self.hedges:
            held.stop = to_increment(held.stop / ratio)
        if held.qty == 0:
            del self.held[i]

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
        if volume == 0 and t - self.traded_at.get(i, -1) >= self.in_bars(5):
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
        record, worth = self.record, {i: held.qty * self.last[i] for i, held in sorted(self.held.items())}
        record.equity.append(self.equity)
        record.cash.append(self.cash)
        record.gross.append(sum(abs(usd) for usd in worth.values()))
        record.net.append(sum(worth.values()))
        record.beta.append(sum(usd * beta_of(self.bars.budget[t], i) for i, usd in worth.items()))
        record.hedge.append(sum(usd for i, usd in worth.items() if i in self.hedges))

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
        quoted = float(self.frames.half_spread_bps[self.s, i])
        bps = bps if math.isnan(quoted) else quoted
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
