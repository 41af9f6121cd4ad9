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

    from daytrader_ray.adapters.journal import reduce_path
    from daytrader_ray.adapters.session_lock import running
    from daytrader_ray.cli.profile import load

    root = load(profile, data).root
    path = reduce_path(root)
    if off:
        path.unlink(missing_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    console = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)
    console.print(f"{'entries are allowed' if off else 'exits alone are allowed, until `--off`'} ({path})")
    try:
        day = running(root)
        heard = f"the session of {day} follows within seconds" if day else "no session runs on this machine"
    except OSError as error:  # what was asked for is done: that it is not known who hears it must not hide that
        heard = f"not known whether a session runs ({error.strerror})"
    console.print(f"{root}: {heard}")
