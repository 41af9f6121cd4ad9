"""Where two runs of one session disagree: order by order and fill by fill, to the share and the cent."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from daytrader_ray.domain.trading import Fill, Order


@dataclass(frozen=True, slots=True)
class Difference:
    """One line on which the runs disagree; None where a run has nothing like it."""

    slot: int
    left: Order | Fill | None
    right: Order | Fill | None

    def __str__(self) -> str:
        return f"minute {self.slot}: {describe(self.left)} | {describe(self.right)}"


def differences(left: Sequence[Order | Fill], right: Sequence[Order | Fill]) -> list[Difference]:
    """Return where two records of one kind differ, earliest first; empty when they are equal in content and order.

    Records that share an order id but not their values form one difference. Equal records in another order are
    reported from the first place where the order differs.
    """
    spare_left = _without(left, right)
    spare_right = _without(right, left)
    found: list[Difference] = []
    for one in spare_left:
        twin = next((other for other in spare_right if other.client_order_id == one.client_order_id), None)
        if twin is not None:
            spare_right.remove(twin)
        found.append(Difference(one.slot, one, twin))
    found += [Difference(other.slot, None, other) for other in spare_right]
    if not found:
        moved = [(one, other) for one, other in zip(left, right, strict=True) if one != other]
        found = [Difference(one.slot, one, other) for one, other in moved]
    return sorted(found, key=lambda difference: difference.slot)


def describe(record: Order | Fill | None) -> str:
    """Return a record in a few words.

    >>> describe(None)
    'nothing'
    """
    if record is None:
        return "nothing"
    side = "buy" if record.side > 0 else "sell"
    what = f"{record.symbol} {record.kind.name} {side} {record.qty}"
    if isinstance(record, Fill):
        return f"fill {what} at {record.price:.4f} in phase {record.phase}, fee {record.fee:.2f}"
    price = record.stop_price if record.limit_price is None else record.limit_price
    at = f" at {price:.4f}" if price is not None else ""
    return f"order {what}{at} ({record.reason.name.lower()})"


def _without(records: Sequence[Order | Fill], others: Sequence[Order | Fill]) -> list[Order | Fill]:
    """Return the records that are not among the others, counted, in their order."""
    there = Counter(others)
    spare: list[Order | Fill] = []
    for record in records:
        if there[record]:
            there[record] -= 1
        else:
            spare.append(record)
    return spare
