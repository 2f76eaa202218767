"""The plain matcher: judges one rule's tree on one entry, word by word."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import accumulate, compress

import msgspec

from rules.entry import Entry
from rules.fold import Folded, Plain, fold, plain
from rules.language import pattern_of
from rules.law import Citation, citations
from rules.match import Because
from rules.query import FIELDS, And, Count, Near, Node, Not, Or, Term, print_query

MOST_PLACES = 100
_SPACES = re.compile(r"\s+")
_AROUND = 70
_DEFAULT = ("title", "summary", "text")
_SEARCHED = {"": _DEFAULT, "text": ("summary", "text")}


class Hit(msgspec.Struct, frozen=True, order=True, gc=False):
    """A term's place: its field's rank, offsets, and first and last word (for distances)."""

    rank: int
    start: int
    end: int
    first: int
    last: int
    term: str


class Field:
    """One field of an entry, folded once and indexed."""

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
    def index(self) -> Mapping[str, list[int]]:
        """Return where each folded word stands."""
        index: dict[str, list[int]] = {}
        for at, word in enumerate(self.folded.words):
            index.setdefault(word, []).append(at)
        return index

    @cached_property
    def sorted_words(self) -> list[str]:
        """Return the different words, for prefixes to be looked up in."""
        return sorted(self.index)

    def cited(self, kind: str) -> Mapping[str, tuple[Citation, ...]]:
        """Return the laws, decrees or bills that the text cites, by number."""
        if kind not in self._cited:
            self._cited[kind] = citations(self.text, self.folded, kind)
        return self._cited[kind]

    def hits(self, term: Term) -> list[Hit]:
        """Return every place of *term* in this field."""
        if term.kind == "regex":
            return self._regex(term)
        if term.kind == "exact":
            return self._exact(term)
        places = list(self._words(term))
        if not places:
            return []
        label = print_query(term)
        return [self._hit(label, first, last) for first, last in places]

    def _words(self, term: Term) -> Iterable[tuple[int, int]]:
        match term.kind:
            case "law" | "decree" | "bill":
                return ((c.first, c.last) for c in self.cited(term.kind).get(term.text, ()))
            case "window":
                return self._windows(term)
            case "forms":
                found = self.index.keys() & set(term.words)
                return ((at, at) for word in found for at in self.index[word])
            case _:
                return self._phrases(term.words, open_end=term.kind == "prefix")

    def _phrases(self, words: tuple[str, ...], *, open_end: bool) -> list[tuple[int, int]]:
        *head, tail = words
        length = len(words)
        tails = self._beginning(tail) if open_end else self.index.get(tail, [])
        if length == 1:
            return [(at, at) for at in tails]
        found = []
        for at in tails:
            first = at - length + 1
            if first >= 0 and list(self.folded.words[first:at]) == head:
                found.append((first, at))
        return found

    def _beginning(self, prefix: str) -> list[int]:
        words = self.sorted_words
        low = bisect_left(words, prefix)
        high = bisect_right(words, prefix + "\U0010ffff")
        return sorted(at for word in words[low:high] for at in self.index[word])

    def _windows(self, term: Term) -> list[tuple[int, int]]:
        """Return the tightest windows that hold all words of *term* and few enough others."""
        wanted: dict[str, int] = {}
        for word in term.words:
            wanted[word] = wanted.get(word, 0) + 1
        places = sorted((at, word) for word in wanted for at in self.index.get(word, []))
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

    def _hit(self, label: str, first: int, last: int) -> Hit:
        folded = self.folded
        return Hit(self.rank, folded.starts[first], folded.ends[last], first, last, label)

    def _spanned(self, label: str, start: int, end: int) -> Hit:
        first = max(bisect_right(self.folded.starts, start) - 1, 0)
        last = max(bisect_left(self.folded.starts, end) - 1, first)
        return Hit(self.rank, start, end, first, last, label)

    @cached_property
    def _plain(self) -> Plain:
        return plain(self.text)

    def _says(self, hit: Hit, words: tuple[str, ...]) -> bool:
        return self.folded.words[hit.first : hit.last + 1] == words

    def _regex(self, term: Term) -> list[Hit]:
        bare = self._plain
        label = print_query(term)
        spans = (match.span() for match in pattern_of(term.text).finditer(bare.text))
        return [self._spanned(label, *bare.span(*span)) for span in spans if span[0] < span[1]]

    def _exact(self, term: Term) -> list[Hit]:
        text = unicodedata.normalize("NFC", term.text)
        pattern = re.compile(rf"(?<!\w){re.escape(text)}(?!\w)")
        label = print_query(term)
        if unicodedata.is_normalized("NFC", self.text):
            spanned = [self._spanned(label, *m.span()) for m in pattern.finditer(self.text)]
            # What stands in an address is no word of the text.
            return [hit for hit in spanned if self._says(hit, term.words)]
        written = [
            self._hit(label, first, last)
            for first, last in self._phrases(term.words, open_end=False)
        ]
        return [
            hit
            for hit in written
            if unicodedata.normalize("NFC", self.text[hit.start : hit.end]) == text
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
        self._words: dict[str, frozenset[str]] = {}

    def words(self, group: str) -> frozenset[str]:
        """Return the folded words of a field, or for "" those of title, summary and text."""
        if group not in self._words:
            names = _DEFAULT if not group else (group,)
            fields = [self._fields[name] for name in names if name in self._fields]
            self._words[group] = frozenset().union(*(field.folded.vocabulary for field in fields))
        return self._words[group]

    def cited(self, group: str, kind: str) -> frozenset[str]:
        """Return the numbers of the laws, decrees or bills that are cited there."""
        names = _DEFAULT if not group else (group,)
        fields = [self._fields[name] for name in names if name in self._fields]
        return frozenset().union(*(field.cited(kind) for field in fields))

    def hits(self, term: Term) -> list[Hit]:
        """Return every place of *term*, in the order of fields and offsets."""
        if term not in self._hits:
            names = _SEARCHED.get(term.field, (term.field,))
            fields = [self._fields[name] for name in names if name in self._fields]
            self._hits[term] = [hit for field in fields for hit in field.hits(term)]
        return self._hits[term]

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
    left, right = judge(node.left, page) or [], judge(node.right, page) or []
    if not left or not right:
        return []
    found = _followed(left, right, node.distance)
    return found if node.ordered else [*found, *_followed(right, left, node.distance)]


def _followed(earlier: list[Hit], later: list[Hit], most: int) -> list[Hit]:
    """Return the hits of *earlier* that one of *later* follows within *most* words, and those.

    It sorts once and looks each up, so that a long text of nothing but hits
    takes no longer than its length allows.
    """
    by_start = sorted(later, key=lambda hit: (hit.rank, hit.first))
    starts = [(hit.rank, hit.first) for hit in by_start]
    found: list[Hit] = []
    reached = [0] * (len(by_start) + 1)
    for hit in earlier:
        low = bisect_right(starts, (hit.rank, hit.last))
        high = bisect_right(starts, (hit.rank, hit.last + most))
        if low < high:
            found.append(hit)
            reached[low] += 1
            reached[high] -= 1
    return [*found, *compress(by_start, accumulate(reached))]


def distance(one: Hit, other: Hit, *, ordered: bool) -> int:
    """Return how many words *other* stands from *one*: neighbours 1, overlapping ones 0.

    In an ordered pair, *other* must come after *one*; else the distance is 0.
    """
    if other.first > one.last:
        return other.first - one.last
    return one.first - other.last if one.first > other.last and not ordered else 0


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
