"""`daytrader audit`: whether anything knows the future, forgets too slowly or differs live."""

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from daytrader_ray.cli.profile import Profile
    from daytrader_ray.features.audit import Finding, Progress
    from daytrader_ray.features.world import World


class Audit(StrEnum):
    """What is asked."""

    LOOKAHEAD = "lookahead"
    WARMUP = "warmup"
    PARITY = "parity"


SESSIONS = {Audit.LOOKAHEAD: 25, Audit.WARMUP: 90, Audit.PARITY: 25}
"""The last ones of the store, where nothing else is said: enough for every warm-up."""
MOMENTS = 8
"""Random minutes after which everything is changed and cut; the telling ones come in addition."""
STARTS = 3


def command(  # noqa: PLR0913 - one argument for each option
    what: Annotated[Audit, typer.Argument(help="lookahead, warmup or parity.")],
    symbols: Annotated[str | None, typer.Option(help="A,B,C instead of four stocks of the universe.")] = None,
    sessions: Annotated[int | None, typer.Option(min=2, help="How many of the last sessions.")] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn: stocks, minutes, other worlds.")] = 0,
    feature: Annotated[str | None, typer.Option(help="FILE:FUNCTION of your own instead of everything.")] = None,
    profile: Annotated[str, typer.Option(help="sandbox, paper, or the path of a YAML file.")] = "sandbox",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Audit every feature, extra, statistic, the universe and the regime on stored bars; exit code 1 if one fails.

    lookahead changes, and then cuts, everything after random minutes: what was known before must stay. warmup begins
    the history later: after its warm-up a value must agree. parity steps minute by minute: live must give equal bits.

    Example: daytrader audit lookahead --feature my_features.py:wick
    """
    import numpy as np
    import orjson
    from rich.console import Console

    from daytrader_ray.cli.audit_input import symbols_of_store, world_of
    from daytrader_ray.cli.audit_view import NOTES, failure, plain, table
    from daytrader_ray.cli.profile import load
    from daytrader_ray.cli.requests import symbols_of
    from daytrader_ray.cli.stages import stages

    loaded, rng = load(profile, data), np.random.default_rng(seed)
    chosen = symbols_of_store(loaded, symbols_of(symbols) if symbols else (), rng)
    world = world_of(loaded, chosen, sessions or SESSIONS[what])
    with stages() as tell:
        findings = audited(what, loaded, world, feature, seed, lambda done, of: tell(what, done, of))
    first, last = world.grid.sessions[0].date, world.grid.sessions[-1].date
    Console(stderr=True).print(table(findings, f"{what}: {', '.join(chosen)}, {first} to {last}", NOTES.get(what)))
    failed = [finding for finding in findings if finding.difference]
    if json:
        shown = {"audit": what, "passed": not failed, "symbols": chosen, "sessions": [str(first), str(last)]}
        typer.echo(orjson.dumps(shown | {"findings": [plain(finding) for finding in findings]}).decode())
    if failed:
        raise failure(what, failed)


def audited(
    what: Audit, profile: "Profile", world: "World", feature: str | None, seed: int, progress: "Progress"
) -> "list[Finding]":
    """Audit a user's function, or everything there is."""
    import numpy as np

    from daytrader_ray.cli.audit_input import everything, expected_volume, own
    from daytrader_ray.features import audit

    rng = np.random.default_rng(seed)
    subject = everything(profile, world, seed) if feature is None else own(feature)
    if what is Audit.LOOKAHEAD:
        return audit.lookahead(world, subject.history, MOMENTS, rng, subject.rounding, progress)
    if what is Audit.WARMUP:
        last = max(world.n_sessions // 4, 1)
        starts = 1 + rng.choice(last, min(STARTS, last), replace=False)
        fixed = replace(world, expected_volume=expected_volume(world.panel))
        return audit.warmup(fixed, subject.history, sorted(starts.tolist()), progress)
    return audit.parity(world, subject.batch, subject.live, world.n_sessions // 2)
