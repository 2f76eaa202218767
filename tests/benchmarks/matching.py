"""Matching against the plain way and a loop of regexes, on made-up articles with published seeds.

Words follow Zipf's law, as those of languages do. Before anything is timed,
the result sets are asserted equal.
"""

from __future__ import annotations

import random
import re
import statistics
import time
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import accumulate

from rules import Entry, Rule, RuleSet
from rules.language import parse_query

SEED = 32108
SIZES = (10, 100, 1_000, 10_000)
_VOCABULARY = 50_000
_WORDS = 650
_ARTICLES = 200


def table() -> dict[str, object]:
    """Return, for each number of rules, rates and ratios; all of one run."""
    chance = random.Random(SEED)
    words = _vocabulary(chance)
    weights = list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
    articles = [_article(chance, words, weights, number) for number in range(_ARTICLES)]
    written = [_query(chance, words, weights) for _ in range(SIZES[-1])]
    found: dict[str, object] = {}
    for size in SIZES:
        found[str(size)] = _measured(written[:size], articles)
    return found


def _vocabulary(chance: random.Random) -> list[str]:
    syllables = [
        a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "an", "es", "ón")
    ]
    made: dict[str, None] = {}
    while len(made) < _VOCABULARY:
        made["".join(chance.choices(syllables, k=chance.randint(1, 4)))] = None
    return sorted(made, key=lambda word: (len(word), chance.random()))


def _article(
    chance: random.Random, words: Sequence[str], weights: Sequence[float], number: int
) -> Entry:
    text = " ".join(chance.choices(words, cum_weights=weights, k=_WORDS))
    if number % 10 == 0:
        text += f" Ley N.º {chance.randint(30_000, 32_500)}"
    return Entry(key=str(number), title=text[:60], text=text)


def _query(chance: random.Random, words: Sequence[str], weights: Sequence[float]) -> str:
    def word() -> str:
        # Who writes a rule takes words that mean something: none of the 200 most frequent.
        return words[min(chance.choices(range(200, len(words)), k=1)[0], len(words) - 1)]

    def usual() -> str:
        return chance.choices(words, cum_weights=weights, k=1)[0]

    shape = chance.randrange(5)
    if shape == 0:
        return f"{word()} OR {word()} OR {word()}"
    if shape == 1:
        return f'{word()} AND ({usual()} OR "{usual()} {usual()}")'
    if shape == 2:
        return f"(({word()} OR {word()}) NEAR/8 ({usual()} OR {usual()}))"
    if shape == 3:
        return f"{(word() + word())[:7]}* NOT {usual()}"
    return f"law:{chance.randint(30_000, 32_500)}"


def _measured(queries: Sequence[str], articles: Sequence[Entry]) -> dict[str, object]:
    tracemalloc.start()
    begun = time.perf_counter()
    rules = RuleSet(
        Rule(id=f"r{n}", title="r", query=query, tree=parse_query(query))
        for n, query in enumerate(queries)
    )
    loaded = time.perf_counter() - begun
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    few = articles if len(queries) <= 1_000 else articles[:20]
    for article in few:
        assert rules.match(article) == rules.match_plainly(article)
    for article in articles:
        rules.match(article)  # the counts of words settle
    times = [_seconds(rules.match, article) for article in articles]
    plainly = [_seconds(rules.match_plainly, article) for article in few]
    patterns = [_pattern(query) for query in queries]
    loop = [_seconds(lambda entry: _looped(patterns, entry), article) for article in few[:20]]
    rate = 1 / statistics.mean(times)
    return {
        "articles_per_second": round(rate),
        "p99_ms": round(sorted(times)[int(len(times) * 0.99) - 1] * 1000, 2),
        "times_the_plain_way": round(rate * statistics.mean(plainly), 1),
        "times_a_loop_of_regexes": round(rate * statistics.mean(loop), 1),
        "load_seconds_traced": round(loaded, 2),
        "memory_mb": round(memory / 2**20, 1),
    }


def _seconds(function: Callable[[Entry], object], article: Entry) -> float:
    begun = time.perf_counter()
    function(article)
    return time.perf_counter() - begun


def _pattern(query: str) -> re.Pattern[str]:
    """Return what somebody writes without such a tool: the query's words as one regex."""
    words = re.findall(r"[^\W\d_]{2,}|\d{5}", re.sub(r"\b(?:OR|AND|NOT|NEAR|law)\b", " ", query))
    return re.compile("|".join(rf"\b{re.escape(word)}" for word in words), re.IGNORECASE)


def _looped(patterns: Sequence[re.Pattern[str]], entry: Entry) -> int:
    return sum(pattern.search(entry.text) is not None for pattern in patterns)
