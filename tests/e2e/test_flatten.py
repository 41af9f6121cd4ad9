"""What an aborted session does at the venue: nothing rests and nothing is held any more."""

import asyncio

from daytrader_ray.adapters.alpaca_broker import AlpacaBroker
from daytrader_ray.adapters.sandbox_clock import SandboxClock
from daytrader_ray.cli.session_spec import rehearsal_spec
from daytrader_ray.domain.trading import Order, OrderKind, Reason


async def test_flatten_cancels_what_rests_and_closes_what_is_held(profile, exchange, day):
    spec = rehearsal_spec(profile, day.session, "latest", exchange)

    def order(kind: OrderKind, side: int, name: str, stop: float | None = None) -> Order:
        return Order(day.session, 0, "AAPL", kind, side, 5, stop, Reason.SIGNAL, f"flatten-test-{name}")

    async with AlpacaBroker(spec.broker) as broker, SandboxClock(exchange, day.session) as clock:
        for minute in range(6):
            for phase in range(3):
                tick = await clock.next_tick()
                await broker.events(tick.n_events)
                if minute == 2 and phase == 2:
                    await broker.submit(order(OrderKind.ENTRY, 1, "entry"))
                if minute == 3 and phase == 0:
                    assert (await broker.snapshot()).positions == {"AAPL": 5}
                    await broker.submit(order(OrderKind.STOP, -1, "stop", 1.0))
                if minute == 3 and phase == 2:
                    done = [said async for said in broker.flatten()]
                    assert done == ["cancel flatten-test-stop", "close AAPL +5"]
                await clock.done(tick)
        await asyncio.sleep(0)
        assert (await broker.snapshot()).positions == {}
