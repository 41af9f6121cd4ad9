"""`daytrader sandbox`: the loopback exchange in the foreground."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from daytrader_ray.sandbox.config import SandboxConfig

LEAD_MINUTES, LEAD_SECONDS = 5, 90
"""A session is played from so many minutes of the market before its open and so long in real time: clients connect."""


def command(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 asks for a free one.")] = 8765,
    profile: Annotated[str, typer.Option(help="Profile whose sandbox and costs are used.")] = "sandbox",
    seed: Annotated[int | None, typer.Option(help="Another market: overrides the profile's seed.")] = None,
    store: Annotated[str | None, typer.Option(help="Serve the recorded sessions of this store (or URL).")] = None,
    session: Annotated[str | None, typer.Option(help="Play this session (YYYY-MM-DD) at once, in scaled time.")] = None,
    speed: Annotated[float, typer.Option(help="With --session: market seconds for each real one.")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Run the built-in exchange (Polygon and Alpaca protocols, synthetic or recorded market) until Ctrl-C.

    Other commands use it with DAYTRADER__SANDBOX__URL=http://127.0.0.1:8765; without it they start their own.

    A session that is played begins five minutes of the market before its open, or earlier: it opens after a minute and
    a half of real time at least, so that clients can connect.

    Example: daytrader sandbox --port 8765 --session 2025-11-28 --speed 60
    """
    import asyncio
    import math
    import signal

    import orjson
    from rich.console import Console

    from daytrader_ray.cli.profile import load
    from daytrader_ray.sandbox.config import SandboxConfig
    from daytrader_ray.sandbox.playing import PlayRequest
    from daytrader_ray.sandbox.server import PLAYING, create_app, serve

    settings = load(profile)
    changed = {name: value for name, value in (("seed", seed), ("store", store)) if value is not None}
    config = SandboxConfig.parse(settings.sandbox.model_dump() | changed, "--seed, --store")
    app = create_app(config, settings.costs)
    play, lead = None, 0
    if session is not None:
        play = PlayRequest.parse({"session": session, "speed": speed}, "--session, --speed")
        lead = max(LEAD_MINUTES, math.ceil(speed * LEAD_SECONDS / 60))
        play = play.model_copy(update={"start": -lead})
        app[PLAYING].session_of(play)
    screen = Console(stderr=True)

    async def run() -> None:
        loop, until = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, until.set)

        def ready(found: int) -> None:
            url = f"http://127.0.0.1:{found}"
            screen.print(_described(config), soft_wrap=True, markup=False)
            screen.print(f"serving at {url}, Ctrl-C ends it")
            if json:
                typer.echo(orjson.dumps({"url": url, "port": found, "seed": config.seed}).decode())

            if play is not None:
                begun.append(asyncio.create_task(app[PLAYING].start(play)))
                screen.print(f"plays {session} at {speed:g} times real time; it opens in {lead * 60 / speed:.3g} s")

        begun: list[asyncio.Task[None]] = []
        await serve(app, port, ready, until)

    asyncio.run(run())


def _described(config: "SandboxConfig") -> str:
    """Return one line about the market."""
    if config.store is not None:
        return f"recorded sessions of {config.store}"
    signal = f"planted signal {config.signal_strength:g} bps a minute"
    crises = "".join(f"; {crisis.name} on {crisis.session}" for crisis in config.crises)
    sessions = f"{config.n_sessions} sessions from {config.first_session}"
    return f"synthetic market, seed {config.seed}, {signal}, {sessions}{crises}"
