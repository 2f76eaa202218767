"""The door for programs: `POST /api/v1/entries` takes articles in, as a source would bring them."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Body, Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from rules import Entry
from rules.visible import visible_text
from store import INBOX, Committed

MOST_ENTRIES = 500

TakeIn = Callable[[str, Sequence[Entry]], Awaitable[Committed | None]]
"""Stores entries of a source and owes what they bring about; None where it is busy for long."""

_BEARER = HTTPBearer(auto_error=False, description="the token of `[api]` in tocsin.toml")
_HALF = re.compile("[\ud800-\udfff]")


def _repaired(given: object) -> object:
    """Replace halves of characters (lone surrogates): JSON can escape them, UTF-8 cannot write them."""
    if not isinstance(given, str):
        return given
    try:
        given.encode()  # many times as fast as looking for them
    except UnicodeEncodeError:
        return _HALF.sub("�", given)
    return given


_REPAIRED = BeforeValidator(_repaired)

_Text = Annotated[str, _REPAIRED, Field(max_length=1_000_000)]
_Line = Annotated[str, _REPAIRED, Field(max_length=10_000)]


class NewEntry(BaseModel):
    """An article. `id` identifies it within its source: given again, it is an edit.

    Without `id`, its address does, or what it says.
    """

    model_config = ConfigDict(extra="forbid")

    id: _Line = ""
    source: Annotated[str, Field(max_length=64)] = INBOX.name
    url: _Line = ""
    title: _Line = ""
    summary: _Text = ""
    text: _Text = ""
    html: _Text = ""
    authors: Annotated[tuple[_Line, ...], Field(max_length=100)] = ()
    tags: Annotated[tuple[_Line, ...], Field(max_length=100)] = ()
    lang: Annotated[str, Field(max_length=35)] = ""
    published: AwareDatetime | None = None

    @model_validator(mode="after")
    def _says_something(self) -> NewEntry:
        if not (self.title.strip() or self.text.strip() or self.html.strip()):
            raise ValueError("there is nothing to match: give `title`, `text` or `html`")
        return self

    @property
    def entry(self) -> Entry:
        """Return it as an entry, HTML as what a reader sees of it; without `id`, its key is "" yet."""
        return Entry(
            key=self.id.strip(),
            url=self.url,
            title=self.title or self.text.strip().split("\n")[0][:200],
            summary=self.summary,
            text=self.text or visible_text(self.html),
            authors=self.authors,
            tags=self.tags,
            lang=self.lang,
            published=self.published.astimezone(UTC) if self.published else None,
        )


class Taken(BaseModel):
    """What came of the entries: how many are new, edited, and new matches of rules."""

    new: int = 0
    revised: int = 0
    matched: int = 0


def _by_source(given: Sequence[NewEntry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for one in given:
        found.setdefault(one.source, []).append(one.entry)
    return found


def router(token: str, known: Callable[[], Collection[str]], take_in: TakeIn) -> APIRouter:
    """Return the routes, for the sources *known*; without a *token* they refuse whoever asks."""
    routes = APIRouter(prefix="/api/v1", tags=["entries"])

    def allowed(
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> None:
        if not token:
            detail = 'the API is closed; open it with [api] token = {env = "DESK_TOKEN"}'
            raise HTTPException(403, detail)
        shown = given.credentials if given else ""
        if not hmac.compare_digest(shown.encode(), token.encode()):
            detail = "send the token: Authorization: Bearer …"
            raise HTTPException(401, detail, {"www-authenticate": "Bearer"})

    @routes.post("/entries", dependencies=[Depends(allowed)])
    async def add(
        entries: Annotated[
            NewEntry | Annotated[list[NewEntry], Field(min_length=1, max_length=MOST_ENTRIES)],
            Body(),
        ],
    ) -> Taken:
        """Take in one article or a list of up to 500; each is news, and alerts where a rule matches."""
        given = entries if isinstance(entries, list) else [entries]
        # In a thread: five hundred articles of HTML must not hold up those who read feeds.
        by_source = await asyncio.to_thread(_by_source, given)
        taken = Taken()
        if unknown := sorted(by_source.keys() - known()):
            raise HTTPException(422, f"there is no source `{unknown[0]}`; see /sources")
        for source, some in by_source.items():
            committed = await take_in(source, some)
            if committed is None:
                detail = f"the source `{source}` is busy; send the same again"
                raise HTTPException(503, detail, {"retry-after": "2"})
            taken.new += committed.new
            taken.revised += committed.revised
            taken.matched += committed.matched
        return taken

    return routes
