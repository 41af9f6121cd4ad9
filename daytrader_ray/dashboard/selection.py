"""The report's section on features: what each window kept, what it tells of the label, and how stable the choice is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from daytrader_ray.dashboard.formats import number, share, text

FAINTEST = 0.2
"""Opacity of a cell that is kept and tells nothing."""

STABLE = 0.5
"""From this mean overlap on the choice is called stable."""


@dataclass(frozen=True)
class _Feature:
    """One feature over all windows: mutual information (nats) and reason for leaving it out, each `[window]`."""

    name: str
    information: Sequence[float | None]
    dropped: Sequence[str]

    @property
    def kept(self) -> int:
        """In how many windows it was kept."""
        return sum(not reason for reason in self.dropped)

    @property
    def mean(self) -> float | None:
        """Mean mutual information, where known."""
        known = [value for value in self.information if value is not None]
        return sum(known) / len(known) if known else None


def section(selection: Mapping[str, Any]) -> str:
    """Return the section; `selection` is that of a search's result."""
    features = _features(selection)
    n_windows = len(selection["windows"])
    kept, never = [f for f in features if f.kept], [f for f in features if not f.kept]
    scale = max((value for f in kept for value in f.information if value is not None), default=0.0)
    rows = "".join(_row(feature, n_windows, scale) for feature in kept)
    heads = ("Feature", "Kept in", "Mutual information", f"Windows 1 to {n_windows}", "Last window")
    return (
        f"<section><h2>Features the models saw</h2><p class='muted'>{_summary(selection, kept)}</p>"
        "<p class='muted'>Mutual information: what a feature alone tells of the label, in thousandths of a nat, less "
        "what chance alone would show; 0 tells nothing. What stands still for a whole session, such as the "
        "weekday, looks better here than it is. A darker cell tells more, an empty one was left out.</p>"
        "<div class='scroll'><table class='features'><thead><tr>"
        f"{''.join(f'<th scope=col>{head}</th>' for head in heads)}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{_never(never)}</section>"
    )


def _features(selection: Mapping[str, Any]) -> list[_Feature]:
    """Return all features, the most often kept first, then by mutual information."""
    windows = selection["windows"]
    found = [
        _Feature(name, [w["mutual_information"][k] for w in windows], [w["dropped"][k] for w in windows])
        for k, name in enumerate(selection["features"])
    ]
    return sorted(found, key=lambda f: (-f.kept, -(f.mean or 0.0), f.name))


def _summary(selection: Mapping[str, Any], kept: Sequence[_Feature]) -> str:
    windows, stability = selection["windows"], selection["stability"]
    count = f"{selection['kept']:.3g} of {selection['of']}"
    chosen = f"Each window chose anew, on its own training rows: {count} on average."
    if stability is None:
        return f"{chosen} One window says nothing about how stable that is."
    word = "stable" if stability >= STABLE else "unstable: what looked useful in one window did not in the next"
    always = sum(f.kept == len(windows) for f in kept)
    return f"{chosen} Two windows share {share(stability)} of what they keep ({word}); kept in every window: {always}."


def _row(feature: _Feature, n_windows: int, scale: float) -> str:
    mean = None if feature.mean is None else 1000.0 * feature.mean
    return (
        f"<tr><td>{escape(feature.name)}</td><td>{feature.kept} of {n_windows}</td><td>{text(mean, number)}</td>"
        f"<td>{_strip(feature, scale)}</td><td>{escape(feature.dropped[-1]) or 'kept'}</td></tr>"
    )


def _strip(feature: _Feature, scale: float) -> str:
    """Return one cell for each window, its opacity the mutual information on the scale of the whole section."""
    cells = []
    for window, (value, reason) in enumerate(zip(feature.information, feature.dropped, strict=True)):
        if not reason:
            told = max(value or 0.0, 0.0) / scale if scale > 0 else 0.0
            cells.append(f"<rect x='{window}' opacity='{FAINTEST + (1 - FAINTEST) * told:.2f}'/>")
    n = len(feature.dropped)
    label = f"kept in {feature.kept} of {n} windows"
    return (
        f"<svg class='strip' viewBox='0 0 {n} 1' preserveAspectRatio='none' role='img' aria-label='{label}'>"
        f"{''.join(cells)}</svg>"
    )


def _never(features: Sequence[_Feature]) -> str:
    if not features:
        return ""
    rows = "".join(
        f"<tr><td>{escape(f.name)}</td><td>{text(None if f.mean is None else 1000.0 * f.mean, number)}</td>"
        f"<td>{escape(f.dropped[-1])}</td></tr>"
        for f in features
    )
    return (
        f"<details><summary>{len(features)} features that no window kept, and why</summary><div class='scroll'>"
        "<table class='features'><thead><tr><th scope=col>Feature</th><th scope=col>Mutual information</th>"
        f"<th scope=col>Last window</th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )
