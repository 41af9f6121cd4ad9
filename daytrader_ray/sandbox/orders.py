"""Orders as the exchange keeps them and as Alpaca writes them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from daytrader_ray.sandbox.traits import KNOWN_SYMBOL

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "daytrader-ray/sandbox")
CLOSED = frozenset({"filled", "canceled", "expired"})
"""Status from which an order never moves again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the venue does not do it: HTTP status, Alpaca's code and message, and what else its body says."""

    http_status: int
    code: int
    message: str
    extras: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the JSON body."""
        return {"code": self.code, "message": self.message, **self.extras}


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A new order, checked: `side` +1 or -1, whole shares, `stop_price` USD of stops, `limit_price` USD of limits."""

    client_order_id: str
    symbol: str
    side: int
    qty: int
    type: str
    time_in_force: str
    stop_price: Decimal | None
    limit_price: Decimal | None = None


@dataclass(slots=True)
class VenueOrder:
    """An order in the book; the times are RFC 3339 in exchange time."""

    id: str
    request: OrderRequest
    intent: str
    expires_at: str
    created_at: str
    updated_at: str
    status: str = "new"
    filled_qty: int = 0
    filled_value: Decimal = Decimal()
    ended_at: str | None = None
    tried: int = -1
    """The last bar whose open it met."""
    filled_in: int = -1
    """The last bar in which it filled: a limit fills once a bar."""

    @property
    def is_open(self) -> bool:
        """Return whether it can still fill."""
        return self.status not in CLOSED

    @property
    def rest(self) -> int:
        """Return the shares not filled."""
        return self.request.qty - self.filled_qty

    def body(self) -> dict[str, Any]:
        """Return the JSON of Alpaca's order."""
        asked = self.request
        ended = {f"{status}_at": self.ended_at if self.status == status else None for status in CLOSED}
        average = self.filled_value / self.filled_qty if self.filled_qty else None
        return {
            "id": self.id,
            "client_order_id": asked.client_order_id,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "submitted_at": self.created_at,
            **ended,
            "expires_at": self.expires_at,
            "failed_at": None,
            "replaced_at": None,
            "replaced_by": None,
            "replaces": None,
            "asset_id": asset_id(asked.symbol),
            "symbol": asked.symbol,
            "asset_class": "us_equity",
            "notional": None,
            "qty": str(asked.qty),
            "filled_qty": str(self.filled_qty),
            "filled_avg_price": None if average is None else money(average),
            "order_class": "",
            "order_type": asked.type,
            "type": asked.type,
            "side": "buy" if asked.side > 0 else "sell",
            "position_intent": self.intent,
            "time_in_force": asked.time_in_force,
            "limit_price": None if asked.limit_price is None else money(asked.limit_price),
            "stop_price": None if asked.stop_price is None else money(asked.stop_price),
            "status": self.status,
            "extended_hours": False,
            "legs": None,
            "trail_percent": None,
            "trail_price": None,
            "hwm": None,
            "subtag": None,
            "source": None,
        }


def asset_id(symbol: str) -> str:
    """Return the id of a symbol's asset, the same in every process."""
    return str(uuid.uuid5(NAMESPACE, f"asset/{symbol}"))


def money(value: Decimal) -> str:
    """Write an amount as Alpaca does: a plain decimal string with at most 9 places.

    >>> money(Decimal("10.50")), money(Decimal(1) / 3), money(Decimal(100000))
    ('10.5', '0.333333333', '100000')
    """
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def read_request(body: object, generated_id: str) -> OrderRequest | Refusal:
    """Check the JSON of a new order, in whole shares; numbers may come as strings."""
    if not isinstance(body, dict):
        return Refusal(422, 40010001, "request body format is invalid")
    symbol, order_type = str(body.get("symbol", "")), str(body.get("type", ""))
    tif, side = str(body.get("time_in_force", "")), {"buy": 1, "sell": -1}.get(str(body.get("side")), 0)
    qty, stop, limit = (_number(body.get(name)) for name in ("qty", "stop_price", "limit_price"))
    problem = (
        _shape_problem(symbol, side, body)
        or _qty_problem(qty)
        or _type_problem(order_type, tif)
        or _price_problem(order_type, "stop", stop)
        or _price_problem(order_type, "limit", limit)
    )
    if problem:
        return problem
    assert qty is not None
    client_order_id = str(body.get("client_order_id") or generated_id)
    return OrderRequest(client_order_id, symbol, side, int(qty), order_type, tif, stop, limit)


def _shape_problem(symbol: str, side: int, body: Mapping[str, Any]) -> Refusal | None:
    if not KNOWN_SYMBOL.fullmatch(symbol):
        return Refusal(422, 42210000, f'asset "{symbol}" not found')
    if side == 0:
        return Refusal(422, 40010001, "invalid side")
    if len(str(body.get("client_order_id") or "")) > 128:
        return Refusal(422, 40010001, "client_order_id must be no more than 128 characters")
    if str(body.get("order_class") or "simple") != "simple" or body.get("extended_hours"):
        return Refusal(422, 42210000, "only simple orders in regular hours are accepted here")
    return None


def _qty_problem(qty: Decimal | None) -> Refusal | None:
    if qty is None or qty <= 0:
        return Refusal(422, 40010001, "qty must be > 0")
    if qty != qty.to_integral_value():
        return Refusal(422, 42210000, "only whole shares are accepted here")
    return None


def _type_problem(order_type: str, tif: str) -> Refusal | None:
    if (order_type, tif) not in {("market", "ioc"), ("market", "day"), ("stop", "day"), ("limit", "day")}:
        return Refusal(422, 42210000, f"{order_type} orders with time_in_force {tif} are not accepted here")
    return None


def _price_problem(order_type: str, name: str, price: Decimal | None) -> Refusal | None:
    """Check the price that orders of type `name` need and others must not have."""
    if order_type != name:
        problem = f"{order_type} orders must not have a {name}_price"
        return None if price is None else Refusal(422, 40010001, problem)
    if price is None or price <= 0:
        return Refusal(422, 40010001, f"{name} orders require a {name} price")
    if price != round(price, 2 if price >= 1 else 4):
        why = "sub-penny increment does not fulfill minimum pricing criteria"
        return Refusal(422, 42210000, f"invalid {name}_price {price}. {why}")
    return None


def _number(value: object) -> Decimal | None:
    """Read a JSON number or numeric string; None where it is neither."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
