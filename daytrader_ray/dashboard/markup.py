"""The few forms that the page is made of; text is escaped here."""

import math
from collections.abc import Iterable, Sequence
from html import escape

from daytrader_ray.analytics.measure import Estimate
from daytrader_ray.dashboard.formats import DASH, Format

PER_CENT = " %"


def section(title: str, lead: str, *bodies: str) -> str:
    """Return a section: its title, a line on what it means, what it shows."""
    said = f"<p class='muted'>{escape(lead)}</p>" if lead else ""
    return f"<section><h2>{escape(title)}</h2>{said}{''.join(bodies)}</section>"


def below(title: str, lead: str = "") -> str:
    """Return a heading inside a section."""
    return f"<h3>{escape(title)}</h3>" + (f"<p class='muted'>{escape(lead)}</p>" if lead else "")


def chart(figure: str, height: int) -> str:
    """Return a figure in its place, which has its height before the script has run."""
    return f"<div class='chart' style='min-height:{height}px'>{figure}</div>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], kind: str = "") -> str:
    """Return a table of cells that are already markup."""
    top = "".join(f"<th scope='col'>{escape(head)}</th>" for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<div class='scroll'><table class='{kind}'><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def folded(title: str, body: str) -> str:
    """Return something that is shown when it is asked for."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>"


def written(value: float, form: Format) -> str:
    """Return a figure, or a dash where there is none."""
    return escape(form(value)) if math.isfinite(value) else DASH


def toned(value: float, form: Format) -> str:
    """Return a figure in the colour of a gain or a loss."""
    tone = "up" if value > 0 else "down" if value < 0 else ""
    return f"<em class='{tone}'>{written(value, form)}</em>"


def between(estimate: Estimate, form: Format) -> str:
    """Return the 95 % interval of an estimate, or nothing where there is none."""
    if math.isnan(estimate.low):
        return ""
    low, high = written(estimate.low, form), written(estimate.high, form)
    return f"{low.removesuffix(PER_CENT) if high.endswith(PER_CENT) else low} to {high}"


def estimated(estimate: Estimate, form: Format) -> str:
    """Return a figure with its interval in small print, where it has one."""
    said = between(estimate, form)
    return f"{written(estimate.value, form)}{f' <small>{said}</small>' if said else ''}"
