"""`docs/fills.md` in plain Python: what a backtest must decide and fill, one symbol after the other, slowly.

Written from the page alone, before the compiled rules of the page were there to be read: floats, dictionaries, and a
method for each of its paragraphs. What it shares with the engine is what both are given (`Frames`, `Plan`, configs) and
the names of orders and reasons. Where the two differ, the page decides.
"""

import math
from collections import Counter

from daytrader_ray.domain.trading import Reason
from tests.engine.reference_values import Limit, Record, Sent, bars_of, beta_of, to_increment, whole
from tests.engine.reference_venue import ENTRY, EXIT, HEDGE, URGENT, Venue

ROOMS = ("sector", "gross", "net", "beta", "power", "volume")
DENIED_BY = (
    Reason.DENIED_SECTOR,
    Reason.DENIED_GROSS,
    Reason.DENIED_NET,
    Reason.DENIED_BETA,
    Reason.DENIED_CASH,
    Reason.DENIED_SIZE,
)


class Reference(Venue):
    """A backtest by the page."""

    def run(self) -> Record:
        """Trade all sessions."""
        for s in range(self.start, self.stop):
            self.session(s)
        return self.record

    def session(self, s: int) -> None:
        self.s, self.bars = s, bars_of(self.inputs, s)
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

    def decide(self, t: int) -> None:
        if self.equity <= (1 - self.kernel.max_daily_loss) * self.equity_at_start:
            self.halted = True
        if t == self.bars.n - 1:
            self.record.verdicts[Reason.DENIED_SESSION] += len(self.symbols)
            return
        signal = self.signal(t)
        self.exposure(t)
        self.exits(t, signal)
        if self.kernel.trailing:
            self.trail(t)
        self.hedge(t)
        self.enter(t, signal)

    def signal(self, t: int) -> list[float]:
        """Signals that enter; in sector-neutral mode less the mean of the sector's known ones, if two or more."""
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
                if len(of) >= 2:
                    out[i] = min(1.0, max(-1.0, raw[i] - sum(of) / len(of)))
        return out

    def exits(self, t: int, signal: list[float]) -> None:
        for i in sorted(self.held):
            held = self.held[i]
            reason = self.why_out(t, i, (self.bars.signal[t][i], signal[i]))
            if not reason:
                continue
            first = not held.leaving
            patient = first and reason not in URGENT and self.kernel.orders == "limit"
            self.cancel_stop(t, i, reason)
            limit = to_increment(self.bars.close[t][i]) if patient else None
            self.pending.append(self.send(t, i, EXIT, -held.side, abs(held.qty), limit, reason))
            held.leaving = reason
            self.moves(i, -held.side, abs(held.qty) * self.last[i])

    def why_out(self, t: int, i: int, signals: tuple[float, float]) -> Reason:
        """First reason that holds; for the signal those that hold for it as it is and less its sector's mean."""
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
        if math.isnan(signals[0]) or not math.isfinite(threshold):
            return Reason.NONE
        if all(held.side * signal <= -threshold for signal in signals):
            return Reason.REVERSED
        faded = all(held.side * signal < kernel.exit_hysteresis * threshold for signal in signals)
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
        """Sums over all positions on the mark; orders of this step are added as they are sent."""
        self.budget = self.bars.budget[t]
        self.gross = net = beta = 0.0
        self.by_sector: Counter[int] = Counter()
        for i, held in sorted(self.held.items()):
            worth = held.qty * self.last[i]
            self.gross += abs(worth)
            net += worth
            beta += worth * beta_of(self.budget, i)
            if i not in self.hedges:
                self.by_sector[int(self.plan.sector[i])] += abs(worth)
        self.net_beta = beta
        self.net_towards = {1: net, -1: -net}
        self.beta_towards = {1: beta, -1: -beta}

    def hedge(self, t: int) -> None:
        if self.halted or t >= self.bars.n - 1 - self.in_bars(self.kernel.flat_minutes):
            return
        only_closing = self.bars.reducing[t] or not self.entries_open(t)
        for i in sorted(self.hedges):
            close = self.bars.close[t][i]
            qty = self.held[i].qty if i in self.held else 0
            if math.isnan(close) or (i in self.held and self.held[i].leaving):
                continue
            held, target = qty * close, self.hedge_target(i, qty * close)
            band = min(self.kernel.hedge.band, self.kernel.hedge.caps[self.symbols[i]] / 2)
            if i != self.budget.hedge and self.budget.hedge_weight[i] == 0:
                band = 0.0
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
            self.gross += 0.0 if closing else shares * close
            self.moves(i, side, shares * close)

    def frozen(self, t: int, i: int, side: int) -> bool:
        """Return whether a hedge may not grow."""
        hard = self.bars.restricted[t][i] or not self.plan.shortable[i]
        return self.bars.halted[t][i] or (side < 0 and hard)

    def hedge_target(self, i: int, held: float) -> float:
        budget, beta = self.budget, beta_of(self.budget, i)
        weight = float(budget.hedge_weight[i])
        target = weight * self.equity
        if i == budget.hedge:
            target = -(self.net_beta - held * beta) / beta if beta > 0 else 0.0
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
            (not self.entries_open(t), Reason.DENIED_SESSION),
            (self.halted, Reason.HALTED),
            (bars.reducing[t], Reason.DENIED_REDUCING),
            ((t + 1) % self.plan.score_every != 0, Reason.DENIED_HELD),
            (not abs(signal) >= bars.threshold[t] or signal == 0, Reason.DENIED_THRESHOLD),
            (i in self.held, Reason.DENIED_POSITION),
            (stop is not None and t + 1 < stop + self.in_bars(kernel.cooldown_minutes), Reason.DENIED_COOLDOWN),
            (self.entries[i] >= kernel.max_trades_per_symbol, Reason.DENIED_TRADES),
            (not self.plan.tradable[self.s, i], Reason.DENIED_HISTORY),
            (i in self.hedges or not (close > 0 and atr > 0 and expected > 0), Reason.DENIED_HISTORY),
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
        volume = self.costs.participation * bars.expected[min(t + 1, bars.n - 1)][i]
        rooms = self.rooms(i, side) | {"volume": volume * close}
        smallest = min(ROOMS, key=lambda name: rooms[name])
        usd = min(wish, *(rooms[name] for name in ROOMS[:-1]))
        shares = min(whole(usd / close), whole(volume))
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
        self.gross += shares * close
        self.moves(i, side, shares * close)
        self.by_sector[int(self.plan.sector[i])] += shares * close
        return Reason.NONE

    def rooms(self, i: int, side: int) -> dict[str, float]:
        """USD that each limit leaves for an entry."""
        kernel, equity, sector, beta = self.kernel, self.equity, int(self.plan.sector[i]), beta_of(self.budget, i)
        most = min(kernel.max_sector, float(self.plan.sector_limit[self.s, sector]))
        toward = 1 if side * beta > 0 else -1
        return {
            "sector": most * equity - self.by_sector[sector],
            "gross": self.gross_room(),
            "net": kernel.max_net * equity - self.net_towards[side],
            "beta": (kernel.max_beta * equity - self.beta_towards[toward]) / abs(beta) if beta else math.inf,
            "power": self.power(),
        }

    def gross_room(self) -> float:
        return self.kernel.max_gross * self.budget.gross_scale * self.equity - self.gross

    def power(self) -> float:
        return self.kernel.buying_power * min(self.equity, self.equity_at_start) - self.gross

    def moves(self, i: int, side: int, usd: float) -> None:
        """What was sent may fill alone: it counts only on the side to which it moves net and net beta."""
        beta = side * usd * beta_of(self.budget, i)
        self.net_towards[side] += usd
        self.beta_towards[1 if beta > 0 else -1] += abs(beta)
