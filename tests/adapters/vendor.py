"""A vendor of minute bars on loopback, written from its public description, for tests of the client's edges."""

import datetime as dt
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

PAGE = 200


class Vendor:
    """Serves two bars a minute apart from 14:30 UTC of every day asked for; `behaviour` names a fault."""

    def __init__(self, behaviour: str = "") -> None:
        self.behaviour = behaviour
        self.requests: list[str] = []
        self.url = ""

    def answer(self, target: str, key: str) -> tuple[int, bytes]:
        self.requests.append(target)
        if key != "Bearer secret":
            return 401, b'{"status":"ERROR","request_id":"1","error":"Unknown API Key"}'
        if self.behaviour == "limited":
            return 429, b'{"status":"ERROR","error":"too many"}'
        if self.behaviour == "html":
            return 200, b"<html>a proxy</html>"
        url = urlparse(target)
        query = parse_qs(url.query)
        parts = url.path.split("/")
        results = self.bars(dt.date.fromisoformat(parts[-2]), dt.date.fromisoformat(parts[-1]))
        if self.behaviour == "empty":
            return 200, b'{"ticker":"AAPL","resultsCount":0,"status":"OK","request_id":"1"}'
        first = int(query.get("cursor", ["0"])[0])
        body = {"ticker": parts[4], "status": "OK", "results": results[first : first + PAGE]}
        if first + PAGE < len(results):
            body["next_url"] = f"https://elsewhere.example{url.path}?cursor={first + PAGE}"
        return 200, json.dumps(body).encode()

    def bars(self, start: dt.date, end: dt.date) -> list[dict[str, float]]:
        found = []
        for day in range((end - start).days + 1):
            opens = dt.datetime.combine(start + dt.timedelta(days=day), dt.time(15, 30), dt.UTC)
            for minute in range(10):
                t = int(opens.timestamp() * 1000) + minute * 60_000
                found.append({"t": t, "o": 10, "h": 11, "l": 9.5, "c": 10.5, "v": 100 + minute, "vw": 10.2, "n": 3})
        return found


@contextmanager
def serving(vendor: Vendor) -> Iterator[Vendor]:
    """Serve `vendor` on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if vendor.behaviour == "hang":
                stop.wait(20)
                return
            status, body = vendor.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
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
