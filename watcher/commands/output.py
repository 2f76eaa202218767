"""What commands print: tables and progress for people, JSON for programs, errors for both."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from feeds.highlight import Segment
from rules import Because, DeskError, OperatorError, Problem
from store import rfc3339

T = TypeVar("T")

_UNBROKEN = 100_000
"""Columns of what is no terminal: programs want one line for each thing."""


def out() -> Console:
    """Return the console of standard output."""
    width = None if sys.stdout.isatty() else _UNBROKEN
    return Console(highlight=False, width=width)


def err() -> Console:
    """Return the console of standard error."""
    width = None if sys.stderr.isatty() else _UNBROKEN
    return Console(stderr=True, highlight=False, width=width)


def write_json(value: object) -> None:
    """Write *value* as one JSON document to standard output."""
    write_line(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def write_json_line(value: object) -> None:
    """Write *value* as one line of JSON to standard output, at once."""
    write_line(json.dumps(value, ensure_ascii=False, default=_plain))


def write_line(text: str) -> None:
    """Write one line in UTF-8, whatever the terminal's encoding; halves of characters as U+FFFD."""
    sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()


def write_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Write *rows* as a table for people, or the sentence *empty*."""
    found = [tuple(map(escape, row)) for row in rows]
    if not found:
        out().print(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", no_wrap=index == 0)
    for row in found:
        table.add_row(*row)
    out().print(table)


def write_problems(problems: Iterable[Problem], console: Console) -> None:
    """Write each problem with its place, and its hint in the line below."""
    for problem in problems:
        console.print(escape(str(problem)), soft_wrap=True)
        if problem.hint:
            console.print(f"    hint: {escape(problem.hint)}", style="dim", soft_wrap=True)


def progress(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Yield *items*; on a terminal, show a progress bar once that takes over a second."""
    console = err()
    if not console.is_terminal:
        yield from items
        return
    started = time.monotonic()
    bar: Progress | None = None
    task = None
    done = 0
    try:
        for item in items:
            yield item
            done += 1
            if bar is None and time.monotonic() - started > 1:
                bar = Progress(console=console, transient=True)
                bar.start()
                task = bar.add_task(title, total=total)
            if bar is not None and task is not None:
                bar.update(task, completed=done)
    finally:
        if bar is not None:
            bar.stop()


def places(because: Iterable[Because]) -> list[dict[str, object]]:
    """Return what convinced a rule as JSON: term, field, offsets and quote."""
    keys = ("term", "field", "start", "end", "quote")
    return [{key: getattr(place, key) for key in keys} for place in because]


def highlighted(segments: Iterable[Segment]) -> str:
    """Return an excerpt in one line of rich markup, what matched in reverse."""
    return "".join(map(_marked, segments))


def _marked(segment: Segment) -> str:
    text = escape(segment.text.replace("\n", " "))
    return f"[reverse]{text}[/]" if segment.terms else text


def refusal(error: Exception) -> int | None:
    """Write what the operator has to mend to standard error; return the exit code.

    None means that *error* is ours, and belongs into a traceback.
    """
    if isinstance(error, DeskError):
        write_problems(error.problems, err())
        return 2
    if isinstance(error, BrokenPipeError):
        return 0
    if isinstance(error, OperatorError):
        err().print(f"tocsin: {escape(str(error))}", soft_wrap=True)
        return 2
    return None


def moment(at: datetime | None) -> str:
    """Return *at* as people read it, in UTC to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M") if at else "–"


def _plain(value: Any) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)
