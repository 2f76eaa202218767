"""The plain matcher: judges one rule's tree on one entry, word by word."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate, compress

import msgspec

from rules.entry import Entry
from rules.fold import Folded, Plain, as_written, fold, plain, words_in
from rules.law import Citation, citations
from rules.match import Because
from rules.query import FIELDS, And, Count, Near, Node, Not, Or, Term, print_query
from rules.regex import pattern_of

MOST_PLACES = 100
_SPACES = re.compile(r"\s+")
_AROUND = 70
_FEW = 16
_DEFAULT = ("title", "summary", "text")
_SEARCHED = {"": _DEFAULT, "text": ("summary", "text")}
_IN_TEXT = {"", "title", "text"}
_LITERAL = {"word", "phrase", "window", "exact"}


class Hit(msgspec.Struct, frozen=True, order=True, gc=False):
    """A term's place: its field's rank and its offsets there."""

    rank: int
    start: int
    end: int
    term: str


class Field:
    """One field of an entry, folded once and indexed where that is needed."""

    def __init__(self, name: str, text: str) -> None:
        self.rank = FIELDS.index(name)
        self.text = text
        self._addresses = name not in _DEFAULT
        self._cited: dict[str, Mapping[str, tuple[Citation, ...]]] = {}

    @cached_property
    def folded(self) -> Folded:
        """Return the field's text as rules see it."""
        return fold(self.text, addresses=self._addresses)

    @cached_property
    def words(self) -> frozenset[str]:
        """Return the different folded words."""
        return words_in(self.folded.letters)

    @cached_property
    def _index(self) -> Mapping[str, list[int]]:
        """Return where each folded word stands."""
        index: dict[str, list[int]] = {}
        for at, word in enumerate(self.folded.words):
            index.setdefault(word, []).append(at)
        return index

    def cited(self, kind: str) -> Mapping[str, tuple[Citation, ...]]:
        """Return the laws, decrees or bills that the text cites, by number."""
        if kind not in self._cited:
            self._cited[kind] = citations(self.text, self.folded, kind)
        return self._cited[kind]

    def places(self, term: Term) -> list[tuple[int, int]]:
        """Return the offsets of *term* in this field, in their order."""
        match term.kind:
            case "law" | "decree" | "bill":
                found = self.cited(term.kind).get(term.text, ())
                return [(citation.start, citation.end) for citation in found]
            case "regex":
                return self._regex(term)
            case "exact":
                return self._exact(term)
            case "forms":
                held = self.words.intersection(term.words)
                return sorted(place for word in held for place in self.folded.places_of((word,)))
            case "prefix":
                return self.folded.places_of(term.words, whole=False)
            case "window":
                windows = self._windows(term)
                return [
                    (self.folded.start(first), self.folded.end(last)) for first, last in windows
                ]
            case _:
                return self.folded.places_of(term.words)

    def _windows(self, term: Term) -> list[tuple[int, int]]:
        """Return the tightest windows that hold all words of *term* and few enough others."""
        if not all(map(self.folded.letters.__contains__, term.words)):
            return []
        wanted: dict[str, int] = {}
        for word in term.words:
            wanted[word] = wanted.get(word, 0) + 1
        places = sorted((at, word) for word in wanted for at in self._index.get(word, []))
        found: list[tuple[int, int]] = []
        room = len(term.words) + term.slop
        held: dict[str, int] = dict.fromkeys(wanted, 0)
        low = 0
        for at, word in places:
            held[word] += 1
            while held[places[low][1]] > wanted[places[low][1]] or at - places[low][0] >= room:
                held[places[low][1]] -= 1
                low += 1
            if all(held[w] >= wanted[w] for w in wanted):
                found.append((places[low][0], at))
        return found

    @cached_property
    def _plain(self) -> Plain:
        return plain(self.text)

    def _regex(self, term: Term) -> list[tuple[int, int]]:
        bare = self._plain
        spans = (match.span() for match in pattern_of(term.text).finditer(bare.text))
        return [bare.span(*span) for span in spans if span[0] < span[1]]

    def _exact(self, term: Term) -> list[tuple[int, int]]:
        """Return where the folded words stand, and are written as the term is."""
        text = as_written(term.text)
        return [
            (start, end)
            for start, end in self.folded.places_of(term.words)
            if as_written(self.text[start:end]) == text
        ]


class Page:
    """An entry, made ready to be asked by any number of rules."""

    def __init__(self, entry: Entry) -> None:
        texts = {
            "title": entry.title,
            "summary": entry.summary,
            "text": entry.text,
            "url": entry.url,
            "author": "; ".join(entry.authors),
            "source": entry.source,
            "lang": entry.lang,
            "tag": "; ".join(entry.tags),
        }
        self._fields = {name: Field(name, text) for name, text in texts.items() if text}
        self._hits: dict[Term, list[Hit]] = {}
        self._letters: dict[str, str] = {}
        self._words: dict[str, frozenset[str]] = {}
        self._asked = 0

    def letters(self, group: str) -> str:
        """Return the folded letters of a field, or for "" those of title, summary and text.

        There is a blank before and after each of them.
        """
        if group not in self._letters:
            names = _DEFAULT if not group else (group,)
            fields = [self._fields[name] for name in names if name in self._fields]
            self._letters[group] = " ".join(["", *(field.folded.letters for field in fields), ""])
        return self._letters[group]

    def words(self, group: str) -> frozenset[str]:
        """Return the different folded words of a field, or of title, summary and text."""
        if group not in self._words:
            self._words[group] = words_in(self.letters(group))
        return self._words[group]

    def may_hold(self, clauses: Sequence[Sequence[str]]) -> bool:
        """Tell whether a word of each clause may stand in the text: soon, and never a wrong no.

        Where little is asked, it is searched for; where much is, the text is
        cut into its words, once.
        """
        if "" not in self._words:
            self._asked += sum(map(len, clauses))
            if self._asked < _FEW:
                letters = self.letters("")
                return all(any(map(letters.__contains__, clause)) for clause in clauses)
        return not any(map(self.words("").isdisjoint, clauses))

    def cited(self, group: str, kind: str) -> frozenset[str]:
        """Return the numbers of the laws, decrees or bills that are cited there."""
        names = _DEFAULT if not group else (group,)
        fields = [self._fields[name] for name in names if name in self._fields]
        return frozenset().union(*(field.cited(kind) for field in fields))

    def hits(self, term: Term) -> list[Hit]:
        """Return every place of *term*, in the order of fields and offsets."""
        if term not in self._hits:
            self._hits[term] = [] if self._lacks(term) else self._found(term)
        return self._hits[term]

    def _lacks(self, term: Term) -> bool:
        """Tell whether the words of the text leave *term* no place; where few are asked, they stay uncut."""
        if term.field not in _IN_TEXT or not (term.kind in _LITERAL or term.kind == "forms"):
            return False
        if "" not in self._words:
            self._asked += 1
            if self._asked < _FEW:
                return False
        known = self.words("")
        return (
            known.isdisjoint(term.words)
            if term.kind == "forms"
            else not known.issuperset(term.words)
        )

    def _found(self, term: Term) -> list[Hit]:
        fields = map(self._fields.get, _SEARCHED.get(term.field, (term.field,)))
        places = [
            (field.rank, start, end)
            for field in fields
            if field is not None
            for start, end in field.places(term)
        ]
        label = print_query(term) if places else ""
        return [Hit(*place, label) for place in places]

    def folded(self, rank: int) -> Folded:
        """Return the folded text of the field of that rank."""
        return self._fields[FIELDS[rank]].folded

    def because(self, hits: Iterable[Hit]) -> tuple[Because, ...]:
        """Return the places of *hits* with the words around them, at most 100."""
        return tuple(map(self._because, sorted(set(hits))[:MOST_PLACES]))

    def _because(self, hit: Hit) -> Because:
        name = FIELDS[hit.rank]
        text = self._fields[name].text
        return Because(
            term=hit.term,
            field=name,
            start=hit.start,
            end=hit.end,
            quote=text[hit.start : hit.end],
            before=_before(text, hit.start),
            after=_after(text, hit.end),
        )


def judge(node: Node, page: Page) -> list[Hit] | None:
    """Return the places that make *node* hold on *page* (none for a NOT), or None if it does not."""
    match node:
        case Term():
            return page.hits(node) or None
        case And(parts):
            found: list[Hit] = []
            for part in parts:
                hits = judge(part, page)
                if hits is None:
                    return None
                found += hits
            return found
        case Or(parts):
            held = [hits for part in parts if (hits := judge(part, page)) is not None]
            return [hit for hits in held for hit in hits] if held else None
        case Not(part):
            return [] if judge(part, page) is None else None
        case Near():
            return near(node, page) or None
        case Count(term, least):
            hits = page.hits(term)
            return hits if len(hits) >= least else None


def near(node: Near, page: Page) -> list[Hit]:
    """Return the places of both sides that stand within the distance of one another."""
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
    left, right = (
        sorted((hit.rank, *page.folded(hit.rank).span(hit.start, hit.end), hit) for hit in hits)
        for hits in found
    )
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
