"""What stands before every REST door: a count of requests, the vendor's limit, and faults on purpose."""

import asyncio
import contextlib
from collections import Counter

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from daytrader_ray.sandbox.doors import json_response, polygon_error, polygon_key
from daytrader_ray.sandbox.faults import Fault, FaultBox

POLYGON_PATHS = ("/v1/", "/v2/aggs/", "/v2/last/", "/v2/snapshot/", "/v3/")
ALPACA_PATHS = (
    "/v2/account",
    "/v2/assets",
    "/v2/clock",
    "/v2/orders",
    "/v2/positions",
    "/v2/stocks",
)
LIMIT_SECONDS = 60.0
PIECES = 20
LOOK_SECONDS = 0.05
TOO_MANY = "You've exceeded the maximum requests per minute, please wait or upgrade your subscription to continue."
NOT_ENTITLED = "You are not entitled to this data. Please upgrade your plan."


def channel_of(path: str) -> str:
    """Return the channel of faults that a path belongs to; empty for streams and for the sandbox's own paths."""
    if path.startswith(POLYGON_PATHS):
        return "polygon_rest"
    return "alpaca_rest" if path.startswith(ALPACA_PATHS) else ""


class Requests:
    """Counts what the vendors' REST was asked: by the template of the path, and by path and query."""

    def __init__(self) -> None:
        self.templates: Counter[str] = Counter()
        self.paths: Counter[str] = Counter()

    def clear(self) -> None:
        """Start counting anew."""
        self.templates.clear()
        self.paths.clear()

    @property
    def middleware(self) -> Middleware:
        """Return the middleware that counts."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            resource = request.match_info.route.resource
            if channel_of(request.path) and resource is not None:
                self.templates[f"{request.method} {resource.canonical}"] += 1
                self.paths[f"{request.method} {request.path_qs}"] += 1
            return await handler(request)

        return count


def limited(per_minute: float) -> Middleware:
    """Return a middleware that answers 429 to a key's requests to Polygon beyond so many in a minute."""
    begun: dict[str, tuple[float, int]] = {}

    @web.middleware
    async def limit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if channel_of(request.path) != "polygon_rest":
            return await handler(request)
        now, key = asyncio.get_running_loop().time(), polygon_key(request)
        start, n = begun.get(key, (now, 0))
        if now - start >= LIMIT_SECONDS:
            start, n = now, 0
        begun[key] = start, n + 1
        return await handler(request) if n < per_minute else polygon_error(429, TOO_MANY)

    return limit


def faulty(faults: FaultBox) -> Middleware:
    """Return a middleware that asks `faults` before each request to a vendor's REST."""

    @web.middleware
    async def fail(request: web.Request, handler: Handler) -> web.StreamResponse:
        channel = channel_of(request.path)
        fault = faults.draw(channel, request.path) if channel else None
        if fault is None:
            return await handler(request)
        if fault.kind in _REFUSALS:
            return _refusal(channel, fault)
        if fault.kind == "hang":
            return await _hang(request, fault.seconds)
        answer = await handler(request)
        assert isinstance(answer, web.Response)
        body = answer.body if isinstance(answer.body, bytes) else b""
        if fault.kind == "truncated":
            body = body[: len(body) // 2]
            return web.Response(body=body, status=answer.status, content_type=answer.content_type)
        return await _slow(request, answer, body, fault.seconds)

    return fail


_REFUSALS = {"403": (NOT_ENTITLED, "forbidden."), "429": (TOO_MANY, "rate limit exceeded"), "500": ("internal",) * 2}
"""What Polygon and Alpaca say."""


def _refusal(channel: str, fault: Fault) -> web.Response:
    polygon_text, alpaca_text = _REFUSALS[fault.kind]
    status = int(fault.kind)
    if channel == "polygon_rest":
        answer = polygon_error(status, polygon_text)
    else:
        answer = json_response({"code": status * 100_000 + 10_000, "message": alpaca_text}, status)
    if status == 429 and fault.seconds:
        answer.headers["Retry-After"] = f"{fault.seconds:g}"
    return answer


async def _hang(request: web.Request, seconds: float) -> web.Response:
    """Say nothing for so long (0: until the client goes), then drop the connection."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while request.transport is not None and (not seconds or loop.time() < end):
        await asyncio.sleep(LOOK_SECONDS)
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _slow(request: web.Request, answer: web.Response, body: bytes, seconds: float) -> web.StreamResponse:
    """Send the answer in pieces spread over so long."""
    slow = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
    slow.content_length = len(body)
    await slow.prepare(request)
    width = max(-(-len(body) // PIECES), 1)
    with contextlib.suppress(ConnectionResetError):
        for start in range(0, len(body), width):
            await asyncio.sleep(seconds / PIECES)
            await slow.write(body[start : start + width])
        await slow.write_eof()
    return slow
