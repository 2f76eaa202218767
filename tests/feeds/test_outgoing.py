from __future__ import annotations

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from feeds import outgoing as outgoing_module
from feeds.outgoing import LARGEST_BODY, Outgoing, OutgoingError, Reply
from tests.feeds.servers import Answer, Asked, drip, in_loop, respond, serving

TEXT = "El Perú investiga la extorsión. ".encode() * 400
SOON = timedelta(seconds=0.4)


@asynccontextmanager
async def opened() -> AsyncIterator[Outgoing]:
    outgoing = Outgoing("tocsin/test (feed reader; desk@example.org)", resolve=this_machine)
    try:
        yield outgoing
    finally:
        await outgoing.aclose()


async def this_machine(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def answer_to_get(
    *answers: Answer, deadline: timedelta = timedelta(seconds=5), **headers: str
) -> Reply:
    async with serving(*answers) as server, opened() as outgoing:
        return await outgoing.get(
            f"{server.url}/feed.xml?key=hidden",
            headers=headers,
            allow_private=True,
            deadline=deadline,
        )


async def failure(
    *answers: Answer, deadline: timedelta = timedelta(seconds=5), **headers: str
) -> OutgoingError:
    with pytest.raises(OutgoingError) as caught:
        await answer_to_get(*answers, deadline=deadline, **headers)
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def bomb() -> bytes:
    """Return about 1 MiB of gzip that unpacks to 1 GiB."""
    packer = zlib.compressobj(9, wbits=31)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    blocks = zlib.compressobj(9, wbits=-15)
    block = blocks.compress(bytes(2**23)) + blocks.flush(zlib.Z_FULL_FLUSH)
    return head + block * 128


@in_loop
async def test_an_answer_is_given_with_its_headers_in_lower_case() -> None:
    reply = await answer_to_get(respond(200, TEXT, ETag='W/"a,b"', X_Twice="1"))

    assert (reply.status, reply.body, reply.hops) == (200, TEXT, ())
    assert reply.headers["etag"] == 'W/"a,b"'
    assert reply.url.endswith("/feed.xml?key=hidden")


@pytest.mark.parametrize("status", [204, 304, 404, 410, 429, 500, 503])
@in_loop
async def test_every_status_is_an_answer(status: int) -> None:
    assert (await answer_to_get(respond(status, retry_after="60"))).status == status


@in_loop
async def test_a_request_says_who_asks_and_keeps_quiet_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given an environment with a proxy, which would connect for us to anything
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    # when a server that sets a cookie is asked twice
    async with serving(respond(200, set_cookie="a=b")) as server, opened() as outgoing:
        await outgoing.get(server.url, allow_private=True)
        await outgoing.get(server.url, allow_private=True)

    # then the second question holds what we want to say and no more
    assert server.asked[1].headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "tocsin/test (feed reader; desk@example.org)",
        "accept": "*/*",
        "accept-encoding": "gzip, deflate",
        "connection": "close",
    }


@in_loop
async def test_a_validator_goes_back_byte_for_byte() -> None:
    # given a validator that is not even text
    odd = b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: W/"caf\xe9, \xff"\r\n\r\n'
    async with serving(odd) as server, opened() as outgoing:
        reply = await outgoing.get(server.url, allow_private=True)

        # when it is asked with next time
        etag = reply.headers["etag"]
        await outgoing.get(server.url, headers={"if-none-match": etag}, allow_private=True)

    assert b'if-none-match: W/"caf\xe9, \xff"' in server.asked[1].lines


@in_loop
async def test_credentials_of_an_address_are_sent_and_shown_nowhere() -> None:
    async with serving(respond()) as server, opened() as outgoing:
        url = f"http://me:p%40ss@127.0.0.1:{server.port}/feed"
        reply = await outgoing.get(url, allow_private=True)

    assert server.asked[0].headers["authorization"] == "Basic bWU6cEBzcw=="
    assert "me" not in reply.url


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("X-GZip", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:999]) + gzip.compress(TEXT[999:])),
        ("gzip", gzip.compress(TEXT) + b"\0\0padding"),
        ("gzip, identity", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
        ("identity", TEXT),
        ("", TEXT),
    ],
)
@pytest.mark.parametrize("dripped", [False, True])
@in_loop
async def test_a_packed_answer_is_unpacked(encoding: str, packed: bytes, dripped: bool) -> None:
    head = respond(200, content_encoding=encoding, content_length=str(len(packed)))
    answer = drip(packed, 0, first=head) if dripped else head + packed

    assert (await answer_to_get(answer)).body == TEXT


@in_loop
async def test_an_answer_without_a_body_need_not_be_unpacked() -> None:
    assert (await answer_to_get(respond(304, content_encoding="gzip"))).body == b""


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br"])
@in_loop
async def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    error = await failure(respond(200, TEXT, content_encoding=encoding))
    assert error.kind == "encoding"
    assert encoding in str(error)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@in_loop
async def test_what_is_not_packed_as_it_says_is_refused(encoding: str) -> None:
    error = await failure(respond(200, b"<rss>" + TEXT, content_encoding=encoding))
    assert error.kind == "encoding"


@pytest.mark.parametrize(
    ("encoding", "packed"), [("gzip", gzip.compress(TEXT)), ("deflate", raw_deflate(TEXT))]
)
@pytest.mark.parametrize("cut", [1, 8, 40])
@in_loop
async def test_a_packed_answer_that_ends_early_is_not_taken(
    encoding: str, packed: bytes, cut: int
) -> None:
    # given an answer whose content-length agrees with what is left of it
    error = await failure(respond(200, packed[:-cut], content_encoding=encoding))
    assert error.kind == "truncated"


@pytest.mark.parametrize(
    "answer",
    [
        respond(200, TEXT, content_length=str(len(TEXT) + 1)),
        respond(200, b"5\r\nabc", transfer_encoding="chunked", content_length="0").replace(
            b"content-length: 0\r\n", b""
        ),
    ],
    ids=["content-length", "chunked"],
)
@in_loop
async def test_an_answer_shorter_than_announced_is_not_taken(answer: bytes) -> None:
    error = await failure(answer)
    assert (error.kind, str(error)) == (
        "truncated",
        "127.0.0.1 broke off in the middle of its answer",
    )


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nX: a\r\n  folded\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhi",
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1 \r\nh\r\n1;x=y\r\ni\r\n0\r\nX-After: z\r\n\r\n"
        ),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 500 No\r\nX-After: z\r\n\r\nmore",
    ],
    ids=["line feeds", "no reason", "1.0", "folded", "100", "103", "chunks", "identity", "two"],
)
@in_loop
async def test_an_answer_is_read_as_browsers_read_it(answer: bytes) -> None:
    reply = await answer_to_get(answer)
    assert (reply.status, reply.body) == (200, b"hi")
    assert "x-after" not in reply.headers


@in_loop
async def test_an_unchanged_answer_may_tell_the_length_of_what_it_spares() -> None:
    assert (await answer_to_get(respond(304, content_length="500"))).status == 304


@in_loop
async def test_a_server_that_answers_before_it_is_asked_is_heard() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(respond(503, b"full"))
        writer.close()

    full = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = full.sockets[0].getsockname()[1]
    async with full, opened() as outgoing:
        reply = await outgoing.get(f"http://127.0.0.1:{port}/", allow_private=True)
    assert (reply.status, reply.body) == (503, b"full")


@in_loop
async def test_what_follows_the_announced_length_is_ignored() -> None:
    assert (await answer_to_get(respond(200, TEXT, content_length="9"))).body == TEXT[:9]


@in_loop
async def test_an_answer_over_the_cap_is_refused() -> None:
    async with serving(respond(200, TEXT)) as server, opened() as outgoing:
        exact = await outgoing.get(server.url, cap=len(TEXT), allow_private=True)
        with pytest.raises(OutgoingError, match="sends more than") as caught:
            await outgoing.get(server.url, cap=len(TEXT) - 1, allow_private=True)
    assert exact.body == TEXT
    assert caught.value.kind == "too large"


@in_loop
async def test_a_bomb_stops_at_the_cap_and_takes_little_memory() -> None:
    # given 1 MiB that would unpack to 1 GiB
    packed = bomb()
    assert len(packed) < 1.2 * 2**20
    answer = respond(200, packed, content_encoding="gzip")
    tracemalloc.start()
    try:
        # when it is fetched
        error = await failure(answer)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # then it is refused, with the cap held and hardly more
    assert error.kind == "too large"
    assert peak < LARGEST_BODY * 4 < 50 * 2**20


@in_loop
async def test_empty_packing_without_end_is_refused() -> None:
    async def for_ever(_: Asked) -> AsyncIterator[bytes]:
        yield respond(200, content_encoding="deflate", content_length=str(2**40))
        yield b"\x78\x9c"
        while True:
            yield b"\x00\x00\x00\xff\xff" * 10_000

    async with serving(for_ever) as server, opened() as outgoing:
        with pytest.raises(OutgoingError) as caught:
            await outgoing.get(server.url, cap=100_000, allow_private=True)
    assert caught.value.kind == "too large"


@pytest.mark.parametrize(
    "answer",
    [
        drip(respond(200, TEXT), 0.02),
        drip(TEXT, 0.02, first=respond(200, content_length=str(len(TEXT)))),
        drip(b"x", 60),
        drip(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 99, 0.005),
    ],
    ids=["headers", "body", "silence", "early hints"],
)
@in_loop
async def test_a_server_that_sends_a_byte_at_a_time_is_cut_off(answer: Answer) -> None:
    error = await failure(answer, deadline=SOON)

    assert error.kind == "timeout"
    assert str(error) == "127.0.0.1 did not answer in full within 0.4 s"


@in_loop
async def test_a_slow_server_holds_up_no_other() -> None:
    async with (
        serving(drip(b"x", 60)) as slow,
        serving(respond(200, b"here")) as quick,
        opened() as outgoing,
    ):
        stuck = [asyncio.create_task(outgoing.get(slow.url, allow_private=True)) for _ in range(20)]
        replies = [await outgoing.get(quick.url, allow_private=True) for _ in range(5)]
        assert not any(task.done() for task in stuck)
        for task in stuck:
            task.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)

    assert [reply.body for reply in replies] == [b"here"] * 5


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "protocol"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 5_000_000 + b"\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "protocol"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 9_999, "protocol"),
        (b"HTTP/1.1 101 Other\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "protocol"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"a" * 5_000_000,
            "protocol",
        ),
    ],
    ids=["nothing", "ssh", "header", "negative length", "early hints", "upgrade", "trailer"],
)
@in_loop
async def test_what_is_not_http_is_refused(answer: bytes, kind: str) -> None:
    assert (await failure(answer)).kind == kind


@in_loop
async def test_a_refused_connection_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and listening to nobody
        async with opened() as outgoing:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/?key=hidden"
            with pytest.raises(OutgoingError) as caught:
                await outgoing.get(url, allow_private=True)
    assert caught.value.kind == "connect"
    assert str(caught.value) == "127.0.0.1 cannot be reached: Connection refused"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "feed.xml",
        "file:///etc/passwd",
        "ftp://example.org/",
        "http://",
        "http:///feed",
        "http://[::1/",
        "http://a:99999/",
        "javascript:alert(1)",
        "http://a\nb/",
        "https://.a/",
    ],
)
@in_loop
async def test_an_address_that_is_not_of_the_web_is_refused(url: str) -> None:
    async with opened() as outgoing:
        with pytest.raises(OutgoingError) as caught:
            await outgoing.get(url)
    assert caught.value.kind in ("address", "denied", "dns")


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\0b", "名"])
@in_loop
async def test_a_header_that_cannot_be_sent_is_refused_and_not_shown(value: str) -> None:
    error = await failure(respond(), authorization=value)
    assert error.kind in ("protocol", "address")
    assert value not in str(error)
    assert "Evil" not in str(error)


@in_loop
async def test_redirects_are_followed_and_told() -> None:
    # given two redirects, the first for good
    answers = [respond(301, location="/b"), respond(302, location="c?q=1#part"), respond(200, b"x")]
    async with serving(*answers) as server, opened() as outgoing:
        reply = await outgoing.get(f"{server.url}/a", allow_private=True)

    assert reply.body == b"x"
    assert reply.url == f"{server.url}/c?q=1"
    assert reply.hops == ((301, f"{server.url}/b"), (302, f"{server.url}/c?q=1"))
    assert [asked.target for asked in server.asked] == ["/a", "/b", "/c?q=1"]


@in_loop
async def test_credentials_stay_with_their_origin() -> None:
    headers = {"Authorization": "Bearer t", "X-Api-Key": "k", "If-None-Match": '"v"'}
    async with serving(respond(200, b"x")) as other:
        away = respond(307, location=f"http://127.0.0.1:{other.port}/")
        async with serving(respond(308, location="/here"), away) as first, opened() as outgoing:
            await outgoing.get(first.url, headers=headers, allow_private=True)

    assert first.asked[1].headers["authorization"] == "Bearer t"
    assert "authorization" not in other.asked[0].headers
    assert "x-api-key" not in other.asked[0].headers
    assert other.asked[0].headers["if-none-match"] == '"v"'
    assert other.asked[0].headers["accept-encoding"] == "gzip, deflate"


@in_loop
async def test_a_circle_of_redirects_is_left() -> None:
    error = await failure(
        respond(302, location="/a"), respond(302, location="/b"), respond(302, location="/a")
    )
    assert (error.kind, str(error)) == ("redirects", "127.0.0.1 redirects in a circle")


@in_loop
async def test_redirects_end_after_five() -> None:
    five = [respond(302, location=f"/{n}") for n in range(5)]
    assert len((await answer_to_get(*five, respond(200))).hops) == 5

    error = await failure(*five, respond(302, location="/6"))

    assert (error.kind, str(error)) == ("redirects", "127.0.0.1 redirects more than 5 times")


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "data:text/xml,x", "gopher://127.0.0.1/", "http://[::1"]
)
@in_loop
async def test_a_redirect_out_of_the_web_is_refused(location: str) -> None:
    assert (await failure(respond(302, location=location))).kind == "redirects"


@in_loop
async def test_a_post_returns_a_redirect_that_cannot_be_read() -> None:
    async with serving(respond(302, location="http://[::1")) as server, opened() as outgoing:
        reply = await outgoing.post(server.url, headers={}, body=b"", allow_private=True)
    assert reply.status == 302


@in_loop
async def test_a_redirect_without_a_target_is_an_answer() -> None:
    assert (await answer_to_get(respond(302, b"x"))).status == 302


@in_loop
async def test_a_post_sends_its_bytes_and_follows_no_redirect() -> None:
    async with serving(respond(308, location="/elsewhere")) as server, opened() as outgoing:
        reply = await outgoing.post(
            f"{server.url}/hook",
            headers={"content-type": "application/json"},
            body=b'{"a": "\xc3\xa9"}',
            allow_private=True,
        )

    assert (reply.status, reply.headers["location"]) == (308, "/elsewhere")
    [asked] = server.asked
    assert (asked.method, asked.target, asked.body) == ("POST", "/hook", b'{"a": "\xc3\xa9"}')
    assert asked.headers["content-type"] == "application/json"


@in_loop
async def test_the_answer_to_a_post_is_cut_and_never_unpacked() -> None:
    packed = respond(200, bomb(), content_encoding="gzip")
    async with serving(respond(200, TEXT), packed) as server, opened() as outgoing:
        cut = await outgoing.post(server.url, headers={}, body=b"", allow_private=True)
        left_out = await outgoing.post(server.url, headers={}, body=b"", allow_private=True)

    assert cut.body == TEXT[:4096]
    assert (left_out.status, left_out.body) == (200, b"")


@asynccontextmanager
async def keeping(answer: bytes) -> AsyncIterator[tuple[str, list[int]]]:
    """Serve *answer* over connections that stay open; give the address and what each was asked."""
    asked: list[int] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(0)
        writers.append(writer)
        mine = len(asked) - 1
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                asked[mine] += 1
                writer.write(answer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", asked
        for writer in writers:
            writer.transport.abort()


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (respond(200, b"hi"), [3]),
        (respond(204), [3]),
        (respond(200, b"2\r\nhi\r\n0\r\n\r\n", transfer_encoding="chunked"), [3]),
        (respond(200, b"hi", connection="close"), [1, 1, 1]),
        (respond(200, b"hi, and more", content_length="2"), [1, 1, 1]),
        (respond(200, TEXT * 200), [1, 1, 1]),
    ],
    ids=["whole", "empty", "chunks", "close", "more than announced", "cut"],
)
@in_loop
async def test_a_kept_connection_serves_the_next_request_where_its_answer_was_whole(
    answer: bytes, asked: list[int]
) -> None:
    outgoing = Outgoing("test", kept=2)
    async with keeping(answer) as (url, connections):
        for _ in range(3):
            reply = await outgoing.post(url, headers={}, body=b"", allow_private=True, cap=100)
            assert reply.status in (200, 204)
        assert connections == asked
        await outgoing.aclose()


@in_loop
async def test_no_more_connections_stay_open_than_are_to_be_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outgoing_module, "KEPT_FOR", SOON)
    outgoing = Outgoing("test", kept=1)

    async def post(url: str) -> None:
        await outgoing.post(url, headers={}, body=b"", allow_private=True)

    async with keeping(respond(200)) as (url, connections):
        # when two requests are under way at once, then one connection is left, for a moment
        await asyncio.gather(post(url), post(url))
        await post(url)
        assert sorted(connections) == [1, 2]
        await asyncio.sleep(SOON.total_seconds() * 1.5)
        await post(url)
        assert sorted(connections) == [1, 1, 2]
        await outgoing.aclose()


@in_loop
async def test_a_connection_to_a_private_address_serves_no_guarded_request() -> None:
    async with serving(respond(200, b"secret")) as server:
        outgoing = Outgoing("test", ports=range(65536))
        await outgoing.get(server.url, allow_private=True)
        with pytest.raises(OutgoingError) as caught:
            await outgoing.get(server.url)
        await outgoing.aclose()
    assert caught.value.kind == "denied"
    assert server.connections == 1


def test_one_door_serves_one_event_loop_after_another() -> None:
    outgoing = Outgoing("test")

    async def once() -> int:
        async with serving(respond(200)) as server:
            return (await outgoing.get(server.url, allow_private=True)).status

    assert [asyncio.run(once()), asyncio.run(once())] == [200, 200]
    asyncio.run(outgoing.aclose())


@in_loop
async def test_a_port_that_does_not_speak_tls_is_a_tls_failure() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    mail = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = mail.sockets[0].getsockname()[1]
    async with mail, opened() as outgoing:
        with pytest.raises(
            OutgoingError, match="offers no safe connection: wrong version"
        ) as caught:
            await outgoing.get(f"https://127.0.0.1:{port}/", allow_private=True)
    assert caught.value.kind == "tls"


@in_loop
async def test_a_tls_handshake_that_never_ends_is_cut_off_and_closed() -> None:
    # given a server that waits for a request in plain text
    async with serving(respond()) as server, opened() as outgoing:
        with pytest.raises(OutgoingError) as caught:
            await outgoing.get(
                f"https://127.0.0.1:{server.port}/", allow_private=True, deadline=SOON
            )

        # then it sees our end of the connection close
        async with asyncio.timeout(5):
            while server.open:
                await asyncio.sleep(0.01)
        assert server.connections == 1
    assert caught.value.kind == "timeout"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key for news.example, signed by itself."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed: the tests of certificates need it")
    made = tmp_path_factory.mktemp("tls") / "news.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        f" -subj /CN=news.example -addext subjectAltName=DNS:news.example -keyout {made} -out"
    )
    subprocess.run([*command.split(), f"{made}.crt"], check=True, capture_output=True)
    made.write_text(made.read_text() + Path(f"{made}.crt").read_text())
    return made


def presenting(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@in_loop
async def test_a_certificate_of_a_trusted_authority_is_checked_against_the_name(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an authority of the operator's own
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    safe = serving(respond(200, b"safe"), tls=presenting(certificate))
    async with safe as server, opened() as outgoing:
        # when the server is asked under its name, and under another
        reply = await outgoing.get(f"https://news.example:{server.port}/", allow_private=True)
        with pytest.raises(OutgoingError, match="certificate is not valid for") as caught:
            await outgoing.get(f"https://other.example:{server.port}/", allow_private=True)

    # then only its own name is good
    assert reply.body == b"safe"
    assert caught.value.kind == "tls"


@in_loop
async def test_a_certificate_that_nobody_trusts_is_refused(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    async with serving(respond(), tls=presenting(certificate)) as server, opened() as outgoing:
        with pytest.raises(OutgoingError, match="self-signed certificate") as caught:
            await outgoing.get(f"https://news.example:{server.port}/", allow_private=True)
    assert caught.value.kind == "tls"


@in_loop
async def test_a_redirect_from_https_to_http_is_refused(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    down = respond(301, location="http://plain.example/?key=hidden")
    async with serving(down, tls=presenting(certificate)) as server, opened() as outgoing:
        with pytest.raises(OutgoingError) as caught:
            await outgoing.get(f"https://news.example:{server.port}/", allow_private=True)
    assert caught.value.kind == "redirects"
    assert str(caught.value) == "news.example redirects from https to http at plain.example"
