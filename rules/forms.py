"""Finds the forms of a word in a language, in simplemma's word lists: that library's only room.

A form is a word with the same lemma, or one of the same family: its Snowball
stem differs at most in an ending that makes nouns, adjectives and verbs of one
another. Only words that stand in the language's list are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
"""How many letters a form has in common with the word, unless the list itself joins them."""


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
    lemmas = {lemma for _, lemma in _lines(language, f"\t{word}\t")}
    heads = {word} if word in lemmas or not lemmas else lemmas
    found = {word} | _family(word, language)
    for head in heads:
        found.update(form for form, _ in _lines(language, f"\t{head}\n"))
    return frozenset(folded for form in found for folded in folded_words(form))


def _family(word: str, language: str) -> set[str]:
    """Return the words of the list that were made of the same stem."""
    stem = _stem(word, language)
    roots = [stem.removesuffix(ending) for ending in _ENDINGS[language] if stem.endswith(ending)]
    root = min((one for one in (stem, *roots) if len(one) >= _SHORTEST_STEM), key=len, default="")
    if not root:
        return set()
    stems = {root, stem, *(root + ending for ending in _ENDINGS[language])}
    near = _lines(language, "\n" + folded_letters(word)[:_SHARED])
    return {form for form, _ in near if _stem(form, language) in stems}


def _lines(language: str, wanted: str) -> Iterator[tuple[str, str]]:
    """Yield word and lemma of each line of the list that holds *wanted*, its ends included."""
    text = _list(language)
    at = text.find(wanted)
    while at >= 0:
        start = at if wanted.startswith("\n") else text.rindex("\n", 0, at)
        end = text.index("\n", start + 1)
        _, form, lemma = text[start + 1 : end].split("\t")
        yield form, lemma
        at = text.find(wanted, end)


@lru_cache(maxsize=65536)
def _stem(word: str, language: str) -> str:
    return folded_letters(_stemmer(language).stemWord(word))


@lru_cache(maxsize=len(LANGUAGES))
def _stemmer(language: str) -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer(_SNOWBALL[language])


@lru_cache(maxsize=len(LANGUAGES))
def _list(language: str) -> str:
    """Return the word list as lines of folded word, word and lemma: small, and quick to search."""
    from simplemma.strategies.dictionaries import DefaultDictionaryFactory

    words = DefaultDictionaryFactory().get_dictionary(language)
    lines = (f"{folded_letters(word)}\t{word}\t{lemma}" for word, lemma in words.items())
    return "\n" + "\n".join(lines) + "\n"


def let_go() -> None:
    """Free the word lists; what was asked of them is kept."""
    _list.cache_clear()
