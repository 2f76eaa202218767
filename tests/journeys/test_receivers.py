"""The receivers that feeds/README.md shows take what tocsin sends, and nothing else."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feeds.outgoing import Outgoing
from feeds.sending import send
from feeds.signing import new_secret, sign
from feeds.webhooks import Webhooks
from store import Delivery, EndpointSpec, Tried
from tests.desks import SECRET
from tests.journeys.running import READERS, eventually, free_port, needed, node

README = Path(__file__).parents[2] / "feeds" / "README.md"
BODY = '{"type":"match.created","data":{"quote":"ley N.° 32108: extorsión"}}'.encode()


def snippet(language: str) -> str:
    """Return the README's receiver in *language*."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    return str(found)


@contextmanager
def receiving(command: list[str]) -> Iterator[str]:
    """Run a receiver, and give its address."""
    port = free_port()
    environ = {**os.environ, "NEWSROOM_SECRET": SECRET, "PORT": str(port)}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE)
    try:
        address = f"http://127.0.0.1:{port}/"
        eventually(lambda: posted(address, {}, b"{}"))
        yield address
    finally:
        process.kill()
        process.communicate()


def posted(address: str, headers: Mapping[str, str], body: bytes) -> int:
    """Return the status with which a request is answered, or 0 where nobody listens."""
    try:
        asked = urllib.request.Request(address, body, dict(headers))
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def sent(address: str) -> Tried:
    """Return how a delivery that tocsin itself sends there went."""
    endpoint = EndpointSpec(
        name="newsroom", url=address, secrets=(new_secret(), SECRET), allow_private=True
    )
    now = datetime.now(UTC)
    delivery = Delivery(
        id="msg_1",
        endpoint="newsroom",
        event="match.created",
        match="m",
        body=BODY,
        state="due",
        created_at=now,
        due=now,
    )

    async def story() -> Tried:
        outgoing = Outgoing("tocsin/test")
        try:
            return await send(Webhooks(outgoing), endpoint, delivery, now)
        finally:
            await outgoing.aclose()

    return asyncio.run(story())


def assert_takes_only_the_true(address: str) -> None:
    assert sent(address).outcome == "delivered"
    now = datetime.now(UTC)
    true = sign([SECRET], "msg_1", now, BODY)
    assert posted(address, true, BODY) == 204
    assert posted(address, true, BODY.replace(b"32108", b"32109")) == 401
    assert posted(address, {**true, "webhook-id": "msg_2"}, BODY) == 401
    assert posted(address, sign([new_secret()], "msg_1", now, BODY), BODY) == 401
    assert posted(address, sign([SECRET], "msg_1", now - timedelta(minutes=10), BODY), BODY) == 401
    assert posted(address, {}, BODY) == 401


def test_the_receiver_in_python(tmp_path: Path) -> None:
    (tmp_path / "receiver.py").write_text(snippet("python"), "utf-8")
    with receiving([sys.executable, str(tmp_path / "receiver.py")]) as address:
        assert_takes_only_the_true(address)


def test_the_receiver_in_node(tmp_path: Path) -> None:
    node("receive.mjs")
    script = tmp_path / "receiver.mjs"
    script.write_text(snippet("js"), "utf-8")
    (tmp_path / "node_modules").symlink_to(READERS / "node_modules")
    with receiving([needed("node"), str(script)]) as address:
        assert_takes_only_the_true(address)


@pytest.mark.parametrize(
    ("minutes", "body", "secret", "taken"),
    [
        (0, BODY, SECRET, True),
        (0, BODY + b" ", SECRET, False),
        (10, BODY, SECRET, False),
        (-10, BODY, SECRET, False),
        (0, BODY, "whsec_" + "A" * 32, False),
    ],
    ids=["true", "tampered", "stale", "early", "another secret"],
)
def test_the_verifier_in_a_shell(
    tmp_path: Path, minutes: int, body: bytes, secret: str, taken: bool
) -> None:
    needed("openssl")
    (tmp_path / "verify").write_text(snippet("sh"), "utf-8")
    at = datetime.now(UTC) - timedelta(minutes=minutes)
    headers = sign([new_secret(), secret], "msg_1", at, BODY)
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    done = subprocess.run(
        ["sh", str(tmp_path / "verify"), *(headers[name] for name in names)],
        input=body,
        env={**os.environ, "NEWSROOM_SECRET": SECRET},
        check=False,
    )
    assert (done.returncode == 0) == taken
