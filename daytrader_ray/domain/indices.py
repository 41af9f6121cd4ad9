"""Indices: values that nobody trades, among the symbols by the vendor's prefix, such as `I:VIX`; and funds on them."""

SPY, QQQ = "SPY", "QQQ"
"""The funds that stand for the market and for its growth stocks."""

VIX, VIX3M = "I:VIX", "I:VIX3M"
"""The volatility that options on the market expect over one month and over three."""

PREFIX = "I:"

MAX_AGE_MINUTES = 15
"""An index value older than this says nothing of now: its feed has stopped, or its bars are missing."""


def is_index(symbol: str) -> bool:
    """Return whether `symbol` is an index: it has prices without volume and is never traded.

    >>> is_index("I:VIX"), is_index("SPY")
    (True, False)
    """
    return symbol.startswith(PREFIX)
