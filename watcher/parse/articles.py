"""Reads article files: .txt, .md with optional front matter, and .html."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import PurePath
from typing import Any

from rules import DeskError, Entry
from rules.visible import title_of, visible_text
from rules.yamldoc import read_yaml
from watcher.parse.document import ParseError
from watcher.parse.fields import absolute, iso_instant

SUFFIXES = frozenset({".txt", ".md", ".html", ".htm"})
_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)


def parse_article(name: str, data: bytes) -> Entry:
    """Return the article in the file *name* as an entry, identified by that name.

    Its text is the file's own text (for .html, the visible text), so that
    offsets point into it; the title is the front matter's, the first
    heading, or the first line. Raise ParseError for what is no text.
    """
    text = _decoded(name, data)
    if PurePath(name).suffix.lower() in {".html", ".htm"}:
        entry = Entry(key=name, title=title_of(text), text=visible_text(text))
    else:
        front, body = _split(name, text)
        heading = _HEADING.search(body) if name.endswith(".md") else None
        entry = _with_front(Entry(key=name, title=heading[1] if heading else "", text=body), front)
    if not entry.text.strip():
        raise ParseError(f"{name} is empty; write the article into it, or remove it")
    return entry if entry.title else replace(entry, title=entry.text.strip().splitlines()[0][:200])


def _decoded(name: str, data: bytes) -> str:
    if b"\x00" in data[:8192]:
        raise ParseError(f"{name} is not text but binary; keep .txt, .md and .html files here")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"{name} is not UTF-8 (line {line}, byte {error.start}); save it as UTF-8"
        raise ParseError(message) from error


def _split(name: str, text: str) -> tuple[Mapping[str, Any], str]:
    found = _FRONT_MATTER.match(text)
    if not found or not name.endswith(".md"):
        return {}, text
    try:
        front = read_yaml(name, found[1].encode("utf-8", "surrogatepass")).value
    except DeskError as error:
        problem = error.problems[0]
        where = f"line {problem.line + 1}"
        raise ParseError(
            f"{name}: its front matter is broken ({where}: {problem.message})"
        ) from error
    return (front, text[found.end() :]) if isinstance(front, dict) else ({}, text)


def _with_front(entry: Entry, front: Mapping[str, Any]) -> Entry:
    return replace(
        entry,
        title=_text(front.get("title")) or entry.title,
        url=absolute("", _text(front.get("url"))),
        lang=_text(front.get("lang")),
        authors=_texts(front.get("authors", front.get("author"))),
        tags=_texts(front.get("tags")),
        published=_instant(front.get("published", front.get("date"))),
    )


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_text, value if isinstance(value, list) else [value])))


def _instant(value: object) -> datetime | None:
    try:
        day = date.fromisoformat(_text(value))
    except ValueError:
        return iso_instant(value)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
