"""A site of others that speaks WebSub in both roles with Flask-WebSub: `python websub.py FOLDER`.

As a subscriber it notes what it is told; as a hub it pushes its own feed. It is
driven by HTTP too, and prints its address once it listens.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

from cachelib import SimpleCache
from flask import Flask, Response, request
from flask_websub.hub import Hub, SQLite3HubStorage
from flask_websub.subscriber import (
    SQLite3SubscriberStorage,
    Subscriber,
    WerkzeugCacheTempSubscriberStorage,
    discover,
)
from werkzeug.serving import make_server


class InThreads:
    """What Flask-WebSub asks of Celery: its tasks run in threads, and a failed one is not retried."""

    def task(self, *, bind: bool = False, max_retries: int = 0) -> Callable[..., Any]:
        def made(function: Callable[..., None]) -> Any:
            given = (SimpleNamespace(request=SimpleNamespace(retries=max_retries)),) if bind else ()

            def delay(*args: object) -> None:
                Thread(target=function, args=(*given, *args)).start()

            return SimpleNamespace(delay=delay)

        return made


folder = Path(sys.argv[1])
site = Flask(__name__)
heard: deque[dict[str, str]] = deque()
events: deque[tuple[str, str]] = deque()
feed = {"body": b"", "hub": "", "self": ""}

subscriber = Subscriber(
    SQLite3SubscriberStorage(str(folder / "subscriber.sqlite3")),
    WerkzeugCacheTempSubscriberStorage(SimpleCache()),
)
site.register_blueprint(subscriber.build_blueprint("/callbacks"))
hub = Hub(
    SQLite3HubStorage(str(folder / "hub.sqlite3")),
    InThreads(),
    SIGNATURE_ALGORITHM="sha256",
)
site.register_blueprint(hub.build_blueprint("/hub"))


@subscriber.add_listener
def told(topic: str, _: str, body: bytes) -> None:
    heard.append({"topic": topic, "body": body.decode()})


@subscriber.add_success_handler
def confirmed(topic: str, _: str, mode: str) -> None:
    events.append((mode, topic))


@site.post("/do/subscribe")
def subscribe() -> str:
    return subscriber.subscribe(**discover(request.form["feed"]))


@site.post("/do/unsubscribe")
def unsubscribe() -> str:
    subscriber.unsubscribe(request.form["id"])
    return ""


@site.get("/do/noted")
def noted() -> Response:
    said = json.dumps({"heard": list(heard), "events": list(events)})
    return Response(said, mimetype="application/json")


@site.post("/do/publish")
def publish() -> str:
    feed["body"] = request.get_data()
    hub.send_change_notification.delay(feed["self"])
    return ""


@site.get("/feed")
def shown() -> Response:
    links = f'<{feed["hub"]}>; rel="hub", <{feed["self"]}>; rel="self"'
    return Response(feed["body"], mimetype="application/rss+xml", headers={"Link": links})


server = make_server("127.0.0.1", 0, site, threaded=True)
url = f"http://127.0.0.1:{server.port}"
feed |= {"hub": f"{url}/hub", "self": f"{url}/feed"}
print(url, flush=True)
server.serve_forever()
