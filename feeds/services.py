"""What Apprise knows: mail, chats and other services. Its only room, slow to import.

Apprise reaches the network by itself. It does so in a child process, in which
every connection is judged as it is made (`confined`), and which is ended when it
takes too long.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import apprise as untyped
from apprise.manager_plugins import NotificationManager

from feeds.clean import scheme
from feeds.guard import denied
from feeds.messages import FORMATS, Format, Limits, Message, message
from feeds.sending import Answer, logged
from store import MessageTemplate

_TEMPLATE_SECONDS = 5
_NO_WAY_OUT = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.forkpty",
)
_CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg")
_HIDING = re.compile(r"\+|.*(token|key|secret|pass|auth|sig)", re.IGNORECASE)
_SHORTEST_SECRET = 4
_KINDS = {"source.failing": "warning", "source.recovered": "success"}


_apprise: Any = untyped
_manager: Any = NotificationManager
_SCHEMES = frozenset(_manager().schemas())
"""What addresses may begin with. To ask for it loads every service, once and for all."""


class ChannelError(ValueError):
    """An address that no channel has; *hint* says what to do about it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """What an address says of itself.

    *shown* is the address without its secrets, and *confidential* tells whether
    it has any.
    """

    service: str
    shown: str
    confidential: bool
    limits: Limits


def channel(address: str) -> Channel:
    """Return what *address* says of itself; raise ChannelError where nothing can be sent to it."""
    plugin = _plugin(address)
    shown = plugin.url(privacy=True)
    formats = plugin.notify_format
    first = formats[0] if isinstance(formats, tuple) else formats
    likes = str(getattr(first, "value", first))
    form: Format = next((form for form in FORMATS if form == likes), "text")
    return Channel(
        service=str(plugin.service_name),
        shown=shown.partition("?")[0],
        confidential=shown != plugin.url(privacy=False) or _hides(address),
        limits=Limits(format=form, title=plugin.title_maxlen, body=plugin.body_maxlen),
    )


def rendered(
    address: str, body: bytes, templates: Mapping[str, MessageTemplate]
) -> tuple[Message, Channel]:
    """Return the message that *address* gets of the frozen *body*, and the channel."""
    found = channel(address)
    return message(json.loads(body), templates, found.limits), found


def delivered(
    address: str, body: bytes, templates: Mapping[str, MessageTemplate], *, allow_private: bool
) -> tuple[Answer, str]:
    """Return what came of sending *body* to *address*, and why the desk's template failed, or "".

    It runs in a child process that `confined` prepared.
    """
    try:
        with _alarmed(_TEMPLATE_SECONDS):
            text, found = rendered(address, body, templates)
        plugin = _plugin(address)
    except ChannelError as error:
        return Answer(verdict="refused", error=str(error)), ""
    kind = _KINDS.get(json.loads(body)["type"], "info")
    with _way(allow_private=allow_private):
        taken, said = _notified(plugin, text, kind)
    secrets = sorted(_secrets(address), key=len, reverse=True)
    lines = [logged(line, secrets) for line in said.splitlines() if line.strip()]
    if taken:
        return Answer(verdict="taken", response=f"{found.service} took it"), text.problem
    why = _Way.refusal or next(iter(lines), f"{found.service} did not take it")
    return Answer(verdict="refused", error=why, response="\n".join(lines)), text.problem


def confined() -> None:
    """Keep this process to connections that the guard allows, and to no other programs.

    It cannot be undone: audit hooks (PEP 578) are there until the process ends.
    """
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ["NETRC"] = os.devnull
    sys.addaudithook(_judged)


class _Way:
    """What the connections of the message that is being sent may reach, and what was refused."""

    allow_private = False
    refusal = ""


@contextmanager
def _way(*, allow_private: bool) -> Iterator[None]:
    _Way.allow_private, _Way.refusal = allow_private, ""
    try:
        yield
    finally:
        _Way.allow_private = False


def _judged(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _NO_WAY_OUT:
        raise PermissionError("a channel runs no other programs")
    if event not in _CONNECTING:
        return
    target = arguments[1]
    refusal = _refused(target[0]) if isinstance(target, tuple) else "it is a socket of this machine"
    if refusal:
        _Way.refusal = f"its host is refused: {refusal}"
        raise PermissionError(_Way.refusal)


def _refused(host: str) -> str:
    """Return why nothing may be sent to *host*, or "" if it may.

    Most libraries resolve names and connect to addresses; those that connect to a
    name are judged by all that it leads to now.
    """
    named = denied(host) == "not an IP address"
    places = socket.getaddrinfo(host, None) if named else []
    for address in [str(place[4][0]) for place in places] if named else [host]:
        if why := denied(address, allow_private=_Way.allow_private):
            never = _Way.allow_private or denied(address, allow_private=True)
            return f"it leads to {why}" + ("" if never else " (allow_private permits that)")
    return ""


def _plugin(address: str) -> Any:
    """Return Apprise's plugin for *address*."""
    asset = _apprise.AppriseAsset(
        storage_mode="memory", service_timeout=0, allow_templates=False, secure_logging=True
    )
    asset.app_id, asset.app_desc, asset.app_url = "tocsin", "tocsin", ""
    asset.async_mode, asset.http_redirects, asset.image_url_mask = False, False, ""
    name = scheme(address)
    if name not in _SCHEMES:
        near = get_close_matches(name, sorted(_SCHEMES), n=1)
        hint = f"did you mean `{near[0]}://`?" if near else "see https://appriseit.com/services/"
        raise ChannelError(f"there is no channel `{name}://`", hint)
    plugin = _apprise.Apprise.instantiate(address, asset=asset)
    if plugin is None:
        hint = f"see how an address of `{name}://` is written: https://appriseit.com/services/"
        raise ChannelError(f"it is no address of `{name}://`", hint)
    return plugin


def _notified(plugin: Any, text: Message, kind: str) -> tuple[bool, str]:
    """Return whether the service took the message, and what Apprise said about it."""
    notifier = _apprise.Apprise(asset=plugin.asset)
    notifier.add(plugin)
    with _apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as said:
        taken = bool(
            notifier.notify(
                body=text.body,
                title=text.title,
                body_format=text.format,
                notify_type=kind,
                interpret_escapes=False,
            )
        )
        return taken, said.getvalue()


@contextmanager
def _alarmed(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in what runs for longer; only the main thread of a process can do so."""

    def ring(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _hides(address: str) -> bool:
    """Tell whether a parameter of *address* seems to be a secret that Apprise does not know as one."""
    query = urlsplit(address).query
    return any(_HIDING.match(pair) for pair in query.split("&"))


def _secrets(address: str) -> Iterator[str]:
    """Yield the parts of *address* that must not stand in a log, as they may be written."""
    rest = address.partition("://")[2]
    host = ""
    with suppress(ValueError):
        host = urlsplit(address).hostname or ""
    for part in re.split(r"[/?&=:@#,]", rest):
        for spelling in {part, unquote_plus(part)}:
            if len(spelling) >= _SHORTEST_SECRET and spelling.lower() != host:
                yield spelling
