"""The sources of a desk: sources.yaml, read and checked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from rules import DeskError, Problem
from rules.visible import bad_selector
from rules.yamldoc import Places, read_yaml
from store import INBOX, SourceSpec
from watcher.models import DeskModel, Duration, Name, file_bytes, problems_of
from watcher.settings import WebAddress

FILE = "sources.yaml"

_POLITE = timedelta(minutes=1)


def _alert_since(value: object) -> object:
    if value in ("added", "always") or isinstance(value, datetime):
        return value
    try:
        day = date.fromisoformat(str(value))
    except ValueError as error:
        hint = "write added, always, or a day: 2026-11-24"
        raise PydanticCustomError("alert_since", "not a day", {"hint": hint}) from error
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


class SourceEntry(DeskModel):
    """One source as sources.yaml writes it."""

    name: Name
    kind: Literal["feed", "page", "files"]
    url: WebAddress | None = None
    path: Annotated[str, Field(min_length=1)] | None = None
    lang: str = ""
    every: Duration | None = None
    full_text: bool = False
    links: str = ""
    allow_private: bool = False
    alert_since: Annotated[datetime | Literal["added", "always"], BeforeValidator(_alert_since)] = (
        "added"
    )
    enabled: bool = True

    @model_validator(mode="after")
    def _has_one_address(self) -> SourceEntry:
        if self.kind == "files" and (self.url or not self.path):
            hint = "path: articles"
            raise PydanticCustomError("address", "a folder of files has a `path`", {"hint": hint})
        if self.kind == "page" and (self.path or not self.url):
            hint = "url: https://example.org/page"
            raise PydanticCustomError("address", "a page has a `url`", {"hint": hint})
        if self.kind == "feed" and bool(self.url) == bool(self.path):
            hint = "url: https://example.org/feed.xml"
            message = "a feed has a `url`, or a `path` to a file in the desk"
            raise PydanticCustomError("address", message, {"hint": hint})
        return self

    @property
    def spec(self) -> SourceSpec:
        """Return the source in the store's words."""
        return SourceSpec(
            name=self.name,
            kind=self.kind,
            address=self.url or self.path or "",
            lang=self.lang,
            every=self.every,
            full_text=self.full_text,
            links=self.links,
            allow_private=self.allow_private,
            alert_since=self.alert_since,
            enabled=self.enabled,
        )


class SourcesFile(DeskModel):
    """The whole of sources.yaml."""

    version: Literal[1]
    sources: tuple[SourceEntry, ...] = ()


def read_sources(folder: Path, shown: str) -> tuple[SourceSpec, ...]:
    """Return the sources of the desk in *folder*, the inbox among them.

    *shown* is the file's name in messages. Raise DeskError with every problem found.
    """
    path = folder / FILE
    return checked_sources(folder, shown, file_bytes(path, shown)) if path.exists() else (INBOX,)


def checked_sources(folder: Path, shown: str, data: bytes) -> tuple[SourceSpec, ...]:
    """Return the sources that *data* describes, as read_sources does."""
    document = read_yaml(shown, data)
    value = document.value if document.value is not None else {}
    try:
        entries = SourcesFile.model_validate(value).sources
    except ValidationError as error:
        raise DeskError(problems_of(error, SourcesFile, shown, document.places.place)) from error
    problems = [
        problem
        for index, entry in enumerate(entries)
        for problem in _problems(index, entry, entries, folder, document.places)
    ]
    if problems:
        raise DeskError(problems)
    return (INBOX, *(entry.spec for entry in entries))


def _problems(
    index: int,
    entry: SourceEntry,
    entries: tuple[SourceEntry, ...],
    folder: Path,
    places: Places,
) -> list[Problem]:
    problems: list[Problem] = []

    def add(key: str, code: str, message: str, hint: str) -> None:
        problems.append(places.problem(("sources", index, key), code, message, hint))

    names = [INBOX.name, *(other.name for other in entries[:index])]
    if entry.name in names:
        add(
            "name", "S201", f"the name `{entry.name}` is taken", "each source has a name of its own"
        )
    if entry.every is not None and entry.every < _POLITE and entry.url and not entry.allow_private:
        add(
            "every",
            "S202",
            "a public server is asked once a minute at most",
            "every: 15m is polite",
        )
    if entry.path and not _inside(folder, entry.path):
        add("path", "S203", f"{entry.path} leads out of the desk", "keep local files in the desk")
    if entry.full_text and entry.kind != "feed" and not entry.links:
        add("full_text", "S204", "only a feed has linked articles", "leave `full_text` out")
    if entry.links and entry.kind != "page":
        add("links", "S205", "only a page has `links`", "kind: page")
    elif entry.links and (reason := bad_selector(entry.links)):
        hint = "a CSS selector names the headlines: links: h2 a"
        add("links", "S205", f"`{entry.links}` is no CSS selector: {reason}", hint)
    return problems


def _inside(folder: Path, path: str) -> bool:
    if "\x00" in path:
        return False
    root = folder.resolve()
    return (root / path).resolve().is_relative_to(root)
