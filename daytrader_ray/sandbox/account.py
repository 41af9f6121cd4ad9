"""The books of one account in decimal arithmetic: cash, positions, and what they are worth."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

MULTIPLIER = 4
"""Intraday buying power is this many times equity, less what is held."""


@dataclass(frozen=True, slots=True)
class Position:
    """Signed whole shares and their average entry price in USD."""

    qty: int
    average: Decimal

    def after(self, side: int, qty: int, price: Decimal) -> "Position":
        """Return the position after an execution: adding averages, reducing keeps the average.

        >>> Position(100, Decimal(10)).after(1, 100, Decimal(11))
        Position(qty=200, average=Decimal('10.5'))
        >>> Position(100, Decimal(10)).after(-1, 40, Decimal(11))
        Position(qty=60, average=Decimal('10'))
        """
        total = self.qty + side * qty
        if self.qty * side >= 0:
            return Position(total, (abs(self.qty) * self.average + qty * price) / abs(total))
        return Position(total, self.average if total * self.qty > 0 else price)


class Account:
    """Cash moves with every execution and its fee; equity is cash plus positions at the price `mark` gives them."""

    def __init__(self, cash: Decimal, mark: Callable[[str], Decimal]) -> None:
        self.cash = cash
        self.start = cash
        self.positions: dict[str, Position] = {}
        self._mark = mark

    def execute(self, symbol: str, side: int, qty: int, price: Decimal, fee: Decimal) -> int:
        """Book an execution and return the signed position after it."""
        self.cash -= side * qty * price + fee
        position = self.positions.get(symbol, Position(0, price)).after(side, qty, price)
        if position.qty:
            self.positions[symbol] = position
        else:
            self.positions.pop(symbol, None)
        return position.qty

    def held(self, symbol: str) -> int:
        """Return the signed shares of `symbol`."""
        position = self.positions.get(symbol)
        return position.qty if position else 0

    def value(self, symbol: str) -> Decimal:
        """Return the signed market value of `symbol` in USD."""
        return self.held(symbol) * self._mark(symbol)

    @property
    def values(self) -> list[Decimal]:
        """Signed market values of all positions in USD."""
        return [self.value(symbol) for symbol in self.positions]

    @property
    def equity(self) -> Decimal:
        """Cash and positions in USD."""
        return self.cash + sum(self.values, Decimal())

    @property
    def buying_power(self) -> Decimal:
        """USD for which positions may still be opened."""
        gross = sum((abs(value) for value in self.values), Decimal())
        return max(MULTIPLIER * self.equity - gross, Decimal())
