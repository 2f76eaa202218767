"""The commands about feeds: list, token, revoke."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.markup import escape

from feeds.address import Part
from feeds.pages import counted
from feeds.private import PREFIX, digest, new_token
from feeds.shelf import RENDERERS
from store import Feed, FeedToken
from store.database import Database
from watcher.clock import utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import moment, out, write_json, write_table
from watcher.desk import DeskState, find_desk, read_desk
from watcher.models import did_you_mean


@contextmanager
def _opened(given: Path | None) -> Iterator[tuple[DeskState, Database]]:
    state = read_desk(find_desk(given, os.environ, Path.cwd()), os.environ)
    database = Database.open(state.settings.store_url)
    try:
        yield state, database
    finally:
        database.close()


def show(given: Path | None, *, json: bool) -> None:
    """Write each feed with its address, and the readers of private ones."""
    with _opened(given) as (state, database):
        counts, tokens = database.match_counts(), database.tokens()
    catalogue = state.catalogue
    feeds = (*catalogue.feeds.values(), *catalogue.private.values())
    if json:
        write_json([_as_json(state, feed, counted(feed, counts), tokens) for feed in feeds])
        return
    rows = [
        (feed.name, feed.title, str(counted(feed, counts)), _address(state, feed)) for feed in feeds
    ]
    write_table(("feed", "title", "matches", "address"), rows, empty="There are no feeds.")
    readers = [(one.id, one.feed, one.label or "–", moment(one.created_at)) for one in tokens]
    if readers:
        out().print()
        write_table(("id", "private feed", "reader", "since"), readers, empty="")


def _address(state: DeskState, feed: Feed) -> str:
    return f"private: tocsin feeds token {feed.name}" if feed.private else _public(state, feed)


def _public(state: DeskState, feed: Feed) -> str:
    return f"{state.settings.site.base_url}/{Part(name=feed.name).path('atom')}"


def _as_json(
    state: DeskState, feed: Feed, count: int, tokens: tuple[FeedToken, ...]
) -> dict[str, object]:
    readers = [
        {"id": one.id, "label": one.label, "created": one.created_at}
        for one in tokens
        if one.feed == feed.name
    ]
    return {
        "name": feed.name,
        "title": feed.title,
        "rules": list(feed.rules),
        "matches": count,
        "private": feed.private,
        "address": None if feed.private else _public(state, feed),
        "readers": readers,
    }


def token(given: Path | None, name: str, label: str, *, json: bool) -> None:
    """Make a token of a private feed and write the addresses that it opens."""
    with _opened(given) as (state, database):
        private = state.catalogue.private
        if name not in private:
            raise UsageError(_not_private(state, name))
        made = new_token()
        kept = database.add_token(name, label, digest(made), utc_now())
    base = f"{state.settings.site.base_url}{PREFIX}{made}"
    addresses = {ending: f"{base}/{Part(name=name).path(ending)}" for ending in RENDERERS}
    page = f"{base}/topics/{name}"
    if json:
        write_json({"id": kept.id, "feed": name, "label": label, **addresses, "page": page})
        return
    out().print(f"These addresses open [bold]{escape(name)}[/] and are not shown again:")
    for address in (*addresses.values(), page):
        out().print(f"  {escape(address)}", soft_wrap=True)
    out().print(f"Close them with: tocsin feeds revoke {kept.id}")


def _not_private(state: DeskState, name: str) -> str:
    if name in state.catalogue.feeds:
        return f"the feed `{name}` is public; to make it private: [feeds.{name}] private = true"
    private = state.catalogue.private
    hint = (
        did_you_mean(name, private) or "make one: [feeds.NAME] with private = true in tocsin.toml"
    )
    return f"there is no private feed `{name}`; {hint}"


def revoke(given: Path | None, identity: str, *, json: bool) -> None:
    """Forget a token."""
    with _opened(given) as (_, database):
        gone = database.revoke_token(identity)
        known = [one.id for one in database.tokens()]
    if gone is None:
        hint = did_you_mean(identity, known) or "see: tocsin feeds list"
        raise UsageError(f"there is no reader `{identity}`; {hint}")
    if json:
        write_json({"id": gone.id, "feed": gone.feed, "label": gone.label})
    else:
        who = f" ({gone.label})" if gone.label else ""
        out().print(escape(f"{gone.id}{who} does not open {gone.feed} any more"))
