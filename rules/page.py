"""An entry, made ready to be asked by any number of rules: where its words and terms stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from heapq import merge
from itertools import chain, count, islice

from rules.entry import Entry
from rules.fold import Folded, Plain, as_written, fold_together, plain, words_in
from rules.law import Citation, citations
from rules.match import Because
from rules.query import FIELDS, FIELDS_OF, Near, Node, Or, Term, group_of, print_query
from rules.regex import Searched

MOST_PLACES = 100
_SPACES = re.compile(r"\s+")
_AROUND = 70

_DEFAULT = ("title", "summary", "text")
_RANKS = {field: (rank,) for rank, field in enumerate(FIELDS)} | {
    scope: tuple(map(FIELDS.index, fields)) for scope, fields in FIELDS_OF.items()
}
_TITLE, _TEXT = FIELDS.index("title"), FIELDS.index("text")

Hit = tuple[int, int, int, str]
"""A term's place: the rank of its field in FIELDS, its offsets there, and the term as written."""


class Hits:
    """Places in their order, looked for only as far as they are asked for, and once."""

    def __init__(self, coming: Iterator[Hit]) -> None:
        self._coming = coming
        self._found: list[Hit] = []

    def __iter__(self) -> Iterator[Hit]:
        """Yield each; several may go through them at once."""
        for at in count():
            if at == len(self._found):
                self._found += islice(self._coming, 1)
            if at == len(self._found):
                return
            yield self._found[at]

    def __bool__(self) -> bool:
        """Tell whether there is one."""
        return bool(self._found or self.first(1))

    def first(self, most: int | None) -> list[Hit]:
        """Return the first of them, as many as *most*; all, if that is None."""
        missing = None if most is None else most - len(self._found)
        if missing is None or missing > 0:
            self._found += islice(self._coming, missing)
        return self._found if missing is None or missing >= 0 else self._found[:most]


class _Part:
    """The fields of a group, folded as one text, and where terms stand in it."""

    def __init__(self, fields: Mapping[int, str], *, addresses: bool) -> None:
        self._fields = fields
        self._ranks = tuple(fields)
        self._cited: dict[str, Mapping[str, tuple[Citation, ...]]] = {}
        self.text, self._starts, self.folded = fold_together(
            tuple(fields.values()), addresses=addresses
        )

    @cached_property
    def words(self) -> frozenset[str]:
        """Return the different folded words."""
        return words_in(self.folded.letters)

    def cited(self, kind: str) -> Mapping[str, tuple[Citation, ...]]:
        """Return the laws, decrees or bills that the text cites, by number."""
        if kind not in self._cited:
            self._cited[kind] = citations(self.text, self.folded, kind)
        return self._cited[kind]

    def hits(self, term: Term) -> Iterator[Hit]:
        """Yield the places of *term*, in the order of fields and offsets, as they are found."""
        label, wanted = _label(term), _RANKS[term.field]
        ranks, starts = self._ranks, self._starts
        hits = (
            (ranks[at], start - starts[at], end - starts[at], label)
            for start, end in self._places(term)
            if ranks[at := bisect_right(starts, start) - 1] in wanted
        )
        return hits if self._lead is None or term.field else self._told_once(hits, self._lead)

    def _told_once(self, hits: Iterator[Hit], lead: int) -> Iterator[Hit]:
        """Yield *hits*, but none of the title that the text, which begins with it, has too."""
        of_title: list[Hit] = []
        ahead: list[Hit] = []
        for hit in hits:
            if hit[0] == _TITLE:
                of_title.append(hit)
                continue
            ahead.append(hit)
            if not of_title or (hit[0] == _TEXT and hit[1] > of_title[-1][1] + lead):
                break
        again = {hit[1:3] for hit in ahead if hit[0] == _TEXT}
        for hit in of_title:
            if (hit[1] + lead, hit[2] + lead) not in again:
                yield hit
        yield from ahead
        yield from hits

    @cached_property
    def _lead(self) -> int | None:
        """Return where in the text the title stands that the text begins with; else None.

        What an article without a title of its own says first is its title; a term there stands
        in one place, not in two.
        """
        title, text = self._fields.get(_TITLE, ""), self._fields.get(_TEXT, "")
        blank = len(text) - len(text.lstrip())
        return blank if title and text.startswith(title, blank) else None

    def span(self, hit: Hit) -> tuple[int, int]:
        """Return the letters of the whole words that *hit* touches."""
        start = self._starts[self._ranks.index(hit[0])]
        return self.folded.span(start + hit[1], start + hit[2])

    def _places(self, term: Term) -> Iterator[tuple[int, int]]:
        """Yield the offsets of *term* in the text of all fields, in their order."""
        match term.kind:
            case "word" | "phrase":
                return self.folded.places_of(term.words)
            case "prefix":
                return self.folded.places_of(term.words, whole=False)
            case "forms":
                held = self.words.intersection(term.words)
                return merge(*(self.folded.places_of((word,)) for word in held))
            case "law" | "decree" | "bill":
                found = self.cited(term.kind).get(term.text, ())
                return ((citation.start, citation.end) for citation in found)
            case "window":
                return chain.from_iterable(_windows(field, term) for field in self.folded.fields)
            case "exact":
                return self._exact(term)
            case "regex":
                return self._regex(term)
            case "words":  # it gave way to what its list holds, when the query was parsed
                return iter(())

    def _exact(self, term: Term) -> Iterator[tuple[int, int]]:
        """Yield where the folded words stand, and are written as the term is."""
        text = as_written(term.text)
        for start, end in self.folded.places_of(term.words):
            if as_written(self.text[start:end]) == text:
                yield start, end

    def _regex(self, term: Term) -> Iterator[tuple[int, int]]:
        for base, (bare, searched) in zip(self._starts, self._searched, strict=True):
            for place in searched.places(term.text):
                start, end = bare.span(*place)
                yield base + start, base + end

    @cached_property
    def _searched(self) -> list[tuple[Plain, Searched]]:
        bare = map(plain, self._fields.values())
        return [(text, Searched(text.text)) for text in bare]


@lru_cache(maxsize=4096)
def _label(term: Term) -> str:
    return print_query(term)


def _windows(folded: Folded, term: Term) -> Iterator[tuple[int, int]]:
    """Yield the tightest windows that hold all words of *term* and few enough others."""
    if not all(map(folded.letters.__contains__, term.words)):
        return
    wanted: dict[str, int] = {}
    for word in term.words:
        wanted[word] = wanted.get(word, 0) + 1
    places = sorted((at, word) for word in wanted for at in folded.index.get(word, ()))
    room = len(term.words) + term.slop
    held: dict[str, int] = dict.fromkeys(wanted, 0)
    low = 0
    for at, word in places:
        held[word] += 1
        while held[places[low][1]] > wanted[places[low][1]] or at - places[low][0] >= room:
            held[places[low][1]] -= 1
            low += 1
        if all(held[w] >= wanted[w] for w in wanted):
            yield folded.start(places[low][0]), folded.end(at)


class Page:
    """An entry, made ready to be asked by any number of rules.

    *most* places of a term are told of a match, where no other is asked for; None is all of them.
    """

    most: int | None = None

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._text = _Part(self._values(""), addresses=False)
        self._parts = {"": self._text}
        self._hits: dict[Term, Hits] = {}

    def _part(self, group: str) -> _Part:
        part = self._parts.get(group)
        if part is None:
            part = self._parts[group] = _Part(self._values(group), addresses=True)
        return part

    def _values(self, group: str) -> dict[int, str]:
        """Return the fields of a group that are not empty, by rank."""
        return {rank: value for rank in _RANKS[group] if (value := self._value(FIELDS[rank]))}

    def _value(self, field: str) -> str:
        match field:
            case "author":
                return "; ".join(self._entry.authors)
            case "tag":
                return "; ".join(self._entry.tags)
            case _:
                value: str = getattr(self._entry, field)
                return value

    def letters(self, group: str) -> str:
        """Return the folded letters of a group of fields, a blank before and after each field."""
        return self._part(group).folded.letters

    def words(self, group: str) -> frozenset[str]:
        """Return the different folded words of a group of fields."""
        return self._part(group).words

    def cited(self, group: str, kind: str) -> Iterable[str]:
        """Return the numbers of the laws, decrees or bills that are cited there."""
        return self._part(group).cited(kind)

    def choice(self, node: Or) -> Iterable[Node]:
        """Return the parts of *node* that are worth the work to be judged."""
        return node.parts

    def may_meet(self, near: Near) -> bool:  # noqa: ARG002 -- a quick page looks at it
        """Tell whether it is worth the work to find what stands near one another."""
        return True

    def hits(self, term: Term) -> Hits:
        """Return the places of *term*, in the order of fields and offsets."""
        found = self._hits.get(term)
        if found is None:
            found = self._hits[term] = Hits(self._part(group_of(term.field)).hits(term))
        return found

    def span(self, hit: Hit) -> tuple[int, int]:
        """Return the letters of the whole words that *hit* touches."""
        return self._part_of(hit[0]).span(hit)

    def folded(self, rank: int) -> Folded:
        """Return the folded text that the field of that rank is a part of."""
        return self._part_of(rank).folded

    def _part_of(self, rank: int) -> _Part:
        return self._text if rank < len(_DEFAULT) else self._part(FIELDS[rank])

    def because(self, hits: Iterable[Hit]) -> tuple[Because, ...]:
        """Return the places of *hits* with the words around them, at most 100."""
        return tuple(map(self._because, sorted(set(hits))[:MOST_PLACES]))

    def _because(self, hit: Hit) -> Because:
        rank, start, end, term = hit
        field = FIELDS[rank]
        text = self._value(field)
        return Because(
            term=term,
            field=field,
            start=start,
            end=end,
            quote=text[start:end],
            before=_before(text, start),
            after=_after(text, end),
        )


def _before(text: str, start: int) -> str:
    piece = text[max(0, start - _AROUND) : start]
    if start > _AROUND and " " in piece:
        piece = "…" + piece[piece.index(" ") :]
    return _one_spaced(piece)


def _after(text: str, end: int) -> str:
    piece = text[end : end + _AROUND]
    if end + _AROUND < len(text) and " " in piece:
        piece = piece[: piece.rindex(" ") + 1] + "…"
    return _one_spaced(piece)


def _one_spaced(text: str) -> str:
    return _SPACES.sub(" ", text) if "  " in text or not text.isprintable() else text
