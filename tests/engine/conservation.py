"""What must hold in every backtest, checked from its orders and fills alone."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from daytrader_ray.domain.budget import Budget, unlimited
from daytrader_ray.domain.trading import Fill, Order, OrderKind, Phase, Reason, is_urgent
from daytrader_ray.engine.backtest import BacktestResult
from tests.engine.cases import Case
from tests.engine.reference import ROOMS

TINY = 1e-9
BOUNDS = (*ROOMS, "wish")
"""What can be the smallest of an entry's rooms; -1, the last one, is the wish itself."""
LIVE_ONLY = {Reason.NONE, Reason.UNPROTECTED, Reason.DENIED_BLOCKED}
"""A backtest's venue refuses no stop and knows the fate of every order."""


@dataclass
class Books:
    """Positions and cash as the fills say, through all bars."""

    case: Case
    result: BacktestResult
    cash: float = math.nan
    qty: Counter[int] = field(default_factory=Counter)
    mark: dict[int, float] = field(default_factory=dict)
    stops: dict[int, Order] = field(default_factory=dict)
    paid_out: bool = False
    """A split has paid out a fraction of a carried share: cash that no trade earned."""
    wrong: list[str] = field(default_factory=list)

    @cached_property
    def orders(self) -> dict[tuple[int, int], list[Order]]:
        """Orders by session and slot, as sent."""
        index = {date: s for s, date in enumerate(self.result.dates)}
        found: dict[tuple[int, int], list[Order]] = {}
        for order in self.result.orders:
            found.setdefault((index[order.session], order.slot), []).append(order)
        return found

    @cached_property
    def fills(self) -> dict[tuple[int, int], list[Fill]]:
        """Fills by session and slot, in their order."""
        index = {date: s for s, date in enumerate(self.result.dates)}
        found: dict[tuple[int, int], list[Fill]] = {}
        for fill in self.result.fills:
            found.setdefault((index[fill.session], fill.slot), []).append(fill)
        return found

    def say(self, holds: bool, what: str, *where: object) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrong.append(f"{what}: {' '.join(map(str, where))}")


def violations(case: Case, result: BacktestResult) -> list[str]:
    """Return in words what does not hold; empty where all does."""
    books = Books(case, result, case.cash)
    grid = case.frames.panel.grid
    equity = iter(result.equity.tolist())
    before = case.cash
    for s in range(len(grid.sessions)):
        before = _session(books, s, before, equity)
    books.say(not [o for o in result.orders if o.reason is Reason.NONE], "an order lacks a reason")
    ids = Counter(order.client_order_id for order in result.orders)
    books.say(max(ids.values(), default=1) == 1, "an id names two orders", [k for k, n in ids.items() if n > 1])
    _fills_fit_their_orders(books)
    if not books.paid_out and not any(trade.carried for trade in result.trades) and not any(books.qty.values()):
        earned = math.fsum(trade.pnl_usd for trade in result.trades)
        books.say(abs(case.cash + earned - books.cash) <= 1e-6, "the trades earn what the cash gains", earned)
    return books.wrong


def _session(books: Books, s: int, start: float, equity: Iterator[float]) -> float:
    case = books.case
    panel, n = case.frames.panel, int(case.frames.panel.grid.bars_per_session[s])
    first = int(panel.grid.first_row[s])
    halts = case.plan.halts.get(panel.grid.sessions[s].date)
    halted, now = False, start
    books.stops = {}
    _restate(books, s)
    for t in range(n):
        _fills_of_bar(books, s, t, n)
        row = first + t
        for i in range(len(panel.symbols)):
            if not math.isnan(panel.close[row, i]):
                books.mark[i] = float(panel.close[row, i])
        now = next(equity)
        held = math.fsum(qty * books.mark[i] for i, qty in books.qty.items() if qty)
        books.say(abs(books.cash + held - now) <= TINY, "cash + positions = equity", s, t, now)
        halted = halted or now <= (1 - case.kernel.max_daily_loss) * start
        _decisions(books, s, t, (now, start), halted and t < n - 1)
    quiet = -(-5 // panel.grid.bar_minutes)
    for i, qty in books.qty.items():
        silent = not (panel.volume[first + max(0, n - quiet) : first + n, i] > 0).any()
        carried = silent or (halts is not None and bool(halts[n - 1, i]))
        books.say(not qty or carried, "a position survives the close", s, panel.symbols[i], qty)
    return now


def _restate(books: Books, s: int) -> None:
    """Carry positions over a split's morning: whole shares, the rest in cash at the mark."""
    factor = books.case.frames.panel.share_factor
    for i, qty in list(books.qty.items()):
        ratio = float(factor[s, i] / factor[s - 1, i]) if s and qty else 1.0
        if ratio != 1.0:
            books.mark[i] /= ratio
            books.qty[i] = int(math.copysign(math.floor(abs(qty) * ratio + 1e-9), qty))
            books.cash += (qty * ratio - books.qty[i]) * books.mark[i]
            books.paid_out = True


def _fills_of_bar(books: Books, s: int, t: int, n: int) -> None:
    """Book the fills of a bar: none without a trade or beyond its share, and stops under all before phase B."""
    case, panel = books.case, books.case.frames.panel
    row, date = int(panel.grid.first_row[s]) + t, panel.grid.sessions[s].date
    halts = case.plan.halts.get(date)
    sent_before = {order.symbol: order for order in books.orders.get((s, t - 1), []) if order.kind is OrderKind.EXIT}
    by_phase = itertools.groupby(books.fills.get((s, t), []), lambda fill: fill.phase)
    parts = {phase: list(fills) for phase, fills in by_phase}
    for phase in (Phase.OPEN, Phase.INTRABAR):
        for fill in parts.get(phase, []):
            i = panel.column(fill.symbol)
            volume = panel.volume[row, i]
            last_exit = t == n - 1 and fill.kind is OrderKind.EXIT
            books.say(halts is None or not halts[t, i], "a fill in a halt", fill)
            books.say(volume > 0 or last_exit, "a fill without a trade", fill)
            whole = fill.client_order_id.endswith("-flat") or fill.kind is OrderKind.STOP or last_exit
            books.say(whole or fill.qty <= case.costs.participation * volume, "too large a share of a bar", fill)
            books.qty[i] += fill.side * fill.qty
            books.cash -= fill.side * fill.qty * fill.price + fill.fee
            if not books.qty[i]:
                books.stops.pop(i, None)
        if phase is Phase.OPEN:
            _protected(books, s, t, sent_before)


def _protected(books: Books, s: int, t: int, exits: dict[str, Order]) -> None:
    """In phase B every stock held has a stop of its size, unless an exit rests at a limit."""
    panel = books.case.frames.panel
    for order in books.orders.get((s, t), []):
        if order.kind is OrderKind.STOP and order.slot == t and order.reason is Reason.PROTECT:
            books.stops[panel.column(order.symbol)] = order
    for i, qty in books.qty.items():
        symbol = panel.symbols[i]
        resting = symbol in exits and exits[symbol].limit_price is not None
        if not qty or symbol in books.case.kernel.hedge.caps or resting:
            continue
        stop = books.stops.get(i)
        books.say(stop is not None and stop.side * stop.qty == -qty, "a position without its stop", s, t, symbol, qty)


def _decisions(books: Books, s: int, t: int, equity: tuple[float, float], halted: bool) -> None:
    """Limits on the mark at each decision; a halted book sells all and enters nothing."""
    case, (now, start) = books.case, equity
    panel, plan, kernel = case.frames.panel, case.plan, case.kernel
    row = int(panel.grid.first_row[s]) + t
    same = unlimited(len(panel.symbols), kernel.max_position)
    budget = plan.budgets.items[plan.budgets.at[row]] if plan.budgets else same
    orders = books.orders.get((s, t), [])
    for order in orders:
        i = panel.column(order.symbol)
        if order.kind is OrderKind.CANCEL_STOP:
            books.stops.pop(i, None)
        if order.kind is OrderKind.STOP:
            books.stops[i] = order
    if halted:
        opening = [o for o in orders if o.kind in (OrderKind.ENTRY, OrderKind.HEDGE)]
        books.say(not opening, "an entry in a halted book", opening)
        sold = {o.symbol for o in orders if o.kind is OrderKind.EXIT and o.reason is Reason.HALTED}
        held = {panel.symbols[i] for i, qty in books.qty.items() if qty}
        books.say(held == sold, "a halted book sells all", s, t, held, sold)
    reducing = plan.reducing.get(panel.grid.sessions[s].date)
    entered = [o for o in orders if o.kind is OrderKind.ENTRY]
    books.say(reducing is None or not reducing[t] or not entered, "an entry while exits alone are allowed", entered)
    _limits(books, s, row, orders, budget, (now, start, kernel.max_position))


def _limits(
    books: Books, s: int, row: int, orders: list[Order], budget: Budget, usd: tuple[float, float, float]
) -> None:
    """No entry takes a position, its sector or the book over a limit, whichever of the orders of its close fill."""
    case, (now, start, cap) = books.case, usd
    panel, plan, kernel = case.frames.panel, case.plan, case.kernel
    worth = {i: qty * books.mark[i] for i, qty in books.qty.items() if qty}
    beta = [1.0 if math.isnan(b) else b for b in budget.beta.tolist()]
    hedges = {i for i, symbol in enumerate(panel.symbols) if symbol in kernel.hedge.caps}
    gross = math.fsum(abs(w) for w in worth.values())
    net = [math.fsum(worth.values())]
    net_beta = [math.fsum(w * beta[i] for i, w in worth.items())]
    sector: Counter[int] = Counter()
    for i, w in worth.items():
        if i not in hedges:
            sector[int(plan.sector[i])] += abs(w)
    most = kernel.max_gross * budget.gross_scale * now
    for order in orders:
        if order.kind not in (OrderKind.EXIT, OrderKind.ENTRY, OrderKind.HEDGE):
            continue
        i = panel.column(order.symbol)
        more = order.side * order.qty * books.mark[i]
        net, net_beta = [*net, more], [*net_beta, more * beta[i]]
        if order.kind is OrderKind.EXIT:
            continue
        grows = order.kind is OrderKind.ENTRY or more * worth.get(i, 0.0) >= 0
        gross += abs(more) * grows
        books.say(not grows or gross <= most + TINY * now, "gross", order, gross, most)
        if order.kind is OrderKind.HEDGE:
            after = abs(worth.get(i, 0.0) + more)
            books.say(not grows or after <= kernel.hedge.caps[order.symbol] * now + TINY * now, "hedge cap", order)
            continue
        of = int(plan.sector[i])
        sector[of] += abs(more)
        limits = {
            "position": (abs(more) + abs(worth.get(i, 0.0)), cap * now),
            "cap of the slow loop": (abs(more), budget.cap[i] * now),
            "sector": (sector[of], min(kernel.max_sector, plan.sector_limit[s, of]) * now),
            "net": (_worst(net), kernel.max_net * now),
            "beta": (_worst(net_beta) if beta[i] else 0.0, kernel.max_beta * now),
            "buying power": (gross, kernel.buying_power * min(now, start)),
            "share of the expected volume": (order.qty, case.costs.participation * _expected(case, s, row, i)),
        }
        for name, (value, limit) in limits.items():
            books.say(value <= limit + TINY * now, f"{name} limit", order, value, limit)


def _worst(moves: list[float]) -> float:
    """Return how far the last of the orders can take what is held (the first) to its side, whichever others fill."""
    side = math.copysign(1.0, moves[-1])
    return side * moves[0] + math.fsum(max(0.0, side * move) for move in moves[1:])


def _expected(case: Case, s: int, row: int, i: int) -> float:
    last = int(case.frames.panel.grid.first_row[s + 1]) - 1
    return float(case.frames.expected_volume[min(row + 1, last), i])


def _fills_fit_their_orders(books: Books) -> None:
    """A fill has its order's side, is no worse than its limit, and no order fills beyond its size."""
    orders = {order.client_order_id: order for order in books.result.orders}
    filled: Counter[str] = Counter()
    for fill in books.result.fills:
        order = orders[fill.client_order_id]
        filled[fill.client_order_id] += fill.qty
        books.say((fill.side, fill.symbol, fill.kind) == (order.side, order.symbol, order.kind), "side", fill, order)
        limit = order.limit_price
        books.say(limit is None or order.side * fill.price <= order.side * limit, "beyond its limit", fill, order)
        urgent = order.kind is OrderKind.EXIT and is_urgent(order.reason)
        books.say(urgent == order.client_order_id.endswith("-flat"), "the id of an urgent exit", order)
    for name, qty in filled.items():
        books.say(qty <= orders[name].qty, "more filled than ordered", orders[name], qty)


def coverage(result: BacktestResult) -> Counter[str]:
    """Count what a backtest reached: reasons of orders and denials, binding rooms, fills by kind and phase."""
    found: Counter[str] = Counter()
    found.update(f"order {order.kind.name} {order.reason.name}" for order in result.orders)
    found.update({f"verdict {reason.name}": n for reason, n in result.verdicts.items()})
    found.update(f"fill {fill.kind.name} {fill.phase}" for fill in result.fills)
    found.update(f"bound {BOUNDS[int(steps[-1])]}" for steps in result.sizing.values())
    found.update(f"trade {trade.reason.name}{' carried' if trade.carried else ''}" for trade in result.trades)
    return found
