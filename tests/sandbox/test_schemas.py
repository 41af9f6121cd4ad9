"""Answers of the exchange fit the vendors' own OpenAPI documents."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

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
    "/v2/orders?status=all": "Order",
    "/v2/positions": "Position",
}


@pytest.fixture(scope="module")
def traded(url: str) -> str:
    """An exchange with a position, a filled order and a resting stop."""

    async def trade() -> None:
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
            await clock.close()

    asyncio.run(trade())
    return url


@pytest.mark.parametrize("path", ALPACA)
def test_alpaca_answers_fit_the_document(traded: str, path: str) -> None:
    whole = document("alpaca_trading.json")
    found = answer(traded, path)
    assert found
    for value in found if isinstance(found, list) else [found]:
        check(value, whole["components"]["schemas"][ALPACA[path]], whole)


POLYGON = {
    "/v2/aggs/ticker/NVDA/range/1/minute/2025-11-20/2025-11-21?limit=5": (
        "/v2/aggs/ticker/{stocksTicker}/range/{multiplier}/{timespan}/{from}/{to}"
    ),
    "/v1/marketstatus/now": "/v1/marketstatus/now",
    "/v3/reference/tickers/NVDA": "/v3/reference/tickers/{ticker}",
}


@pytest.mark.parametrize("path", POLYGON)
def test_polygon_answers_fit_the_document(url: str, path: str) -> None:
    whole = document("massive_rest.json")
    content = whole["paths"][POLYGON[path]]["get"]["responses"]["200"]["content"]
    check(answer(url, path), content["application/json"]["schema"], whole)
