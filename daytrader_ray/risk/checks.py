"""The last look before the broker: tiny checks that return why an order must not be sent, or nothing.

The kernel has sized the order by the same limits; what is caught here is a fault of our own: each reason is an alarm.
"""

from collections.abc import Callable
from dataclasses import dataclass

from daytrader_ray.domain.trading import Order, OrderKind

ROUNDING = 1e-9
MAX_LIMIT_DISTANCE = 0.01
"""A limit price is this near to the last close, as a fraction of it; below a dollar an increment may be more."""
INCREMENT_USD = 0.0001
OPENS = (OrderKind.ENTRY, OrderKind.HEDGE)


@dataclass(frozen=True, slots=True)
class Exposure:
    """The book as the checks see it, with the other orders on their way counted in; USD.

    `state` 0 where entries are allowed; `held` signed shares of the order's symbol, `price` its last close, `beta` its
    beta to the market, `may_short` whether it may be sold short; `sector_gross` of its sector's stocks, `gross` of the
    book; in `net` and `net_beta` only those orders count that move them the same way as this one. `max_...` are
    fractions of equity, `buying_power` one of the lower of equity now and at the session's start.
    """

    state: int
    equity: float
    start_equity: float
    held: int
    price: float
    beta: float
    may_short: bool
    sector_gross: float
    gross: float
    net: float
    net_beta: float
    max_position: float
    max_sector: float
    max_gross: float
    max_net: float
    max_beta: float
    buying_power: float


Check = Callable[[Order, Exposure], str | None]


def whole_shares(order: Order, _: Exposure) -> str | None:
    """Refuse an order for less than one share."""
    return None if order.qty >= 1 else f"quantity {order.qty}, expected at least 1"


def entry_while_active(order: Order, book: Exposure) -> str | None:
    """Refuse an entry, and a hedge that grows, where exits alone are allowed."""
    if book.state == 0 or not _grows(order, book):
        return None
    return f"{order.kind.name.lower()} while exits alone are allowed"


def entry_from_flat(order: Order, book: Exposure) -> str | None:
    """Refuse a second entry while a position exists."""
    if order.kind is OrderKind.ENTRY and book.held != 0:
        return f"entry while {book.held} shares are held"
    return None


def exit_closes(order: Order, book: Exposure) -> str | None:
    """Refuse an exit or a stop that is not for exactly the position, against it."""
    if order.kind in (OrderKind.EXIT, OrderKind.STOP) and order.side * order.qty != -book.held:
        return f"{order.side * order.qty:+d} shares would not close a position of {book.held:+d}"
    return None


def short_sale(order: Order, book: Exposure) -> str | None:
    """Refuse to sell short what must not be."""
    if order.side < 0 and _grows(order, book) and not book.may_short:
        return "it may not be sold short"
    return None


def sane_limit(order: Order, book: Exposure) -> str | None:
    """Refuse a limit price far from the last close."""
    if order.limit_price is None:
        return None
    most = max(MAX_LIMIT_DISTANCE * book.price, INCREMENT_USD)
    if abs(order.limit_price - book.price) <= most * (1 + ROUNDING):
        return None
    return f"limit of {order.limit_price:.4f} USD, the last close is {book.price:.4f} USD"


def position_limit(order: Order, book: Exposure) -> str | None:
    """Refuse an order that takes one symbol over its share of equity, on the last close."""
    after = abs(book.held + order.side * order.qty) * book.price
    return _over(order, book, after, book.max_position * book.equity, "position")


def sector_limit(order: Order, book: Exposure) -> str | None:
    """Refuse an entry that takes a sector over its share of equity."""
    if order.kind is not OrderKind.ENTRY:
        return None
    return _over(order, book, book.sector_gross + _usd(order, book), book.max_sector * book.equity, "sector")


def gross_limit(order: Order, book: Exposure) -> str | None:
    """Refuse an order that takes the book over its leverage."""
    return _over(order, book, book.gross + _usd(order, book), book.max_gross * book.equity, "gross exposure")


def power_limit(order: Order, book: Exposure) -> str | None:
    """Refuse an order that takes the book over what the account may hold."""
    most = book.buying_power * min(book.equity, book.start_equity)
    return _over(order, book, book.gross + _usd(order, book), most, "gross exposure for the buying power")


def net_limit(order: Order, book: Exposure) -> str | None:
    """Refuse an entry that takes the book too far to its side."""
    if order.kind is not OrderKind.ENTRY:
        return None
    return _over(order, book, order.side * book.net + _usd(order, book), book.max_net * book.equity, "net exposure")


def beta_limit(order: Order, book: Exposure) -> str | None:
    """Refuse an entry that takes the book's exposure to the market too far to its side."""
    if order.kind is not OrderKind.ENTRY or book.beta == 0.0:
        return None
    side = order.side if book.beta > 0 else -order.side
    after = side * book.net_beta + abs(book.beta) * _usd(order, book)
    return _over(order, book, after, book.max_beta * book.equity, "net beta")


CHECKS: tuple[Check, ...] = (
    whole_shares, entry_while_active, entry_from_flat, exit_closes, short_sale, sane_limit, position_limit,
    sector_limit, gross_limit, power_limit, net_limit, beta_limit,
)  # fmt: skip


def refuse(order: Order, book: Exposure) -> str | None:
    """Return the first reason why `order` must not be sent, None if it may be."""
    for check in CHECKS:
        reason = check(order, book)
        if reason is not None:
            return reason
    return None


def _grows(order: Order, book: Exposure) -> bool:
    """Return whether the order opens a position or makes it larger."""
    return order.kind in OPENS and abs(book.held + order.side * order.qty) > abs(book.held)


def _usd(order: Order, book: Exposure) -> float:
    return order.qty * book.price


def _over(order: Order, book: Exposure, after: float, most: float, name: str) -> str | None:
    if not _grows(order, book) or after <= most * (1 + ROUNDING):
        return None
    return f"{name} of {after:.2f} USD, at most {most:.2f} USD"
