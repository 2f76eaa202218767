"""The templates of a channel: read from the settings and the desk's files, and tried on samples."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from feeds.messages import TemplateProblemError, check
from feeds.samples import samples
from rules import DeskError, Problem
from store import MessageTemplate
from watcher.models import file_bytes
from watcher.telling import TemplateSettings, TextFile, WordsSettings
from watcher.tomldoc import TomlDocument

Part = Literal["title", "body"]
_PARTS: tuple[Part, ...] = ("title", "body")
_EVENTS = {
    "match": ("match.created", "match.updated"),
    "digest": ("digest",),
    "source": ("source.failing", "source.recovered"),
}
_NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
_HOME = "http://127.0.0.1:8765"
_HINT = "feeds/README.md says which names there are; what may be missing is asked with `is defined`"


def templates(
    at: tuple[str, ...],
    written: TemplateSettings | None,
    folder: Path,
    document: TomlDocument,
) -> tuple[dict[str, MessageTemplate], list[Problem]]:
    """Return the templates that stand at *at* in the settings, by kind of event, and their problems."""
    found: dict[str, MessageTemplate] = {}
    problems: list[Problem] = []
    for kind, words, place in _words(at, written):
        body = words.body if isinstance(words.body, str) else ""
        file = words.body.file if isinstance(words.body, TextFile) else ""
        try:
            if file:
                body = _text(folder, file, document.place((*place, "body")), document)
        except DeskError as error:
            problems += error.problems
            continue
        found[kind] = MessageTemplate(title=words.title, body=body, format=words.format)
        for part in _PARTS:
            if fault := _fault(found[kind], part, kind):
                shown = _shown(document, file) if file and part == "body" else ""
                problems.append(_problem(fault, shown, (*place, part), document))
    return found, problems


def _words(
    at: tuple[str, ...], written: TemplateSettings | None
) -> Iterator[tuple[str, WordsSettings, tuple[str, ...]]]:
    if written is None:
        return
    if written.title or written.body or written.format:
        yield "match", written, at
    for kind, words in (("digest", written.digest), ("source", written.source)):
        if words is not None:
            yield kind, words, (*at, kind)


def _shown(document: TomlDocument, name: str) -> str:
    """Return the file of the desk that the settings call *name*, as messages show it."""
    return str(Path(document.file).parent / name)


def _text(folder: Path, name: str, place: tuple[int, int], document: TomlDocument) -> str:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        line, column = place
        raise DeskError(
            [
                Problem(
                    file=document.file,
                    line=line,
                    column=column,
                    code="S114",
                    message=f"the template {name} lies outside the desk",
                    hint="put it into the desk's folder",
                )
            ]
        )
    try:
        return file_bytes(path, _shown(document, name)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = Problem(
            file=_shown(document, name),
            line=1,
            column=1,
            code="S114",
            message="the file is not UTF-8",
            hint="",
        )
        raise DeskError([problem]) from error


def _fault(template: MessageTemplate, part: Part, kind: str) -> TemplateProblemError | None:
    """Return why a part cannot be written for one of the events that it is for, or None."""
    for event in _EVENTS[kind]:
        for sample in samples(event, _NOON, _HOME):
            try:
                check(template, part, sample)
            except TemplateProblemError as error:
                return error
    return None


def _problem(
    error: TemplateProblemError, shown: str, at: tuple[str, ...], document: TomlDocument
) -> Problem:
    line, column, file = error.line, 1, shown
    if not shown:
        line, column, file = *document.place(at), document.file
        if error.line > 1 or _opens_below(document, line):
            line, column = line + error.line - 1 + _opens_below(document, line), 1
    message = f"the template cannot be used: {error}"
    return Problem(file=file, line=line, column=column, code="S114", message=message, hint=_HINT)


def _opens_below(document: TomlDocument, line: int) -> bool:
    """Tell whether the text of the key in *line* begins in the line below it."""
    lines = document.data.decode("utf-8-sig").splitlines()
    return lines[line - 1].rstrip().endswith(('"""', "'''"))
