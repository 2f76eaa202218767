"""Reads rule files; every problem of a file is told at once, each at its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args

from rules.entry import Entry
from rules.forms import LANGUAGES
from rules.language import QueryError, parse_query, written_query
from rules.problems import DeskError, Problem, RuleError
from rules.query import Node, Term
from rules.rule import Copies, Escalation, Example, Rule
from rules.visible import visible_text
from rules.yamldoc import Document, Path, closest, read_yaml

_TAKEN = frozenset({"all", "health"})
"""Feeds that every desk has: of all matches, and of what happens to the desk itself."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_RULE_KEYS = (
    "id",
    "formerly",
    "title",
    "query",
    "languages",
    "sources",
    "tags",
    "notify",
    "copies",
    "tests",
)
_WITHIN = re.compile(r"(\d{1,6})\s*([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_MOST_SOURCES = 100
_LONGEST_WITHIN = timedelta(days=30)
_ESCALATION_HINT = "write newsroom, or {endpoint: chief, when: {sources: 3, within: 6h}}"
_EXAMPLE_KEYS = ("title", "summary", "text", "html", "url", "author", "source", "lang")


def read_rules(file: str, data: bytes) -> tuple[Rule, ...]:
    """Return the rules in *data*; raise RuleError with every problem found.

    *file* is the file's name in messages.
    """
    rules, problems = rules_and_problems(file, data)
    if problems:
        raise RuleError(problems)
    return rules


def rules_and_problems(file: str, data: bytes) -> tuple[tuple[Rule, ...], tuple[Problem, ...]]:
    """Return the rules in *data* that can be read, and every problem found, in their order."""
    try:
        document = read_yaml(file, data)
    except DeskError as error:
        return (), error.problems
    reader = _Reader(document)
    rules = tuple(reader.rules())
    return rules, tuple(sorted(reader.problems, key=lambda p: (p.line, p.column)))


class _Reader:
    """Reads one document, and goes on after a mistake to find the next."""

    def __init__(self, document: Document) -> None:
        self._value = document.value
        self._places = document.places
        self._ids: set[str] = set()
        self._words: dict[str, Node] = {}
        self._lists: dict[str, str] = {}
        self.problems: list[Problem] = []

    def rules(self) -> list[Rule]:
        value = self._value
        if not isinstance(value, dict):
            self._refuse(
                (), "R101", "a rule file has `version: 1` and `rules:`", "see rules/library"
            )
            return []
        self._known((), value, ("version", "words", "rules"))
        if value.get("version") != 1:
            self._refuse(
                ("version",), "R102", "the version of a rule file is 1", "write version: 1"
            )
        items = value.get("rules")
        if not isinstance(items, list) or not items:
            self._refuse(
                ("rules",), "R101", "there is no list of `rules`", "rules: with - id: … below"
            )
            return []
        self._read_lists(value)
        rules: list[Rule] = []
        for index, item in enumerate(items):
            rule = self._rule(("rules", index), item)
            if rule:
                rules.append(rule)
        return rules

    def _read_lists(self, value: Mapping[str, Any]) -> None:
        """Take in the named lists of words; each may use those above it."""
        lists = value.get("words")
        if lists is None:
            return
        if not isinstance(lists, dict):
            hint = "words: {transport: bus OR combi}; a query names it: words:transport"
            self._refuse(("words",), "R113", "`words` has names, and a list for each", hint)
            return
        for name, text in lists.items():
            at = ("words", name)
            if not _NAME.fullmatch(name) or not isinstance(text, str):
                hint = "the name is made of a-z, 0-9 and -, and the list of terms: bus OR combi"
                self._refuse(at, "R113", f"`{name}` is no list of words", hint)
                continue
            self._lists[name] = text.strip()
            try:
                self._words[name] = written_query(text, self._words)
            except QueryError as error:
                self._misread(at, error)
                self._words[name] = Term("word", name, (name,))

    def _rule(self, path: Path, item: object) -> Rule | None:
        if not isinstance(item, dict):
            self._refuse(path, "R101", "a rule has an `id` and a `query`", "- id: my-rule")
            return None
        self._known(path, item, _RULE_KEYS)
        identity = self._identity(path, item)
        tree = self._query(path, item)
        only, except_ = self._sources(path, item)
        tests = self._tests(path, item)
        title = item.get("title", identity or "untitled")
        if not isinstance(title, str) or not title.strip():
            self._refuse((*path, "title"), "R105", "the title must be a text", "put it into quotes")
            title = ""
        tags = self._texts((*path, "tags"), item)
        formerly = self._formerly((*path, "formerly"), item, identity)
        notify, escalations = self._notify((*path, "notify"), item)
        copies = self._copies((*path, "copies"), item)
        if identity is None or tree is None:
            return None
        return Rule(
            id=identity,
            title=title,
            query=str(item["query"]).strip(),
            tree=tree,
            words=self._used(str(item["query"])),
            formerly=formerly,
            tags=tags,
            notify=notify,
            escalations=escalations,
            copies=copies,
            only=only,
            except_=except_,
            tests=tests,
            places=self._places,
            path=path,
        )

    def _formerly(
        self, path: Path, item: Mapping[str, Any], identity: str | None
    ) -> tuple[str, ...]:
        names = self._texts(path, item)
        for index, name in enumerate(names):
            if name == identity or not _NAME.fullmatch(name):
                message = "an id that the rule had before is named here"
                self._refuse((*path, index), "R103", message, "formerly: [old-id]")
        return names

    def _copies(self, path: Path, item: Mapping[str, Any]) -> Copies:
        value = item.get("copies", "silent")
        for known in get_args(Copies):
            if value == known:
                return known  # type: ignore[no-any-return]
        message = "`copies` says what becomes of copies of what the rule matched"
        self._refuse(path, "R114", message, "there are: " + ", ".join(get_args(Copies)))
        return "silent"

    def _notify(
        self, path: Path, item: Mapping[str, Any]
    ) -> tuple[tuple[str, ...], dict[str, Escalation]]:
        """Return the endpoints of a rule, and when those are told that are not told of all."""
        values = item.get("notify")
        names: list[str] = []
        escalations: dict[str, Escalation] = {}
        if values is not None and not isinstance(values, list):
            self._refuse(path, "R109", "`notify` is a list of endpoints", "notify: [newsroom]")
        for index, value in enumerate(values if isinstance(values, list) else []):
            at = (*path, index)
            name = value.get("endpoint") if isinstance(value, dict) else value
            if not isinstance(name, str) or not name:
                self._refuse(at, "R109", "an endpoint is named here", _ESCALATION_HINT)
                continue
            if name in names:
                message = f"the endpoint `{name}` is there twice"
                self._refuse(at, "R112", message, "name each endpoint once")
                continue
            names.append(name)
            if isinstance(value, dict) and (when := self._escalation(at, value)):
                escalations[name] = when
        return tuple(names), escalations

    def _escalation(self, path: Path, value: Mapping[str, Any]) -> Escalation | None:
        """Return when an endpoint is told; None where its description is wrong."""
        self._known(path, value, ("endpoint", "when"))
        when = value.get("when")
        at = (*path, "when")
        if not isinstance(when, dict):
            where = at if "when" in value else path
            self._refuse(where, "R112", "`when` says from how many sources on", _ESCALATION_HINT)
            return None
        self._known(at, when, ("sources", "within"))
        sources, within = when.get("sources"), when.get("within")
        written = _WITHIN.fullmatch(within.strip()) if isinstance(within, str) else None
        length = timedelta(**{_UNITS[written[2]]: int(written[1])}) if written else timedelta()
        if type(sources) is not int or not 2 <= sources <= _MOST_SOURCES:
            message = f"`sources` is a number from 2 to {_MOST_SOURCES}"
            place = (*at, "sources") if "sources" in when else at
            self._refuse(place, "R112", message, _ESCALATION_HINT)
        elif not timedelta() < length <= _LONGEST_WITHIN:
            place = (*at, "within") if "within" in when else at
            message = "`within` is a length of time, up to 30 days"
            self._refuse(place, "R112", message, "write a number and m, h or d: within: 6h")
        else:
            return Escalation(sources=sources, within=length)
        return None

    def _identity(self, path: Path, item: Mapping[str, Any]) -> str | None:
        identity = item.get("id")
        if identity is None:
            self._refuse(path, "R103", "the rule has no `id`", "write id: and a short name")
        elif not isinstance(identity, str) or not _NAME.fullmatch(identity):
            hint = "an id is made of a-z, 0-9 and -; its feed is named by it"
            self._refuse((*path, "id"), "R103", f"{identity!r} is no id", hint)
        elif identity in _TAKEN:
            message = f"the feed `{identity}` is there already"
            self._refuse((*path, "id"), "R103", message, "choose another id")
        elif identity in self._ids:
            message = f"the id `{identity}` is there twice"
            self._refuse((*path, "id"), "R104", message, "each rule has an id of its own")
        else:
            self._ids.add(identity)
            return identity
        return None

    def _query(self, path: Path, item: Mapping[str, Any]) -> Node | None:
        query = item.get("query")
        if isinstance(query, int) and not isinstance(query, bool):
            query = str(query)
        if not isinstance(query, str):
            at = (*path, "query") if "query" in item else path
            self._refuse(at, "R106", "the rule has no `query`", 'query: extorsi* OR "Ley 32108"')
            return None
        try:
            return parse_query(query, self._languages(path, item), self._words)
        except QueryError as error:
            self._misread((*path, "query"), error)
            return None

    def _misread(self, path: Path, error: QueryError) -> None:
        """Tell of the mistakes in the query text at *path*."""
        for one in (error, *error.others):
            problem = self._places.problem_within(path, one.offset, one.code, one.message, one.hint)
            self.problems.append(problem)

    def _used(self, query: str) -> tuple[tuple[str, str], ...]:
        """Return the lists that *query* uses, as they are written, those of other lists too."""
        used: dict[str, str] = {}
        for name, text in reversed(self._lists.items()):
            if re.search(rf"words:{name}(?![\w-])", " ".join((query, *used.values()))):
                used[name] = text
        return tuple(reversed(used.items()))

    def _languages(self, path: Path, item: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the languages of the rule's `forms:`; all that there are, where it names none."""
        named = self._texts((*path, "languages"), item)
        for index, language in enumerate(named):
            if language not in LANGUAGES:
                hint = "there are " + ", ".join(LANGUAGES)
                at = (*path, "languages", index)
                self._refuse(at, "R111", f"there is no language `{language}`", hint)
        return tuple(language for language in named if language in LANGUAGES) or LANGUAGES

    def _sources(
        self, path: Path, item: Mapping[str, Any]
    ) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
        sources = item.get("sources")
        at = (*path, "sources")
        if sources is None:
            return None, ()
        if not isinstance(sources, dict):
            self._refuse(
                at, "R107", "`sources` has `only` or `except`", "sources: {only: [andina]}"
            )
            return None, ()
        self._known(at, sources, ("only", "except"))
        only = self._texts((*at, "only"), sources) if "only" in sources else None
        if only == ():
            self._refuse(
                (*at, "only"), "R107", "no source is left: the rule can never hold", "name one"
            )
        return only, self._texts((*at, "except"), sources)

    def _tests(self, path: Path, item: Mapping[str, Any]) -> tuple[Example, ...]:
        tests = item.get("tests")
        at = (*path, "tests")
        if tests is None:
            return ()
        if not isinstance(tests, dict):
            self._refuse(at, "R108", "`tests` has `match` and `no_match`", 'match: ["…"]')
            return ()
        self._known(at, tests, ("match", "no_match", "todo"))
        return (*self._examples(at, tests, todo=False), *self._todo((*at, "todo"), tests))

    def _todo(self, path: Path, tests: Mapping[str, Any]) -> Iterator[Example]:
        """Yield what the rule is known to get wrong: a list of texts to match, or both kinds."""
        todo = tests.get("todo")
        if isinstance(todo, dict):
            self._known(path, todo, ("match", "no_match"))
            yield from self._examples(path, todo, todo=True)
        elif todo is not None:
            yield from self._listed(path, todo, expected=True, todo=True)

    def _examples(self, path: Path, tests: Mapping[str, Any], *, todo: bool) -> Iterator[Example]:
        for key in ("match", "no_match"):
            examples = tests.get(key) or []
            yield from self._listed((*path, key), examples, expected=key == "match", todo=todo)

    def _listed(
        self, path: Path, examples: object, *, expected: bool, todo: bool
    ) -> Iterator[Example]:
        if not isinstance(examples, list):
            name = path[-1]
            self._refuse(path, "R108", f"`{name}` is a list of texts", f'{name}: ["…"]')
            return
        for index, example in enumerate(examples):
            if entry := self._example((*path, index), example):
                yield Example(entry=entry, expected=expected, path=(*path, index), todo=todo)

    def _example(self, path: Path, example: object) -> Entry | None:
        if isinstance(example, str):
            return Entry(key="example", text=example)
        if not isinstance(example, dict) or not all(isinstance(v, str) for v in example.values()):
            hint = 'write the text, or {title: "…", text: "…", lang: es}'
            self._refuse(path, "R108", "an example is a text, or fields with texts", hint)
            return None
        self._known(path, example, _EXAMPLE_KEYS)
        fields = {
            key: example.get(key, "") for key in ("title", "summary", "url", "source", "lang")
        }
        text = example.get("text") or visible_text(example.get("html", ""))
        authors = tuple(filter(None, [example.get("author", "")]))
        return Entry(key="example", text=text, authors=authors, **fields)

    def _texts(self, path: Path, holder: Mapping[str, Any]) -> tuple[str, ...]:
        values = holder.get(str(path[-1]))
        if values is None:
            return ()
        if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
            self._refuse(
                path, "R109", f"`{path[-1]}` is a list of names", f"{path[-1]}: [one, two]"
            )
            return ()
        return tuple(values)

    def _known(self, path: Path, holder: Mapping[str, Any], keys: Iterable[str]) -> None:
        keys = tuple(keys)
        for key in holder:
            if key not in keys:
                near = closest(key, keys)
                hint = f"did you mean `{near}`?" if near else "there are: " + ", ".join(keys)
                problem = self._places.problem(
                    (*path, key), "R110", f"unknown key `{key}`", hint, of_key=True
                )
                self.problems.append(problem)

    def _refuse(self, path: Path, code: str, message: str, hint: str) -> None:
        self.problems.append(self._places.problem(path, code, message, hint))
