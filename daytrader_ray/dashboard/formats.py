"""How figures are written on a page."""

from collections.abc import Callable
from html import escape

MINUS, DASH = "\u2212", "\u2013"

MINUTES_OF_AN_HOUR, HOURS_OF_A_DAY, HOURS_OF_A_YEAR = 60, 24, 8760

FINE = 0.01
"""Below this a return has three places."""

LEAST_CHANCE = 0.001
"""A smaller probability is not told from it."""

Format = Callable[[float], str]


def percent(value: float) -> str:
    """Write a return as per cent with its sign."""
    return f"{100 * value:+.3f} %".replace("-", MINUS)


def gain(value: float) -> str:
    """Write a return as per cent with its sign and as many places as it needs.

    >>> gain(0.1234567), gain(0.0012345), gain(0.0)
    ('+12.35 %', '+0.123 %', '0 %')
    """
    if value == 0:
        return "0 %"
    return percent(value) if abs(value) < FINE else f"{100 * value:+.2f} %".replace("-", MINUS)


def usd(value: float) -> str:
    """Write an amount to the cent."""
    return f"{value:,.2f}".replace("-", MINUS)


def share(value: float) -> str:
    """Write a fraction as per cent without a sign."""
    return f"{100 * value:.1f} %"


def signed_share(value: float) -> str:
    """Write a fraction as per cent, with a sign only below 0."""
    return share(value).replace("-", MINUS)


def skill(value: float) -> str:
    """Write a rank correlation with its sign."""
    return f"{value:+.3f}".replace("-", MINUS)


def depth(value: float) -> str:
    """Write a positive fraction of loss."""
    return f"{100 * value:.2f} %".replace("-", MINUS)


def number(value: float) -> str:
    """Write a ratio with two places."""
    return f"{value:.2f}".replace("-", MINUS)


def chance(value: float) -> str:
    """Write a probability with three places.

    >>> chance(0.9432), chance(0.0004)
    ('0.943', 'below 0.001')
    """
    return f"{value:.3f}" if value >= LEAST_CHANCE else f"below {LEAST_CHANCE}"


def significant(value: float) -> str:
    """Write a figure of any size with three digits.

    >>> significant(0.000162), significant(0.6)
    ('0.000162', '0.6')
    """
    return f"{value:.3g}".replace("-", MINUS)


def whole(value: float) -> str:
    """Write a count or an amount of USD."""
    return f"{value:,.0f}".replace("-", MINUS)


def duration(minutes: float) -> str:
    """Write a length of time.

    >>> duration(7.2), duration(95), duration(10_000), duration(1e9)
    ('7 min', '1 h 35 min', '167 h', 'for good')
    """
    if minutes < MINUTES_OF_AN_HOUR:
        return f"{minutes:.0f} min"
    hours = minutes / MINUTES_OF_AN_HOUR
    if hours >= HOURS_OF_A_YEAR:
        return "for good"
    return f"{hours:.0f} h" if hours >= HOURS_OF_A_DAY else f"{int(hours)} h {int(minutes) % 60} min"


def text(value: float | None, form: Format) -> str:
    """Write a figure, or a dash where there is none."""
    return DASH if value is None else escape(form(value))
