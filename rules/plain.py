"""The plain matcher: judges one rule's tree on one entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rules.near import near
from rules.page import Hit, Page
from rules.query import And, Count, Near, Node, Not, Or, Term


def judge(node: Node, page: Page) -> list[Hit] | None:
    """Return the places that make *node* hold on *page* (none for a NOT), or None if it does not."""
    return _JUDGES[type(node)](node, page)


def _term(node: Term, page: Page) -> list[Hit] | None:
    return page.hits(node).first(page.most) or None


def _and(node: And, page: Page) -> list[Hit] | None:
    found: list[Hit] = []
    for part in node.parts:
        hits = _JUDGES[type(part)](part, page)
        if hits is None:
            return None
        found += hits
    return found


def _or(node: Or, page: Page) -> list[Hit] | None:
    found: list[Hit] = []
    held = False
    for part in page.choice(node):
        hits = _JUDGES[type(part)](part, page)
        if hits is not None:
            held = True
            found += hits
    return found if held else None


def _not(node: Not, page: Page) -> list[Hit] | None:
    return [] if judge(node.part, page) is None else None


def _near(node: Near, page: Page) -> list[Hit] | None:
    return near(node, page) or None


def _count(node: Count, page: Page) -> list[Hit] | None:
    hits = page.hits(node.term).first(page.most and max(page.most, node.least))
    return hits if len(hits) >= node.least else None


_JUDGES: Mapping[type, Callable[[Any, Page], list[Hit] | None]] = {
    Term: _term,
    And: _and,
    Or: _or,
    Not: _not,
    Near: _near,
    Count: _count,
}
