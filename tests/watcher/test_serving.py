"""Where the web server listens."""

from __future__ import annotations

import socket

import pytest

from watcher.serving import PortTakenError, listening


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with listening("127.0.0.1", 0) as listener:
        # asyncio sets TCP_NODELAY on sockets that name their protocol, and on no others.
        assert listener.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"127.0.0.1:{port}.*TOCSIN_SERVER__PORT"):
            listening("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(PortTakenError, match=r"cannot listen at 192\.0\.2\.1:1"):
        listening("192.0.2.1", 1)
