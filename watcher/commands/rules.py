"""The commands that need rules but no store: match and explain."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.tree import Tree

from rules import DeskError, Entry, Rule, RuleBook, RuleSet, library_files
from rules.explain import Explained
from rules.explain import explain as explained
from rules.query import Term, print_query, walk
from rules.visible import visible_text
from watcher.commands.errors import UsageError
from watcher.commands.output import err, out, places, progress, write_json, write_json_line
from watcher.desk import RULES, NoDeskError, bytes_or_reason, find_desk, rule_files, shown
from watcher.models import did_you_mean
from watcher.parse import ParseError, parse_article
from watcher.parse.articles import SUFFIXES
from watcher.parse.fields import iso_instant

_MANY = 8
"""Of so many parts of a query, each has a line of its own in its tree; of more, those that tell."""

_LONG = 160


def match(desk: Path | None, files: list[Path], where: Path | None) -> None:
    """Write one line of JSON for each article; exit 1 when one could not be read.

    A file that is not there is a slip of the pen: nothing is matched, exit 2.
    """
    for file in files:
        if not file.exists():
            raise UsageError(f"there is no file {file}")
    rules = rules_at(desk, where)
    bad = 0
    for item in progress(_articles(files), "matching"):
        if isinstance(item, Bad):
            bad += 1
            err().print(f"{item.place}: {item.reason}", markup=False, soft_wrap=True)
        else:
            write_json_line(_matched(rules, item))
    if bad:
        sys.exit(1)


def explain(
    desk: Path | None, rule_id: str, file: Path | None, where: Path | None, *, json: bool
) -> None:
    """Write the tree of the rule with what held for the article in *file*; exit 1 without a match.

    Without a file, write what the rule asks for, the forms of its words spelt out.
    """
    (rule,) = chosen(rules_at(desk, where), [rule_id])
    if file is None:
        _write_asked(rule, json=json)
        return
    found = list(_articles([file]))
    if len(found) != 1 or isinstance(found[0], Bad):
        reason = (
            found[0].reason if found and isinstance(found[0], Bad) else "holds several articles"
        )
        raise UsageError(f"{file}: {reason}")
    verdict = explained(rule, found[0].entry)
    if json:
        write_json({"rule": rule.id, "held": verdict.held, "tree": _as_json(verdict)})
    else:
        out().print(_as_tree(verdict, Tree(f"[bold]{escape(rule.id)}[/]: {escape(rule.title)}")))
    if not verdict.held:
        sys.exit(1)


def _write_asked(rule: Rule, *, json: bool) -> None:
    spelt = {
        print_query(term): term.words
        for term in walk(rule.tree)
        if isinstance(term, Term) and term.kind == "forms"
    }
    if json:
        query = print_query(rule.tree)
        write_json({"rule": rule.id, "version": rule.version, "query": query, "forms": spelt})
        return
    out().print(f"[bold]{escape(rule.id)}[/]: {escape(rule.title)}")
    out().print(f"version {rule.version}", style="dim")
    out().print(print_query(rule.tree), markup=False)
    for term, words in spelt.items():
        out().print(f"\n{escape(term)} stands for {len(words)} words:")
        out().print(" ".join(words), markup=False)


@dataclass(frozen=True, slots=True)
class Article:
    """An article to match, with the id under which its answer is written."""

    id: object
    entry: Entry


@dataclass(frozen=True, slots=True)
class Bad:
    """Something that is no article: where it stands and what is wrong with it."""

    place: str
    reason: str


def rules_at(desk: Path | None, at: Path | None) -> RuleSet:
    """Return the rules at *at*, else the desk's, else those that tocsin ships."""
    files: Mapping[str, bytes | str]
    if at is not None:
        files = files_at(at)
    else:
        try:
            files = rule_files(find_desk(desk, os.environ, Path.cwd()) / RULES)
        except NoDeskError:
            if desk is not None:
                raise
            err().print("no desk here: the rules that come with tocsin are used", style="dim")
            files = {f"library/{name}": data for name, data in library_files().items()}
    return rules_of(files)


def rules_of(files: Mapping[str, bytes | str]) -> RuleSet:
    """Return the rules in *files*; raise DeskError where one cannot be used.

    What is being tried may fail its examples: these commands are there to see why.
    """
    book = RuleBook.empty().reload(files, tested=False)
    if book.problems:
        raise DeskError(book.problems)
    return book.rules


def files_at(at: Path) -> Mapping[str, bytes | str]:
    """Return the rule files that *at* is or holds; raise UsageError where there are none."""
    if at.is_dir():
        files = rule_files(at) or rule_files(at / RULES)
    elif at.is_file():
        files = {shown(at): bytes_or_reason(at)}
    else:
        raise UsageError(f"there is no rule file or folder {at}")
    if not files:
        raise UsageError(f"there are no rule files (*.yaml) in {at}")
    return files


def chosen(rules: RuleSet, wanted: list[str]) -> list[Rule]:
    """Return the rules with the ids that are *wanted*, or all; raise UsageError for an unknown one."""
    for name in wanted:
        if name not in rules.rules:
            raise UsageError(f"there is no rule `{name}`; {did_you_mean(name, rules.rules)}")
    return [rules.rules[name] for name in wanted or rules.rules]


def _articles(files: list[Path]) -> Iterator[Article | Bad]:
    if not files:
        yield from _lines("standard input", sys.stdin.buffer)
    for file in files:
        try:
            if file.suffix.lower() in {".jsonl", ".ndjson"}:
                with file.open("rb") as lines:
                    yield from _lines(shown(file), lines)
            elif file.suffix.lower() in SUFFIXES:
                yield Article(str(file), parse_article(str(file), file.read_bytes()))
            else:
                yield Bad(shown(file), "is not .txt, .md, .html or .jsonl")
        except ParseError as error:
            yield Bad(shown(file), str(error))
        except OSError as error:
            yield Bad(shown(file), f"cannot be read: {error.strerror}")


def _lines(name: str, lines: Iterator[bytes] | Any) -> Iterator[Article | Bad]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _article(json.loads(line.decode("utf-8-sig")), number)
        except UnicodeDecodeError as error:
            yield Bad(f"{name}:{number}", f"not UTF-8 at byte {error.start}")
        except json.JSONDecodeError as error:
            yield Bad(f"{name}:{number}:{error.colno}", f"not JSON: {error.msg}")
        except (TypeError, ValueError, RecursionError) as error:
            yield Bad(f"{name}:{number}", str(error) or "nested too deeply")


def _article(line: object, number: int) -> Article:
    if not isinstance(line, dict):
        raise TypeError('an article is a JSON object: {"id": …, "title": …, "text": …}')
    for key in ("title", "text", "html", "summary", "url", "lang", "source"):
        if not isinstance(line.get(key, ""), str | None):
            raise TypeError(f"`{key}` must be a text")
    if line.get("text") is None and line.get("html") is None and line.get("title") is None:
        raise ValueError("there is nothing to match: give `title`, `text` or `html`")
    identity = line.get("id", number)
    text = line.get("text")
    entry = Entry(
        key=str(identity),
        source=line.get("source") or "",
        url=line.get("url") or "",
        title=line.get("title") or "",
        summary=line.get("summary") or "",
        text=visible_text(line.get("html") or "") if text is None else text,
        authors=_names(line.get("author")),
        tags=_names(line.get("tags")),
        lang=line.get("lang") or "",
        published=iso_instant(line.get("published")),
    )
    return Article(identity, entry)


def _names(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(name for name in values if isinstance(name, str) and name)


def _matched(rules: RuleSet, article: Article) -> Mapping[str, object]:
    matches = rules.match(article.entry)
    return {
        "id": article.id,
        "rules": [match.rule for match in matches],
        "matches": [
            {
                "rule": match.rule,
                "because": places(match.because),
            }
            for match in matches
        ],
    }


def _as_tree(verdict: Explained, tree: Tree) -> Tree:
    mark = "[green]✓[/]" if verdict.held else "[red]✗[/]"
    quotes = ", ".join(
        f"{place.field} {place.start}: “{place.quote}”" for place in verdict.because[:5]
    )
    note = " — ".join(filter(None, (quotes if not verdict.children else "", verdict.note)))
    branch = tree.add(
        f"{mark} {escape(_short(verdict.label))}" + (f"  [dim]{escape(note)}[/]" if note else "")
    )
    told, left_out = _told(verdict)
    for child in told:
        _as_tree(child, branch)
    if left_out:
        count = f"{len(left_out)} more: " if verdict.label == "OR" else ""
        words = f"{count}{', '.join(part.label for part in left_out)}"
        branch.add(f"[dim]{escape(_short(words))}[/]")
    return tree


def _told(verdict: Explained) -> tuple[Sequence[Explained], Sequence[Explained]]:
    """Return the parts that are worth a line each, and the others.

    Of many ways to hold, those are that did, or came near where none did; of what was
    not to hold and did not, nothing is.
    """
    parts = verdict.children
    if verdict.label == "NOT" and verdict.held:
        return (), parts
    if verdict.label != "OR" or len(parts) <= _MANY:
        return parts, ()
    ranked = sorted(parts, key=lambda part: (not part.held, not _is_near(part)))
    telling = sum(part.held if verdict.held else _is_near(part) for part in parts)
    return ranked[: min(telling, _MANY)], ranked[min(telling, _MANY) :]


def _is_near(part: Explained) -> bool:
    """Tell whether something of *part* held, though it did not, or says what it lacked."""
    return bool(part.note) or any(
        (child.held and part.label != "NOT") or _is_near(child) for child in part.children
    )


def _short(label: str) -> str:
    return label if len(label) <= _LONG else f"{label[:_LONG]} …"


def _as_json(verdict: Explained) -> Mapping[str, object]:
    return {
        "label": verdict.label,
        "held": verdict.held,
        "note": verdict.note,
        "because": places(verdict.because),
        "children": [_as_json(child) for child in verdict.children],
    }
