"""Writes what people read in a chat or a mail: title and body of an event, by Jinja2 in its sandbox.

A template of the desk's own takes the place of ours. Whatever it does, it cannot
lose an alert: where it fails, ours is used, and the message says why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from traceback import extract_tb
from typing import Any, Literal, get_args

from jinja2 import PackageLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from feeds.clean import one_line, plain, shortened
from store import MessageTemplate

Format = Literal["text", "markdown", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)

LONGEST_TITLE = 250
LONGEST_BODY = 30_000
"""Characters; a channel may take fewer."""

_MOST_TIMES = 10_000
_LISTED = (50, 25, 12, 6, 3, 1, 0)
"""How many events of a digest a message lists: as many of these as fit."""

_OURS = {
    "match.created": ("match", "{{ rule.title | line or rule.id }}: {{ entry.title | line }}"),
    "match.updated": (
        "match",
        "{{ rule.title | line or rule.id }}: {{ entry.title | line }} ({{ 'no longer matches' if lost else 'edited' }})",
    ),
    "digest": (
        "digest",
        "{{ summed_up[reason].format(count, 'alert' if count == 1 else 'alerts') }}",
    ),
    "source.failing": ("source", "Source in trouble: {{ source.name }}"),
    "source.recovered": ("source", "Source well again: {{ source.name }}"),
    "endpoint.test": ("other", "Test of {{ endpoint }}"),
}
"""The template of the body and the title of each event; others are written out key by key."""

_SUMMED_UP = {
    "digest": "{} {}",
    "quiet": "{} {} from the quiet hours",
    "at_most": "{} more {}",
    "silence": "{} {} while it was silenced",
}
_MARKS = re.compile(r"[\\`*\[\]<]|(?<!\w)_|_(?!\w)")


class TemplateProblemError(Exception):
    """A template that cannot be used; *line* counts from 1 within it."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(one_line(reason))
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a channel takes: the format that it likes best, and how many characters."""

    format: Format = "text"
    title: int = LONGEST_TITLE
    body: int = LONGEST_BODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent. *problem* says why the desk's own template was not used, or is empty."""

    title: str
    body: str
    format: Format
    problem: str = ""


def message(
    event: Mapping[str, Any], templates: Mapping[str, MessageTemplate], limits: Limits
) -> Message:
    """Return the message that tells of *event*, the JSON object of its delivery.

    *templates* are the desk's, by what comes before the dot in the event's name.
    """
    kind = str(event["type"])
    own = templates.get(kind.partition(".")[0])
    if own is None:
        return _ours(event, limits)
    try:
        return _owned(event, own, limits)
    except TemplateProblemError as error:
        ours = _ours(event, limits)
        return Message(title=ours.title, body=ours.body, format=ours.format, problem=str(error))


def check(
    template: MessageTemplate, part: Literal["title", "body"], event: Mapping[str, Any]
) -> None:
    """Raise TemplateProblemError where a part of *template* cannot be written for *event*."""
    form: Format = "text" if part == "title" else template.format or "text"
    _rendered(getattr(template, part), form, _context(event, 50))


def _owned(event: Mapping[str, Any], template: MessageTemplate, limits: Limits) -> Message:
    ours = _ours(event, limits)
    form: Format = template.format or limits.format
    context = _context(event, _LISTED[0])
    title = _rendered(template.title, "text", context) if template.title else ours.title
    if not template.body:
        return _fitted(title, ours.body, ours.format, limits)
    body = _rendered(template.body, form, context)
    if form == "html" and len(body) > _room(title, limits):
        raise TemplateProblemError("the message is too long, and HTML cannot be cut", 1)
    return _fitted(title, body, form, limits)


def _ours(event: Mapping[str, Any], limits: Limits) -> Message:
    kind = str(event["type"])
    name, title = _OURS.get(kind, ("other", "{{ type }}"))
    written = _template(title, "text").render(_context(event, 0))
    for most in _LISTED if kind == "digest" else (0,):
        body = _environment(limits.format).get_template(f"{name}.txt").render(_context(event, most))
        body = re.sub(r"\n{3,}", "\n\n", body).strip()
        if limits.format == "html":
            body = body.replace("\n", "<br>\n")
        if len(body) <= _room(written, limits):
            break
    return _fitted(written, body, limits.format, limits)


def _fitted(title: str, body: str, form: Format, limits: Limits) -> Message:
    heading = shortened(one_line(title), min(limits.title or LONGEST_TITLE, LONGEST_TITLE))
    if form != "html":
        body = shortened(body, _room(heading, limits))
    return Message(title=heading, body=body, format=form)


def _room(title: str, limits: Limits) -> int:
    """Return how long a body may be; where a channel has no titles, ours stands above it."""
    above = 0 if limits.title else min(len(title), LONGEST_TITLE) + 20
    return max(min(limits.body, LONGEST_BODY) - above, 100)


def _context(event: Mapping[str, Any], most: int) -> dict[str, Any]:
    data = event["data"]
    return {
        **data,
        "type": event["type"],
        "timestamp": event["timestamp"],
        "data": data,
        "most": most,
        "summed_up": _SUMMED_UP,
    }


def _rendered(source: str, form: Format, context: Mapping[str, Any]) -> str:
    try:
        text = "".join(_bounded(_template(source, form).generate(context)))
    except TemplateSyntaxError as error:
        raise TemplateProblemError(error.message or "it cannot be read", error.lineno) from error
    except (
        TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise TemplateProblemError(str(error) or type(error).__name__, _line(error)) from error
    except (MemoryError, RecursionError, TimeoutError) as error:
        raise TemplateProblemError("it takes too much time or memory", 1) from error
    return plain(text).strip()


def _bounded(pieces: Iterable[str]) -> Iterable[str]:
    length = 0
    for piece in pieces:
        length += len(piece)
        yield piece
        if length > 2 * LONGEST_BODY:
            return


def _line(error: BaseException) -> int:
    """Return the line of the template that *error* comes from: Jinja2 writes it into the traceback."""
    lines = [
        frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == "<template>"
    ]
    return lines[-1] or 1 if lines else 1


class _Missing(StrictUndefined):
    """A name that is not there; using it fails, and says what was probably meant."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        holder = self._undefined_obj
        near = (
            get_close_matches(str(self._undefined_name), list(holder), n=1)
            if isinstance(holder, dict)
            else []
        )
        return f"there is no `{self._undefined_name}`" + (
            f"; did you mean `{near[0]}`?" if near else ""
        )


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2 without ways to the outside, and without texts that grow beyond all bounds."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Return the product; refuse powers, and texts or lists that are repeated too often."""
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        times = max((n for n in (left, right) if isinstance(n, int)), default=0)
        if operator == "**" or (not numbers and times > _MOST_TIMES):
            raise SecurityError(f"`{operator}` makes too much here")
        return super().call_binop(context, operator, left, right)


@lru_cache(maxsize=len(FORMATS))
def _environment(form: Format) -> _Sandbox:
    environment = _Sandbox(
        loader=PackageLoader("feeds", "templates/messages"),
        undefined=_Missing,
        autoescape=form == "html",
        finalize=_marked if form == "markdown" else None,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"line": _line_of, "moment": _moment, "cut": shortened}
    environment.globals = {**_WRITTEN[form], "range": environment.globals["range"]}
    return environment


@lru_cache(maxsize=64)
def _template(source: str, form: Format) -> Any:
    return _environment(form).from_string(source)


def _line_of(value: object) -> str:
    return one_line(str(value or ""))


def _moment(written: str | None) -> str:
    """Return an instant of a payload as people read it, in UTC."""
    if not written:
        return ""
    return f"{datetime.fromisoformat(written).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _marked(value: object) -> object:
    """Return *value* with what Markdown would take for marks escaped, but for what we wrote."""
    if isinstance(value, Markup):
        return str(value)
    return _MARKS.sub(r"\\\g<0>", str(value))


def _noted(note: object) -> str:
    return f" ({note})" if note else ""


def _address(address: object) -> str:
    """Return *address* without what could end it inside a link."""
    return re.sub(r"[\s<>()\"']", lambda found: f"%{ord(found[0]):02X}", str(address))


_WRITTEN: Mapping[Format, Mapping[str, Callable[..., object]]] = {
    "text": {
        "bold": str,
        "quote": lambda text: f"“{_line_of(text)}”",
        "link": lambda text, address: f"{text}: {address}",
        "item": lambda text, address, note="": f"• {text}{_noted(note)}\n  {address}",
    },
    "markdown": {
        "bold": lambda text: Markup(f"**{_marked(text)}**"),  # noqa: S704 -- escaped for Markdown
        "quote": lambda text: Markup(f"> {_marked(_line_of(text))}"),  # noqa: S704 -- the same
        "link": lambda text, address: Markup(f"[{_marked(text)}]({_address(address)})"),  # noqa: S704
        "item": lambda text, address, note="": Markup(  # noqa: S704
            f"- [{_marked(text)}]({_address(address)}){_marked(_noted(note))}"
        ),
    },
    "html": {
        "bold": Markup("<b>{}</b>").format,
        "quote": lambda text: Markup("<i>“{}”</i>").format(_line_of(text)),
        "link": lambda text, address: Markup('<a href="{}">{}</a>').format(_address(address), text),
        "item": lambda text, address, note="": Markup('• <a href="{}">{}</a>{}').format(
            _address(address), text, _noted(note)
        ),
    },
}
"""What templates write with, the same names in each format."""
