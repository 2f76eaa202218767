"""The tree of a parsed query, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec

FIELDS = ("title", "summary", "text", "url", "author", "source", "lang", "tag")
FIELDS_OF = {"": ("title", "summary", "text"), "text": ("summary", "text")}
"""The fields that a scope is searched in, where they are not the one of its name."""

SCOPES = ("title", "text", "url", "author", "source", "lang", "tag")

_IN_TEXT = {"", "title", "summary", "text"}
_OF_WORDS = {"word", "phrase", "window", "exact", "forms"}

Kind = Literal[
    "word",
    "phrase",
    "prefix",
    "window",
    "regex",
    "law",
    "decree",
    "bill",
    "exact",
    "forms",
    "words",
]


def group_of(field: str) -> str:
    """Return the group of fields that are searched as one: "" for those of an entry's text."""
    return "" if field in _IN_TEXT else field


class Term(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True, cache_hash=True):
    """A leaf: something that stands, or does not stand, in an entry's text.

    *text* is the term as written, without its marks; *words* are its folded
    words, and for forms each one that it may stand in. *field* limits it to one
    scope, or is "" for title, summary and text. *slop* is how many other words a
    window may hold. *options* are the languages of forms and its vetoes. The
    kind words names a list; it stands in a query as it is written, and gives
    way to what the list holds when the query is parsed for use.
    """

    kind: Kind
    text: str
    words: tuple[str, ...] = ()
    field: str = ""
    slop: int = 0
    options: str = ""

    @property
    def is_of_words(self) -> bool:
        """Tell whether it needs whole words of an entry's text: all of *words*, for forms one."""
        return self.kind in _OF_WORDS and not group_of(self.field)


class And(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Holds where all of *parts* hold."""

    parts: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Holds where one of *parts* holds."""

    parts: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Holds where *part* does not."""

    part: Node


class Near(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Holds where *left* and *right* stand at most *distance* words apart in one field."""

    left: Term | Or
    right: Term | Or
    distance: int
    ordered: bool = False


class Count(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Holds where *term* stands at least *least* times."""

    term: Term
    least: int


Node = Term | And | Or | Not | Near | Count


def both(kind: type[And | Or], parts: Iterable[Node]) -> Node:
    """Return *parts* joined by *kind*, nested ones of the same kind made one."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else [part])
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def changed(node: Node, change: Callable[[Term], Term]) -> Node:
    """Return *node* with every term in it changed."""
    match node:
        case Term():
            return change(node)
        case And(parts):
            return And(tuple(changed(part, change) for part in parts))
        case Or(parts):
            return Or(tuple(changed(part, change) for part in parts))
        case Not(part):
            return Not(changed(part, change))
        case Near(left, right, distance, ordered):
            sides = (changed(left, change), changed(right, change))
            return Near(sides[0], sides[1], distance, ordered)  # type: ignore[arg-type]
        case Count(term, least):
            return Count(change(term), least)


def walk(node: Node) -> Iterator[Node]:
    """Yield *node* and all that it is made of, from left to right."""
    yield node
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from walk(part)
        case Not(part):
            yield from walk(part)
        case Near(left, right):
            yield from walk(left)
            yield from walk(right)
        case Count(term):
            yield term
        case Term():
            pass


def print_query(node: Node) -> str:
    """Return the query that parses to *node*.

    >>> print_query(And((Term("word", "paro"), Not(Term("word", "amparo")))))
    'paro AND NOT amparo'
    """
    match node:
        case Term():
            return _term(node)
        case And(parts):
            return " AND ".join(_wrapped(part, Or) for part in parts)
        case Or(parts):
            return " OR ".join(map(print_query, parts))
        case Not(part):
            return f"NOT {_wrapped(part, And, Or)}"
        case Near(left, right, distance, ordered):
            operator = f"{'O' if ordered else ''}NEAR/{distance}"
            return f"({_wrapped(left, Or)} {operator} {_wrapped(right, Or)})"
        case Count(term, least):
            return f"count({_term(term)}) >= {least}"


def _wrapped(node: Node, *kinds: type) -> str:
    written = print_query(node)
    return f"({written})" if isinstance(node, kinds) else written


def _term(term: Term) -> str:
    scope = f"{term.field}:" if term.field else ""
    match term.kind:
        case "word":
            return scope + term.text
        case "prefix":
            return f"{scope}{term.text}*"
        case "phrase":
            return f'{scope}"{term.text}"'
        case "window":
            return f'{scope}"{term.text}"~{term.slop}'
        case "regex":
            return f"{scope}/{term.text}/"
        case "exact":
            return f'{scope}exact:"{term.text}"'
        case "law" | "decree" | "bill" | "words":
            return f"{scope}{term.kind}:{term.text}"
        case "forms":
            options = f"({term.options})" if term.options else ""
            return f"{scope}forms{options}:{term.text}"
