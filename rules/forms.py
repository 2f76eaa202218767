"""Finds the forms of a word in a language, in simplemma's word lists: that library's only room.

A form is a word with the same lemma, or one of the same family: its Snowball
stem differs at most in an ending that makes nouns, adjectives and verbs of one
another. Only words that stand in the language's list are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from rules.fold import folded_letters, folded_words

LANGUAGES = ("es", "en", "pt", "fr")
_SNOWBALL = {"es": "spanish", "en": "english", "pt": "portuguese", "fr": "french"}
_ENDINGS = {
    "es": ("ion", "ionador", "ionist", "iv", "or", "ador", "ist"),
    "en": ("ion", "ionist", "iv", "or", "er"),
    "pt": ("a", "ao", "or", "iv", "ionari", "ist"),
    "fr": ("ion", "ionn", "if", "iv", "eur", "ist"),
}
_SHORTEST_STEM = 5
"""Shorter stems are shared by words that have nothing to do with each other (paro, parar, par)."""

_SHARED = 4
_ALTERED = 2
"""How many letters a form has in common with the word, unless the list itself joins them, and
how many at the end of a stem Snowball may have changed."""

_ALIKE = 2
"""So many letters of most words are those of their lemma."""


def forms(word: str, languages: Iterable[str], vetoed: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the folded forms of *word* in *languages*, itself among them, without the *vetoed*.

    >>> forms("ñandú", ["es"])
    ('nandu', 'nandues', 'nandus')
    """
    refused = {folded for veto in vetoed for folded in folded_words(veto)}
    found = {folded for language in languages for folded in _forms(word.casefold(), language)}
    return tuple(sorted((found | set(folded_words(word))) - refused))


@lru_cache(maxsize=4096)
def _forms(word: str, language: str) -> frozenset[str]:
    listed = _list(language)
    lemmas = {
        lemma for form, lemma in listed.beginning(folded_letters(word) + "\t") if form == word
    }
    heads = {word} if word in lemmas or not lemmas else lemmas
    found = {word} | _family(word, language)
    for head in heads:
        found.update(listed.of_lemma(head))
    return frozenset(folded for form in found for folded in folded_words(form))


def _family(word: str, language: str) -> set[str]:
    """Return the words of the list that were made of the same stem."""
    stem = _stem(word, language)
    roots = [stem.removesuffix(ending) for ending in _ENDINGS[language] if stem.endswith(ending)]
    root = min((one for one in (stem, *roots) if len(one) >= _SHORTEST_STEM), key=len, default="")
    if not root:
        return set()
    stems = {root, stem, *(root + ending for ending in _ENDINGS[language])}
    beginning = root[: max(_SHARED, len(root) - _ALTERED)]
    near = [form for form, _ in _list(language).beginning(beginning)]
    own = _stemmer(language).stemWords(near)
    return {form for form, its in zip(near, own, strict=True) if folded_letters(its) in stems}


class _List:
    """A word list as sorted lines of folded word, word and lemma: small, and quick to search.

    Words that begin otherwise than their lemma (voy, of ir) stand for themselves once more.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        lines: list[str] = []
        strangers: list[str] = []
        for word, lemma in words.items():
            line = f"{folded_letters(word)}\t{word}\t{lemma}"
            lines.append(line)
            if word[:_ALIKE] != lemma[:_ALIKE]:
                strangers.append(line)
        self._text = _joined(sorted(lines))
        self._strangers = _joined(strangers)

    def beginning(self, letters: str) -> Iterator[tuple[str, str]]:
        """Yield word and lemma of each line that begins with the folded *letters*."""
        wanted = letters.encode()
        at = self._first_from(wanted)
        while self._text.startswith(wanted, at):
            end = self._text.index(b"\n", at)
            _, word, lemma = self._text[at:end].decode().split("\t")
            yield word, lemma
            at = end + 1

    def of_lemma(self, lemma: str) -> Iterator[str]:
        """Yield the words of a lemma, however they begin."""
        alike = folded_letters(lemma)[:_ALIKE].encode()
        start, end = self._first_from(alike), self._first_from(alike + b"\xff")
        wanted = f"\t{lemma}\n".encode()
        yield from _words_before(wanted, self._text[start:end])
        yield from _words_before(wanted, self._strangers)

    def _first_from(self, wanted: bytes) -> int:
        """Return where the first line begins that is not before *wanted*."""
        low, high = 1, len(self._text)
        while low < high:
            middle = (low + high) // 2
            line = self._text.rindex(b"\n", 0, middle) + 1
            if self._text[line : line + len(wanted)] < wanted:
                low = self._text.index(b"\n", middle) + 1
            else:
                high = line
        return low


def _joined(lines: Iterable[str]) -> bytes:
    return ("\n" + "\n".join(lines) + "\n").encode()


def _words_before(wanted: bytes, text: bytes) -> Iterator[str]:
    """Yield the last word before each place of *wanted*."""
    at = text.find(wanted)
    while at >= 0:
        yield text[text.rindex(b"\t", 0, at) + 1 : at].decode()
        at = text.find(wanted, at + len(wanted) - 1)


def _stem(word: str, language: str) -> str:
    stem: str = _stemmer(language).stemWord(word)
    return folded_letters(stem)


@lru_cache(maxsize=len(LANGUAGES))
def _stemmer(language: str) -> Any:
    import Stemmer

    return Stemmer.Stemmer(_SNOWBALL[language])


@lru_cache(maxsize=len(LANGUAGES))
def _list(language: str) -> _List:
    from simplemma.strategies.dictionaries import DefaultDictionaryFactory

    return _List(DefaultDictionaryFactory().get_dictionary(language))


def let_go() -> None:
    """Free the word lists; what was asked of them is kept."""
    _list.cache_clear()
