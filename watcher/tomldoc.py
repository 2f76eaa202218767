"""Where a key stands in a TOML text: line and column for error messages.

`tomllib` reads values but keeps no positions; this finds them again for the
plain layout that settings files have (tables, dotted keys, one key a line).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rules import DeskError, Problem

_HEADER = re.compile(r"^\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^(\s*)((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class TomlDocument:
    """A TOML file's values, and where each key stands."""

    file: str
    data: bytes
    value: dict[str, Any]
    places: Mapping[tuple[str, ...], tuple[int, int]]

    def place(self, path: tuple[str | int, ...]) -> tuple[int, int]:
        """Return line and column (from 1) of *path*, or of its nearest ancestor that is written."""
        keys = tuple(str(part) for part in path)
        while keys and keys not in self.places:
            keys = keys[:-1]
        return self.places.get(keys, (1, 1))


def read_toml(file: str, data: bytes) -> TomlDocument:
    """Return the document in *data*; raise DeskError with the place of what cannot be read."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DeskError(
            [_problem(file, line, 1, "T101", "the file is not UTF-8", "save it as UTF-8")]
        ) from error
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DeskError([_syntax(file, text, str(error))]) from error
    return TomlDocument(file, data, value, _places(text))


def _syntax(file: str, text: str, message: str) -> Problem:
    at = _AT.search(message)
    if at and at[1]:
        line, column = int(at[1]), int(at[2])
    else:
        line, column = text.count("\n") + 1, 1
    what = _AT.sub("", message)
    hint = "texts stand in quotes, lists in [ ], and each key once"
    return _problem(file, line, column, "T102", f"not valid TOML: {what}", hint)


def _problem(file: str, line: int, column: int, code: str, message: str, hint: str) -> Problem:
    return Problem(file=file, line=line, column=column, code=code, message=message, hint=hint)


def _places(text: str) -> dict[tuple[str, ...], tuple[int, int]]:
    places: dict[tuple[str, ...], tuple[int, int]] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            places.setdefault(table, (number, line.index("[") + 1))
        elif key := _KEY.match(line):
            path = table + _parts(key[2])
            for length in range(len(table) + 1, len(path) + 1):
                places.setdefault(path[:length], (number, len(key[1]) + 1))
    return places


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
