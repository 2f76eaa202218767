"""Other ways to ask many questions about articles, made to give the very same answers.

Each reads the articles' texts with its own means and says which query holds
for which article; places and highlights are not asked of them.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Sequence

import tantivy

from rules.fold import fold, folded_words
from rules.query import And, Near, Node, Not, Or, Term

BATCH = 100
"""Engines of search look at articles in batches of so many: an alert waits until one is full."""

Found = set[tuple[int, int]]
"""Numbers of articles and of queries that hold for them."""


def loop_of_regexes(trees: Sequence[Node]) -> Callable[[str], list[int]]:
    """Return what asks each query of one text: what is written where there is no such tool.

    Accents are taken off the text once, and each word is a pattern between
    word boundaries that is blind to case.
    """
    asked = [_by_regex(tree) for tree in trees]

    def looped(text: str) -> list[int]:
        bare = "".join(
            c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)
        )
        return [number for number, holds in enumerate(asked) if holds(bare)]

    return looped


def _by_regex(node: Node) -> Callable[[str], bool]:
    match node:
        case And(parts):
            inner = [_by_regex(part) for part in parts]
            return lambda text: all(holds(text) for holds in inner)
        case Or(parts):
            inner = [_by_regex(part) for part in parts]
            return lambda text: any(holds(text) for holds in inner)
        case Not(part):
            negated = _by_regex(part)
            return lambda text: not negated(text)
        case Near(left, right, distance):
            one, other = _alternatives(left), _alternatives(right)
            between = rf"\W+(?:\w+\W+){{0,{distance - 1}}}"
            return _searching(
                rf"\b(?:(?:{one}){between}(?:{other})|(?:{other}){between}(?:{one}))\b"
            )
        case Term():
            return _searching(rf"\b(?:{_alternatives(node)})\b")
        case _:
            raise NotImplementedError(node)


def _searching(pattern: str) -> Callable[[str], bool]:
    search = re.compile(pattern, re.IGNORECASE).search
    return lambda text: search(text) is not None


def _alternatives(node: Node) -> str:
    words = (r"\W+".join(folded_words(text)) for text in _texts(node, sign="o"))
    return "|".join(rf"{text}\w*" if _is_prefix(node, text) else text for text in words)


def _is_prefix(node: Node, text: str) -> bool:
    terms = node.parts if isinstance(node, Or) else (node,)
    return any(isinstance(t, Term) and t.kind == "prefix" and t.words == (text,) for t in terms)


def _texts(node: Node, sign: str = "º") -> list[str]:
    """Return the words, phrases and beginnings that a term, or one of several, may be."""
    terms = node.parts if isinstance(node, Or) else (node,)
    return [text for term in terms for text in _texts_of(term, sign)]


def _texts_of(term: Node, sign: str) -> Sequence[str]:
    assert isinstance(term, Term)
    if term.kind == "law":
        signs = ("", f"n {sign} ", f"n{sign} ", "no ", "n ")
        return [f"{law} {between}{term.text}" for law in ("ley", "law", "act") for between in signs]
    return term.words if term.kind == "forms" else (term.text,)


class Fts5:
    """SQLite's full text search: a table in memory for each batch."""

    def __init__(self, trees: Sequence[Node]) -> None:
        self._queries = [_for_fts5(tree) for tree in trees]

    def __call__(self, texts: Sequence[str]) -> Found:
        """Return what holds for *texts*."""
        database = sqlite3.connect(":memory:")
        database.execute(
            "CREATE VIRTUAL TABLE article USING fts5(text, tokenize='unicode61 remove_diacritics 2')"
        )
        database.executemany(
            "INSERT INTO article(rowid, text) VALUES (?, ?)", list(enumerate(texts))
        )
        found: Found = set()
        for number, query in enumerate(self._queries):
            rows = database.execute("SELECT rowid FROM article WHERE article MATCH ?", (query,))
            found.update((row, number) for (row,) in rows)
        database.close()
        return found


def _for_fts5(node: Node) -> str:
    match node:
        case And(parts):
            kept = " AND ".join(f"({_for_fts5(p)})" for p in parts if not isinstance(p, Not))
            gone = " OR ".join(f"({_for_fts5(p.part)})" for p in parts if isinstance(p, Not))
            return f"({kept}) NOT ({gone})" if gone else kept
        case Or(parts):
            return " OR ".join(f"({_for_fts5(part)})" for part in parts)
        case Near(left, right, distance):
            pairs = [(one, other) for one in _quoted(left) for other in _quoted(right)]
            return " OR ".join(f"NEAR({one} {other}, {distance - 1})" for one, other in pairs)
        case _:
            return " OR ".join(_quoted(node))


def _quoted(node: Node) -> list[str]:
    return [
        f'"{text}"*' if _is_prefix(node, *folded_words(text)[:1]) else f'"{text}"'
        for text in _texts(node)
    ]


class Tantivy:
    """A Lucene in Rust: an index in memory for each batch, on one thread."""

    def __init__(self, trees: Sequence[Node]) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("text", tokenizer_name="folding")
        self._schema = builder.build()
        simple = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        simple = simple.filter(tantivy.Filter.lowercase()).filter(tantivy.Filter.ascii_fold())
        self._analyzer = simple.build()
        self._queries = [self._query(tree) for tree in trees]
        self._nears = {n: tree for n, tree in enumerate(trees) if isinstance(tree, Near)}
        self._near = {number: _by_regex(tree) for number, tree in self._nears.items()}

    def __call__(self, texts: Sequence[str]) -> Found:
        """Return what holds for *texts*; the distances of NEAR are looked at in what it finds."""
        index = tantivy.Index(self._schema)
        index.register_tokenizer("folding", self._analyzer)
        writer = index.writer(heap_size=50_000_000, num_threads=1)
        for text in texts:
            writer.add_document(tantivy.Document(text=text))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        searcher = index.searcher()
        found: Found = set()
        for number, query in enumerate(self._queries):
            for _, address in searcher.search(query, limit=len(texts), count=False).hits:
                near = self._near.get(number)
                if near is None or near(" ".join(fold(texts[address.doc]).words)):
                    found.add((address.doc, number))
        return found

    def _query(self, node: Node) -> tantivy.Query:
        must, should, must_not = tantivy.Occur.Must, tantivy.Occur.Should, tantivy.Occur.MustNot
        match node:
            case And(parts):
                pairs = [
                    (must_not, self._query(part.part))
                    if isinstance(part, Not)
                    else (must, self._query(part))
                    for part in parts
                ]
            case Or(parts):
                pairs = [(should, self._query(part)) for part in parts]
            case Near(left, right):
                pairs = [(must, self._query(left)), (must, self._query(right))]
            case _:
                pairs = [
                    (should, self._text(text, _is_prefix(node, *folded_words(text)[:1])))
                    for text in _texts(node)
                ]
        return tantivy.Query.boolean_query(pairs)

    def _text(self, text: str, begun: bool) -> tantivy.Query:
        words: list[str | tuple[int, str]] = list(self._analyzer.analyze(text))
        if begun:
            return tantivy.Query.regex_query(self._schema, "text", f"{words[0]}.*")
        if len(words) == 1:
            return tantivy.Query.term_query(self._schema, "text", words[0])
        return tantivy.Query.phrase_query(self._schema, "text", words)


def in_batches(engine: Callable[[Sequence[str]], Found], texts: Sequence[str]) -> Iterable[Found]:
    """Yield what *engine* finds in each batch of *texts*, with the numbers that articles have."""
    for start in range(0, len(texts), BATCH):
        yield {(start + at, query) for at, query in engine(texts[start : start + BATCH])}
