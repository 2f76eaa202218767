from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from feeds import guard
from feeds.connection import Connection
from feeds.guard import OutgoingError, SystemResolver, denied
from feeds.outgoing import Outgoing
from tests.feeds.servers import in_loop, respond, serving

ANY_PORT = range(1, 65536)

CLOSED = {
    "0.0.0.0": "unspecified",
    "0.1.2.3": "unspecified",
    "169.254.169.254": "link-local",
    "192.0.0.8": "reserved",
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4",
    "198.18.0.1": "benchmarks",
    "198.51.100.7": "documentation",
    "203.0.113.9": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::127.0.0.1": "IPv4-compatible",
    "::ffff:169.254.169.254": "link-local",
    "64:ff9b::a9fe:a9fe": "link-local",
    "64:ff9b:1::7f00:1": "not a public",
    "100::1": "not a public",
    "2001:0:7f00:1::": "Teredo",
    "2001:2::1": "reserved",
    "2001:db8::1": "documentation",
    "2002:7f00:1::": "6to4",
    "3fff::1": "documentation",
    "4000::1": "not a public",
    "5f00::1": "not a public",
    "fe80::1%eth0": "link-local",
    "fec0::1": "not a public",
    "ff02::1": "multicast",
    "ff0e::1": "multicast",
    "not an address": "not an IP address",
    "": "not an IP address",
}
PRIVATE = {
    "10.0.0.1": "private",
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.168.1.1": "private",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "100.64.0.1": "provider",
    "::1": "loopback",
    "fc00::1": "private",
    "fd12:3456::1": "private",
    "::ffff:127.0.0.1": "loopback",
    "::ffff:10.0.0.1": "private",
    "64:ff9b::7f00:1": "loopback",
}
OPEN = ["1.1.1.1", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111", "2a00:1450::1"]

DISGUISES = [
    "127.0.0.1",
    "127.0.0.2",
    "localhost",
    "LOCALHOST.",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "user:password@127.0.0.1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
]


@dataclass(slots=True)
class Names:
    """A resolver of which each question takes the next answer; it counts the questions."""

    answers: list[Sequence[str]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@pytest.mark.parametrize(("address", "why"), CLOSED.items())
def test_a_special_address_is_denied_even_where_private_ones_are_allowed(
    address: str, why: str
) -> None:
    assert why in (denied(address) or "")
    assert why in (denied(address, allow_private=True) or "")


@pytest.mark.parametrize(("address", "why"), PRIVATE.items())
def test_a_private_address_is_denied_unless_it_is_allowed(address: str, why: str) -> None:
    assert why in (denied(address) or "")
    assert denied(address, allow_private=True) is None


@pytest.mark.parametrize("address", OPEN)
def test_a_public_address_is_allowed(address: str) -> None:
    assert denied(address) is None


@pytest.mark.parametrize("host", DISGUISES)
@in_loop
async def test_no_disguise_of_this_machine_is_connected_to(host: str) -> None:
    # given a server that would notice the barest connection, and no rule about ports
    outgoing = Outgoing("test", ports=ANY_PORT)
    async with serving(respond(200, b"secret")) as server:
        # when the host is asked for
        with pytest.raises(OutgoingError) as caught:
            await outgoing.get(f"http://{host}:{server.port}/")
        await asyncio.sleep(0.02)

        # then nothing has arrived, not even a connection
        assert server.connections == 0
    assert caught.value.kind in ("denied", "dns", "address")
    await outgoing.aclose()


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["::1", "2606:4700::1111"]]
)
@in_loop
async def test_a_name_is_denied_for_any_one_of_its_addresses(addresses: list[str]) -> None:
    outgoing = Outgoing("test", resolve=Names([addresses]), ports=ANY_PORT)
    async with serving(respond()) as server:
        with pytest.raises(OutgoingError, match="is refused: it leads to a loop"):
            await outgoing.get(f"http://news.example:{server.port}/")
        assert server.connections == 0
    await outgoing.aclose()


@in_loop
async def test_a_name_is_resolved_once_and_connected_to_as_it_was_judged() -> None:
    # given a name that would lead elsewhere if it were asked for again
    names = Names([["127.0.0.1"], ["169.254.169.254"]])
    outgoing = Outgoing("test", resolve=names)
    async with serving(respond(200, b"here")) as server:
        reply = await outgoing.get(f"http://news.example:{server.port}/", allow_private=True)

        assert reply.body == b"here"
        assert names.asked == ["news.example"]
        assert server.asked[0].headers["host"] == f"news.example:{server.port}"
    await outgoing.aclose()


@in_loop
async def test_the_next_address_is_tried_where_one_does_not_take_the_connection() -> None:
    outgoing = Outgoing("test", resolve=Names([["127.0.0.9", "127.0.0.1"]]))
    async with serving(respond(200, b"here")) as server:
        reply = await outgoing.get(f"http://news.example:{server.port}/", allow_private=True)
    assert reply.body == b"here"
    await outgoing.aclose()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that swallow what is sent to them: what a test adds."""
    swallowing: list[str] = []
    connect = guard.connected

    async def connected(address: str, port: int) -> Connection:
        if address in swallowing:
            await asyncio.Event().wait()
        return await connect(address, port)

    monkeypatch.setattr(guard, "connected", connected)
    return swallowing


@in_loop
async def test_an_address_that_swallows_everything_costs_a_moment_alone(
    silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a host of which all addresses of IPv6 lead nowhere, and a time that a test can wait
    silent += ["2606:4700::1", "2606:4700::2"]
    monkeypatch.setattr(guard, "_HEAD_START", 0.01)
    monkeypatch.setattr(guard, "_ONE_CONNECT", 3600)
    outgoing = Outgoing("test", resolve=Names([[*silent, "127.0.0.1"]]))
    monkeypatch.setattr(guard, "denied", lambda *_, **__: None)

    # when it is asked, then the next address is tried beside the first, before its time is up
    async with serving(respond(200, b"here")) as server:
        reply = await outgoing.get(f"http://news.example:{server.port}/", allow_private=True)
        assert reply.body == b"here"
        assert server.connections == 1
    await outgoing.aclose()


@in_loop
async def test_of_two_connections_that_stand_the_second_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guard, "_HEAD_START", 0)
    connect = guard.connected
    both = asyncio.Barrier(2)

    async def connected(address: str, port: int) -> Connection:
        stream = await connect(address, port)
        await both.wait()
        return stream

    monkeypatch.setattr(guard, "connected", connected)
    outgoing = Outgoing("test", resolve=Names([["127.0.0.1", "127.0.0.1"]]))
    async with serving(respond(200, b"here")) as server:
        reply = await outgoing.get(f"http://news.example:{server.port}/", allow_private=True)
        assert reply.body == b"here"
        assert server.connections == 2
        async with asyncio.timeout(5):
            while server.open:
                await asyncio.sleep(0.01)
    await outgoing.aclose()


@in_loop
async def test_every_reason_is_told_where_no_address_takes_a_connection(
    silent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent.append("127.0.0.8")
    monkeypatch.setattr(guard, "_HEAD_START", 0.01)
    monkeypatch.setattr(guard, "_ONE_CONNECT", 0.1)
    outgoing = Outgoing("test", resolve=Names([["127.0.0.8", "127.0.0.1"]]))
    with pytest.raises(OutgoingError, match="refused, no answer") as caught:
        await outgoing.get("http://news.example:1/", allow_private=True)
    assert caught.value.kind == "connect"
    await outgoing.aclose()


def test_the_families_of_addresses_take_turns() -> None:
    given = ["2a00::1", "2a00::2", "2a00::3", "1.1.1.1"]
    assert guard._in_turn(given) == ["2a00::1", "1.1.1.1", "2a00::2", "2a00::3"]
    assert guard._in_turn(["1.1.1.1"]) == ["1.1.1.1"]


@in_loop
async def test_a_redirect_to_a_private_address_is_denied() -> None:
    # given a redirect, of which the target is judged as the first address was
    async with serving(respond()) as inside:
        target = f"http://169.254.169.254:{inside.port}/latest/meta-data"
        async with serving(respond(302, location=target)) as server:
            outgoing = Outgoing("test")
            with pytest.raises(OutgoingError, match="link-local") as caught:
                await outgoing.get(server.url, allow_private=True)
    assert caught.value.kind == "denied"
    await outgoing.aclose()


@in_loop
async def test_only_the_ports_of_the_web_are_connected_to() -> None:
    outgoing = Outgoing("test", resolve=Names([["1.1.1.1"]]))
    with pytest.raises(OutgoingError, match="port 25 is not one of the web's") as caught:
        await outgoing.get("http://news.example:25/")
    assert caught.value.kind == "denied"
    await outgoing.aclose()


@in_loop
async def test_the_port_that_an_operator_wrote_is_open_at_its_host_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given public names, of which this machine stands for the address
    connect = guard.connected
    leads_to = [
        ("http://news.example:8080/new", ""),
        ("http://news.example/new", ""),
        ("http://news.example:8081/", "news.example is refused: port 8081 is not one of the web's"),
        ("http://other.example:8080/", "other.example is refused: port 8080 is not one of the"),
    ]
    written = "http://me:key@News.Example:8080/feed"
    for place, refusal in leads_to:
        async with serving(respond(301, location=place), respond(200, b"x")) as server:

            async def here(address: str, port: int, own: int = server.port) -> Connection:
                return await connect("127.0.0.1", own)

            monkeypatch.setattr(guard, "connected", here)
            outgoing = Outgoing("test", resolve=Names([["1.1.1.1"]]))

            # when the written address redirects
            with pytest.raises(OutgoingError) if refusal else nullcontext() as caught:
                reply = await outgoing.get(written, written=written)
                assert reply.body == b"x"

            # then its own port and the web's are reached at its host, and no others
            assert len(server.asked) == (1 if refusal else 2)
            if caught:
                assert refusal in str(caught.value)
        await outgoing.aclose()


@in_loop
async def test_a_written_port_opens_no_private_address() -> None:
    outgoing = Outgoing("test")
    async with serving(respond()) as server:
        with pytest.raises(OutgoingError, match="it leads to a loopback address"):
            await outgoing.post(server.url, headers={}, body=b"x", written=server.url)
        assert server.connections == 0
    await outgoing.aclose()


@pytest.mark.parametrize("port", [65536, 99999])
@in_loop
async def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    outgoing = Outgoing("test")
    with pytest.raises(OutgoingError, match=f"no port {port}"):
        await outgoing.get(f"http://127.0.0.1:{port}/", allow_private=True)
    await outgoing.aclose()


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".invalid"])
@in_loop
async def test_a_name_without_an_address_says_so(host: str) -> None:
    async def nowhere(host: str, port: int) -> Sequence[str]:
        host.encode("idna")
        raise OSError(-2, "Name or service not known")

    outgoing = Outgoing("test", resolve=nowhere)
    with pytest.raises(OutgoingError, match="has no address") as caught:
        await outgoing.get(f"http://{host}/")
    assert caught.value.kind == "dns"
    await outgoing.aclose()


@in_loop
async def test_a_name_server_that_does_not_answer_holds_up_nobody_else() -> None:
    async def slow(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(60 if host == "slow.example" else 0)
        return ["127.0.0.1"]

    outgoing = Outgoing("test", resolve=slow)
    async with serving(respond(200, b"here")) as server:
        stuck = outgoing.get(
            f"http://slow.example:{server.port}/",
            allow_private=True,
            deadline=timedelta(seconds=0.3),
        )
        quick = outgoing.get(f"http://quick.example:{server.port}/", allow_private=True)
        failed, reply = await asyncio.gather(stuck, quick, return_exceptions=True)
    assert isinstance(failed, OutgoingError)
    assert failed.kind == "timeout"
    assert not isinstance(reply, BaseException)
    await outgoing.aclose()


@in_loop
async def test_the_system_resolver_gives_each_address_once() -> None:
    resolver = SystemResolver()
    assert sorted(await resolver("127.1", 80)) == ["127.0.0.1"]
    resolver.close()
