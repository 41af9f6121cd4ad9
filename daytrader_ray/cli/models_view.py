"""What `daytrader models` shows, as tables and lines."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daytrader_ray.cli.models_values import IN_PROFILE
from daytrader_ray.cli.verdict_view import sentence
from daytrader_ray.dashboard.formats import duration
from daytrader_ray.models.bundle import SearchVerdict, differences

if TYPE_CHECKING:
    from rich.table import Table


SHOWN = 4
"""Symbols of a bundle in a list."""


def listing(bundles: Sequence[Mapping[str, Any]]) -> "Iterator[Table | str]":
    """Return one line for each bundle, then the refused ones with the reason."""
    table = _table("bundle", "", "trained to", "members", "scheme", "features", "verdict", "symbols")
    for column in table.columns:
        column.no_wrap = column.header in ("bundle", "", "trained to", "verdict")  # an id is copied
    for one in bundles:
        if not one["refused"]:
            first = one["symbols"][:SHOWN] + ["..."] * (len(one["symbols"]) > SHOWN)
            table.add_row(
                one["id"],
                "[green]latest[/]" if one["latest"] else "",
                one["last_training_session"],
                " + ".join(one["members"]),
                one["scheme"],
                str(one["features"]),
                one["verdict"]["label"] or "no search",
                f"{len(one['symbols'])}: {' '.join(first)}",
            )
    yield table if table.row_count else "no bundle that can be used: `daytrader train` makes one"
    yield from (f"[red]refused[/]: {one['refused']}" for one in bundles if one["refused"])
    if bundles and not any(one["latest"] for one in bundles):
        yield "[yellow]none is the latest[/]: models/latest.json names none of them; `daytrader train` publishes one"


def description(found: Mapping[str, Any]) -> "Iterator[Table | str]":
    """Return what a person wants to know of a bundle: what proves that it earns, then what it trades by."""
    from rich.markup import escape

    yield f"[bold]{found['id']}[/]{' (latest)' if found['latest'] else ''}, trained to {found['last_training_session']}"
    yield escape(sentence(SearchVerdict(**found["verdict"])))
    yield from (f"[yellow]stale[/]: {sentence}" for sentence in found["stale"])
    yield ""
    note = f" ({found['note']})" if found["note"] else ""
    yield f"{' + '.join(found['members'])}, weighed by scheme '{found['scheme']}'{note}"
    yield _weights(found)
    yield from _online(found["online"])
    yield _opens(found)
    if (minutes := found["score_every_minutes"]) > 1:
        yield f"members score every {minutes} minutes; in between the signal holds, and nothing is opened"
    yield "score = " + " + ".join(f"{w:.2f} x {span}" for span, w in found["timeframes"].items() if w)
    yield ""
    yield from _regime(found)
    yield ""
    yield _features(found)
    yield f"symbols: {', '.join(found['symbols'])}"
    yield f"data: {found['data']['fingerprint']}, market {found['data']['market']}, seed {found['seed']}"
    yield f"libraries: {', '.join(f'{name} {version}' for name, version in found['libraries'].items())}"
    yield from _config({**found["rules"], **found["config"]})


def comparison(found: Mapping[str, Any]) -> "Iterator[Table | str]":
    """Return two bundles side by side: first what changes trades."""
    names = {"trades": "what changes trades", "rest": "the rest"}
    for part, title in names.items():
        if not found[part]:
            yield f"{title}: no difference"
            continue
        table = _table(title, *found["bundles"])
        for row in found[part]:
            table.add_row(row["key"], *sides(row["one"], row["other"]))
        yield table


def _table(*heads: str) -> "Table":
    from rich.table import Table

    return Table(*heads, box=None, pad_edge=False)


def _weights(found: Mapping[str, Any]) -> "Table":
    table = _table("weights", *found["weights"], "calibration")
    for name in found["members"]:
        kind = {key: value for key, value in found["calibration"][name].items() if not isinstance(value, list)}
        told = ", ".join(f"{key} {_figure(value)}" for key, value in kind.items() if key != "kind")
        weights = [f"{row[name]:.1%}" for row in found["weights"].values()]
        table.add_row(name, *weights, f"{kind['kind']}{f' ({told})' if told else ''}")
    return table


def _online(online: Mapping[str, Any] | None) -> Iterator[str]:
    if online is not None:
        losses = ", ".join(f"{name} {loss:.4f}" for name, loss in online["mean_loss"].items())
        yield f"weights go on learning; after {online['rounds']} rounds the mean losses are {losses} (0.5 is chance)"
        yield f"regret to the best member: {online['regret']:.3f}, never above {online['regret_bound']:.1f}"


def _opens(found: Mapping[str, Any]) -> str:
    if found["threshold"] is None:
        return "opens nothing: no signal paid its cost on validation"
    hours, sizing = found["hours"], found["sizing"]
    weighed = zip(sizing["edges"], sizing["weight"], strict=True)
    by_bucket = ", ".join(f"{weight:.2f} from {edge:.3g}" for edge, weight in weighed)
    return (
        f"opens at |signal| {found['threshold']:.3g}, in the first hour times {hours['first']:g}, in the last "
        f"{hours['last']:g}; signal 1 is a score of {found['scale']:.3g}; bets {sizing['fraction']:g} of Kelly, "
        f"weighed {by_bucket}"
    )


def _regime(found: Mapping[str, Any]) -> "Iterator[Table | str]":
    regime = found["regime"]
    if regime is None:
        yield "no regime model: its history was too short"
        return
    states = regime["states"]
    table = _table("regime", *states)
    table.add_row("lasts", *(duration(minutes) for minutes in regime["minutes"]))
    for k, name in enumerate(states):
        table.add_row(f"then {name}", *(f"{row[k]:.1%}" for row in regime["transition"]))
    for name, row in regime["means"].items():
        table.add_row(f"mean {name}", *(f"{value:.2f}" for value in row))
    yield table
    if found["left_out"]:
        yield f"regime without {', '.join(found['left_out'])}"


def _features(found: Mapping[str, Any]) -> "Table":
    """Return the features kept, with what each tells alone and how much each member listens to it."""
    kept = [choice for choice in found["selection"] if not choice["dropped"]]
    measured = found["importances"]
    table = _table(f"{len(kept)} of {len(found['selection'])} features", "information, millinats", *measured)
    for choice in sorted(kept, key=lambda one: -(one["mutual_information"] or 0.0)):
        told, name = choice["mutual_information"], choice["feature"]
        lost = [
            f"{kinds['permutation'][name]:+.3f} ± {kinds['permutation_error'][name]:.3f}" for kinds in measured.values()
        ]
        table.add_row(name, "-" if told is None else f"{1000 * told:.2f}", *lost)
    if measured:
        table.caption = (
            "members: correlation with validation's labels lost when the feature is shuffled ± standard error"
        )
        table.caption_justify = "left"
    return table


def _config(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is not at its default."""
    from daytrader_ray.cluster.search import SearchRequest

    fields = {IN_PROFILE.get(name, name): field for name, field in SearchRequest.model_fields.items()}
    usual = {
        name: fields[name].default.model_dump(mode="json")
        for name in config
        if name in fields and hasattr(fields[name].default, "model_dump")
    }
    changed = list(differences(usual, {name: config[name] for name in usual}))
    yield "configuration: all defaults" if not changed else "configuration, where it is not the default:"
    yield from (f"  {key} = {_figure(now)} (default {_figure(then)})" for key, then, now in changed)


def sides(one: Any, other: Any) -> tuple[str, str]:
    """Return two values as text; of two lists what only one of them has."""
    if isinstance(one, list) and isinstance(other, list):
        alone = [v for v in one if v not in other], [v for v in other if v not in one]
        if any(alone):
            return _only(alone[0]), _only(alone[1])
    return _figure(one), _figure(other)


def _only(values: Sequence[Any]) -> str:
    return f"only here: {', '.join(map(_figure, values))}" if values else "nothing more"


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(_figure, value)) or "nothing"
    return "none" if value is None else str(value)
