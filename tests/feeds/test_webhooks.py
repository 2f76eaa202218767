from __future__ import annotations

import base64
import json
import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from feeds.outgoing import Outgoing
from feeds.sending import STEPS, next_attempt, send
from feeds.signing import check_secret, new_secret, sign
from feeds.webhooks import Webhooks
from store import Delivery, EndpointSpec, Tried
from tests.feeds.servers import Answer, Receiver, Server, drip, in_loop, respond, serving

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
BODY = json.dumps({"type": "match.created", "quote": "ley N.° 32108: extorsión"}).encode()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def a_delivery(*, attempts: int = 0, body: bytes = BODY) -> Delivery:
    return Delivery(
        id="msg_1",
        endpoint="newsroom",
        event="match.created",
        match="m1",
        body=body,
        state="due",
        created_at=NOON,
        due=NOON,
        attempts=attempts,
    )


def an_endpoint(url: str, *secrets: str) -> EndpointSpec:
    return EndpointSpec(name="newsroom", url=url, secrets=secrets or (SECRET,), allow_private=True)


async def sent_to(
    *answers: Answer, attempts: int = 0, now: datetime = NOON, secrets: Sequence[str] = (SECRET,)
) -> tuple[Tried, Server]:
    outgoing = Outgoing("tocsin/test")
    async with serving(*answers) as server:
        sent = await send(
            Webhooks(outgoing),
            an_endpoint(f"{server.url}/hook", *secrets),
            a_delivery(attempts=attempts),
            now,
            random=lambda: 0.0,
        )
    await outgoing.aclose()
    return sent, server


async def outcome(*answers: Answer, attempts: int = 0) -> Tried:
    return (await sent_to(*answers, attempts=attempts))[0]


@in_loop
async def test_a_receiver_verifies_what_arrives() -> None:
    # given a receiver that takes only what its secret signed
    receiver = Receiver(secret=SECRET)

    # when a delivery is sent at the true time
    sent, server = await sent_to(receiver, now=datetime.now(UTC))

    # then it takes the frozen bytes
    assert (sent.outcome, sent.retry_at) == ("delivered", None)
    assert receiver.taken == [("msg_1", BODY)]
    assert (sent.attempt.number, sent.attempt.status, sent.attempt.error) == (1, 204, "")
    headers = server.asked[0].headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "tocsin/test"


@pytest.mark.parametrize("known", [0, 1])
@in_loop
async def test_while_a_secret_is_rotated_both_are_good(known: int) -> None:
    secrets = [new_secret(), new_secret()]
    receiver = Receiver(secret=secrets[known])

    sent, server = await sent_to(receiver, now=datetime.now(UTC), secrets=secrets)

    assert sent.outcome == "delivered"
    assert len(server.asked[0].headers["webhook-signature"].split(" ")) == 2


@in_loop
async def test_a_receiver_with_another_secret_refuses() -> None:
    receiver = Receiver(secret=new_secret())
    sent, _ = await sent_to(receiver, now=datetime.now(UTC))
    assert (sent.outcome, receiver.refused) == ("retry", 1)
    assert sent.attempt.error == "it answered 401 Unauthorized"


def test_a_signature_is_that_of_the_published_example() -> None:
    # given the example of the specification's reference libraries
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = sign([SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize("hours", [-11, -5, 0, 5.5, 14])
def test_an_instant_of_any_time_zone_is_signed_as_the_header_says(hours: float) -> None:
    now = datetime.now(timezone(timedelta(hours=hours)))
    headers = sign([SECRET], "msg_1", now, BODY)
    assert Webhook(SECRET).verify(BODY, dict(headers)) == json.loads(BODY)


def test_a_changed_body_is_noticed() -> None:
    headers = sign([SECRET], "msg_1", datetime.now(UTC), BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.replace(b"32108", b"32109"), dict(headers))


def test_a_new_secret_can_sign_and_is_never_the_same() -> None:
    made = {new_secret() for _ in range(20)}
    assert len(made) == 20
    assert [check_secret(secret) for secret in made] == [None] * 20


@pytest.mark.parametrize("size", [24, 32, 64])
def test_secrets_of_every_allowed_form_can_sign(size: int) -> None:
    plain = base64.b64encode(bytes(range(size))).decode()
    forms = [plain, f"whsec_{plain}", f"whsec_{plain.rstrip('=')}"]
    assert [check_secret(form) for form in forms] == [None] * 3
    assert len({sign([form], "msg_1", NOON, BODY)["webhook-signature"] for form in forms}) == 1


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "0 bytes"),
        ("whsec_", "0 bytes"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "23 bytes"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "65 bytes"),
        ("correct horse battery staple", "not base64"),
        ("whsec_né", "not base64"),
        ("whsec_A", "not base64"),
        ("${NEWSROOM_SECRET}", "not base64"),
    ],
)
def test_a_secret_that_cannot_sign_is_named_without_being_shown(secret: str, why: str) -> None:
    reason = check_secret(secret) or ""
    assert why in reason
    assert not secret or secret not in reason


def test_the_schedule_is_ten_tries_over_three_days() -> None:
    # given a first try at noon, and each try failing at once
    tries = [NOON]
    while following := next_attempt(len(tries), tries[-1], random=lambda: 0.0):
        tries.append(following)

    assert len(tries) == 10
    assert tries[-1] - tries[0] == timedelta(hours=75, minutes=35, seconds=5)


@pytest.mark.parametrize("attempts", range(1, 10))
def test_a_wait_is_lengthened_by_up_to_a_tenth(attempts: int) -> None:
    latest = next_attempt(attempts, NOON, random=lambda: 1.0)
    assert latest == NOON + STEPS[attempts] * 1.1


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (None, timedelta(seconds=5)),
        (timedelta(seconds=1), timedelta(seconds=5)),
        (timedelta(-1), timedelta(seconds=5)),
        (timedelta(minutes=1), timedelta(minutes=1)),
        (timedelta(days=400), timedelta(hours=24)),
    ],
)
def test_a_wait_that_was_asked_for_only_lengthens(
    asked: timedelta | None, waits: timedelta
) -> None:
    assert next_attempt(1, NOON, retry_after=asked, random=lambda: 0.0) == NOON + waits


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@in_loop
async def test_every_2xx_is_an_arrival(status: int) -> None:
    assert (await outcome(respond(status))).outcome == "delivered"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 599])
@in_loop
async def test_a_refusal_is_tried_again(status: int) -> None:
    sent = await outcome(respond(status))
    assert sent.outcome == "retry"
    assert sent.attempt.status == status
    assert sent.retry_at is not None
    assert timedelta(seconds=5) <= sent.retry_at - NOON < timedelta(seconds=8)


@in_loop
async def test_410_says_that_the_endpoint_is_gone() -> None:
    sent = await outcome(respond(410))
    assert (sent.outcome, sent.retry_at) == ("gone", None)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@in_loop
async def test_a_redirect_is_a_failure_that_names_where_it_leads(status: int) -> None:
    sent, server = await sent_to(respond(status, location="https://new.example/hook?key=hidden"))
    assert sent.outcome == "retry"
    assert sent.attempt.error == (
        "it redirects to new.example, which is not followed; correct the address"
    )
    assert server.connections == 1


@pytest.mark.parametrize("location", ["/elsewhere", "http://[::1", ""])
@in_loop
async def test_a_redirect_without_a_host_is_a_failure_too(location: str) -> None:
    assert "another path" in (await outcome(respond(302, location=location))).attempt.error


@in_loop
async def test_the_tenth_failure_is_the_last() -> None:
    sent = await outcome(respond(500), attempts=9)
    assert (sent.outcome, sent.retry_at, sent.attempt.number) == ("failed", None, 10)


@in_loop
async def test_a_delivery_can_arrive_at_the_tenth_try() -> None:
    assert (await outcome(respond(200), attempts=9)).outcome == "delivered"


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("0", 5),
        ("99999999999999999999", 24 * 3600),
        (format_datetime(NOON + timedelta(hours=1), usegmt=True), 3600),
        (format_datetime(NOON - timedelta(hours=1), usegmt=True), 5),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 24 * 3600),
        ("soon", 5),
        ("-5", 5),
        ("1e9", 5),
        ("٣", 5),
        ("", 5),
    ],
)
@in_loop
async def test_a_receiver_may_ask_for_time(status: int, asked: str, seconds: int) -> None:
    answer = respond(status).replace(
        b"\r\n\r\n", b"\r\nRetry-After: " + asked.encode() + b"\r\n\r\n"
    )
    sent = await outcome(answer)
    assert sent.retry_at is not None
    assert abs((sent.retry_at - NOON).total_seconds() - seconds) < 3


@in_loop
async def test_a_wait_asked_for_by_other_answers_is_not_granted() -> None:
    sent = await outcome(respond(500, retry_after="3600"))
    assert sent.retry_at is not None
    assert sent.retry_at - NOON < timedelta(minutes=1)


@in_loop
async def test_a_receiver_that_breaks_off_is_tried_again() -> None:
    # given a receiver that may have taken it, and does not finish saying so
    sent = await outcome(respond(200, b"o", content_length="2"))
    assert (sent.outcome, sent.attempt.status) == ("retry", None)
    assert sent.attempt.error == "127.0.0.1 broke off in the middle of its answer"


@in_loop
async def test_a_receiver_that_closes_at_once_is_tried_again() -> None:
    sent = await outcome(b"")
    assert (sent.outcome, sent.attempt.status) == ("retry", None)


@in_loop
async def test_a_receiver_that_is_down_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        outgoing = Outgoing("tocsin/test")
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/hook?key=hidden"
        sent = await send(
            Webhooks(outgoing), an_endpoint(url), a_delivery(), NOON, random=lambda: 0.0
        )
        await outgoing.aclose()
    assert sent.outcome == "retry"
    assert sent.attempt.error == "127.0.0.1 cannot be reached: Connection refused"


@in_loop
async def test_an_endpoint_on_this_machine_must_be_allowed() -> None:
    outgoing = Outgoing("tocsin/test", ports=range(65536))
    async with serving(respond()) as server:
        endpoint = replace(an_endpoint(server.url), allow_private=False)
        sent = await send(Webhooks(outgoing), endpoint, a_delivery(), NOON)
        assert server.connections == 0
    await outgoing.aclose()
    assert sent.outcome == "retry"
    assert sent.attempt.error == (
        "127.0.0.1 is refused: it leads to a loopback address (allow_private permits that)"
    )


@in_loop
async def test_the_answer_is_kept_short_clean_and_without_secrets() -> None:
    # given a receiver that repeats the secret, and sends control characters and much text
    second = new_secret()
    said = (
        f"\x1b[31mbad key {SECRET} {second.removeprefix('whsec_')}\u202e\x00 ".encode()
        + b"x" * 9000
    )
    sent, _ = await sent_to(respond(400, said), secrets=[SECRET, second])

    shown = sent.attempt.response
    assert shown.startswith("400 Bad Request\n\n�[31mbad key [secret] [secret]�� xxx")
    assert len(shown) < 4200
    assert SECRET.removeprefix("whsec_") not in shown


@in_loop
async def test_an_answer_that_is_not_text_is_kept_readable() -> None:
    shown = (await outcome(respond(599, b"\xff\xfe\x00"))).attempt.response
    assert shown == "599\n\n���"


@in_loop
async def test_the_time_that_a_try_took_is_told() -> None:
    sent = await outcome(drip(respond(200), 0.001))
    assert sent.attempt.took > timedelta(milliseconds=30)
    assert sent.attempt.at == NOON


@in_loop
async def test_every_try_sends_the_same_id_and_bytes() -> None:
    outgoing = Outgoing("tocsin/test")
    async with serving(respond(500), respond(503), respond(200)) as server:
        for attempts in range(3):
            delivery, at = a_delivery(attempts=attempts), NOON + timedelta(minutes=attempts)
            await send(Webhooks(outgoing), an_endpoint(server.url), delivery, at)
    await outgoing.aclose()

    assert {asked.body for asked in server.asked} == {BODY}
    assert {asked.headers["webhook-id"] for asked in server.asked} == {"msg_1"}
    assert len({asked.headers["webhook-timestamp"] for asked in server.asked}) == 3
