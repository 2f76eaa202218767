from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from feeds.channels import SERVICES, Channels, prepare
from feeds.clean import is_channel
from feeds.guard import OutgoingError
from feeds.samples import sample
from feeds.sending import Answer
from feeds.services import ChannelError, channel
from store import Delivery, EndpointSpec, MessageTemplate
from tests.builders import BASE, NOON
from tests.feeds.servers import Server, respond, serving
from tests.journeys.running import free_port
from watcher.children import Children


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    children = Children(1, seconds=30, prepare=prepare, preload=[SERVICES])
    yield children
    children.close()


def a_delivery(event: str = "match.created") -> Delivery:
    return Delivery(
        id="msg_1",
        endpoint="chat",
        event=event,
        match="m1",
        body=json.dumps(sample(event, NOON, BASE)).encode(),
        state="due",
        created_at=NOON,
        due=NOON,
    )


def to(children: Children, url: str, **changed: Any) -> Answer:
    endpoint = EndpointSpec(
        name="chat", url=url, kind="channel", **{"allow_private": True, **changed}
    )
    return asyncio.run(Channels(children.call)(endpoint, a_delivery(), NOON))


@contextmanager
def listening(*answers: Any) -> Iterator[Server]:
    """Serve in a thread of its own, as the sender blocks the test's."""
    import threading

    ready = threading.Event()
    done: list[Any] = []

    async def story() -> None:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        async with serving(*answers) as server:
            done.extend([server, lambda: loop.call_soon_threadsafe(stop.set)])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(story()))
    thread.start()
    ready.wait()
    server, stop = done
    try:
        yield server
    finally:
        stop()
        thread.join()


def test_a_service_gets_title_and_body(children: Children) -> None:
    with listening(respond(200)) as server:
        answer = to(children, f"json://127.0.0.1:{server.port}/hook")
    assert (answer.verdict, answer.response) == ("taken", "JSON took it")
    (asked,) = server.asked
    told = json.loads(asked.body)
    assert told["title"] == "Peru: Law 32108: Congress debates Law 32108 again"
    assert "“Deputies want to scrap Law 32108 before the year ends.”" in told["message"]


def test_a_mail_arrives(children: Children) -> None:
    class Mailbox:
        def __init__(self) -> None:
            self.letters: list[str] = []

        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            self.letters.append(envelope.content.decode())
            return "250 OK"

    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        url = f"mailto://127.0.0.1:{port}?from=desk@example.org&to=chief@example.org"
        answer = to(children, url)
    finally:
        controller.stop()
    assert answer.verdict == "taken", answer
    (letter,) = mailbox.letters
    assert "chief@example.org" in letter
    assert "multipart/alternative" in letter


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_what_a_service_refuses_has_not_arrived(children: Children, status: int) -> None:
    with listening(respond(status, location="/elsewhere")) as server:
        answer = to(children, f"json://127.0.0.1:{server.port}/s3cret-path/?-token=s3cretive")
    assert answer.verdict == "refused"
    assert answer.error
    assert "s3cret" not in answer.error + answer.response
    assert len(server.asked) == 1


def test_a_private_address_is_for_those_who_ask_for_it(children: Children) -> None:
    with listening(respond(200)) as server:
        for host in ("127.0.0.1", "localhost"):
            answer = to(children, f"json://{host}:{server.port}/", allow_private=False)
            assert answer.verdict == "refused"
            assert answer.error == (
                "its host is refused: it leads to a loopback address (allow_private permits that)"
            )
    assert server.connections == 0
    metadata = to(children, "json://169.254.169.254/latest")
    assert metadata.error == "its host is refused: it leads to a link-local address"


def test_a_child_runs_no_program_and_reaches_no_name_unjudged(children: Children) -> None:
    assert asyncio.run(children.call(_tries)) == ["no program", "no name", "no datagram"]


def _tries() -> list[str]:
    import subprocess

    found = []
    try:
        subprocess.run(["true"], check=False)
    except PermissionError:
        found.append("no program")
    try:
        socket.socket().connect(("localhost", 9))
    except PermissionError:
        found.append("no name")
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
    except PermissionError:
        found.append("no datagram")
    return found


def test_a_service_that_hangs_holds_nothing() -> None:
    children = Children(1, seconds=0.5, prepare=_idle)
    try:
        with pytest.raises(OutgoingError, match="in time"):
            asyncio.run(Channels(_always(children, _sleeps))(_spec(), a_delivery(), NOON))
    finally:
        children.close()


def _idle() -> None:
    """Prepare nothing."""


def _sleeps() -> None:
    time.sleep(60)


def _spec() -> EndpointSpec:
    return EndpointSpec(name="chat", url="json://127.0.0.1/", kind="channel")


def _always(children: Children, function: Any) -> Any:
    def run(*_: Any) -> Any:
        return children.call(function)

    return run


def test_a_template_that_fails_is_told_of_and_ours_is_sent(children: Children) -> None:
    templates = {"match": MessageTemplate(body="{{ entry.titel }}")}
    with listening(respond(200)) as server:
        url = f"json://127.0.0.1:{server.port}/"
        assert to(children, url, templates=templates).verdict == "taken"
    assert "Why it matched" in json.loads(server.asked[0].body)["message"]


@pytest.mark.parametrize(
    ("url", "is_one", "confidential", "form"),
    [
        ("ntfy://ntfy.example/desk", True, False, "text"),
        ("ntfys://user:word@ntfy.example/desk", True, True, "text"),
        ("json://hooks.example/?+Authorization=Bearer%20abc", True, True, "text"),
        ("mailto://mail.example?from=a@b.example&to=c@b.example", True, False, "html"),
        ("slack://TokenA1234/TokenB1234/Tokencasdfasdfsdfsdfsdfsd/#news", True, True, "markdown"),
    ],
)
def test_an_address_tells_what_it_takes_and_whether_it_is_secret(
    url: str, is_one: bool, confidential: bool, form: str
) -> None:
    found = channel(url)
    assert is_channel(url) == is_one
    assert (found.confidential, found.limits.format) == (confidential, form)
    for word in ("word", "TokenB", "Bearer"):
        assert word not in found.shown


@pytest.mark.parametrize(
    ("url", "reason", "hint"),
    [
        ("nfty://ntfy.example/desk", "there is no channel `nfty://`", "did you mean `ntfy://`?"),
        ("slack://too-short", "it is no address of `slack://`", "appriseit.com"),
        ("qqqqqq://x", "there is no channel `qqqqqq://`", "appriseit.com"),
    ],
)
def test_an_address_that_no_channel_has_is_refused(url: str, reason: str, hint: str) -> None:
    with pytest.raises(ChannelError, match=reason) as caught:
        channel(url)
    assert hint in caught.value.hint


def test_web_addresses_are_no_channels() -> None:
    assert not is_channel("https://example.org/hook")
    assert not is_channel("HTTP://example.org/hook")
    assert not is_channel("example.org")
