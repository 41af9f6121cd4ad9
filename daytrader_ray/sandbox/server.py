"""The loopback exchange as one web application: all protocols on one port of 127.0.0.1."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable

from aiohttp import web

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.sandbox.alpaca_data import AlpacaData
from daytrader_ray.sandbox.alpaca_data_stream import AlpacaDataStream
from daytrader_ray.sandbox.alpaca_rest import AlpacaRest
from daytrader_ray.sandbox.alpaca_stream import AlpacaStream
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.control import Control
from daytrader_ray.sandbox.doors import json_response
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.faults import FaultBox
from daytrader_ray.sandbox.http_faults import Requests, faulty, limited
from daytrader_ray.sandbox.lockstep import ANSWER_SECONDS, Lockstep
from daytrader_ray.sandbox.playing import Playing
from daytrader_ray.sandbox.polygon_rest import PolygonRest
from daytrader_ray.sandbox.polygon_stream import PolygonStream
from daytrader_ray.sandbox.sessions import market_of
from daytrader_ray.sandbox.streams import Streams

HOST = "127.0.0.1"
INFO_PATH = "/_sandbox/info"
FAULTS = web.AppKey("faults", FaultBox)
"""The faults of an application, for tests that have it in their own process."""
PLAYING = web.AppKey("playing", Playing)
"""What plays sessions in an application."""


def create_app(config: SandboxConfig, costs: CostConfig, answer_seconds: float = ANSWER_SECONDS) -> web.Application:
    """Return the exchange: all protocols of both vendors, and both clocks."""
    exchange = Exchange(config, costs, market_of(config))
    faults, requests = FaultBox(config.faults, config.seed), Requests()
    stocks, indices = PolygonStream(exchange, faults, "stocks"), PolygonStream(exchange, faults, "indices")
    sip, iex = AlpacaDataStream(exchange, faults, "sip"), AlpacaDataStream(exchange, faults, "iex")
    streams, updates = Streams([stocks, indices], [sip, iex]), AlpacaStream(exchange)
    clock = Lockstep(exchange, streams, updates, answer_seconds)
    playing = Playing(exchange, streams, updates, time.time)  # noqa: TID251 - the exchange's own edge of real time

    async def info(_: web.Request) -> web.Response:
        return json_response(config.model_dump(mode="json"))

    limits = [] if config.requests_per_minute is None else [limited(config.requests_per_minute)]
    app = web.Application(middlewares=[requests.middleware, *limits, faulty(faults)])
    app[FAULTS], app[PLAYING] = faults, playing
    app.on_shutdown.append(lambda _: playing.stop())
    app.add_routes(PolygonRest(exchange).routes())
    app.add_routes(AlpacaRest(exchange, updates).routes())
    app.add_routes(AlpacaData(exchange).routes())
    app.add_routes(playing.routes())
    app.add_routes(Control(exchange, faults, requests).routes())
    app.add_routes(
        [
            web.get("/stocks", stocks.serve),
            web.get("/indices", indices.serve),
            web.get("/v2/sip", sip.serve),
            web.get("/v2/iex", iex.serve),
            web.get("/stream", updates.serve),
            web.get("/_sandbox/clock", clock.serve),
            web.get(INFO_PATH, info),
        ]
    )
    return app


async def serve(app: web.Application, port: int, ready: Callable[[int], None], until: asyncio.Event) -> None:
    """Serve `app` on the loopback address until `until` is set; `ready` hears the port (0 asks for a free one)."""
    listener = listen(port)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        ready(listener.getsockname()[1])
        await until.wait()
    finally:
        await runner.cleanup()
        with contextlib.suppress(OSError):
            listener.close()


def listen(port: int) -> socket.socket:
    """Bind `port` of the loopback address; a `ConfigError` says when another program has it."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        hint = "another program listens there: choose another port, or 0 for a free one"
        raise ConfigError(f"port {port} on {HOST} cannot be used: {error.strerror}", hint) from None
    return listener
