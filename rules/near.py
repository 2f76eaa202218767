"""Finds what stands near one another: the places of two sides of a query, as few as are needed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from heapq import merge
from itertools import chain, islice

from rules.page import Hit, Page
from rules.query import Near, Or, Term

Spanned = tuple[int, int, int, Hit]
"""A hit behind the rank of its field, and where its words begin and end among the letters there."""


class _Side:
    """The places of one side in their order, looked for only as far as they are asked for."""

    def __init__(self, node: Term | Or, page: Page) -> None:
        terms = page.choice(node) if isinstance(node, Or) else (node,)
        places = [found for term in terms if isinstance(term, Term) and (found := page.hits(term))]
        hits = merge(*places) if len(places) > 1 else chain.from_iterable(places)
        self.is_empty = not places
        self._coming = ((hit[0], *page.span(hit), hit) for hit in hits)
        self._read: list[Spanned] = []
        self._starts: list[tuple[int, int]] = []
        self._ends: list[tuple[int, int]] = []

    def __iter__(self) -> Iterator[Spanned]:
        at = 0
        while at < len(self._read) or self._read_on():
            yield self._read[at]
            at += 1

    def start_from(self, rank: int, at: int) -> int | None:
        """Return where the first begins that begins in that field at *at* or behind it."""
        self._read_past((rank, at))
        found = bisect_left(self._starts, (rank, at))
        same = found < len(self._starts) and self._starts[found][0] == rank
        return self._starts[found][1] if same else None

    def end_until(self, rank: int, at: int) -> int | None:
        """Return where the last ends that ends in that field at *at* or before it."""
        self._read_past((rank, at))
        found = bisect_right(self._ends, (rank, at)) - 1
        return self._ends[found][1] if found >= 0 and self._ends[found][0] == rank else None

    def _read_past(self, where: tuple[int, int]) -> None:
        while (not self._starts or self._starts[-1] <= where) and self._read_on():
            pass

    def _read_on(self) -> bool:
        place = next(self._coming, None)
        if place is None:
            return False
        rank, start, end, _ = place
        self._read.append(place)
        self._starts.append((rank, start))
        insort(self._ends, (rank, end))
        return True


def near(node: Near, page: Page) -> list[Hit]:
    """Return the places of both sides that stand within the distance of one another.

    A long text of nothing but hits takes no longer than its length allows.
    """
    if not page.may_meet(node):
        return []
    left = _Side(node.left, page)
    if left.is_empty or (right := _Side(node.right, page)).is_empty:
        return []
    first = _beside(left, right, node, page, before=True, behind=not node.ordered)
    found = list(islice(first, page.most))
    if found:
        second = _beside(right, left, node, page, before=not node.ordered, behind=True)
        found += islice(second, page.most)
    return found


def _beside(
    side: _Side, other: _Side, node: Near, page: Page, *, before: bool, behind: bool
) -> Iterator[Hit]:
    """Yield the hits of *side* that stand close *before* one of *other*, or close *behind* one."""
    for rank, start, end, hit in side:
        after = page.folded(rank).after
        follows = other.start_from(rank, end) if before else None
        if follows is not None and follows <= after(end, node.distance):
            yield hit
            continue
        ended = other.end_until(rank, start) if behind else None
        if ended is not None and start <= after(ended, node.distance):
            yield hit


def nearest(node: Near, page: Page) -> int | None:
    """Return how many words its two sides are apart at their nearest; None where one is missing."""
    left, right = _Side(node.left, page), _Side(node.right, page)
    pairs = [_gap(left, right, page)]
    if not node.ordered:
        pairs.append(_gap(right, left, page))
    return min((gap for gap in pairs if gap is not None), default=None)


def _gap(earlier: _Side, later: _Side, page: Page) -> int | None:
    """Return the fewest words from the end of one of *earlier* to the start of one of *later*."""
    nearest_end: dict[tuple[int, int], int] = {}
    for rank, _, end, _ in earlier:
        start = later.start_from(rank, end)
        if start is not None:
            nearest_end[rank, start] = max(end, nearest_end.get((rank, start), 0))
    gaps = (page.folded(rank).count(end, start) + 1 for (rank, start), end in nearest_end.items())
    return min(gaps, default=None)
