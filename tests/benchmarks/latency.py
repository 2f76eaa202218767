"""From an article handed in at the API to its webhook at a verifying receiver, on one desk at work."""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook

from tests.desks import SECRET, write_desk
from tests.journeys.running import started

TOKEN = "a-token-of-more-than-twenty-characters"
ARTICLES = 60
AT_MOST = 0.5


def measured() -> dict[str, object]:
    """Return how long it took, in seconds."""
    arrived: dict[str, float] = {}
    there = threading.Condition()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            said = Webhook(SECRET).verify(body, dict(self.headers))
            with there:
                arrived[said["data"]["entry"]["title"]] = time.perf_counter()
                there.notify()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        address = f"http://127.0.0.1:{server.server_port}"
        desk = write_desk(Path(folder) / "desk", receiver=address)
        (desk / "api.token").write_text(TOKEN)
        with (desk / "tocsin.toml").open("a") as settings:
            settings.write('[api]\ntoken = {file = "api.token"}\n')
        running = started(desk)
        try:
            times = []
            for number in range(ARTICLES):
                title = f"Ley 32108, {number}"
                begun = time.perf_counter()
                post(running.url, {"title": title})
                with there:
                    assert there.wait_for(lambda title=title: title in arrived, 20)
                times.append(arrived[title] - begun)
        finally:
            running.kill()
            server.shutdown()
    ordered = sorted(times)
    return {
        "median_seconds": round(statistics.median(ordered), 3),
        "p95_seconds": round(ordered[int(len(ordered) * 0.95)], 3),
        "at_most": AT_MOST,
    }


def post(address: str, article: dict[str, str]) -> None:
    asked = urllib.request.Request(
        f"{address}/api/v1/entries",
        json.dumps(article).encode(),
        {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert json.load(answer)["new"] == 1
