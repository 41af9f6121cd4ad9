"""How figures are written on a page."""

from collections.abc import Callable
from html import escape

MINUS, DASH = "\u2212", "\u2013"

Format = Callable[[float], str]


def percent(value: float) -> str:
    """Write a return as per cent with its sign."""
    return f"{100 * value:+.3f} %".replace("-", MINUS)


def share(value: float) -> str:
    """Write a fraction as per cent without a sign."""
    return f"{100 * value:.1f} %"


def depth(value: float) -> str:
    """Write a positive fraction of loss."""
    return f"{100 * value:.2f} %"


def number(value: float) -> str:
    """Write a ratio with two places."""
    return f"{value:.2f}".replace("-", MINUS)


def whole(value: float) -> str:
    """Write a count or an amount of USD."""
    return f"{value:,.0f}".replace("-", MINUS)


def text(value: float | None, form: Format) -> str:
    """Write a figure, or a dash where there is none."""
    return DASH if value is None else escape(form(value))
