"""Matching against other ways, by the number of rules, each number in a process of its own.

Before anything is timed, what the ways find is asserted to be the same: matches
and places against the plain way, articles and rules against all others.
"""

from __future__ import annotations

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from rules import Entry, RuleBook, RuleSet
from tests.benchmarks.corpus import SEED, Corpus, rule_files, whole_text
from tests.benchmarks.rivals import BATCH, Fts5, Tantivy, in_batches, loop_of_regexes

T = TypeVar("T")

SIZES = (10, 100, 1_000, 10_000, 100_000)
_SEEN_BEFORE = 600
_ARTICLES = 300
_SLOWLY = {10: 100, 100: 100, 1_000: 50, 10_000: 10, 100_000: 3}
"""So many articles are asked of the ways that ask rule by rule."""

_MOST_REGEXES = 10_000


_COLUMNS = {
    "articles_per_second": "articles/s",
    "p99_ms": "p99 ms",
    "matches_per_article": "matches",
    "times_the_plain_way": "x plain",
    "times_a_loop_of_regexes": "x regexes",
    "times_fts5_in_batches": "x FTS5",
    "times_tantivy_in_batches": "x tantivy",
    "load_seconds": "cold s",
    "load_seconds_parsed_before": "kept s",
    "one_edit_seconds": "edit s",
    "memory_mb": "MB",
}
_FACTS = f"""\
Seed {SEED}: {_ARTICLES} articles of 4 KB on average, Spanish and English by turns, after {_SEEN_BEFORE}
others; rules of five shapes. All ways gave the same matches before anything was timed.
Ours answers for each article as it comes, with quotes and places of all that matched. FTS5 and
tantivy take batches of {BATCH} and say only what matched: an alert waits until a batch is full.
cold = from YAML to the first answer, kept = from parsed rules, edit = one rule changed, MB = of all
rules; x = how many times as fast as the other way."""


def table() -> dict[str, object]:
    """Return a row for each number of rules, all of one run, and what they were measured with."""
    rows: dict[str, object] = {str(size): _apart(size) for size in SIZES}
    return {**rows, "seed": SEED, "articles": _ARTICLES, "batch": BATCH}


def printed(found: Mapping[str, Any]) -> str:
    """Return what table found as people read it."""
    lines = ["rules".rjust(7) + "".join(title.rjust(12) for title in _COLUMNS.values())]
    for size in SIZES:
        cells = (str(found[str(size)].get(name, "-")).rjust(12) for name in _COLUMNS)
        lines.append(f"{size:>7,}" + "".join(cells))
    rates = [found[str(size)]["articles_per_second"] for size in (1_000, 10_000)]
    share = f"rate with 10,000 rules / rate with 1,000: {rates[1] / rates[0]:.2f}"
    return "\n".join([*lines, share, _FACTS])


def _apart(size: int) -> dict[str, object]:
    command = [sys.executable, "-m", "tests.benchmarks.matching", str(size)]
    made = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=900)
    row: dict[str, object] = json.loads(made.stdout)
    return row


def row(size: int) -> dict[str, object]:
    """Return rates, times and ratios with *size* rules."""
    corpus = Corpus()
    before, articles = corpus.articles(_SEEN_BEFORE), corpus.articles(_ARTICLES)
    files = rule_files(corpus.queries(size))
    gc.collect()
    gc.freeze()
    held = _resident()
    kept = _Kept()
    seconds, book = _timed(lambda: RuleBook.empty(kept).reload(files))
    memory = _resident() - held
    assert not book.problems, book.problems[0]
    rules = book.rules
    again, _ = _timed(lambda: RuleBook.empty(kept).reload(files))
    edited, _ = _timed(lambda: _edited(book, files))
    for article in before:
        rules.match(article)
    few = articles[: _SLOWLY[size]]
    for article in few:
        assert rules.match(article) == rules.match_plainly(article)
    times = [_timed(lambda entry=article: rules.match(entry))[0] for article in articles]
    rate = 1 / statistics.mean(times)
    plainly = _mean(rules.match_plainly, few)
    return {
        "articles_per_second": round(rate),
        "p99_ms": round(sorted(times)[int(len(times) * 0.99) - 1] * 1000, 2),
        "matches_per_article": round(statistics.mean(len(rules.match(a)) for a in articles), 2),
        "load_seconds": round(seconds, 2),
        "load_seconds_parsed_before": round(again, 2),
        "one_edit_seconds": round(edited, 3),
        "memory_mb": round(memory),
        "times_the_plain_way": round(rate * plainly, 1),
        **_against_rivals(rules, articles, few, rate),
    }


class _Kept(dict[str, bytes]):
    """Keeps packed rules in memory."""

    put = dict.__setitem__


def _edited(book: RuleBook, files: dict[str, bytes]) -> RuleBook:
    name, data = next(iter(files.items()))
    return book.reload({**files, name: data.replace(b"id: r-0\n", b"id: r-new\n")})


def _against_rivals(
    rules: RuleSet, articles: Sequence[Entry], few: Sequence[Entry], rate: float
) -> dict[str, object]:
    trees = [rule.tree for rule in rules.rules.values()]
    numbers = {name: number for number, name in enumerate(rules.rules)}
    ours = {
        (at, numbers[match.rule])
        for at, article in enumerate(articles)
        for match in rules.match(article)
    }
    texts = [whole_text(article) for article in articles]
    found: dict[str, object] = {}
    if len(trees) <= _MOST_REGEXES:
        looped = loop_of_regexes(trees)
        asked = texts[: len(few)]
        _same(ours, {(at, n) for at, text in enumerate(asked) for n in looped(text)}, len(asked))
        found["times_a_loop_of_regexes"] = round(rate * _mean(looped, asked), 1)
    for name, engine in (("fts5", Fts5(trees)), ("tantivy", Tantivy(trees))):
        batched = texts if len(trees) < SIZES[-1] else texts[:100]
        _same(ours, set().union(*in_batches(engine, batched)), len(batched))
        spent, _ = _timed(partial(list, in_batches(engine, batched)))
        found[f"times_{name}_in_batches"] = round(rate * spent / len(batched), 1)
    return found


def _same(ours: set[tuple[int, int]], others: set[tuple[int, int]], articles: int) -> None:
    asked = {(at, number) for at, number in ours if at < articles}
    assert others == asked, sorted(others ^ asked)[:5]


def _mean(function: Callable[..., object], asked: Iterable[object]) -> float:
    return statistics.mean(_timed(lambda one=one: function(one))[0] for one in asked)


def _timed(function: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    found = function()
    return time.perf_counter() - begun, found


def _resident() -> int:
    """Return how many MB this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 // 2**20


if __name__ == "__main__":
    json.dump(row(int(sys.argv[1])), sys.stdout)
