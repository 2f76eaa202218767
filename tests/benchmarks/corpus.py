"""Made-up articles and rules for the matching bench: Spanish and English, with published seeds.

Words follow Zipf's law, as those of languages do: the thirty most frequent of
each language stand first, then words of its word list in a shuffled order.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from simplemma.strategies.dictionaries import DefaultDictionaryFactory

from rules import Entry

SEED = 32108
_WORDS = 650
_VOCABULARY = 25_000
_FREQUENT = {
    "es": "de la que el en y a los se del las un por con no una su para es al lo como más o pero "
    "sus le ha me si",
    "en": "the of and to in a is that for it as was with be by on not he this are or his from at "
    "which but have an had they",
}
_CITED = {
    "es": ("Ley N.º {}", "Ley {}", "la Ley Nº {}", "Ley N° {}"),
    "en": ("Law No. {}", "Law {}", "Act No. {}", "Law N° {}"),
}
_NUMBERS = (30_000, 32_500)
_FAMILIES = 300


@dataclass(frozen=True, slots=True)
class Language:
    """The words of a language by rank, and their weights, added up."""

    code: str
    words: Sequence[str]
    weights: Sequence[float]


class Corpus:
    """Articles and queries; the same in each run."""

    def __init__(self) -> None:
        self._chance = random.Random(SEED)
        self._languages = [self._language(code) for code in _FREQUENT]
        spanish = self._languages[0].words
        self._families = self._chance.sample([w for w in spanish[1_000:] if len(w) > 5], _FAMILIES)

    def articles(self, count: int) -> list[Entry]:
        """Return *count* articles of 4 KB on average; one in ten cites a law."""
        return [self._article(number) for number in range(count)]

    def queries(self, count: int) -> list[str]:
        """Return *count* queries of five shapes."""
        return [self._query(number) for number in range(count)]

    def _language(self, code: str) -> Language:
        listed = DefaultDictionaryFactory().get_dictionary(code)
        usable = (w for w in listed if 3 <= len(w) <= 14 and w.isalpha() and w.islower())
        plain = sorted(w for w in usable if not {"æ", "œ"} & {*w})  # engines differ on these
        rare = self._chance.sample(plain, _VOCABULARY)
        words = list(dict.fromkeys([*_FREQUENT[code].split(), *rare]))
        return Language(
            code, words, list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
        )

    def _article(self, number: int) -> Entry:
        language = self._languages[number % 2]
        count = max(50, round(self._chance.gauss(_WORDS, _WORDS / 3)))
        words = self._chance.choices(language.words, cum_weights=language.weights, k=count)
        if number % 10 < 2:
            cited = self._chance.choice(_CITED[language.code]).format(self._number())
            words.insert(self._chance.randrange(len(words)), cited)
        text = "".join(self._sentences(words))
        return Entry(key=str(number), title=text[:60], text=text, lang=language.code)

    def _sentences(self, words: Sequence[str]) -> Iterator[str]:
        at = 0
        while at < len(words):
            length = self._chance.randint(6, 30)
            yield " ".join(words[at : at + length]).capitalize() + self._chance.choice(
                [". ", ". ", ", ", " – "]
            )
            at += length

    def _number(self) -> int:
        return self._chance.randint(*_NUMBERS)

    def _query(self, number: int) -> str:
        language = self._languages[self._chance.randrange(2)]

        name, other, rest = (self._chance.choice(language.words[1_000:]) for _ in range(3))
        usual, common = self._chance.sample(language.words[100:1_000], 2)
        beginning = other[:7]
        if name == other or any(word.startswith(beginning) for word in (usual, common)):
            return self._query(number)  # engines differ on a word that is near itself
        match number % 5:
            case 0:
                return f'"{usual} {rest}" OR {name} OR {other}'
            case 1:
                return f"{name} AND ({usual} OR {common}) NOT {other}"
            case 2:
                return f"({name} OR {beginning}*) NEAR/8 ({usual} OR {common})"
            case 3:
                return f"law:{self._number()}"
            case _:
                family = self._chance.choice(self._families)
                return f"forms(es):{family} AND ({usual} OR {common})"


def rule_files(queries: Sequence[str], each: int = 1_000) -> dict[str, bytes]:
    """Return rule files with *each* rules; the rule of the n-th query is called r-n."""
    files = {}
    for start in range(0, len(queries), each):
        rules = "".join(
            f"  - id: r-{number}\n    query: {json.dumps(query, ensure_ascii=False)}\n"
            for number, query in enumerate(queries[start : start + each], start)
        )
        files[f"{start:06}.yaml"] = f"version: 1\nrules:\n{rules}".encode()
    return files


def whole_text(entry: Entry) -> str:
    """Return title and text; between them stands what no query asks for, too wide for a NEAR."""
    return f"{entry.title} {'xxxx ' * 10} {entry.text}"
