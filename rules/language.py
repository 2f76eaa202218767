"""Parses query text by recursive descent; every mistake gets its place, its reason and a hint.

After a mistake it goes on with the next term, to tell the others too. Where a quote, a
regex or a bracket is left open, what follows could mean anything, and is not judged.

any_of   all_of (OR all_of)*
all_of   negated (AND? negated)*
negated  NOT? near
near     item (NEAR/n item)?
item     (FIELD: | forms: | words:)* ( "(" any_of ")" | count( item ) >= n | term )
term     word | prefix* | "phrase" | "window"~n | /regex/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

import msgspec

from rules.fold import folded_words
from rules.forms import LANGUAGES, forms
from rules.law import CITED
from rules.query import (
    FIELDS_OF,
    SCOPES,
    And,
    Count,
    Near,
    Node,
    Not,
    Or,
    Term,
    both,
    changed,
    walk,
)
from rules.regex import objection
from rules.sense import can_hold, holds_without_terms
from rules.yamldoc import closest

LONGEST = 20_000
MOST_TERMS = 10_000
_DEEPEST = 60
_SMART = str.maketrans("“”„«»", '"""""')
_MARKS = {*CITED, "exact"}
_KNOWN = (*SCOPES, "exact", "forms", "words", *CITED)
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<OR>OR(?=[\s()"]|$))
    | (?P<AND>AND(?=[\s()"]|$))
    | (?P<NOT>NOT(?=[\s()"]|$))
    | (?P<NEAR>O?NEAR/\d{1,4}(?=[\s()"]|$))
    | (?P<COUNT>count\()
    | (?P<FORMS>forms(?:\([^()"]*\))?:(?=\S))
    | (?P<LEAST>>=\s*\d{1,4})
    | (?P<ADDRESS>[A-Za-z_]+://[^\s()"]*)
    | (?P<FIELD>[A-Za-z_]+:(?=\S))
    | (?P<WINDOW>"[^"]*"~\d*)
    | (?P<PHRASE>"[^"]*")
    | (?P<REGEX>/(?:\\.|[^/\\\n])+/)
    | (?P<WORD>[^-\s()":/~^\[\]{}|&!<>=][^\s()"~^\[\]{}|&<>=]*)
    | (?P<OPEN>\()
    | (?P<CLOSE>\))
    | (?P<ODD>[\[{][^\]}()"]*[\]}]|[<>=]+|[-:~^\[\]{}|&!]+)
    )""",
    re.VERBOSE,
)
NO_LISTS: Mapping[str, Node] = MappingProxyType({})

_BARE = re.compile(r"[A-Za-z_]+:")
"""A scope with nothing behind it."""
_NEARLY = re.compile(r"O?NEAR(?:/.*)?|(?i:o?near/\d+)|AROUND")
"""What was meant for NEAR, but is a word."""
_WILD = re.compile(r"\w\?\w")
_SITES = ("site", "domain")
"""Scopes of other tools that are ours in another way."""


class QueryError(Exception):
    """A query that cannot be used: where (*offset* into its text), why, and what to do.

    Of several mistakes it is the first in the text; *others* are those behind it, in their order.
    """

    def __init__(self, offset: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.code = code
        self.message = message
        self.hint = hint
        self.others: tuple[QueryError, ...] = ()


def parse_query(
    text: str, languages: Sequence[str] = LANGUAGES, words: Mapping[str, Node] = NO_LISTS
) -> Node:
    """Return the tree of the query *text*; raise QueryError, and nothing else.

    *languages* are those of `forms:` where it names none, *words* the lists that
    it may name, as written_query() gives them.
    """
    tree = written_query(text, words)
    if "forms" in text or "words" in text:
        usual = tuple(languages)
        tree = changed(tree, lambda term: _spoken(term, usual))
    if "NOT" in text or "words" in text:
        _sensible(tree)
    return tree


def written_query(text: str, words: Mapping[str, Node] | None = None) -> Node:
    """Return the tree of *text* as it is written: no forms are looked up, nothing is judged.

    Lists are put in from *words*; where that is None, their names stay.
    """
    if len(text) > LONGEST:
        raise QueryError(
            0, "Q101", "the query is longer than 20,000 characters", "make it two rules"
        )
    if not text.strip():
        raise QueryError(
            0, "Q101", "the query is empty", 'write what to look for: extorsi* OR "Ley 32108"'
        )
    return _Parser(text.translate(_SMART), words).query()


def places_of_terms(query: str) -> Mapping[str, Sequence[int]]:
    """Return where the terms and NEAR of *query* are written, by their text without marks.

    >>> places_of_terms('lacra "La  ley" LA OR la')
    {'lacra': [0], 'la ley': [6], 'la': [16, 22]}
    """
    found: dict[str, list[int]] = {}
    for token in _tokens(query.translate(_SMART)):
        if token.kind in {"WORD", "NEAR", "PHRASE", "WINDOW", "REGEX"}:
            text = token.text
            if token.kind in {"PHRASE", "WINDOW", "REGEX"}:
                text = " ".join(text[1 : text.rindex(text[0])].split())
            found.setdefault(text.casefold(), []).append(token.at)
    return found


class _Token(msgspec.Struct, frozen=True, gc=False):
    kind: str
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    """Yield the tokens of *text*; the last is END, or LEFT_OPEN at a quote or slash without its second."""
    end = 0
    for found in _TOKEN.finditer(text):
        if found.start() != end:
            break
        kind, end = str(found.lastgroup), found.end()
        yield _Token(kind, found[kind], found.start(kind))
    rest = text[end:].lstrip()
    at = len(text) - len(rest)
    yield _Token("LEFT_OPEN", rest[0], at) if rest else _Token("END", "", len(text.rstrip()) - 1)


_ENDS = frozenset({"OR", "END"})
_ENDS_OF_GROUP = _ENDS | {"CLOSE"}
_BETWEEN = frozenset({"AND", "OR", "NEAR", "NOT"})
_HOLE = Term("word", "")
"""Stands where a mistake was; of what it is a part of, nothing more is told."""


class _Parser:
    """Reads one query. Only brackets descend, and those are bounded."""

    def __init__(self, text: str, words: Mapping[str, Node] | None) -> None:
        self._text = text
        self._words = words
        self._terms = 0
        self._rest = _tokens(text)
        self._token = next(self._rest)
        self._opened: list[int] = []
        self._mistakes: list[QueryError] = []

    def query(self) -> Node:
        try:
            node = self._any_of()
        except QueryError as error:
            self._mistakes.append(error)
        if self._mistakes:
            first, *others = sorted(self._mistakes, key=lambda mistake: mistake.offset)
            first.others = tuple(others)
            raise first
        return node

    def _taken(self) -> _Token:
        token = self._token
        self._token = next(self._rest, token)
        return token

    def _told(self, read: Callable[..., Node], *given: object) -> Node:
        """Return what *read* makes of *given*; a mistake in it leaves a hole."""
        try:
            return read(*given)
        except QueryError as error:
            return self._hole(error)

    def _hole(self, mistake: QueryError) -> Node:
        self._mistakes.append(mistake)
        return _HOLE

    def _any_of(self) -> Node:
        parts = [self._all_of()]
        while self._token.kind == "OR":
            self._taken()
            parts.append(self._all_of())
        return both(Or, parts)

    def _all_of(self) -> Node:
        ends = _ENDS_OF_GROUP if self._opened else _ENDS
        parts = [self._negated()]
        while self._token.kind not in ends:
            if self._token.kind == "AND":
                self._taken()
            parts.append(self._negated())
        return both(And, parts)

    def _negated(self) -> Node:
        if self._token.kind != "NOT":
            return self._near()
        token = self._taken()
        twice = self._token.kind == "NOT"
        while self._token.kind == "NOT":
            self._taken()
        part = self._near()
        if twice or isinstance(part, Not):
            return self._hole(
                QueryError(token.at, "Q106", "NOT of NOT says nothing", "leave both out")
            )
        return Not(part)

    def _near(self) -> Node:
        left = self._item()
        if self._token.kind != "NEAR":
            return left
        operator = self._taken()
        right = self._item()
        if self._token.kind == "NEAR" and right is not _HOLE:
            hint = "put brackets round one of them: (a NEAR/5 b) AND (b NEAR/5 c)"
            right = self._hole(QueryError(self._token.at, "Q107", "two NEAR in a row", hint))
        while self._token.kind == "NEAR":
            self._taken()
            self._item()
        if left is _HOLE or right is _HOLE:
            return _HOLE
        return self._told(_near, operator, left, right)

    def _item(self) -> Node:
        marks: list[_Token] = []
        while self._token.kind in {"FIELD", "FORMS"}:
            marks.append(self._taken())
        token = self._token
        if token.kind in _TERMS:
            node = self._told(_TERMS[token.kind], self._taken())
        elif token.kind == "OPEN":
            node = self._group(self._taken().at)
        elif token.kind == "COUNT":
            node = self._count(self._taken())
        else:
            node = self._missing(token)
        for mark in reversed(marks):
            node = self._told(self._marked, mark, node)
        return node

    def _missing(self, token: _Token) -> Node:
        """Tell that *token* begins no term, and stay before it where it may stand between two."""
        mistake = self._unexpected(token)
        if token.kind in {"END", "LEFT_OPEN"}:
            raise mistake
        if token.kind not in _BETWEEN and not (token.kind == "CLOSE" and self._opened):
            self._taken()
        return self._hole(mistake)

    def _marked(self, mark: _Token, node: Node) -> Node:
        _check_name(mark)
        if node is _HOLE:
            return node
        if mark.kind == "FORMS":
            return _forms(mark, node)
        return self._listed(mark, node) if mark.text == "words:" else _scoped(mark, node)

    def _listed(self, token: _Token, node: Node) -> Node:
        """Return what the list holds that *node* names."""
        if not isinstance(node, Term) or node.kind != "word" or node.field:
            hint = "words:transport, and above the rules words: {transport: bus OR combi}"
            raise QueryError(token.at, "Q117", "`words:` takes the name of a list", hint)
        if self._words is None:
            return Term("words", node.text)
        if node.text not in self._words:
            near = closest(node.text, self._words)
            hint = f"did you mean `{near}`?" if near else "lists stand under `words:` in this file"
            raise QueryError(token.at, "Q117", f"there is no list `{node.text}`", hint)
        found = self._words[node.text]
        before = self._terms
        self._terms += sum(isinstance(part, Term) for part in walk(found))
        if before <= MOST_TERMS < self._terms:
            message = "with its lists, the query has more than 10,000 terms"
            raise QueryError(token.at, "Q101", message, "make it two rules")
        return found

    def _group(self, at: int) -> Node:
        """Return what stands between the bracket opened *at* and the one that closes it."""
        self._opened.append(at)
        if len(self._opened) > _DEEPEST:
            raise QueryError(at, "Q103", "brackets nested more than 60 deep", "make it two rules")
        before = len(self._mistakes)
        node = self._any_of()
        if self._token.kind != "CLOSE":
            raise self._unexpected(self._token)
        self._taken()
        self._opened.pop()
        return node if len(self._mistakes) == before else _HOLE

    def _count(self, opening: _Token) -> Node:
        term = self._group(opening.at + len(opening.text) - 1)
        least = self._token
        if least.kind == "LEAST" or (least.kind == "ODD" and least.text[0] in "<>="):
            self._taken()
        if least.kind != "LEAST":
            return self._hole(
                QueryError(
                    opening.at, "Q108", "count() needs >= and a number", "count(extorsi*) >= 2"
                )
            )
        return term if term is _HOLE else self._told(_count, opening, term, least)

    def _unexpected(self, token: _Token) -> QueryError:
        at, text = token.at, token.text
        match token.kind:
            case "END" if self._opened:
                return QueryError(
                    self._opened[-1], "Q103", "this bracket is never closed", "write the )"
                )
            case "END":
                message = "the query ends where a term should follow"
                return QueryError(at, "Q104", message, "finish it")
            case "CLOSE" if not self._opened:
                return QueryError(at, "Q103", "this bracket closes nothing", "remove it")
            case "LEFT_OPEN" if text == '"':
                return QueryError(at, "Q102", "this quote is never closed", 'write the second "')
            case "ADDRESS":
                hint = f'put it into quotes, or look for a part of it: url:"{text}"'
                return QueryError(at, "Q105", "an address is no term", hint)
            case "ODD" | "LEAST" | "LEFT_OPEN":
                message = f"`{text[0]}` has no meaning here"
                return QueryError(at, "Q105", message, _advice(self._text, at))
            case "NOT":
                hint = "NOT stands before a term or a bracket: a NOT (b NEAR/5 c)"
                return QueryError(at, "Q104", "NOT is not expected here", hint)
            case "AND" | "OR" | "NEAR":
                hint = f'to find the word, write "{text}"'
                return QueryError(at, "Q104", f"{text} stands between two terms", hint)
            case _:
                return QueryError(
                    at, "Q104", f"`{text}` is not expected here", "put a term before it"
                )


def _advice(text: str, at: int) -> str:
    match text[at]:
        case "&" | "|":
            return "write AND and OR"
        case "!":
            return "write NOT"
        case "-":
            return "to leave texts out, write NOT before the term; to find it, leave the - out"
        case "~":
            return 'fuzzy search does not exist; a window is "two words"~3, a prefix is word*'
        case "[" | "{" | "]" | "}" | "<" | ">" | "=":
            return "ranges do not exist; to count, write count(term) >= 2"
        case "*":
            return "a prefix needs letters before its *: extorsi*"
        case "/":
            return (
                "a regex stands between two slashes: /ley n.?º? 32108/; put addresses into quotes"
            )
        case _:
            return 'put the text into quotes: "…"'


def _near(operator: _Token, left: Node, right: Node) -> Node:
    for side in (left, right):
        if not _has_places(side):
            hint = "beside NEAR stand words, phrases, or groups of them with OR"
            raise QueryError(operator.at, "Q107", "NEAR needs terms on both sides", hint)
    if not _meet(left, right):
        message = "NEAR compares places in one field, and these two never share one"
        raise QueryError(operator.at, "Q107", message, "give both sides one scope, or write AND")
    name, number = operator.text.split("/")
    if int(number) == 0:
        raise QueryError(operator.at, "Q107", "NEAR/0 can never hold", "neighbours are NEAR/1")
    return Near(left, right, int(number), ordered=name == "ONEAR")  # type: ignore[arg-type]


def _count(token: _Token, term: Node, least: _Token) -> Node:
    if not isinstance(term, Term):
        raise QueryError(token.at, "Q108", "count() counts one term", "count(extorsi*) >= 2")
    number = int(least.text[2:])
    if number < 1:
        raise QueryError(least.at, "Q108", "count() >= 0 always holds", "write 1 or more")
    return Count(term, number)


def _forms(token: _Token, node: Node) -> Node:
    if not isinstance(node, Term) or node.kind not in {"word", "phrase"} or node.field:
        raise QueryError(token.at, "Q112", "`forms:` takes one word", "forms(es):extorsión")
    if len(node.words) != 1:
        hint = "the forms of each: (forms:cobro NEAR/3 forms:cupo)"
        raise QueryError(token.at, "Q112", "`forms:` takes one word", hint)
    return Term("forms", node.text, node.words, options=",".join(_options(token)))


def _options(token: _Token) -> list[str]:
    """Return the languages and vetoes that `forms(…):` names."""
    written = token.text[len("forms") : -1].strip("()")
    return [option.strip() for option in written.split(",") if option.strip()]


def _check_name(mark: _Token) -> None:
    """Refuse a scope or a language that does not exist."""
    if mark.kind == "FORMS":
        for option in _options(mark):
            if not option.startswith("-") and option not in LANGUAGES:
                known = ", ".join(LANGUAGES)
                hint = f"there are {known}; a form is vetoed with -: forms(es,-x):y"
                raise QueryError(mark.at, "Q116", f"there is no language `{option}`", hint)
        return
    name = mark.text[:-1]
    if name in _KNOWN:
        return
    if name.lower() in _SITES:
        hint = "write source: and a source of the desk, or url:rpp.pe"
        raise QueryError(mark.at, "Q109", f"there is no scope `{name}:`", hint)
    near = closest(name, _KNOWN)
    known = ", ".join(f"{scope}:" for scope in _KNOWN)
    hint = f"did you mean `{near}:`?" if near else f"there are {known}; or use quotes"
    raise QueryError(mark.at, "Q109", f"there is no scope `{name}:`", hint)


def _scoped(token: _Token, node: Node) -> Node:
    name = token.text[:-1]
    if name in _MARKS:
        return _marked(name, token, node)
    return _within(name, token, node)


def _word(token: _Token) -> Node:
    text = token.text
    if text[-1] == "*" and "*" not in text[:-1]:
        return Term("prefix", text[:-1], _words(token, text[:-1]))
    if "*" in text:
        hint = "a prefix has its * at the end: extorsi*"
        raise QueryError(token.at + text.index("*"), "Q105", "`*` stands at the end only", hint)
    if found := _WILD.search(text):
        hint = "write each word with OR, or a regex: /extors.on/"
        at = token.at + found.start() + 1
        raise QueryError(at, "Q105", "`?` stands for no letter", hint)
    if _BARE.fullmatch(text):
        hint = f"{text}paro, without a blank between; to find the word, leave the : out"
        raise QueryError(token.at, "Q109", f"`{text}` has nothing behind it", hint)
    if _NEARLY.fullmatch(text):
        hint = f'(a NEAR/5 b), in capitals and with a number; to find the word, write "{text}"'
        raise QueryError(token.at, "Q107", f"`{text}` would be found as a word", hint)
    return Term("word", text, _words(token, text))


def _phrase(token: _Token) -> Node:
    text = " ".join(token.text[1:-1].split())
    return Term("phrase", text, _words(token, text))


def _window(token: _Token) -> Node:
    quoted, _, slop = token.text.rpartition("~")
    if not slop:
        hint = '"two words"~3 allows three other words among them'
        raise QueryError(token.at + len(quoted), "Q110", "`~` needs a number", hint)
    text = " ".join(quoted[1:-1].split())
    return Term("window", text, _words(token, text), slop=int(slop[:4]))


def _regex(token: _Token) -> Node:
    pattern = token.text[1:-1]
    if found := objection(pattern):
        raise QueryError(token.at, "Q113", *found)
    return Term("regex", pattern)


_TERMS = {"WORD": _word, "PHRASE": _phrase, "WINDOW": _window, "REGEX": _regex}


def _words(token: _Token, text: str) -> tuple[str, ...]:
    words = folded_words(text)
    if not words:
        message = f"`{token.text}` holds no letter and no digit"
        raise QueryError(token.at, "Q111", message, "write a word")
    return words


def _marked(name: str, token: _Token, node: Node) -> Node:
    if not isinstance(node, Term) or node.kind not in {"word", "phrase"} or node.field:
        raise QueryError(token.at, "Q112", f"`{name}:` takes one word or phrase", f'{name}:"…"')
    if name == "exact":
        return Term("exact", node.text, node.words)
    number = "".join(node.words).lstrip("0")
    if not number.isdecimal() or len(number) > 7:
        message = f"`{name}:` takes the number of a {name}"
        raise QueryError(token.at, "Q112", message, f"{name}:32108")
    return Term(name, number, (number,))  # type: ignore[arg-type]


def _within(name: str, token: _Token, node: Node) -> Node:
    def scoped(term: Term) -> Term:
        if term.field and term.field != name:
            message = f"`{name}:` and `{term.field}:` at once can never hold"
            raise QueryError(token.at, "Q109", message, "keep one of them")
        return msgspec.structs.replace(term, field=name)

    return changed(node, scoped)


@lru_cache(maxsize=4096)
def _spoken(term: Term, languages: Sequence[str]) -> Term:
    """Return *term* with its forms, if it asks for them; *languages* are the usual ones."""
    if term.kind != "forms":
        return term
    options = [option for option in term.options.split(",") if option]
    vetoed = [option[1:] for option in options if option.startswith("-")]
    named = [option for option in options if not option.startswith("-")] or list(languages)
    return msgspec.structs.replace(
        term,
        words=forms(term.text, named, vetoed),
        options=",".join((*named, *(f"-{veto}" for veto in vetoed))),
    )


def _has_places(node: Node) -> bool:
    match node:
        case Term():
            return True
        case Or(parts):
            return all(isinstance(part, Term) for part in parts)
        case _:
            return False


def _meet(left: Node, right: Node) -> bool:
    """Tell whether a term of each side may stand in the same field."""
    return not _fields(left).isdisjoint(_fields(right))


def _fields(side: Node) -> set[str]:
    terms = (term for term in walk(side) if isinstance(term, Term))
    return {field for term in terms for field in FIELDS_OF.get(term.field, (term.field,))}


def _sensible(tree: Node) -> None:
    """Refuse a query that holds without any of its terms, or that can never hold."""
    if holds_without_terms(tree):
        hint = "add a term that must stand in the text"
        raise QueryError(0, "Q114", "the query holds for every text without its terms", hint)
    if not can_hold(tree):
        hint = "it asks for a term and its absence"
        raise QueryError(0, "Q115", "the query can never hold", hint)
