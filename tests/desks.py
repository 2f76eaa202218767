"""Desks on disk, opened as `tocsin run` opens them, for tests of the whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from store import Source
from watcher.app import App, opened
from watcher.poll import Polled

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
RULES = """version: 1
rules:
  - id: law-32108
    title: "Peru: Law 32108"
    query: law:32108
    notify: [newsroom]
  - id: extortion
    query: extorsion OR extortion
"""


def rss(*items: tuple[str, str]) -> bytes:
    """Return an RSS feed of (guid, text) items."""
    written = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><title>{text}</title>"
        f"<link>https://news.example/{guid}</link></item>"
        for guid, text in items
    )
    return f'<rss version="2.0"><channel><title>T</title>{written}</channel></rss>'.encode()


def write_desk(
    folder: Path,
    *,
    feeds: Mapping[str, str] | None = None,
    receiver: str = "",
    rules: str = RULES,
    options: str = "alert_since: always",
    events: str = '["match.created"]',
    port: int = 0,
    private: bool = True,
) -> Path:
    """Write a desk: *feeds* are name -> address; *receiver* is where webhooks go, if anywhere.

    Both may stand on loopback, unless they are not *private*.
    """
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    (folder / "articles").mkdir(exist_ok=True)
    wanted = rules if receiver else rules.replace("    notify: [newsroom]\n", "")
    (folder / "rules" / "rules.yaml").write_text(wanted, "utf-8")
    lines = [
        f"  - {{name: {name}, kind: feed, url: '{url}', allow_private: {str(private).lower()}, "
        f"{options}}}\n"
        for name, url in (feeds or {}).items()
    ]
    lines.append("  - {name: articles, kind: files, path: articles, alert_since: always}\n")
    (folder / "sources.yaml").write_text("version: 1\nsources:\n" + "".join(lines), "utf-8")
    settings = f"[server]\nport = {port}\n"
    if receiver:
        (folder / "newsroom.secret").write_text(SECRET)
        settings += (
            f'[endpoints.newsroom]\nurl = "{receiver}"\nevents = {events}\n'
            'secret = {file = "newsroom.secret"}\n'
            f"allow_private = {str(private).lower()}\n"
        )
    (folder / "tocsin.toml").write_text(settings, "utf-8")
    return folder


@asynccontextmanager
async def at_work(folder: Path) -> AsyncIterator[App]:
    """Open the desk in *folder*; its engine does not beat, so that a test decides what runs."""
    async with opened(folder, {}) as app:
        yield app


async def polled(app: App, name: str) -> Polled:
    """Return what a look at the source *name*, due or not, came to."""
    found = await app.poller.poll(name, due_only=False)
    assert found is not None
    return found


def source(app: App, name: str = "news") -> Source:
    """Return a source as the store has it."""
    found = app.database.source(name)
    assert found is not None
    return found


def titles(app: App, *rules: str) -> list[str]:
    """Return the titles of the matches of *rules*, newest first."""
    return [one.entry.title for one in app.database.published(rules or ("law-32108",), 1000)]
