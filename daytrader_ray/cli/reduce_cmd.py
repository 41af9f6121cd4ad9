"""`daytrader reduce`: let live sessions open nothing more."""

from typing import Annotated

import typer


def command(
    profile: Annotated[str, typer.Option(help="paper, or the path of a YAML file.")] = "paper",
    data: Annotated[str | None, typer.Option(help="Root of the store.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Allow entries again.")] = False,
) -> None:
    """Allow live sessions exits alone, the running one within seconds; stops, exits and flattening go on.

    It holds until `daytrader reduce --off`, for later sessions too.

    Example: daytrader reduce
    """
    from rich.console import Console

    from daytrader_ray.adapters.journal import reduce_path, under_way
    from daytrader_ray.cli.profile import load

    root = load(profile, data).root
    path = reduce_path(root)
    if off:
        path.unlink(missing_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    day = under_way(root)
    said = "entries are allowed" if off else "exits alone are allowed, until `--off`"
    heard = f"the session of {day}, which has told no end, follows within seconds" if day else "no session is under way"
    Console(stderr=True, soft_wrap=True).print(f"{said} ({path})\n{root}: {heard}", markup=False, highlight=False)
