"""What settings and sources share: strict models, durations, and errors with their places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from rules import DeskError, Problem
from rules.problems import unreadable
from rules.yamldoc import closest

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+)\s*([smhd])")

_MISSING = {
    "kind": "write kind: feed, page or files",
    "name": "each source has a name, made of a-z, 0-9 and -",
    "rules": 'write rules = ["…"], the ids of the rules whose matches it holds',
    "secret": 'write secret = {env = "NEWSROOM_SECRET"}; make one with: tocsin endpoints new-secret',
    "sources": "list what is watched below `sources:`",
    "title": 'write title = "…", as readers will see it',
    "url": 'write url = "https://…"',
    "version": "write version: 1",
}
"""What to write for a key that is missing."""

Place = Callable[[tuple[str | int, ...]], tuple[int, int]]


class DeskModel(BaseModel):
    """A part of the desk: it refuses keys that it does not know and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def duration(value: object) -> timedelta:
    """Return the length of time that *value* writes.

    >>> duration("15m")
    datetime.timedelta(seconds=900)
    """
    if isinstance(value, timedelta):
        return value
    written = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if not written or int(written[1]) == 0 or int(written[1]) > 10_000_000:
        raise PydanticCustomError(
            "duration", "not a length of time", {"hint": 'write a number and s, m, h or d: "15m"'}
        )
    return timedelta(seconds=int(written[1]) * _UNITS[written[2]])


Duration = Annotated[timedelta, BeforeValidator(duration)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]


def file_bytes(path: Path, shown: str) -> bytes:
    """Return the bytes of a file of the desk; raise DeskError where they cannot be had."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DeskError([unreadable(shown, error.strerror or str(error))]) from error


def problems_of(
    error: ValidationError, model: type[DeskModel], file: str, place: Place
) -> list[Problem]:
    """Return a Problem for each complaint of *error*, at the place where its key is written."""
    return [_problem(detail, model, file, place) for detail in error.errors()]


def _problem(detail: ErrorDetails, model: type[DeskModel], file: str, place: Place) -> Problem:
    path = detail["loc"]
    line, column = place(path)
    code, message, hint = _words(detail, model)
    return Problem(file=file, line=line, column=column, code=code, message=message, hint=hint)


def _words(detail: ErrorDetails, model: type[DeskModel]) -> tuple[str, str, str]:
    path = detail["loc"]
    key = str(path[-1]) if path else ""
    match detail["type"]:
        case "extra_forbidden":
            return "S101", f"unknown key `{key}`", did_you_mean(key, _keys_at(model, path[:-1]))
        case "missing":
            return "S102", *missing(key)
        case "string_pattern_mismatch":
            hint = "names are made of a-z, 0-9 and -, and begin with a letter or digit"
            return "S103", f"{_shown(detail['input'])} is not a name", hint
        case _:
            context = detail.get("ctx", {})
            hint = str(context.get("hint", ""))
            message = detail["msg"].removeprefix("Value error, ")
            hidden = detail["type"] == "confidential" or isinstance(detail["input"], dict | list)
            value = "" if hidden else f"{_shown(detail['input'])}: "
            return "S104", f"`{key}` = {value}{message[:1].lower()}{message[1:]}", hint


def missing(key: str) -> tuple[str, str]:
    """Return that *key* is missing, and what to write."""
    return f"the key `{key}` is missing", _MISSING.get(key, "")


def _keys_at(model: type[DeskModel], path: tuple[str | int, ...]) -> Iterable[str]:
    """Return the keys that the model at *path* knows."""
    inner: type[DeskModel] | None = model
    for part in path:
        if inner is None:
            return ()
        field = inner.model_fields.get(str(part))
        inner = _model_in(field.annotation) if field else inner
    fields = inner.model_fields.items() if inner else ()
    return [field.alias or name for name, field in fields]


def _model_in(annotation: Any) -> type[DeskModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, DeskModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _shown(value: Any) -> str:
    return repr(value)[:80]


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return "did you mean …?" where a choice is close to *word*, else a list of the choices."""
    choices = sorted(choices)
    if near := closest(word, choices):
        return f"did you mean `{near}`?"
    return "there are: " + ", ".join(choices) if choices else ""
