"""Tells word by word how a text was edited, for people to see what changed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate, takewhile

_WORDS = re.compile(r"\w+\W*|\W+")
_AROUND = 60
_MOST_WORDS = 10_000
"""Where more than this stands between the first and the last change, it is one change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A passage of a field that was replaced: *start* is where *before* stood in the old text.

    *lead* and *tail* are what stands around it, cut at words.
    """

    field: str
    start: int
    before: str
    after: str
    lead: str = ""
    tail: str = ""


def difference(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[Change, ...]:
    """Return what was edited between the *old* texts and the *new* ones, by field.

    Put in the places that they name, the changes make the new texts of the old,
    but for white space: what differs in that alone is no edit.

    >>> [one] = difference({"text": "The law was passed."}, {"text": "The law was repealed."})
    >>> one.lead, one.before, one.after
    ('The law was ', 'passed.', 'repealed.')
    """
    return tuple(
        change
        for field in new
        if old.get(field, "").split() != new[field].split()
        for change in _changes(field, old.get(field, ""), new[field])
    )


def _changes(field: str, old: str, new: str) -> Iterator[Change]:
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    same = _alike(before, after)
    most = min(len(before), len(after)) - same
    tail = min(most, _alike(before[::-1], after[::-1]))
    gone, come = before[same : len(before) - tail], after[same : len(after) - tail]
    starts = list(accumulate(map(len, gone), initial=sum(map(len, before[:same]))))
    for first, last, begin, end in _replaced(gone, come):
        at, to = starts[first], starts[last]
        replacement = "".join(come[begin:end])
        if old[at:to].split() == replacement.split():
            continue
        yield Change(
            field=field,
            start=at,
            before=old[at:to],
            after=replacement,
            lead=_last_words(old[max(0, at - 2 * _AROUND) : at]),
            tail=_first_words(old[to : to + 2 * _AROUND]),
        )


def _alike(old: list[str], new: list[str]) -> int:
    """Return how many words both begin with."""
    pairs = zip(old, new, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _replaced(old: list[str], new: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Yield what of *old* gives way to what of *new*; each by its first word and that after its last."""
    if max(len(old), len(new)) > _MOST_WORDS:
        yield 0, len(old), 0, len(new)
        return
    for kind, first, last, begin, end in SequenceMatcher(None, old, new).get_opcodes():
        if kind != "equal":
            yield first, last, begin, end


def _last_words(text: str) -> str:
    return text if len(text) <= _AROUND else text[-_AROUND:].partition(" ")[2]


def _first_words(text: str) -> str:
    return text if len(text) <= _AROUND else text[:_AROUND].rpartition(" ")[0]
