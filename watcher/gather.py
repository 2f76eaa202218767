"""Gathers what one source shows now, whatever its kind: a server, a local feed, a folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from feeds.outgoing import Outgoing
from rules import Entry
from store import NO_WISHES, Hub, Source, Validators, Wishes
from watcher.fetch import FetchError, fetch
from watcher.fulltext import FullTexts
from watcher.hosts import Hosts, host_of
from watcher.links import canonical
from watcher.parse import (
    Document,
    ParseError,
    parse_article,
    parse_document,
    parse_listing,
)
from watcher.parse.articles import SUFFIXES
from watcher.readers import Readers

LARGEST_FILE = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a source shows now.

    *validators* are what to ask with next time. *changed* is False where the
    source said, or its bytes show, that nothing is new. *error* tells what
    could not be read beside the entries that could. *moved_to* and *fresh_for*
    are what its server said, *wishes* what its feed asks for; *whole* tells that
    it was asked without conditions, *same* that its validators are the old ones.
    *hub* is who pushes what is new.
    """

    validators: Validators
    entries: tuple[Entry, ...] = ()
    changed: bool = True
    error: str = ""
    moved_to: str = ""
    fresh_for: timedelta = timedelta()
    wishes: Wishes = NO_WISHES
    whole: bool = False
    same: bool = False
    hub: Hub | None = None


class Gatherer:
    """Gathers with one door to the network, one set of readers, and the desk's folder."""

    def __init__(self, outgoing: Outgoing, readers: Readers, folder: Path) -> None:
        self._outgoing = outgoing
        self._readers = readers
        self._folder = folder
        self.hosts = Hosts()
        self.full_texts = FullTexts(outgoing, readers, self.hosts)

    async def gather(self, source: Source, now: datetime) -> Gathered:
        """Return what *source* shows; raise FetchError or ParseError where it shows nothing."""
        if source.spec.kind == "files":
            return self._folder_of(source)
        if "://" not in source.spec.address:
            return await self._read(source, _local(self._folder, source.spec.address))
        async with self.hosts.turn(_host(source)):
            fetched = await fetch(self._outgoing, source, now)
        gathered = Gathered(validators=fetched.validators, changed=False)
        if fetched.document is not None:
            gathered = await self._read(source, fetched.document)
        return replace(
            gathered,
            validators=fetched.validators,
            moved_to=fetched.moved_to,
            fresh_for=fetched.fresh_for,
            whole=fetched.whole,
            same=fetched.same,
            hub=fetched.hub or gathered.hub,
        )

    async def _read(self, source: Source, document: Document) -> Gathered:
        validators = Validators(body_sha256=document.sha256)
        if document.sha256 == source.validators.body_sha256:
            return Gathered(validators=validators, changed=False)
        if source.spec.links:
            parsed = await self._readers.call(parse_listing, document, source.spec.links)
        else:
            parsed = await self._readers.call(parse_document, source.spec.kind, document)
        entries = parsed.entries
        if source.spec.kind == "page" and not source.spec.links:
            # One page is one entry, wherever its server redirects to today.
            entries = tuple(replace(e, key=canonical(source.spec.address)) for e in entries)
        return Gathered(
            entries=entries, validators=validators, wishes=parsed.wishes, hub=parsed.hub
        )

    def _folder_of(self, source: Source) -> Gathered:
        folder = self._folder / source.spec.address
        if not folder.is_dir():
            raise FetchError(f"there is no folder {source.spec.address} in the desk; make it")
        files = {path.name: path for path in sorted(folder.iterdir()) if _is_article(path)}
        sizes = {
            name: (path.stat().st_mtime_ns, path.stat().st_size) for name, path in files.items()
        }
        digest = hashlib.sha256(repr(sizes).encode()).hexdigest()
        validators = Validators(body_sha256=digest)
        if digest == source.validators.body_sha256:
            return Gathered(validators=validators, changed=False, error=source.error)
        entries, errors = [], []
        for name, path in files.items():
            try:
                entries.append(_article(name, path))
            except (ParseError, FetchError) as error:
                errors.append(str(error))
        return Gathered(entries=tuple(entries), validators=validators, error="; ".join(errors))


def _host(source: Source) -> str:
    """Return the host that others share with us; our own servers can be asked at once."""
    return "" if source.spec.allow_private else host_of(source.spec.address)


def _is_article(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _article(name: str, path: Path) -> Entry:
    if path.stat().st_size > LARGEST_FILE:
        raise ParseError(f"{name} is larger than 10 MB; split it")
    try:
        return parse_article(name, path.read_bytes())
    except OSError as error:
        raise FetchError(f"{name} cannot be read: {error.strerror}") from error


def _local(folder: Path, address: str) -> Document:
    path = folder / address
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ParseError(f"{address} is larger than 10 MB")
        return Document(address=address, body=path.read_bytes())
    except OSError as error:
        raise FetchError(f"{address} cannot be read: {error.strerror}") from error
