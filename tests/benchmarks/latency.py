"""From an article handed in at the API to its webhook, and to the subscriber of its feed (WebSub).

Both receivers verify what comes; one desk at work serves both.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from standardwebhooks import Webhook

from tests.desks import SECRET, write_desk
from tests.journeys.running import Running, started

TOKEN = "a-token-of-more-than-twenty-characters"
ARTICLES = 60
AT_MOST = {"webhook": 0.5, "websub": 1.0}
_FEED = "/feeds/law-32108.json"
_BETWEEN = 0.25
"""Seconds: an endpoint gets five requests a second at most, and that is not what is measured."""

_PUSHED = "a-secret-of-the-subscriber"


class Arrivals:
    """When each title was seen first by a receiver, and whether it is there."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self._there = threading.Condition()

    def note(self, titles: Sequence[str]) -> None:
        now = time.perf_counter()
        with self._there:
            for title in titles:
                self.at.setdefault(title, now)
            self._there.notify_all()

    def wait_for(self, title: str) -> None:
        with self._there:
            assert self._there.wait_for(lambda: title in self.at, 20)


def measured() -> dict[str, object]:
    """Return how long it took, in seconds."""
    told, pushed = Arrivals(), Arrivals()
    receiver = _serving(_webhook, told)
    subscriber = _serving(_push, pushed)
    with tempfile.TemporaryDirectory() as folder:
        desk = write_desk(Path(folder) / "desk", receiver=_url(receiver))
        (desk / "api.token").write_text(TOKEN)
        with (desk / "tocsin.toml").open("a") as settings:
            settings.write('[api]\ntoken = {file = "api.token"}\n[hub]\nallow_private = true\n')
        running = started(desk)
        try:
            _subscribe(running, _url(subscriber))
            pushed.wait_for("")  # the hub asked back
            begun = {}
            for number in range(ARTICLES):
                title = f"Ley 32108, {number}"
                begun[title] = time.perf_counter()
                post(running.url, {"title": title})
                told.wait_for(title)
                pushed.wait_for(title)
                time.sleep(_BETWEEN)
        finally:
            running.kill()
            receiver.shutdown()
            subscriber.shutdown()
    return {
        name: {**_figures([seen.at[title] - at for title, at in begun.items()]), "at_most": most}
        for (name, most), seen in zip(AT_MOST.items(), (told, pushed), strict=True)
    }


def _figures(seconds: list[float]) -> Mapping[str, float]:
    ordered = sorted(seconds)
    return {
        "median_seconds": round(statistics.median(ordered), 3),
        "p95_seconds": round(ordered[int(len(ordered) * 0.95)], 3),
    }


def _webhook(headers: Mapping[str, str], body: bytes) -> list[str]:
    said = Webhook(SECRET).verify(body, dict(headers))
    return [said["data"]["entry"]["title"]]


def _push(headers: Mapping[str, str], body: bytes) -> list[str]:
    mine = hmac.new(_PUSHED.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature"] == f"sha256={mine}"
    return [item["title"] for item in json.loads(body)["items"]]


def _serving(
    read: Callable[[Mapping[str, str], bytes], list[str]], arrivals: Arrivals
) -> ThreadingHTTPServer:
    """Serve a receiver: *read* verifies what came, and returns the titles in it."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            arrivals.note(read(self.headers, body))
            self.send_response(204)
            self.end_headers()

        def do_GET(self) -> None:
            challenge = parse_qs(urlsplit(self.path).query)["hub.challenge"][0].encode()
            self.send_response(200)
            self.send_header("content-length", str(len(challenge)))
            self.end_headers()
            self.wfile.write(challenge)
            arrivals.note([""])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _url(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/"


def _subscribe(running: Running, callback: str) -> None:
    with urllib.request.urlopen(running.url + _FEED, timeout=20) as answer:
        links = {
            rel: address
            for address, rel in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["link"])
        }
    asked = {
        "hub.mode": "subscribe",
        "hub.topic": links["self"],
        "hub.callback": callback,
        "hub.secret": _PUSHED,
    }
    hub = running.url + urlsplit(links["hub"]).path
    with urllib.request.urlopen(hub, urlencode(asked).encode(), timeout=20) as answer:
        assert answer.status == 202


def post(address: str, article: dict[str, str]) -> None:
    asked = urllib.request.Request(
        f"{address}/api/v1/entries",
        json.dumps(article).encode(),
        {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert json.load(answer)["new"] == 1
