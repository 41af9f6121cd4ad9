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
    the history later: after its warm-up a value must agree. parity steps minute by minute, from the stored bars as a
    live session lays them out: equal bits; and what `daytrader features` has stored must be what the bars give.
    Scaling and windows belong to a bundle: `daytrader rehearse` compares them, up to the orders.

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
    failed = [finding for finding in findings if finding.difference]
    unchecked = [finding.name for finding in findings if not finding.checked]
    console = Console(stderr=True)
    console.print(table(findings, f"{what}: {', '.join(chosen)}, {first} to {last}", NOTES.get(what)))
    if unchecked:
        console.print(f"{len(unchecked)} not checked: {', '.join(unchecked)}", soft_wrap=True)
    passed = not failed and len(unchecked) < len(findings)
    if json:
        shown = {"audit": what, "passed": passed, "symbols": chosen, "sessions": [str(first), str(last)]}
        values = [plain(finding) for finding in findings]
        typer.echo(orjson.dumps(shown | {"unchecked": unchecked, "findings": values}).decode())
    if not passed:
        raise failure(what, failed, unchecked)


def audited(
    what: Audit, profile: "Profile", world: "World", feature: str | None, seed: int, progress: "Progress"
) -> "list[Finding]":
    """Audit a user's function, or everything there is."""
    import numpy as np

    from daytrader_ray.cli.audit_input import everything, expected_volume, laid, own
    from daytrader_ray.cli.audit_stored import stored
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
    found = audit.parity(
        world,
        subject.batch,
        lambda seen, session: subject.live(laid(seen, session, profile.root), session),
        world.n_sessions // 2,
    )
    return found + stored(profile, world) if feature is None else found
