"""A market data vendor on loopback, written from its public description, for tests of the client's edges."""

import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse
from zoneinfo import ZoneInfo

PAGE = 200
NEW_YORK = ZoneInfo("America/New_York")


class Vendor:
    """Serves two bars a minute apart from 14:30 UTC of every day asked for; `behaviour` names a lasting fault.

    `failures` are answers (status, headers, body) that the next requests get instead; `unknown` are symbols that it
    never heard of, `forbidden` a part of addresses that are not in the plan, `tables` rows of its reference data by
    their last path part.
    """

    def __init__(self, behaviour: str = "") -> None:
        self.behaviour = behaviour
        self.failures: list[tuple[int, dict[str, str], bytes]] = []
        self.unknown: set[str] = set()
        self.forbidden = "none"
        self.tables: dict[str, list[dict[str, Any]]] = {"splits": [], "dividends": []}
        self.page = PAGE
        self.requests: list[str] = []
        self.times: list[float] = []
        self.url = ""

    def answer(self, target: str, key: str) -> tuple[int, dict[str, str], bytes]:
        self.requests.append(target)
        self.times.append(time.monotonic())
        if self.failures:
            return self.failures.pop(0)
        if key != "Bearer secret":
            return 401, {}, b'{"status":"ERROR","request_id":"1","error":"Unknown API Key"}'
        if self.forbidden in target:
            return (
                403,
                {},
                b'{"status":"NOT_AUTHORIZED","request_id":"1","message":"You are not entitled to this data."}',
            )
        if self.behaviour == "limited":
            return 429, {}, b'{"status":"ERROR","error":"too many"}'
        if self.behaviour == "html":
            return 200, {}, b"<html>a proxy</html>"
        return self.found(target)

    def found(self, target: str) -> tuple[int, dict[str, str], bytes]:
        url = urlparse(target)
        query = parse_qs(url.query)
        parts = url.path.split("/")
        if parts[1:4] == ["v3", "reference", "tickers"]:
            if parts[4] in self.unknown:
                return 404, {}, b'{"status":"NOT_FOUND","request_id":"1","message":"Ticker not found."}'
            found = {"ticker": parts[4], "name": f"{parts[4]} Inc.", "type": "CS", "market_cap": 1e9}
            found |= {"share_class_shares_outstanding": 1000, "sic_code": "3571", "list_date": "1980-12-12"}
            return 200, {}, json.dumps({"status": "OK", "results": found}).encode()
        if parts[2] == "aggs":
            start, end = (dt.date.fromisoformat(text) for text in parts[-2:])
            results = self.days(start, end) if parts[7] == "day" else self.bars(start, end)
        else:
            results = self.tables[parts[3] if parts[2] == "reference" else parts[2]]
        if self.behaviour == "empty" or (parts[2] == "aggs" and parts[4] in self.unknown):
            return 200, {}, b'{"ticker":"AAPL","resultsCount":0,"status":"OK","request_id":"1"}'
        first = int(query.get("cursor", ["0"])[0])
        body = {"ticker": parts[-1], "status": "OK", "results": results[first : first + self.page]}
        if first + self.page < len(results):
            body["next_url"] = f"https://elsewhere.example{url.path}?cursor={first + self.page}"
        return 200, {}, json.dumps(body).encode()

    def bars(self, start: dt.date, end: dt.date) -> list[dict[str, float]]:
        found = []
        for day in range((end - start).days + 1):
            opens = dt.datetime.combine(start + dt.timedelta(days=day), dt.time(15, 30), dt.UTC)
            for minute in range(10):
                t = int(opens.timestamp() * 1000) + minute * 60_000
                found.append({"t": t, "o": 10, "h": 11, "l": 9.5, "c": 10.5, "v": 100 + minute, "vw": 10.2, "n": 3})
        return found

    def days(self, start: dt.date, end: dt.date) -> list[dict[str, float]]:
        found = []
        for day in range((end - start).days + 1):
            date = start + dt.timedelta(days=day)
            t = int(dt.datetime.combine(date, dt.time(), NEW_YORK).timestamp() * 1000)
            if date.weekday() < 5:
                found.append({"t": t, "o": 10, "h": 11, "l": 9.5, "c": 10.5, "v": 1000, "vw": 10.2, "n": 30})
        return found


@contextmanager
def serving(vendor: Vendor) -> Iterator[Vendor]:
    """Serve `vendor` on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if vendor.behaviour == "hang":
                stop.wait(20)
                return
            status, headers, body = vendor.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    stop = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    vendor.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield vendor
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()
