"""Reads YAML strictly: no surprises in values, no aliases, no doubled keys, every place known."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from rules.problems import DeskError, Problem

LARGEST = 4_000_000
_DEEPEST = 50
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]{1,3})?")
_CONSTANTS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # it guesses no types: we do

Path = tuple[str | int, ...]


class Places:
    """Where the parts of a YAML file stand; the file is read again when somebody asks."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._text = text

    def place(self, path: Path, *, of_key: bool = False) -> tuple[int, int]:
        """Return line and column (from 1) of the value at *path*, or of its nearest ancestor.

        An entry of a mapping stands where its key does, if *of_key*.
        """
        node, _ = self._found(path, of_key=of_key)
        return _position(node.start_mark) if node is not None else (1, 1)

    def place_within(self, path: Path, offset: int) -> tuple[int, int]:
        """Return line and column of the character *offset* of the text at *path*."""
        node, whole = self._found(path)
        if not whole or not isinstance(node, yaml.ScalarNode):
            return self.place(path)
        before = node.value[:offset]
        row, column = before.count("\n"), offset - (before.rfind("\n") + 1)
        start_line, start_column = _position(node.start_mark)
        if node.style == "|":
            lines = self._text.split("\n")
            first = start_line + 1
            while first <= len(lines) and not lines[first - 1].strip() and not row:
                first += 1
            line = first + row
            written = lines[line - 1] if line <= len(lines) else ""
            return line, min(_indent(lines[start_line:]) + column, len(written)) + 1
        if node.style == ">":
            return start_line + 1, 1
        if node.end_mark.line != node.start_mark.line:
            return start_line, start_column
        return start_line, start_column + column + (1 if node.style in {'"', "'"} else 0)

    @cached_property
    def _root(self) -> yaml.Node | None:
        return _composed(self._text)

    def _found(self, path: Path, *, of_key: bool = False) -> tuple[yaml.Node | None, bool]:
        """Return the node at *path* or its nearest ancestor, and whether it is the node itself."""
        node = self._root
        for number, step in enumerate(path):
            key, inner = _step(node, step)
            if inner is None:
                return node, False
            node = key if of_key and key is not None and number == len(path) - 1 else inner
        return node, True

    def problem(
        self, path: Path, code: str, message: str, hint: str = "", *, of_key: bool = False
    ) -> Problem:
        """Return a Problem at *path*."""
        return _at(self.file, *self.place(path, of_key=of_key), code, message, hint)

    def problem_within(
        self, path: Path, offset: int, code: str, message: str, hint: str = ""
    ) -> Problem:
        """Return a Problem at the character *offset* of the text at *path*."""
        return _at(self.file, *self.place_within(path, offset), code, message, hint)


def _step(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node | None, yaml.Node | None]:
    """Return the key and the value that one step of a path leads to."""
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in node.value if pair[0].value == step), (None, None))
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    return None, None


def _indent(lines: Iterable[str]) -> int:
    return next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), 0)


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file: its value, made of the types of YAML 1.2's core schema, and its places."""

    value: Any
    places: Places


def read_yaml(file: str, data: bytes) -> Document:
    """Return the document in *data*; raise DeskError with the place of what cannot be read.

    Unlike YAML 1.1, `no` is a text and `12:30` is not a number.
    """
    text = _text(file, data)
    try:
        root = _composed(text)
    except yaml.MarkedYAMLError as error:
        raise DeskError([_syntax(file, error)]) from error
    except (yaml.YAMLError, RecursionError) as error:
        problem = _at(file, 1, 1, "Y102", f"not valid YAML: {error}".splitlines()[0], "")
        raise DeskError([problem]) from error
    builder = _Builder(file)
    value = builder.value(root, 0) if root is not None else None
    if builder.problems:
        raise DeskError(builder.problems)
    return Document(value, Places(file, text))


def _composed(text: str) -> yaml.Node | None:
    loader = _LOADER(text)
    try:
        root: yaml.Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return root


def closest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that *word* was probably meant to be, or None."""
    near = difflib.get_close_matches(word.casefold(), list(choices), n=1, cutoff=0.6)
    return near[0] if near else None


def _text(file: str, data: bytes) -> str:
    if len(data) > LARGEST:
        hint = "split it into several files"
        raise DeskError([_at(file, 1, 1, "Y101", "the file is larger than 4 MB", hint)])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        problem = _at(file, line, column, "Y101", "the file is not UTF-8", "save it as UTF-8")
        raise DeskError([problem]) from error


class _Builder:
    """Builds the value of a tree of nodes."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, depth: int) -> Any:
        if depth > _DEEPEST:
            return self._refuse(node, "Y105", "nested more than 50 deep", "make it flatter")
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self._seen:
            hint = "write the value out in each place"
            return self._refuse(
                node, "Y104", "anchors and aliases (& and *) are not used here", hint
            )
        self._seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        return self._mapping(node, depth + 1)

    def _mapping(self, node: yaml.Node, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, "Y102", "a key must be a word", "")
                continue
            key = key_node.value
            if key in values:
                first, _ = _step(node, key)
                line = _position(first.start_mark)[0] if first is not None else 1
                hint = f"it stands in line {line} already; keep one"
                self._refuse(key_node, "Y103", f"the key `{key}` is there twice", hint)
                continue
            values[key] = self.value(value_node, depth)
        return values

    def _refuse(self, node: yaml.Node, code: str, message: str, hint: str) -> None:
        self.problems.append(_at(self.file, *_position(node.start_mark), code, message, hint))


def _scalar(node: yaml.ScalarNode) -> object:
    text: str = node.value
    if node.style:  # libyaml gives "" for plain scalars, the Python parser None
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _syntax(file: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = _position(mark) if mark else (1, 1)
    message = " ".join(filter(None, (error.context, error.problem)))
    hint = "check the indentation (spaces, no tabs), and put texts with : or # into quotes"
    return _at(file, line, column, "Y102", f"not valid YAML: {message}", hint)


def _position(mark: yaml.Mark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def _at(file: str, line: int, column: int, code: str, message: str, hint: str) -> Problem:
    return Problem(file=file, line=line, column=column, code=code, message=message, hint=hint)
