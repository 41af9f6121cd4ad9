"""The report's section on importances: which features the models' skill rested on, and whether that lasted."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import combinations
from math import sqrt
from statistics import fmean

from daytrader_ray.dashboard.ensembles import NAMES, SHORT
from daytrader_ray.dashboard.formats import DASH, share, signed_share, skill

Window = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Of one window, member -> kind (`permutation` and its error, `gain`) -> feature -> value."""

PERMUTATION, ERROR, GAIN = "permutation", "permutation_error", "gain"

SHOWN = 15
"""Features in the table; the rest is behind a click."""

STRONGEST = 10
"""Features of a member that are compared between windows."""


def section(windows: Sequence[Window], members: Sequence[str]) -> str:
    """Return the section, empty where nothing was measured; `windows` are the `importances` of a search's result."""
    columns = [(name, kind) for kind in (PERMUTATION, GAIN) for name in members if _has(windows, name, kind)]
    if not columns:
        return ""
    means = {column: _means(windows, *column) for column in columns}
    told = [column for column in columns if column[1] == PERMUTATION]
    features = sorted({feature for mean in means.values() for feature in mean})
    strength = {f: fmean(means[column].get(f, 0.0) for column in told or columns) for f in features}
    features.sort(key=lambda f: (-strength[f], f))
    heads = ["Feature", *(_head(*column) for column in columns)]
    errors = [_errors(windows, name) if kind == PERMUTATION else {} for name, kind in columns]
    rows = [_row(feature, list(means.values()), errors) for feature in features]
    shown, rest = _table(heads, rows[:SHOWN]), rows[SHOWN:]
    more = f"<details><summary>{len(rest)} more features</summary>{_table(heads, rest)}</details>" if rest else ""
    return (
        "<section><h2>What the models' skill rested on</h2><p class='muted'>Correlation of score and label on "
        "validation that is lost when a feature is shuffled between the samples, ± its standard error: shaded where it "
        "is more than two of them. Gain: the feature's share of what all splits of the trees gained in training, where "
        "noise gains too. Means over the windows; where a window left a feature out it counts 0.</p>"
        f"<p class='muted'>{_stability(windows, told)}</p>{shown}{more}</section>"
    )


def _has(windows: Sequence[Window], name: str, kind: str) -> bool:
    return any(window.get(name, {}).get(kind) for window in windows)


def _means(windows: Sequence[Window], name: str, kind: str) -> dict[str, float]:
    """Return a member's mean importance by feature over the windows."""
    found = [window.get(name, {}).get(kind, {}) for window in windows]
    features = {feature for one in found for feature in one}
    return {feature: fmean(one.get(feature, 0.0) for one in found) for feature in features}


def _errors(windows: Sequence[Window], name: str) -> dict[str, float]:
    """Return the standard error of a member's mean permutation importance by feature; windows are independent."""
    found = [window.get(name, {}).get(ERROR, {}) for window in windows]
    features = {feature for one in found for feature in one}
    return {f: sqrt(sum(one.get(f, 0.0) ** 2 for one in found)) / len(found) for f in features}


def _stability(windows: Sequence[Window], columns: Sequence[tuple[str, str]]) -> str:
    """Say how many of its strongest features a member keeps from window to window."""
    shares = []
    for name, kind in columns:
        tops = [top for window in windows if (top := _strongest(window.get(name, {}).get(kind, {})))]
        kept = [len(a & b) / len(a | b) for a, b in combinations(tops, 2)]
        if kept:
            shares.append(f"{NAMES.get(name, name)} {share(fmean(kept))}")
    if not shares:
        return "One window says nothing about how stable that is."
    return f"Of a model's {STRONGEST} strongest features two windows share: {escape(', '.join(shares))}."


def _strongest(values: Mapping[str, float]) -> set[str]:
    """Return what a member listens to most: nothing where it listens to nothing."""
    heard = [feature for feature in values if values[feature] > 0.0]
    return set(sorted(heard, key=lambda feature: (-values[feature], feature))[:STRONGEST])


def _head(name: str, kind: str) -> str:
    short = SHORT.get(name, name)
    return short if kind == PERMUTATION else f"{short} gain"


def _row(feature: str, means: Sequence[Mapping[str, float]], errors: Sequence[Mapping[str, float]]) -> str:
    pairs = zip(means, errors, strict=True)
    cells = "".join(
        _cell(mean.get(feature), error.get(feature), max(mean.values(), default=0.0)) for mean, error in pairs
    )
    return f"<tr><td>{escape(feature)}</td>{cells}</tr>"


def _cell(value: float | None, error: float | None, largest: float) -> str:
    """Return a cell, the darker the more of the member's largest value it has, unless that may be chance."""
    if value is None:
        return f"<td>{DASH}</td>"
    told = max(value, 0.0) / largest if largest > 0 and value > 2 * (error or 0.0) else 0.0
    words = signed_share(value) if error is None else f"{skill(value)} ± {error:.3f}"
    return f"<td><i class='shade' style='opacity:{0.5 * told:.2f}'></i>{words}</td>"


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    return (
        "<div class='scroll'><table class='importances'><thead><tr>"
        f"{''.join(f'<th scope=col>{escape(head)}</th>' for head in heads)}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
