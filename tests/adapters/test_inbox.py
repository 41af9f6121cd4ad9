"""Between socket and reader: a slow reader is noticed and counted, and the socket never waits."""

import asyncio

from daytrader_ray.adapters.inbox import Inbox
from tests.adapters.streams import bar
from tests.adapters.test_live_feed import SESSION, vendors  # noqa: F401 - the fixture


def test_frames_come_out_in_their_order_and_a_full_inbox_drops_and_counts():
    inbox = Inbox(lambda: 0.0, limit=2)
    assert [inbox.put("a", k) for k in range(3)] == [True, True, False]
    assert (inbox.take(), inbox.take(), inbox.dropped, inbox.slow, len(inbox)) == (("a", 0), ("a", 1), 1, 0, 0)


def test_each_time_the_reader_falls_behind_counts_once():
    seconds = [0.0]
    inbox = Inbox(lambda: seconds[0])
    for late in (0.0, 5.0, 5.0, 0.0, 5.0):
        inbox.put("a", late)
        seconds[0] += late
        inbox.take()
    assert inbox.slow == 2


async def test_frames_that_found_no_room_are_a_gap_that_rest_fills(vendors):  # noqa: F811
    async with vendors() as v:
        source = v.feed._stocks[0]
        v.feed._receiver._inbox._limit = 0
        v.rest.bars = [bar("AAPL", SESSION.open_minute), bar("SPY", SESSION.open_minute)]
        await v.polygon.send(*v.rest.bars)
        async with asyncio.timeout(5):
            while not v.feed.counts.get("dropped"):
                await asyncio.sleep(0.01)
        assert source.breaks >= 1 and sorted(await v.closed()) == [("AAPL", 0), ("SPY", 0)]
