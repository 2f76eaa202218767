"""Writes rule files in one form, comments kept: ruamel.yaml's only room."""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import LiteralScalarString, SingleQuotedScalarString

from rules.files import read_rules
from rules.language import written_query
from rules.problems import Problem, RuleError
from rules.query import And, Near, Node, Or, print_query
from rules.rule import Rule

_WIDTH = 88
_LESS_READABLE = re.compile(r""" ^[^']*"[^']*:[^']*$ | ^[^']*:[^']*"[^']*$ """, re.VERBOSE)
"""What ruamel.yaml would put into double quotes, with a backslash before each quote inside."""

_COMMENT = re.compile(r"(?:^|\s)#\s*(.*?)\s*$", re.MULTILINE)


def formatted(file: str, data: bytes) -> bytes:
    """Return the rule file *data* in the usual form; what it says stays what it was.

    Two blanks indent; queries are written as tocsin understands them, long ones
    with a line for each part. Raises RuleError for a file that is no good,
    or that cannot be written anew without losing something.
    """
    before = read_rules(file, data)
    text = data.decode("utf-8-sig")
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1_000_000
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        tree = yaml.load(text)
        for name, listed in (tree.get("words") or {}).items():
            tree["words"][name] = _pretty(listed)
        for item in tree["rules"]:
            item["query"] = _pretty(item["query"])
        written = io.StringIO()
        yaml.dump(tree, written)
    except (YAMLError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _cannot(file) from error
    after = re.sub(r"[ \t]+$", "", written.getvalue(), flags=re.MULTILINE).rstrip("\n") + "\n"
    found = after.encode()
    if _said(before) != _said(read_rules(file, found)) or _comments(text) != _comments(after):
        raise _cannot(file)
    return found


def _cannot(file: str) -> RuleError:
    hint = "the file was left as it is; write it in plainer YAML"
    message = "the file cannot be formatted without losing something"
    problem = Problem(file=file, line=1, column=1, code="R120", message=message, hint=hint)
    return RuleError([problem])


def _said(rules: tuple[Rule, ...]) -> list[tuple[object, ...]]:
    return [
        (
            r.id,
            r.formerly,
            r.title,
            r.tree,
            r.tags,
            r.notify,
            r.escalations,
            r.copies,
            r.only,
            r.except_,
            r.tests,
        )
        for r in rules
    ]


def _comments(text: str) -> Counter[str]:
    return Counter(" ".join(found[1].split()) for found in _COMMENT.finditer(text))


def _pretty(query: object) -> Any:
    """Return the query as tocsin understands it; who wrote it in lines meant them, and keeps them."""
    if isinstance(query, LiteralScalarString):
        return query
    node = written_query(str(query))
    line = print_query(node)
    if len(line) <= _WIDTH:
        return SingleQuotedScalarString(line) if _LESS_READABLE.search(line) else line
    return LiteralScalarString("\n".join(_lines(node)) + "\n")


def _lines(node: Node) -> list[str]:
    """Return a query in lines: a part in each, behind the operator that joins it."""
    line = print_query(node)
    match node:
        case _ if len(line) <= _WIDTH:
            return [line]
        case And(parts) | Or(parts):
            operator = "AND" if isinstance(node, And) else "OR"
            pieces = [
                _bracketed(part) if isinstance(part, And | Or) else _lines(part) for part in parts
            ]
            first, *others = pieces
            return [*first, *(line for piece in others for line in _behind(operator, piece))]
        case Near(left, right, distance, ordered):
            operator = f"{'O' if ordered else ''}NEAR/{distance}"
            return _bracketed_lines([*_side(left), *_behind(operator, _side(right))])
        case _:
            return [line]


def _side(node: Node) -> list[str]:
    return _bracketed(node) if isinstance(node, Or) else _lines(node)


def _bracketed(node: Node) -> list[str]:
    return _bracketed_lines(_lines(node))


def _bracketed_lines(lines: list[str]) -> list[str]:
    first, *others = lines
    found = [f"({first}", *(f"  {line}" for line in others)]
    found[-1] += ")"
    return found


def _behind(operator: str, lines: list[str]) -> list[str]:
    first, *others = lines
    return [f"{operator} {first}", *(f"  {line}" for line in others)]
