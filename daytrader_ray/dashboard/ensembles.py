"""The report's sections on ensembles: the table of all, the windows of the best one, and what each model is worth."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from statistics import fmean
from typing import Any

from daytrader_ray.dashboard.formats import DASH, Format, depth, number, percent, share, significant, skill, text, whole
from daytrader_ray.domain.regime import Regime

FEWEST_TRIPS_A_STOCK = 200 / 60
"""Round trips a day on validation below which figures rest on little, for each stock."""

SHORT = {"lstm": "LSTM", "cnn": "CNN", "random_forest": "RF", "xgboost": "XGB", "transformer": "TF"}


NAMES = {
    "lstm": "LSTM",
    "cnn": "CNN",
    "random_forest": "random forest",
    "xgboost": "XGBoost",
    "transformer": "transformer",
    "logistic": "logistic regression, a baseline",
    "boosting": "default boosting, a baseline",
}
"""What models are called where there is room."""

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

COLUMNS: tuple[tuple[str, str, Format], ...] = (
    ("sharpe", "Sharpe", number),
    ("total_return", "Return", percent),
    ("intraday_drawdown", "Drawdown", depth),
    ("trades", "Trades", whole),
    ("win_rate", "Wins", share),
    ("profit_factor", "Profit factor", number),
    ("cost_share", "Cost share", share),
    ("psr", "PSR", number),
    ("dsr", "DSR", number),
)
"""Columns of the table of ensembles: key, heading, format."""


def ensembles_section(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    """Return the table of all ensembles and of the baselines, with the sentence that compares them."""
    order = sorted(range(len(result["trials"])), key=lambda k: _rank(result["trials"][k]))
    rows = "".join(_ensemble_row(result, k, best["mask"]) for k in order)
    heads = "".join(
        f"<th scope='col'{' aria-sort=descending' if key == 'sharpe' else ''}><button>{escape(name)}</button></th>"
        for key, name, _ in COLUMNS
    )
    return (
        f"<section><h2>{result['ensembles']} ensembles</h2><p>{escape(result['baselines']['sentence'])}</p>"
        f"<p class='muted'>Every subset of {len(result['members'])} models, and the baselines. Figures are before any "
        "correction for choosing the best, except DSR, which asks how likely the Sharpe ratio beats the luckiest of "
        f"{result['ensembles'] - 1} tries without skill.</p><div class='scroll'><table class='sortable'><thead><tr>"
        f"<th scope='col'>Ensemble</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _rank(trial: Mapping[str, Any]) -> tuple[float, int, int]:
    sharpe = trial["metrics"]["sharpe"]
    return (-sharpe if sharpe is not None else math.inf, len(trial["members"]), trial["mask"])


def _ensemble_row(result: Mapping[str, Any], index: int, chosen: int) -> str:
    trial = result["trials"][index]
    values = {**trial["metrics"], "psr": trial["psr"], "dsr": trial["dsr"]}
    cells = "".join(_cell(values[key], form) for key, _, form in COLUMNS)
    mark = " class='chosen'" if trial["mask"] == chosen else ""
    what = _baseline(trial["members"][0]) if trial["baseline"] else chips(trial["members"], result["members"])
    return f"<tr{mark} data-trace='{index}'><td data-value='{trial['mask']}'>{what}</td>{cells}</tr>"


def _cell(value: float | None, form: Format) -> str:
    return f"<td data-value='{'' if value is None else value}'>{text(value, form)}</td>"


def _baseline(name: str) -> str:
    return f"<span class='chips'><i class='cash'>baseline</i></span> {escape(name)}"


def chips(members: Sequence[str], every: Sequence[str]) -> str:
    """Return the names of `every` member, those in `members` filled."""
    if not members:
        return "<span class='chips'><i class='cash'>cash</i></span>"
    words = "".join(
        f"<i{'' if name in members else ' class=off'} title='{escape(name)}'>{SHORT.get(name, escape(name))}</i>"
        for name in every
    )
    return f"<span class='chips' aria-label='{escape(', '.join(members))}'>{words}</span>"


def windows_section(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    """Return the windows of the best ensemble, its weights over them, and the skill of each model alone."""
    rows = "".join(_window_row(result, *pair) for pair in zip(result["windows"], best["windows"], strict=True))
    heads = "".join(f"<th scope=col>{name}</th>" for name in WINDOW_COLUMNS)
    quiet = sum(found["threshold"] is None for found in best["windows"])
    note = f" In {quiet} of them no signal paid its cost on validation, so nothing was opened." if quiet else ""
    scheme = result["settings"]["search"]["ensemble"]["scheme"]
    fewest = FEWEST_TRIPS_A_STOCK * len(result["traded"])
    few = sum(found["threshold"] is not None and found["trips_a_day"] < fewest for found in best["windows"])
    note += (
        f" In {few} of them validation had fewer than {fewest:.0f} round trips a day: few to judge by." if few else ""
    )
    return (
        f"<section><h2>Windows of the best ensemble</h2><p class='muted'>{escape(result['spec'])}: "
        f"{result['windows_used']} windows, {result['windows_effective']:g} if overlapping tests count once.{note} "
        f"Scheme '{escape(scheme)}': members are weighed {escape(SCHEMES.get(scheme, scheme))}. "
        "Threshold: the |signal| that opens a position, and its factors in the first and the last hour. Timeframes: "
        "weights of the score now and of its means over 5 and 15 minutes. B: validation before the test. Weights are "
        "means over the test.</p>"
        f"<div class='scroll'><table class='windows'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        f"{_schemes_own(result, best)}{_models(result, best)}</section>"
    )


def _schemes_own(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    """Return what there is to tell of some schemes only: notes, the regret of Hedge, weights by regime."""
    windows = best["windows"]
    notes = "".join(f"<li>window {w['index'] + 1}: {escape(w['note'])}</li>" for w in windows if w["note"])
    regrets = ", ".join(
        f"{w['regret']:.2f} of at most {w['regret_bound']:.1f}" for w in windows if w["regret"] is not None
    )
    lost = f"<p>Regret to the best member by the end of validation, window by window: {regrets}.</p>" if regrets else ""
    table = _by_regime(result, windows) if result["settings"]["search"]["ensemble"]["scheme"] == "regime" else ""
    return f"{f'<p>Weights:</p><ul>{notes}</ul>' if notes else ''}{lost}{table}"


def _by_regime(result: Mapping[str, Any], windows: Sequence[Mapping[str, Any]]) -> str:
    heads = "".join(f"<th scope=col>{regime.name.lower()}</th>" for regime in Regime)
    rows = "".join(
        f"<tr><td>{found['index'] + 1}</td>"
        f"{''.join(f'<td>{_told(_by_member(result, row))}</td>' for row in found['weights_by_regime'])}</tr>"
        for found in windows
    )
    return (
        "<h3>Weights by regime</h3><div class='scroll'><table><thead><tr>"
        f"<th scope=col>Window</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
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
    "Timeframes",
    "Mean weights",
)


def _window_row(result: Mapping[str, Any], window: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    opens = found["threshold"] is not None
    hours = ", ".join(f"{factor:g}" for factor in found["hours"]) if opens else DASH
    timeframes = ", ".join(f"{weight:.0%}" for weight in found["timeframes"])
    return (
        f"<tr><td>{window['index'] + 1}</td><td>{_days(window['train'])}</td>"
        f"<td>{_days(window['test'])}</td>{_cell(found['test']['total_return'], percent)}"
        f"{_cell(found['test']['trades'], whole)}{_cell(found['rank_ic'], number)}"
        f"{_cell(found['trips_a_day'], number)}"
        f"{_cell(found['threshold'], significant)}<td>{hours}</td><td>{timeframes}</td>"
        f"<td>{_told(_by_member(result, found['weights']))}</td></tr>"
    )


def _days(span: Sequence[str]) -> str:
    first, last = span
    return f"<span class='day'>{first}</span> {DASH} <span class='day'>{last}</span>"


def _told(weights: Mapping[str, float]) -> str:
    """Return the members that have weight, with it."""
    told = ", ".join(f"{SHORT.get(name, name)} {weight:.0%}" for name, weight in weights.items() if weight > 0)
    return escape(told) or DASH


def _by_member(result: Mapping[str, Any], weights: Sequence[float]) -> dict[str, float]:
    """Return weights by member; behind them stand those of the baselines, which an ensemble has none of."""
    return dict(zip(result["members"], weights, strict=False))


def _models(result: Mapping[str, Any], best: Mapping[str, Any]) -> str:
    """Return a row for each model: its skill alone out of sample, and its weight in the best ensemble."""
    alone = {trial["members"][0]: trial for trial in result["trials"] if len(trial["members"]) == 1}
    inside = [_by_member(result, found["weights"]) for found in best["windows"]]
    rows = "".join(
        _model_row(name, _skills(trial), [one.get(name, 0.0) for one in inside])
        for name, trial in sorted(alone.items(), key=lambda item: item[1]["mask"])
    )
    heads = ("Model", "Rank IC alone", "Windows above 0", "Mean weight", f"Weight, windows 1 to {len(inside)}")
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
    cells += [share(fmean(weights)), _bars(weights)] if any(weights) else [DASH, ""]
    return f"<tr><td>{escape(NAMES.get(name, name))}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _bars(weights: Sequence[float]) -> str:
    """Return one bar for each window, as high as the weight."""
    bars = "".join(
        f"<rect x='{k}' y='{1 - weight:.3f}' width='.9' height='{weight:.3f}'/>" for k, weight in enumerate(weights)
    )
    label = f"weights from {share(min(weights))} to {share(max(weights))}"
    return (
        f"<svg class='strip' viewBox='0 0 {len(weights)} 1' preserveAspectRatio='none' role='img' "
        f"aria-label='{label}'>{bars}</svg>"
    )
