"""The life of an order at the venue, as a table of allowed transitions.

A trade update may overtake the answer to the POST, so a SENT order may see any event. A late `new` after a fill
changes nothing. What is not in the table is a disagreement with the venue and raises.
"""

from enum import StrEnum

from daytrader_ray.domain.errors import BrokerError


class OrderState(StrEnum):
    """Where an order stands."""

    SENT = "sent"
    """On its way: the venue has not yet confirmed it."""
    WORKING = "working"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    """Sent, never answered, and not found at the venue: blocks its symbol."""


TERMINAL = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED})
"""States that an order never leaves."""

_ACKNOWLEDGED = ("new", "accepted", "pending_new", "pending_cancel", "held", "stopped", "calculated", "suspended")
_CLOSING = {
    "fill": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "done_for_day": OrderState.EXPIRED,
}


def _table() -> dict[tuple[OrderState, str], OrderState]:
    table: dict[tuple[OrderState, str], OrderState] = {}
    for state in (OrderState.SENT, OrderState.WORKING, OrderState.UNKNOWN):
        table |= {(state, event): OrderState.WORKING for event in _ACKNOWLEDGED}
        table |= {(state, "partial_fill"): OrderState.PARTLY_FILLED, (state, "rejected"): OrderState.REJECTED}
        table |= {(state, event): target for event, target in _CLOSING.items()}
    table |= {(OrderState.PARTLY_FILLED, event): OrderState.PARTLY_FILLED for event in (*_ACKNOWLEDGED, "partial_fill")}
    table |= {(OrderState.PARTLY_FILLED, event): target for event, target in _CLOSING.items()}
    table |= {(state, event): state for state in TERMINAL for event in _ACKNOWLEDGED}
    table[OrderState.SENT, "lost"] = OrderState.UNKNOWN
    return table


TRANSITIONS = _table()
KNOWN_EVENTS = frozenset(event for _, event in TRANSITIONS)
"""(state, event) -> next state. `lost` is our own event: no answer, and the venue does not know the order."""


def transition(state: OrderState, event: str, client_order_id: str) -> OrderState:
    """Return the state after `event`; a `BrokerError` names the order when the table has no such step.

    >>> transition(OrderState.SENT, "partial_fill", "x").value
    'partly_filled'
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise BrokerError(
            f"order {client_order_id}: event '{event}' cannot follow state '{state}'",
            "compare the account's order history with the journal",
        ) from None
