"""`daytrader sandbox`: the loopback exchange in the foreground."""

from typing import Annotated

import typer

LEAD_MINUTES = 5
"""A session is played from this long before its open, so that clients can connect."""


def command(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 asks for a free one.")] = 8765,
    profile: Annotated[str, typer.Option(help="Profile whose sandbox and costs are used.")] = "sandbox",
    seed: Annotated[int | None, typer.Option(help="Another market: overrides the profile's seed.")] = None,
    session: Annotated[str | None, typer.Option(help="Play this session (YYYY-MM-DD) at once, in scaled time.")] = None,
    speed: Annotated[float, typer.Option(help="With --session: market seconds for each real one.")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Run the built-in exchange (Polygon and Alpaca protocols, synthetic market) until Ctrl-C.

    Other commands use it with DAYTRADER__SANDBOX__URL=http://127.0.0.1:8765; without it they start their own.

    A session that is played begins five minutes of the market before its open, so that clients can connect.

    Example: daytrader sandbox --port 8765 --session 2025-11-28 --speed 60
    """
    import asyncio
    import signal

    import orjson
    from rich.console import Console

    from daytrader_ray.cli.profile import load
    from daytrader_ray.sandbox.config import SandboxConfig
    from daytrader_ray.sandbox.playing import PlayRequest
    from daytrader_ray.sandbox.server import PLAYING, create_app, serve

    settings = load(profile)
    changed = {} if seed is None else {"seed": seed}
    config = SandboxConfig.parse(settings.sandbox.model_dump() | changed, "--seed")
    app = create_app(config, settings.costs)
    play = None
    if session is not None:
        play = PlayRequest.parse({"session": session, "speed": speed, "start": -LEAD_MINUTES}, "--session, --speed")
        app[PLAYING].session_of(play)
    screen = Console(stderr=True)

    async def run() -> None:
        loop, until = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, until.set)

        def ready(found: int) -> None:
            url = f"http://127.0.0.1:{found}"
            screen.print(
                f"synthetic market, seed {config.seed}, planted signal {config.signal_strength:g} bps a minute"
            )
            screen.print(f"sessions: {config.n_sessions} from {config.first_session}; serving at {url}, Ctrl-C ends it")
            if json:
                typer.echo(orjson.dumps({"url": url, "port": found, "seed": config.seed}).decode())

            if play is not None:
                begun.append(asyncio.create_task(app[PLAYING].start(play)))
                screen.print(
                    f"plays {session} at {speed:g} times real time; it opens in {LEAD_MINUTES * 60 / speed:.3g} s"
                )

        begun: list[asyncio.Task[None]] = []
        await serve(app, port, ready, until)

    asyncio.run(run())
