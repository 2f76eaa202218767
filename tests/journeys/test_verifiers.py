"""The verifiers of others accept every try, through retry, restart and rotation, and nothing false."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import standardwebhooks
import svix.webhooks

from feeds.signing import new_secret, sign
from tests.desks import SECRET, write_desk
from tests.faults.test_kill import receiving
from tests.feeds.servers import Asked, respond
from tests.journeys.running import eventually, node, started, tocsin
from watcher.keys import parsed

Question = tuple[str, Mapping[str, str], bytes]
"""A secret, headers and a body."""


def verdicts(questions: Sequence[Question]) -> list[dict[str, bool]]:
    """Return what each verifier says to each question."""
    lines = "".join(
        json.dumps({"secret": secret, "headers": dict(headers), "body": body.decode()}) + "\n"
        for secret, headers, body in questions
    )
    asked = subprocess.run(
        node("verify.mjs"), input=lines, capture_output=True, text=True, timeout=60, check=True
    )
    of_npm = map(json.loads, asked.stdout.splitlines())
    return [
        {f"npm {name}": said for name, said in found.items()} | in_python(*question)
        for question, found in zip(questions, of_npm, strict=True)
    ]


def in_python(secret: str, headers: Mapping[str, str], body: bytes) -> dict[str, bool]:
    said = {}
    for name, verify, refusal in (
        (
            "standardwebhooks",
            standardwebhooks.Webhook(secret).verify,
            standardwebhooks.WebhookVerificationError,
        ),
        ("svix", svix.webhooks.Webhook(secret).verify, svix.webhooks.WebhookVerificationError),
    ):
        try:
            verify(body, dict(headers))
            said[name] = True
        except refusal:
            said[name] = False
    return said


def test_every_try_of_a_desk_is_accepted_through_retry_restart_and_rotation(
    tmp_path: Path,
) -> None:
    # given a receiver that refuses the first try of each delivery
    tries: list[Asked] = []
    lock = threading.Lock()

    def take(asked: Asked) -> bytes:
        with lock:
            tries.append(asked)
            ids = [one.headers["webhook-id"] for one in tries]
        return respond(204 if ids.count(ids[-1]) > 1 else 503)

    with receiving(take) as (address, _):
        folder = write_desk(tmp_path / "desk", receiver=address)
        desk = started(folder)
        try:
            (folder / "articles" / "a.txt").write_text("Ley 32108", "utf-8")
            eventually(lambda: tries)
            # when it is killed before the second try, and its secret is rotated
            desk.kill()
            run = ["--desk", str(folder), "endpoints", "rotate-secret", "newsroom"]
            assert tocsin(*run, cwd=tmp_path).returncode == 0
            desk = started(folder)
            (folder / "articles" / "b.txt").write_text("Otra vez la Ley 32108", "utf-8")
            eventually(lambda: len(tries) >= 4)
        finally:
            desk.kill()

    # then each verifier takes each try with the secret that its receiver has, old or new
    keys = parsed((folder / "newsroom.secret").read_text("utf-8"))
    after = [(keys.current, one.headers, one.body) for one in tries[1:]]
    asked: list[Question] = [(SECRET, one.headers, one.body) for one in tries]
    assert all(all(said.values()) for said in verdicts([*asked, *after]))
    bodies = {(one.headers["webhook-id"], one.body) for one in tries}
    assert len(bodies) == 2


def test_what_is_tampered_with_stale_or_signed_anew_is_refused_by_all() -> None:
    now, body = datetime.now(UTC), '{"quote":"extorsión"}'.encode()
    true = sign([SECRET], "msg_1", now, body)
    other = str(int(true["webhook-timestamp"]) + 1)
    falsified: list[Question] = [
        (SECRET, true, body.replace(b"quote", b"quota")),
        (SECRET, {**true, "webhook-id": "msg_2"}, body),
        (SECRET, {**true, "webhook-timestamp": other}, body),
        (SECRET, sign([SECRET], "msg_1", now - timedelta(minutes=6), body), body),
        (SECRET, sign([SECRET], "msg_1", now + timedelta(minutes=6), body), body),
        (SECRET, sign([new_secret()], "msg_1", now, body), body),
        (new_secret(), true, body),
    ]
    found = verdicts([(SECRET, true, body), *falsified])
    assert found[0] == {
        "npm standardwebhooks": True,
        "npm svix": True,
        "standardwebhooks": True,
        "svix": True,
    }
    assert not any(said for one in found[1:] for said in one.values())
