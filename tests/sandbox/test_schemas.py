"""Answers of the exchange fit the vendors' own OpenAPI documents."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from daytrader_ray.domain.costs import CostConfig
from daytrader_ray.sandbox.config import SandboxConfig
from daytrader_ray.sandbox.process import running

jsonschema = pytest.importorskip("jsonschema")
SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "schemas"
HEADERS = {"APCA-API-KEY-ID": "K", "APCA-API-SECRET-KEY": "S", "Authorization": "Bearer K"}


def document(name: str) -> dict[str, Any]:
    path = SCHEMAS / name
    if not path.is_file():
        pytest.skip("the vendors' OpenAPI documents are not beside this checkout")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def answer(url: str, path: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url + path, headers=HEADERS)) as response:
        return json.loads(response.read())


def check(value: Any, schema: dict[str, Any], whole: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator({**nullable(schema), "components": nullable(whole.get("components", {}))}).validate(
        value
    )


def nullable(node: Any) -> Any:
    """Return the schema with OpenAPI's `nullable: true` in the words of JSON Schema."""
    if isinstance(node, list):
        return [nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: nullable(value) for key, value in node.items()}
    if out.pop("nullable", False) is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
    return out


ALPACA = {
    "/v2/account": "Account",
    "/v2/clock": "legacy_clock",
    "/v2/assets/NVDA": "Assets",
    "/v2/assets?status=active": "Assets",
    "/v2/orders?status=all": "Order",
    "/v2/positions": "Position",
}


@pytest.fixture(scope="module")
def traded(config: SandboxConfig) -> Iterator[str]:
    """An exchange of its own with a position, a filled order, a resting stop and a resting limit."""

    async def trade(url: str) -> None:
        def order(**values: Any) -> dict[str, Any]:
            return {"symbol": "NVDA", "qty": "5", "side": "buy", **values}

        async with ClientSession(headers=HEADERS) as http:
            clock = await http.ws_connect(f"{url}/_sandbox/clock?session=2025-11-28")
            await clock.receive_json()
            await http.post(f"{url}/v2/orders", json=order(type="market", time_in_force="day"))
            for slot, phase in [(0, "A"), (0, "B"), (0, "C"), (1, "A")]:
                await clock.send_json({"done": slot, "phase": phase})
                await clock.receive_json()
            stop = order(type="stop", time_in_force="day", stop_price="20", side="sell")
            assert (await http.post(f"{url}/v2/orders", json=stop)).status == 200
            limit = order(type="limit", time_in_force="day", limit_price="21.5", symbol="AAPL")
            assert (await http.post(f"{url}/v2/orders", json=limit)).status == 200
            await clock.close()

    with running(config, CostConfig()) as url:
        asyncio.run(trade(url))
        yield url


@pytest.mark.parametrize("path", ALPACA)
def test_alpaca_answers_fit_the_document(traded: str, path: str) -> None:
    whole = document("alpaca_trading.json")
    found = answer(traded, path)
    assert found
    for value in found if isinstance(found, list) else [found]:
        check(value, whole["components"]["schemas"][ALPACA[path]], whole)


AGGS = "/v2/aggs/ticker/{stocksTicker}/range/{multiplier}/{timespan}/{from}/{to}"
INDEX_AGGS = AGGS.replace("stocks", "indices")
SNAPSHOTS = "/v2/snapshot/locale/us/markets/stocks"
DAY = "timestamp=2025-11-21&limit=3"
POLYGON = {
    "/v2/aggs/ticker/NVDA/range/1/minute/2025-11-20/2025-11-21?limit=5": AGGS,
    "/v2/aggs/ticker/NVDA/range/1/day/2025-11-20/2025-11-28": AGGS,
    "/v2/aggs/ticker/NVDA/range/2/hour/2025-11-20/2025-11-28?sort=desc": AGGS,
    "/v2/aggs/ticker/I:VIX/range/1/minute/2025-11-20/2025-11-20?limit=5": INDEX_AGGS,
    "/v2/aggs/ticker/I:VIX3M/range/1/day/2025-11-20/2025-11-28": INDEX_AGGS,
    "/v2/aggs/grouped/locale/us/market/stocks/2025-11-21": "/v2/aggs/grouped/locale/us/market/stocks/{date}",
    "/v2/aggs/ticker/NVDA/prev": "/v2/aggs/ticker/{stocksTicker}/prev",
    "/v2/aggs/ticker/I:VIX/prev": "/v2/aggs/ticker/{indicesTicker}/prev",
    "/v1/open-close/NVDA/2025-11-21": "/v1/open-close/{stocksTicker}/{date}",
    "/v1/open-close/I:VIX/2025-11-21": "/v1/open-close/{indicesTicker}/{date}",
    "/v1/marketstatus/now": "/v1/marketstatus/now",
    "/v1/marketstatus/upcoming": "/v1/marketstatus/upcoming",
    "/v3/reference/tickers?limit=5": "/v3/reference/tickers",
    "/v3/reference/tickers?market=indices": "/v3/reference/tickers",
    "/v3/reference/tickers/NVDA": "/v3/reference/tickers/{ticker}",
    "/v3/reference/tickers/SPY?date=2025-11-21": "/v3/reference/tickers/{ticker}",
    "/v3/reference/tickers/I:VIX": "/v3/reference/tickers/{ticker}",
    "/v3/reference/splits": "/v3/reference/splits",
    "/v3/reference/dividends": "/v3/reference/dividends",
    f"/v3/trades/NVDA?{DAY}": "/v3/trades/{stockTicker}",
    f"/v3/quotes/NVDA?{DAY}&order=asc": "/v3/quotes/{stockTicker}",
    "/v2/last/trade/NVDA": "/v2/last/trade/{stocksTicker}",
    "/v2/last/nbbo/NVDA": "/v2/last/nbbo/{stocksTicker}",
    f"{SNAPSHOTS}/tickers?tickers=NVDA,SPY": f"{SNAPSHOTS}/tickers",
    f"{SNAPSHOTS}/tickers/NVDA": f"{SNAPSHOTS}/tickers/{{stocksTicker}}",
    f"{SNAPSHOTS}/gainers": f"{SNAPSHOTS}/{{direction}}",
    "/v3/snapshot?ticker.any_of=NVDA,I:VIX,nobody": "/v3/snapshot",
    "/v3/snapshot/indices?ticker.any_of=I:VIX,nobody": "/v3/snapshot/indices",
}


@pytest.fixture(scope="module")
def at_the_end(config: SandboxConfig) -> Iterator[str]:
    """An exchange of its own after its last session: other tests move the clock of the shared one."""
    with running(config, CostConfig()) as url:
        yield url


@pytest.mark.parametrize("path", POLYGON)
def test_polygon_answers_fit_the_document(at_the_end: str, path: str) -> None:
    whole = document("massive_rest.json")
    content = whole["paths"][POLYGON[path]]["get"]["responses"]["200"]["content"]
    found = answer(at_the_end, path)
    assert found if isinstance(found, list) else next((found[key] for key in LISTS if key in found), found)
    check(found, content["application/json"]["schema"], whole)


LISTS = ("results", "tickers", "ticker", "bars", "trades", "quotes")
"""What an answer holds; none of them may come empty here."""
RANGE = "start=2025-11-21&end=2025-11-24&limit=5"
DATA = {
    f"/v2/stocks/bars?symbols=NVDA,SPY&timeframe=1Min&{RANGE}": "/v2/stocks/bars",
    f"/v2/stocks/NVDA/bars?timeframe=1Day&{RANGE}": "/v2/stocks/{symbol}/bars",
    f"/v2/stocks/trades?symbols=NVDA,SPY&{RANGE}": "/v2/stocks/trades",
    f"/v2/stocks/NVDA/trades?{RANGE}": "/v2/stocks/{symbol}/trades",
    f"/v2/stocks/quotes?symbols=NVDA,SPY&{RANGE}": "/v2/stocks/quotes",
    f"/v2/stocks/NVDA/quotes?{RANGE}": "/v2/stocks/{symbol}/quotes",
    "/v2/stocks/bars/latest?symbols=NVDA,SPY": "/v2/stocks/bars/latest",
    "/v2/stocks/NVDA/bars/latest": "/v2/stocks/{symbol}/bars/latest",
    "/v2/stocks/trades/latest?symbols=NVDA,SPY": "/v2/stocks/trades/latest",
    "/v2/stocks/NVDA/trades/latest": "/v2/stocks/{symbol}/trades/latest",
    "/v2/stocks/quotes/latest?symbols=NVDA,SPY": "/v2/stocks/quotes/latest",
    "/v2/stocks/NVDA/quotes/latest": "/v2/stocks/{symbol}/quotes/latest",
    "/v2/stocks/snapshots?symbols=NVDA,SPY": "/v2/stocks/snapshots",
    "/v2/stocks/NVDA/snapshot": "/v2/stocks/{symbol}/snapshot",
}


@pytest.mark.parametrize("path", DATA)
def test_alpacas_market_data_fits_the_document(at_the_end: str, path: str) -> None:
    whole = document("alpaca_md.json")
    response = whole["paths"][DATA[path]]["get"]["responses"]["200"]
    name = response.get("$ref", "").rpartition("/")[2]
    content = (whole["components"]["responses"][name] if name else response)["content"]
    found = answer(at_the_end, path)
    assert next((found[key] for key in LISTS if key in found), found)
    check(found, content["application/json"]["schema"], whole)
