"""Serves a desk's web application with uvicorn: its only room."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import uvicorn

from feeds import api, hub, websub
from feeds.catalogue import Catalogue
from feeds.gate import Gate
from feeds.web import create_app
from rules import OperatorError
from watcher.app import App
from watcher.clock import utc_now


class Published:
    """The catalogue of a desk as it is now, made once for each state of the desk."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._state = app.state
        self._catalogue = app.state.catalogue

    def __call__(self) -> Catalogue:
        """Return the catalogue; the same object as long as the desk is the same."""
        state = self._app.state
        if state is not self._state:
            self._state, self._catalogue = state, state.catalogue
        return self._catalogue


class PortTakenError(OperatorError):
    """Another program listens where the web server should."""


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens at *host* and *port*; raise PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio sets TCP_NODELAY on such sockets alone, and without
    # that an answer waits up to 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        hint = "stop what listens there, or choose another: TOCSIN_SERVER__PORT=8766"
        raise PortTakenError(f"cannot listen at {host}:{port}: {error.strerror}; {hint}") from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the run has one way to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: App, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve feeds and pages at *listener* until *stop* is set."""
    values = app.state.settings.values
    web = create_app(
        app.database,
        Published(app),
        health=app.health,
        clock=utc_now,
        metrics=app.metrics.told,
        doors=(
            api.router(app.state.settings.api_token, app.source_names, app.take_entries),
            websub.router(app.subscriber),
            *([hub.router(app.hub.ask)] if values.hub.own else []),
        ),
    )
    names = {
        urlsplit(app.state.catalogue.site.base_url).hostname or "",
        values.server.host,
        *values.server.hosts,
    }
    config = uvicorn.Config(
        Gate(web, names),
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await asyncio.wait(
        [serving, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED
    )
    server.should_exit = True
    await serving
