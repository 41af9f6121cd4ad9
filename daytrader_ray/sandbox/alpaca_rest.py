"""The brokerage REST of the exchange, as Alpaca answers: account, orders, positions, clock, assets."""

from decimal import Decimal
from typing import Any

import orjson
from aiohttp import web

from daytrader_ray.sandbox.alpaca_stream import AlpacaStream
from daytrader_ray.sandbox.doors import NEW_YORK, alpaca_door, alpaca_error, json_response
from daytrader_ray.sandbox.exchange import Exchange, moment
from daytrader_ray.sandbox.orders import OrderRequest, Refusal, VenueOrder, asset_id, money, read_request
from daytrader_ray.sandbox.traits import KNOWN_SYMBOL

DEFAULT_LIMIT, MAX_LIMIT = 50, 500
ACCOUNT_NUMBER = "PA0SANDBOX00"


class AlpacaRest:
    """Routes of the brokerage REST over one exchange; what an order causes goes out on the stream at once."""

    def __init__(self, exchange: Exchange, stream: AlpacaStream) -> None:
        self._exchange = exchange
        self._stream = stream
        self._generated = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to mount."""
        return [
            web.get("/v2/account", alpaca_door(self._account)),
            web.post("/v2/orders", alpaca_door(self._submit)),
            web.get("/v2/orders", alpaca_door(self._orders)),
            web.get("/v2/orders:by_client_order_id", alpaca_door(self._by_client_order_id)),
            web.get("/v2/orders/{id}", alpaca_door(self._order)),
            web.delete("/v2/orders/{id}", alpaca_door(self._cancel)),
            web.delete("/v2/orders", alpaca_door(self._cancel_all)),
            web.get("/v2/positions", alpaca_door(self._positions)),
            web.get("/v2/positions/{symbol}", alpaca_door(self._position)),
            web.delete("/v2/positions", alpaca_door(self._close_all)),
            web.get("/v2/clock", alpaca_door(self._clock)),
            web.get("/v2/assets", alpaca_door(self._assets)),
            web.get("/v2/assets/{symbol}", alpaca_door(self._asset)),
        ]

    async def _submit(self, request: web.Request) -> web.Response:
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            body = None
        self._generated += 1
        asked = read_request(body, generated_id=f"generated-{self._generated:06d}")
        outcome = asked if isinstance(asked, Refusal) else self._exchange.submit(asked)
        if isinstance(outcome, Refusal):
            return alpaca_error(outcome)
        answer = json_response(outcome.body())
        await self._stream.send_updates()
        return answer

    async def _cancel(self, request: web.Request) -> web.Response:
        refusal = self._exchange.cancel(request.match_info["id"])
        if refusal is not None:
            return alpaca_error(refusal)
        await self._stream.send_updates()
        return web.Response(status=204)

    async def _cancel_all(self, _: web.Request) -> web.Response:
        names = [order.id for order in self._exchange.orders.values() if order.is_open]
        answers = [(name, self._exchange.cancel(name)) for name in names]
        await self._stream.send_updates()
        told = [{"id": name, "status": 200 if refusal is None else refusal.http_status} for name, refusal in answers]
        return json_response(told, 207)

    async def _close_all(self, request: web.Request) -> web.Response:
        """Sell every position at market; what open orders claim is refused, unless they are cancelled first."""
        if request.query.get("cancel_orders", "").lower() == "true":
            await self._cancel_all(request)
        told = []
        for symbol, position in sorted(self._exchange.account.positions.items()):
            self._generated += 1
            name, side = f"generated-{self._generated:06d}", -1 if position.qty > 0 else 1
            asked = OrderRequest(name, symbol, side, abs(int(position.qty)), "market", "day", None, None)
            outcome = self._exchange.submit(asked)
            status = outcome.http_status if isinstance(outcome, Refusal) else 200
            told.append({"symbol": symbol, "status": status, "body": outcome.body()})
        await self._stream.send_updates()
        return json_response(told, 207)

    async def _order(self, request: web.Request) -> web.Response:
        return self._found(request.match_info["id"])

    async def _by_client_order_id(self, request: web.Request) -> web.Response:
        asked = request.query.get("client_order_id", "")
        return self._found(self._exchange.ids.get(asked, asked))

    def _found(self, order_id: str) -> web.Response:
        order = self._exchange.orders.get(order_id)
        if order is None:
            return alpaca_error(Refusal(404, 40410000, f"order not found for {order_id}"))
        return json_response(order.body())

    async def _orders(self, request: web.Request) -> web.Response:
        query = request.query
        status, side = query.get("status", "open"), query.get("side")
        limit = query.get("limit", str(DEFAULT_LIMIT))
        if status not in {"open", "closed", "all"} or not limit.isdigit() or not 1 <= int(limit) <= MAX_LIMIT:
            return alpaca_error(Refusal(422, 40010001, f"invalid status {status!r} or limit {limit!r}"))
        symbols = set(query["symbols"].split(",")) if query.get("symbols") else None

        def wanted(order: VenueOrder) -> bool:
            return (
                (status == "all" or order.is_open == (status == "open"))
                and (symbols is None or order.request.symbol in symbols)
                and (side is None or (order.request.side > 0) == (side == "buy"))
            )

        found = [order.body() for order in self._exchange.orders.values() if wanted(order)]
        if query.get("direction", "desc") == "desc":
            found.reverse()
        return json_response(found[: int(limit)])

    async def _account(self, _: web.Request) -> web.Response:
        exchange = self._exchange
        account = exchange.account
        longs = sum((value for value in account.values if value > 0), Decimal())
        shorts = sum((value for value in account.values if value < 0), Decimal())
        equity, power = money(account.equity), money(exchange.buying_power)
        return json_response(
            {
                "id": asset_id("account"),
                "account_number": ACCOUNT_NUMBER,
                "status": "ACTIVE",
                "crypto_status": "ACTIVE",
                "currency": "USD",
                "cash": money(account.cash),
                "equity": equity,
                "last_equity": money(account.start),
                "portfolio_value": equity,
                "buying_power": power,
                "regt_buying_power": power,
                "non_marginable_buying_power": money(max(account.cash, Decimal())),
                "options_buying_power": "0",
                "long_market_value": money(longs),
                "short_market_value": money(shorts),
                "initial_margin": money((longs - shorts) / 2),
                "maintenance_margin": money((longs - shorts) * Decimal("0.3")),
                "last_maintenance_margin": "0",
                "sma": equity,
                "multiplier": "4",
                "accrued_fees": "0",
                "pending_reg_taf_fees": "0",
                "intraday_adjustments": "0",
                "balance_asof": str(exchange.day.date),
                "shorting_enabled": True,
                "trading_blocked": False,
                "transfers_blocked": False,
                "account_blocked": False,
                "trade_suspended_by_user": False,
                "options_approved_level": 0,
                "options_trading_level": 0,
                "created_at": f"{exchange.config.first_session}T00:00:00Z",
            }
        )

    async def _positions(self, _: web.Request) -> web.Response:
        return json_response([self._position_body(symbol) for symbol in sorted(self._exchange.account.positions)])

    async def _position(self, request: web.Request) -> web.Response:
        symbol = request.match_info["symbol"]
        if not self._exchange.account.held(symbol):
            return alpaca_error(Refusal(404, 40410000, "position does not exist"))
        return json_response(self._position_body(symbol))

    def _position_body(self, symbol: str) -> dict[str, Any]:
        exchange = self._exchange
        position, price = exchange.account.positions[symbol], exchange.mark(symbol)
        before = exchange.close_before(symbol)
        value, cost = position.qty * price, position.qty * position.average
        gain, share = money(value - cost), money((value - cost) / abs(cost))
        free = abs(position.qty) - exchange.held_for_orders(symbol)
        return {
            "asset_id": asset_id(symbol),
            "symbol": symbol,
            "exchange": "NYSE",
            "asset_class": "us_equity",
            "asset_marginable": True,
            "qty": str(position.qty),
            "qty_available": str(free if position.qty > 0 else -free),
            "avg_entry_price": money(position.average),
            "side": "long" if position.qty > 0 else "short",
            "market_value": money(value),
            "cost_basis": money(cost),
            "unrealized_pl": gain,
            "unrealized_plpc": share,
            "unrealized_intraday_pl": gain,
            "unrealized_intraday_plpc": share,
            "current_price": money(price),
            "lastday_price": money(before),
            "change_today": money(price / before - 1),
        }

    async def _clock(self, _: web.Request) -> web.Response:
        exchange = self._exchange
        minute = exchange.now.timestamp() / 60
        days = exchange.market.grid.sessions
        last = days[-1]
        opens = next((d.open_minute for d in days if d.open_minute > minute), last.open_minute + 1440)
        closes = next((d.close_minute for d in days if d.close_minute > minute), last.close_minute + 1440)
        return json_response(
            {
                "timestamp": exchange.now.astimezone(NEW_YORK).isoformat(),
                "is_open": exchange.is_open,
                "next_open": moment(opens).astimezone(NEW_YORK).isoformat(),
                "next_close": moment(closes).astimezone(NEW_YORK).isoformat(),
            }
        )

    async def _asset(self, request: web.Request) -> web.Response:
        symbol = request.match_info["symbol"]
        if not KNOWN_SYMBOL.fullmatch(symbol):
            return alpaca_error(Refusal(404, 40410000, f"asset not found for {symbol}"))
        return json_response(self._asset_body(symbol))

    async def _assets(self, _: web.Request) -> web.Response:
        """List what the market names; all of it is active and of one class."""
        listing, today = self._exchange.market.listing(), self._exchange.day.date
        there = (here for here in listing if here.kind != "INDEX" and here.listed <= today <= (here.delisted or today))
        return json_response([self._asset_body(here.symbol) for here in there])

    def _asset_body(self, symbol: str) -> dict[str, Any]:
        easy = self._exchange.easy_to_borrow(symbol)
        return {
            "id": asset_id(symbol),
            "class": "us_equity",
            "exchange": "NYSE",
            "symbol": symbol,
            "name": self._exchange.market.traits(symbol).name,
            "status": "active",
            "tradable": True,
            "marginable": True,
            "shortable": True,
            "easy_to_borrow": easy,
            "borrow_status": "easy_to_borrow" if easy else "hard_to_borrow",
            "fractionable": False,
            "maintenance_margin_requirement": 30,
            "margin_requirement_long": "30",
            "margin_requirement_short": "30",
            "attributes": [],
        }
