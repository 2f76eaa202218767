"""The plain matcher: judges one rule's tree on one entry."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from itertools import accumulate, compress
from typing import Any

from rules.page import Hit, Page
from rules.query import And, Count, Near, Node, Not, Or, Term


def judge(node: Node, page: Page) -> list[Hit] | None:
    """Return the places that make *node* hold on *page* (none for a NOT), or None if it does not."""
    return _JUDGES[type(node)](node, page)


def _term(node: Term, page: Page) -> list[Hit] | None:
    return page.hits(node) or None


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
    for part in node.parts:
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
    hits = page.hits(node.term)
    return hits if len(hits) >= node.least else None


_JUDGES: Mapping[type, Callable[[Any, Page], list[Hit] | None]] = {
    Term: _term,
    And: _and,
    Or: _or,
    Not: _not,
    Near: _near,
    Count: _count,
}


def near(node: Near, page: Page) -> list[Hit]:
    """Return the places of both sides that stand within the distance of one another."""
    if not page.may_meet(node):
        return []
    left, right = _sides(node, page)
    if not left or not right:
        return []
    found = _followed(left, right, page, node.distance)
    return found if node.ordered else [*found, *_followed(right, left, page, node.distance)]


Spanned = tuple[int, int, int, Hit]
"""A hit behind the rank of its field, and where its words begin and end among the letters there."""


def _sides(node: Near, page: Page) -> tuple[list[Spanned], list[Spanned]]:
    """Return the hits of both sides, in their order."""
    found: list[list[Hit]] = []
    for side in (node.left, node.right):
        hits = judge(side, page)
        if hits is None:
            return [], []
        found.append(hits)
    left, right = (sorted((hit[0], *page.span(hit), hit) for hit in hits) for hits in found)
    return left, right


def _followed(earlier: list[Spanned], later: list[Spanned], page: Page, distance: int) -> list[Hit]:
    """Return the hits of *earlier* that one of *later* follows within *distance* words, and those.

    It looks each up among the others, so that a long text of nothing but hits
    takes no longer than its length allows.
    """
    starts = [(rank, start) for rank, start, _, _ in later]
    found: list[Hit] = []
    reached = [0] * (len(later) + 1)
    for rank, _, end, hit in earlier:
        low = bisect_left(starts, (rank, end))
        if low < len(starts) and starts[low][0] == rank:
            last = page.folded(rank).after(end, distance)
            high = bisect_right(starts, (rank, last), low)
            if low < high:
                found.append(hit)
                reached[low] += 1
                reached[high] -= 1
    return [*found, *compress((one[3] for one in later), accumulate(reached))]


def nearest(node: Near, page: Page) -> int | None:
    """Return how many words its two sides are apart at their nearest; None where one is missing."""
    left, right = _sides(node, page)
    pairs = [_gap(left, right, page)]
    if not node.ordered:
        pairs.append(_gap(right, left, page))
    return min((gap for gap in pairs if gap is not None), default=None)


def _gap(earlier: list[Spanned], later: list[Spanned], page: Page) -> int | None:
    """Return the fewest words from the end of one of *earlier* to the start of one of *later*."""
    starts = [(rank, start) for rank, start, _, _ in later]
    nearest_end: dict[tuple[int, int], int] = {}
    for rank, _, end, _ in earlier:
        at = bisect_left(starts, (rank, end))
        if at < len(starts) and starts[at][0] == rank:
            nearest_end[starts[at]] = max(end, nearest_end.get(starts[at], 0))
    gaps = (page.folded(rank).count(end, start) + 1 for (rank, start), end in nearest_end.items())
    return min(gaps, default=None)
