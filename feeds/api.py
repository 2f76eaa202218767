"""The door for programs: `POST /api/v1/entries` takes articles in, as a source would bring them."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Sequence
from datetime import UTC
from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, Body, Depends, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    ValidationError,
    model_validator,
)

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


class _Unread(Request):
    """A request whose body is left as it came: whoever takes it reads it, not the event loop."""

    async def json(self) -> Any:
        return await self.body()


class _Route(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            return await handle(_Unread(request.scope, request.receive))

        return handled


def _by_source(body: bytes) -> dict[str, list[Entry]]:
    """Return the articles of *body* by their source; raise RequestValidationError.

    They are read one by one, so that other threads have their turn between two.
    """
    found: dict[str, list[Entry]] = {}
    for place, given in _articles(body):
        try:
            new = NewEntry.model_validate(given)
        except ValidationError as error:
            faults = [{**one, "loc": (*place, *one["loc"])} for one in error.errors()]
            raise RequestValidationError(faults) from error
        found.setdefault(new.source, []).append(new.entry)
    return found


def _articles(body: bytes) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Yield what *body* holds as JSON: one article, or each of a list, with its place."""
    several: Sequence[object]
    try:
        several = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError):
        # It is no list; or it holds halves of characters, which Python's own reader takes.
        whole = _loaded(body, ("body",))
        if not isinstance(whole, list):
            yield ("body",), whole
            return
        several = whole
    if not 1 <= len(several) <= MOST_ENTRIES:
        raise _refusal(("body",), f"give 1 to {MOST_ENTRIES} articles at once", "list_length")
    for number, one in enumerate(several):
        place = ("body", number)
        yield place, _loaded(bytes(one), place) if isinstance(one, msgspec.Raw) else one


def _loaded(written: bytes, place: tuple[str | int, ...]) -> object:
    try:
        return json.loads(written)
    except (ValueError, RecursionError) as error:
        raise _refusal(place, f"this is not JSON: {error}", "json_invalid") from error


def _refusal(place: tuple[str | int, ...], words: str, kind: str) -> RequestValidationError:
    return RequestValidationError([{"loc": place, "msg": words, "type": kind}])


def router(token: str, known: Callable[[], Collection[str]], take_in: TakeIn) -> APIRouter:
    """Return the routes, for the sources *known*; without a *token* they refuse whoever asks."""
    routes = APIRouter(prefix="/api/v1", tags=["entries"], route_class=_Route)

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
            SkipValidation,
            Body(),
        ],
    ) -> Taken:
        """Take in one article or a list of up to 500; each is news, and alerts where a rule matches."""
        # In a thread: five hundred articles must not hold up those who read feeds.
        by_source = await asyncio.to_thread(_by_source, cast(bytes, entries))
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
