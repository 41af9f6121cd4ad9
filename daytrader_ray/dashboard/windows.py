"""The windows of the best ensemble: its weights over them, what each found, and what each model is worth alone."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from statistics import fmean
from typing import Any

import plotly.graph_objects as go

from daytrader_ray.dashboard.ensembles import NAMES, SHORT, cell
from daytrader_ray.dashboard.figures import LEGEND, LOSS, PALETTE, html_of, test_ticks
from daytrader_ray.dashboard.formats import DASH, number, percent, share, significant, skill, whole
from daytrader_ray.dashboard.markup import below, chart, folded, table
from daytrader_ray.domain.regime import Regime

FEWEST_TRIPS_A_STOCK = 200 / 60
"""Round trips a day on validation below which figures rest on little, for each stock."""

COLORS = [color for color in PALETTE if color != LOSS]
"""Of models; red is kept for losses."""

FEW = 10
"""Windows whose table is shown at once; a longer one is folded."""

SCHEMES = {
    "equal": "equally",
    "skill": "by skill on validation, half-way to equal",
    "bayesian": "by Bayesian optimisation on validation, shrunk to equal",
    "mean_reversion": "by the skill expected next, which reverts to its mean",
    "hedge": "by Hedge, which goes on learning every 30 minutes",
    "regime": "by skill in each regime, shrunk to skill in all",
    "stacking": "by stacking (a logistic regression on their scores)",
}
"""How members are weighed, in words."""


def windows_section(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    """Return the windows of the best ensemble, its weights over them, and the skill of each model alone."""
    found = best["windows"]
    heads = "".join(f"<th scope=col>{name}</th>" for name in WINDOW_COLUMNS)
    rows = "".join(_window_row(result, *pair) for pair in zip(result["windows"], found, strict=True))
    one_by_one = (
        f"<div class='scroll'><table class='windows'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    lead = (
        f"{result['spec']}: {result['windows_used']} windows, {result['windows_effective']:g} if overlapping tests "
        f"count once.{_quiet(result, found)} {_schemes(found)}"
    )
    columns = (
        "Threshold: the |signal| that opens a position, and its factors in the first and the last hour. Kelly: the "
        "fraction of full Kelly that is bet. Timeframes: weights of the score now and of its means over 5 and 15 "
        "minutes. B: validation before the test. Weights are means over the test."
    )
    every = f"<p class='muted'>{columns}</p>{one_by_one}"
    return (
        f"<section><h2>Windows of the best ensemble</h2><p class='muted'>{escape(lead)}</p>"
        f"{below('Weights from window to window', 'Mean weight of each model in each test.')}"
        f"{chart(_weights(result, found), 280)}"
        f"{every if len(found) <= FEW else folded(f'All {len(found)} windows, one by one', every)}"
        f"{_schemes_own(result, found)}{_models(result, found)}{_options(result)}</section>"
    )


def _quiet(result: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> str:
    """Say in how many windows nothing was worth its cost, and in how many validation had few round trips."""
    quiet = sum(window["threshold"] is None for window in found)
    fewest = FEWEST_TRIPS_A_STOCK * len(result["traded"])
    few = sum(window["threshold"] is not None and window["trips_a_day"] < fewest for window in found)
    said = f" In {quiet} of them no signal paid its cost on validation, so nothing was opened." if quiet else ""
    if few:
        said += f" In {few} of them validation had fewer than {fewest:.0f} round trips a day: few to judge by."
    return said


def _schemes(found: Sequence[Mapping[str, Any]]) -> str:
    """Say by which schemes members were weighed, and in how many windows where there are several."""
    counts = Counter(window["scheme"] for window in found)
    told = [f"'{name}': members are weighed {SCHEMES.get(name, name)}" for name in sorted(counts)]
    if len(told) == 1:
        return f"Scheme {told[0]}."
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return f"Scheme chosen anew in each window: {', '.join(f'{name} in {n}' for name, n in ordered)}."


def _weights(result: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> str:
    """Return the weights of the members over the windows, one bar for each."""
    spans = [f"{window['test'][0]} to {window['test'][1]}" for window in result["windows"]]
    figure = go.Figure()
    for k, name in enumerate(result["members"]):
        values = [window["weights"][k] for window in found]
        if any(values):
            figure.add_bar(
                x=list(range(len(found))), y=[round(100.0 * value, 2) for value in values], name=SHORT.get(name, name),
                marker={"color": COLORS[k % len(COLORS)], "line": {"width": 0}}, customdata=spans,
                hovertemplate="%{customdata}: %{y:.0f} %<extra>%{fullData.name}</extra>",
            )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.0, legend=LEGEND, showlegend=True)
    return html_of(figure, "weights", 280, test_ticks(result["windows"]), " %")


def _schemes_own(result: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> str:
    """Return what there is to tell of some schemes only: notes, the regret of Hedge, weights by regime."""
    notes = Counter(window["note"] for window in found if window["note"])
    listed = "".join(f"<li>{_times(n, len(found))}: {escape(note)}</li>" for note, n in sorted(notes.items()))
    regrets = [window["regret"] for window in found if window["regret"] is not None]
    lost = ""
    if regrets:
        bound = max(window["regret_bound"] for window in found if window["regret"] is not None)
        lost = (
            "<p>Regret to the best member by the end of validation: "
            f"mean {fmean(regrets):.2f}, largest {max(regrets):.2f}, never above {bound:.1f}.</p>"
        )
    in_each = _by_regime(result, found) if any(window["scheme"] == "regime" for window in found) else ""
    said = f"<ul>{listed}</ul>" if listed else ""
    if len(notes) > FEW:
        said = folded(f"{len(notes)} notes on weights and sizes", said)
    return f"{said}{lost}{in_each}"


def _times(n: int, of: int) -> str:
    return f"in {n} of {of} windows"


def _by_regime(result: Mapping[str, Any], windows: Sequence[Mapping[str, Any]]) -> str:
    heads = "".join(f"<th scope=col>{regime.name.lower()}</th>" for regime in Regime)
    rows = "".join(
        f"<tr><td>{found['index'] + 1}</td>"
        f"{''.join(f'<td>{_told(_by_member(result, row))}</td>' for row in found['weights_by_regime'])}</tr>"
        for found in windows
    )
    return folded(
        "Weights by regime",
        f"<div class='scroll'><table><thead><tr><th scope=col>Window</th>{heads}</tr></thead><tbody>{rows}</tbody>"
        "</table></div>",
    )


WINDOW_COLUMNS = (
    "Window",
    "Train",
    "Test",
    "Return",
    "Trades",
    "Rank IC",
    "Trips a day, B",
    "Threshold",
    "First, last hour",
    "Scheme",
    "Kelly",
    "Timeframes",
    "Mean weights",
)


def _window_row(result: Mapping[str, Any], window: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    opens = found["threshold"] is not None
    hours = ", ".join(f"{factor:g}" for factor in found["hours"]) if opens else DASH
    timeframes = ", ".join(f"{weight:.0%}" for weight in found["timeframes"])
    return (
        f"<tr><td>{window['index'] + 1}</td><td>{_days(window['train'])}</td>"
        f"<td>{_days(window['test'])}</td>{cell(found['test']['total_return'], percent)}"
        f"{cell(found['test']['trades'], whole)}{cell(found['rank_ic'], number)}"
        f"{cell(found['trips_a_day'], number)}"
        f"{cell(found['threshold'], significant)}<td>{hours}</td><td>{escape(found['scheme'])}</td>"
        f"{cell(found['fraction'], significant)}<td>{timeframes}</td>"
        f"<td>{_told(_by_member(result, found['weights']))}</td></tr>"
    )


def _days(span: Sequence[str]) -> str:
    first, last = span
    return f"<span class='day'>{first} {DASH}</span> <span class='day'>{last}</span>"


def _told(weights: Mapping[str, float]) -> str:
    """Return the members that have weight, with it."""
    told = ", ".join(f"{SHORT.get(name, name)} {weight:.0%}" for name, weight in weights.items() if weight > 0)
    return escape(told) or DASH


def _by_member(result: Mapping[str, Any], weights: Sequence[float]) -> dict[str, float]:
    """Return weights by member; behind them stand those of the baselines, which an ensemble has none of."""
    return dict(zip(result["members"], weights, strict=False))


def _models(result: Mapping[str, Any], windows: Sequence[Mapping[str, Any]]) -> str:
    """Return a row for each model: its skill alone out of sample, and its weight in the best ensemble."""
    alone = {trial["members"][0]: trial for trial in result["trials"] if len(trial["members"]) == 1}
    inside = [_by_member(result, found["weights"]) for found in windows]
    rows = "".join(
        _model_row(name, _skills(trial), [one.get(name, 0.0) for one in inside])
        for name, trial in sorted(alone.items(), key=lambda item: item[1]["mask"])
    )
    heads = ("Model", "Rank IC alone", "Windows above 0", "Mean weight")
    return (
        "<h3>Each model alone, and its weight</h3><p class='muted'>Rank IC: how well scores order the returns of the "
        "time that labels look at, out of sample, mean of the windows; 0 is chance, 1 would be perfect.</p>"
        "<div class='scroll'><table><thead><tr>"
        f"{''.join(f'<th scope=col>{head}</th>' for head in heads)}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


CONSTANT = "constant, learnt nothing"
"""Said of a model whose scores order nothing in any window: they are all the same."""


def _skills(trial: Mapping[str, Any]) -> list[float]:
    """Return the rank IC of a model that is alone in its trial, window by window, where it is known."""
    bit = trial["mask"].bit_length() - 1
    values = [found["member_ic"][bit] for found in trial["windows"]]
    return [value for value in values if value is not None and not math.isnan(value)]


def _model_row(name: str, skills: Sequence[float], weights: Sequence[float]) -> str:
    said = skill(fmean(skills)) if any(skills) else CONSTANT
    cells = [said, f"{sum(value > 0 for value in skills)} of {len(skills)}"]
    cells += [share(fmean(weights)) if any(weights) else DASH]
    return f"<tr><td>{escape(NAMES.get(name, name))}</td>{''.join(f'<td>{one}</td>' for one in cells)}</tr>"


def _options(result: Mapping[str, Any]) -> str:
    """Return which options each model traded with in how many windows; nothing where there was one candidate."""
    n = result["settings"]["search"]["tune_members"]
    if n == 1:
        return ""
    kept = result["kept"]
    rows = [
        (escape(NAMES.get(name, name)), f"{times} of {len(kept)}", escape(told))
        for name in result["members"]
        for told, times in Counter(_written(window["options"][name]) for window in kept).most_common()
    ]
    lead = f"Of {n} candidates for each model a window trades with the one that had ranked best on B up to it."
    return below("Options of the models", lead) + table(("Model", "Windows", "Options"), rows, "words")


def _written(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(options.items())) or "defaults"
