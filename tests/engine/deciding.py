"""One close by hand: a book, what is known, and the orders that the kernel sends."""

from typing import Any

import numpy as np

from daytrader_ray.domain.budget import CONFIDENCE, Sizing, unlimited
from daytrader_ray.domain.trading import OrderKind, Reason
from daytrader_ray.engine.book import Book, apply_fill, new_book, open_session
from daytrader_ray.engine.config import KernelConfig
from daytrader_ray.engine.kernel import protect, step
from daytrader_ray.engine.values import Intents, Scratch, Snapshot, new_intents, new_scratch, rules_of

CANCEL_STOP, EXIT, ENTRY, STOP, CANCEL, HEDGE = OrderKind
N = 390
LINE = tuple[OrderKind, int, int, int, Reason, float]


def snapshot(n: int, **other: Any) -> Snapshot:
    """Symbols at 50.00, tradable, without a signal; the last one is a hedge where `hedges` says so."""
    values = {
        "close": np.full(n, 50.0),
        "signal": np.zeros(n),
        "atr": np.full(n, 0.5),
        "expected_volume": np.full(n, 1e6),
        "sector": np.arange(n),
        "tradable": np.ones(n, dtype=np.bool_),
        "quiet": np.zeros(n, dtype=np.int64),
        "event_scale": np.ones(n),
        "sector_limit": np.full(n, np.inf),
        "high": np.full(n, 50.1),
        "low": np.full(n, 49.9),
        "halted": np.zeros(n, dtype=np.bool_),
        "shortable": np.ones(n, dtype=np.bool_),
        "restricted": np.zeros(n, dtype=np.bool_),
        "reducing": 0,
        "budget": unlimited(n, 0.05),
        "is_hedge": np.zeros(n, dtype=np.bool_),
        "hedge_cap": np.zeros(n),
    }
    return Snapshot(**(values | other))


def lines(out: Intents, n: int) -> list[LINE]:
    return [
        (OrderKind(out.kind[k]), int(out.symbol[k]), int(out.side[k]), int(out.qty[k]), Reason(out.reason[k]),
         float(out.price[k]))
        for k in range(n)
    ]  # fmt: skip


def decide(
    book: Book,
    now: Snapshot,
    slot: int = 100,
    learned: Sizing = CONFIDENCE,
    scratch: Scratch | None = None,
    **kernel: Any,
) -> list[LINE]:
    n = now.close.size
    out = new_intents(n)
    rules = rules_of(KernelConfig(**({"sizing": "confidence", "orders": "market"} | kernel)), 0.05, 1)
    scratch = scratch or new_scratch(now.sector)
    return lines(out, step(book, slot, N, now, 0.5, 1.0, learned, rules, scratch, out))


def protected(book: Book, leaving_too: bool = True) -> list[LINE]:
    out = new_intents(book.qty.size)
    return lines(out, protect(book, rules_of(KernelConfig(), 0.05, 1), leaving_too, out))


def holding(n: int, qty: int, cash: float = 100_000.0) -> Book:
    """A book that has held `qty` of symbol 0 at 50.00 since bar 90, with a stop."""
    book = new_book(n, cash)
    open_session(book)
    apply_fill(book, 0, ENTRY, 1 if qty > 0 else -1, abs(qty), 50.0, 0.0, 90, 5)
    book.atr[0] = 0.5
    protected(book)
    return book
