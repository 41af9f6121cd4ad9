"""Faults of the REST doors, on purpose: each kind, seeded, logged, counted, and what the real client makes of it."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import polygon
import pytest
import urllib3
from aiohttp import ClientSession, ClientTimeout, web

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.domain.errors import ConfigError
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.control import Control
from daytrader_ray.sandbox.exchange import Exchange
from daytrader_ray.sandbox.faults import Fault, FaultBox
from daytrader_ray.sandbox.http_faults import Requests, channel_of, faulty, limited
from daytrader_ray.sandbox.polygon_rest import PolygonRest
from daytrader_ray.sandbox.server import create_app
from tests.sandbox.fake_market import fake_exchange, serving, serving_app

AGGS = "/v2/aggs/ticker/AAA/range/1/minute/2025-11-20/2025-11-20"
TEMPLATE = "GET /v2/aggs/ticker/{symbol}/range/{multiplier}/{timespan}/{start}/{end}"
POOL = urllib3.PoolManager(retries=False, timeout=10.0)


def routes(exchange: Exchange, faults: FaultBox, requests: Requests) -> list[Any]:
    return [*PolygonRest(exchange).routes(), *Control(exchange, faults, requests).routes()]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    exchange, faults, requests = fake_exchange(), FaultBox((), 7), Requests()
    with serving(routes(exchange, faults, requests), middlewares=[requests.middleware, faulty(faults)]) as address:
        yield address


@pytest.fixture
def url(server: str) -> Iterator[str]:
    yield server
    POOL.request("DELETE", f"{server}/_sandbox/faults")


def ask(url: str, path: str = AGGS, **options: Any) -> urllib3.BaseHTTPResponse:
    return POOL.request("GET", url + path, headers={"Authorization": "Bearer K"}, **options)


def put(url: str, *rules: dict[str, Any]) -> urllib3.BaseHTTPResponse:
    return POOL.request("POST", f"{url}/_sandbox/faults", body=json.dumps(rules).encode())


def rule(kind: str, **options: Any) -> dict[str, Any]:
    return {"channel": "polygon_rest", "kind": kind, **options}


def test_too_many_requests_come_with_and_without_retry_after(url: str) -> None:
    put(url, rule("429", count=1), rule("429", count=1, seconds=2.5))
    first, second, third = ask(url), ask(url), ask(url)
    assert (first.status, second.status, third.status) == (429, 429, 200)
    assert "Retry-After" not in first.headers and second.headers["Retry-After"] == "2.5"
    assert "exceeded the maximum requests per minute" in first.json()["error"]


@pytest.mark.parametrize(("kind", "status"), [("403", "NOT_AUTHORIZED"), ("500", "ERROR")])
def test_refusals_have_the_vendors_body(url: str, kind: str, status: str) -> None:
    put(url, rule(kind, count=1))
    found = ask(url)
    assert found.status == int(kind) and found.json()["status"] == status


def test_a_rule_is_for_its_path_only(url: str) -> None:
    put(url, rule("403", where="/v2/aggs/ticker/AAA/"))
    assert ask(url).status == 403 and ask(url, AGGS.replace("AAA", "FFF")).status == 200


def test_half_an_answer_is_no_json_and_the_client_takes_it_for_none(url: str) -> None:
    put(url, rule("truncated", count=2))
    found = ask(url)
    assert found.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(found.data)
    client = polygon.RESTClient("K", base=url)
    assert list(client.list_aggs("AAA", 1, "minute", "2025-11-20", "2025-11-20")) == []
    assert len(list(client.list_aggs("AAA", 1, "minute", "2025-11-20", "2025-11-20"))) == 389


def test_a_hang_says_nothing_and_then_drops_the_connection(url: str) -> None:
    put(url, rule("hang", count=1, seconds=0.3), rule("hang", count=1))
    begun = time.perf_counter()
    with pytest.raises(urllib3.exceptions.ProtocolError):
        ask(url)
    assert 0.25 < time.perf_counter() - begun < 5.0
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        ask(url, timeout=0.2)
    assert ask(url).status == 200


def test_a_slow_answer_is_whole(url: str) -> None:
    whole = ask(url).data
    put(url, rule("slow", count=1, seconds=0.4))
    begun = time.perf_counter()
    assert ask(url).data == whole and time.perf_counter() - begun > 0.35


def test_a_client_that_leaves_a_slow_answer_harms_nobody(url: str) -> None:
    put(url, rule("slow", count=1, seconds=3.0))

    async def leave() -> None:
        headers = {"Authorization": "Bearer K"}
        async with ClientSession(timeout=ClientTimeout(total=0.3), headers=headers) as http:
            with pytest.raises(TimeoutError):
                async with http.get(url + AGGS) as response:
                    await response.read()

    asyncio.run(leave())
    assert ask(url).status == 200


def test_what_was_done_is_logged_and_rules_that_are_spent_are_gone(url: str) -> None:
    before = len(POOL.request("GET", f"{url}/_sandbox/faults/log").json())
    assert len(put(url, rule("500", count=1), rule("429", where="/v3/")).json()) == 2
    ask(url)
    log = POOL.request("GET", f"{url}/_sandbox/faults/log").json()[before:]
    assert [(entry["channel"], entry["kind"], entry["where"]) for entry in log] == [("polygon_rest", "500", AGGS)]
    assert [one["kind"] for one in POOL.request("GET", f"{url}/_sandbox/faults").json()] == ["429"]
    assert POOL.request("DELETE", f"{url}/_sandbox/faults").json() == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "expected a JSON list of rules"),
        (b"[1]", "expected a JSON list of rules"),
        (b'[{"channel": "polygon_rest", "kind": "silence"}]', "polygon_rest has only 403, 429"),
        (b'[{"channel": "polygon_stream", "kind": "429"}]', "polygon_stream has only close"),
        (b'[{"channel": "polygon_rest", "kind": "500", "chance": 1}]', "rule 0: unknown key 'chance'"),
    ],
)
def test_rules_that_make_no_sense_are_refused_and_change_nothing(url: str, body: bytes, words: str) -> None:
    put(url, rule("429", where="/v3/"))
    answer = POOL.request("POST", f"{url}/_sandbox/faults", body=body)
    assert answer.status == 400 and words in answer.json()["message"]
    assert len(POOL.request("GET", f"{url}/_sandbox/faults").json()) == 1


def test_the_same_traffic_meets_the_same_faults() -> None:
    def draws(seed: int) -> list[bool]:
        box = FaultBox([Fault(channel="alpaca_rest", kind="500", probability=0.3)], seed)
        return [box.draw("alpaca_rest", "/v2/orders") is not None for _ in range(200)]

    assert draws(7) == draws(7) != draws(8)
    assert 40 < sum(draws(7)) < 80


def test_a_rule_in_a_configuration_is_checked_too() -> None:
    with pytest.raises(ConfigError, match="alpaca_rest has only"):
        Fault.parse({"channel": "alpaca_rest", "kind": "stall"}, "faults")


def test_requests_are_counted_by_template_and_by_path(url: str) -> None:
    POOL.request("DELETE", f"{url}/_sandbox/requests")
    for _ in range(2):
        ask(url, f"{AGGS}?limit=3")
    ask(url, "/v3/reference/splits?ticker=AAA")
    found = POOL.request("GET", f"{url}/_sandbox/requests").json()
    assert found["templates"] == {TEMPLATE: 2, "GET /v3/reference/splits": 1}
    assert found["paths"] == {f"GET {AGGS}?limit=3": 2, "GET /v3/reference/splits?ticker=AAA": 1}


def test_the_truth_is_told_for_a_session(url: str) -> None:
    found = POOL.request("GET", f"{url}/_sandbox/truth?session=2025-11-24").json()
    assert found == {"session": "2025-11-24", "regimes": ["calm"]}
    assert POOL.request("GET", f"{url}/_sandbox/truth").json()["session"] == "2025-12-03"
    assert POOL.request("GET", f"{url}/_sandbox/truth?session=2025-11-27").status == 404


def test_a_limit_a_minute_is_kept_for_each_key() -> None:
    with serving(PolygonRest(fake_exchange()).routes(), middlewares=[limited(3)]) as address:
        assert [ask(address).status for _ in range(5)] == [200, 200, 200, 429, 429]
        other = POOL.request("GET", f"{address}{AGGS}?apiKey=OTHER")
        assert other.status == 200


@pytest.mark.parametrize(
    ("path", "channel"),
    [
        (AGGS, "polygon_rest"),
        ("/v1/marketstatus/now", "polygon_rest"),
        ("/v3/trades/AAA", "polygon_rest"),
        ("/v2/orders:by_client_order_id", "alpaca_rest"),
        ("/v2/stocks/bars", "alpaca_rest"),
        ("/v2/iex", ""),
        ("/stocks", ""),
        ("/_sandbox/faults", ""),
    ],
)
def test_every_path_is_of_one_channel(path: str, channel: str) -> None:
    assert channel_of(path) == channel


def test_a_configuration_puts_faults_and_the_limit_in_force_from_the_start() -> None:
    fault = Fault(channel="alpaca_rest", kind="truncated", where="/v2/clock")
    config = SandboxConfig(n_sessions=2, faults=(fault,), requests_per_minute=1)
    keys = {"APCA-API-KEY-ID": "K", "APCA-API-SECRET-KEY": "S"}
    with serving_app(create_app(config, CostConfig())) as address:
        assert [ask(address, "/v1/marketstatus/now").status for _ in range(2)] == [200, 429]
        clock = POOL.request("GET", f"{address}/v2/clock", headers=keys)
        assert clock.status == 200 and not clock.data.endswith(b"}")
        assert POOL.request("GET", f"{address}/_sandbox/requests").json()["templates"] == {
            "GET /v1/marketstatus/now": 2,
            "GET /v2/clock": 1,
        }


def test_an_answer_without_a_body_may_be_cut_or_slow_too() -> None:
    async def nothing(_: web.Request) -> web.Response:
        return web.Response(status=204)

    rules = [Fault(channel="alpaca_rest", kind=kind, count=1) for kind in ("truncated", "slow")]
    routes = [web.delete("/v2/orders/{id}", nothing)]
    with serving(routes, middlewares=[faulty(FaultBox(rules, 7))]) as address:
        assert [POOL.request("DELETE", f"{address}/v2/orders/1").status for _ in range(3)] == [204, 204, 204]


@pytest.mark.parametrize(
    "value", ["", "-1", "0", "9" * 19, "9" * 40, "9999-12-31", "0001-01-01", "\u0663", "x,y", "%00", "1e3"]
)
def test_no_query_makes_the_exchange_stumble(url: str, value: str) -> None:
    word = quote(value)
    paths = [
        f"/v2/aggs/ticker/AAA/range/1/minute/{word}/{word}",
        f"/v2/aggs/ticker/AAA/range/{word}/year/2025-01-01/2026-01-01",
        f"/v2/aggs/ticker/AAA/range/1000/year/{word}/2026-01-01",
        f"{AGGS}?limit={word}&cursor={word}",
        f"/v2/aggs/ticker/{word}/range/1/day/2025-11-20/2025-11-21",
        f"/v1/open-close/AAA/{word}",
        f"/v2/aggs/grouped/locale/us/market/stocks/{word}",
        *(f"/v3/reference/tickers?{name}={word}" for name in ("date", "limit", "cursor", "ticker.gte", "sort")),
        *(f"/v3/reference/splits?{name}={word}" for name in ("ticker", "execution_date.lt", "limit")),
        *(f"/v3/trades/AAA?limit=2&{name}={word}" for name in ("timestamp", "timestamp.gte", "timestamp.lt", "cursor")),
        *(f"/v3/snapshot?{name}={word}" for name in ("ticker.any_of", "limit", "type")),
        f"/v3/reference/tickers/{word}",
        f"/v2/snapshot/locale/us/markets/stocks/tickers/{word}",
    ]
    assert {ask(url, path).status for path in paths} <= {200, 400, 404}
