"""The sandbox's own doors: faults in force, what they did, the market's truth, and what was asked of the REST."""

import orjson
from aiohttp import web

from daytrader_ray.domain.errors import ConfigError, DataError
from daytrader_ray.sandbox.doors import json_response
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.faults import Fault, FaultBox
from daytrader_ray.sandbox.http_faults import Requests

FAULTS_PATH = "/_sandbox/faults"
REQUESTS_PATH = "/_sandbox/requests"


class Control:
    """Routes below `/_sandbox` over one exchange.

    `POST faults` puts a JSON list of rules in force in place of the old ones, `DELETE faults` ends all; `requests`
    counts by path template (`templates`) and by path and query (`paths`), `DELETE requests` starts anew.
    """

    def __init__(self, exchange: Exchange, faults: FaultBox, requests: Requests) -> None:
        self._exchange = exchange
        self._faults = faults
        self._requests = requests

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        return [
            web.get(FAULTS_PATH, self._rules),
            web.post(FAULTS_PATH, self._replace),
            web.delete(FAULTS_PATH, self._clear),
            web.get(f"{FAULTS_PATH}/log", self._log),
            web.get("/_sandbox/truth", self._truth),
            web.get(REQUESTS_PATH, self._counts),
            web.delete(REQUESTS_PATH, self._count_anew),
        ]

    async def _rules(self, _: web.Request) -> web.Response:
        return json_response([rule.model_dump(mode="json") for rule in self._faults.rules])

    async def _replace(self, request: web.Request) -> web.Response:
        try:
            found = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, list) or not all(isinstance(rule, dict) for rule in found):
            return json_response({"message": "expected a JSON list of rules"}, 400)
        try:
            self._faults.replace([Fault.parse(rule, f"rule {at}") for at, rule in enumerate(found)])
        except ConfigError as error:
            return json_response({"message": str(error)}, 400)
        return await self._rules(request)

    async def _clear(self, request: web.Request) -> web.Response:
        self._faults.replace(())
        return await self._rules(request)

    async def _log(self, _: web.Request) -> web.Response:
        return json_response(self._faults.log)

    async def _truth(self, request: web.Request) -> web.Response:
        date = request.query.get("session", str(self._exchange.day.date))
        try:
            return json_response(self._exchange.market.truth(self._exchange.session_of(date)))
        except DataError as error:
            return json_response({"message": str(error)}, 404)

    async def _counts(self, _: web.Request) -> web.Response:
        return json_response({"templates": self._requests.templates, "paths": self._requests.paths})

    async def _count_anew(self, request: web.Request) -> web.Response:
        self._requests.clear()
        return await self._counts(request)
