"""The last look before the broker: tiny checks that return why an order must not be sent, or nothing.

The kernel has sized the order by the same limits; what is caught here is a fault of our own: each reason is an alarm.
"""

from collections.abc import Callable
from dataclasses import dataclass

from daytrader_ray.domain.trading import Order, OrderKind

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Exposure:
    """The book as the checks see it, in USD: `held` signed shares of the order's symbol, `price` its last close."""

    equity: float
    held: int
    price: float
    sector_gross: float
    gross: float
    max_position: float
    max_sector: float
    max_gross: float


Check = Callable[[Order, Exposure], str | None]


def whole_shares(order: Order, _: Exposure) -> str | None:
    """Refuse an order for less than one share."""
    return None if order.qty >= 1 else f"quantity {order.qty}, expected at least 1"


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


def position_limit(order: Order, book: Exposure) -> str | None:
    """Refuse an entry that takes one stock over its share of equity, on the last close."""
    return _entry_limit(order, book, 0.0, book.max_position, "position")


def sector_limit(order: Order, book: Exposure) -> str | None:
    """Refuse an entry that takes a sector over its share of equity."""
    return _entry_limit(order, book, book.sector_gross, book.max_sector, "sector")


def gross_limit(order: Order, book: Exposure) -> str | None:
    """Refuse an entry that takes the book over its leverage."""
    return _entry_limit(order, book, book.gross, book.max_gross, "gross exposure")


CHECKS: tuple[Check, ...] = (whole_shares, entry_from_flat, exit_closes, position_limit, sector_limit, gross_limit)


def refuse(order: Order, book: Exposure) -> str | None:
    """Return the first reason why `order` must not be sent, None if it may be."""
    for check in CHECKS:
        reason = check(order, book)
        if reason is not None:
            return reason
    return None


def _entry_limit(order: Order, book: Exposure, before: float, limit: float, name: str) -> str | None:
    if order.kind is not OrderKind.ENTRY:
        return None
    after = before + order.qty * book.price
    most = limit * book.equity
    if after <= most * (1 + ROUNDING):
        return None
    return f"{name} of {after:.2f} USD, at most {most:.2f} USD ({limit:g} of equity)"
