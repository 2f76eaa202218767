"""Parses query text with Lark; every mistake gets its place, its reason and a hint."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any

import msgspec
import re2
from lark import Lark, Token, Transformer, v_args
from lark.common import LexerConf
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError
from lark.lexer import Lexer

from rules.fold import folded_words, plain
from rules.forms import LANGUAGES, forms
from rules.law import CITED
from rules.query import SCOPES, And, Count, Near, Node, Not, Or, Term, both, changed
from rules.yamldoc import closest

LONGEST = 20_000
_DEEPEST = 60
_LONGEST_PATTERN = 1_000
_MOST_ATOMS = 12
_SMART = str.maketrans("“”„«»", '"""""')
_MARKS = {*CITED, "exact"}
_KNOWN = (*SCOPES, "exact", "forms", *CITED)

_GRAMMAR = r"""
start: any_of
any_of: all_of (OR all_of)*
all_of: (negated) (AND? negated)*
?negated: NOT negated -> negation
        | near
near: item (NEAR item)*
?item: "(" any_of ")" -> group
     | FIELD item -> scoped
     | COUNT item ")" ATLEAST -> count
     | FORMS item -> forms
     | term
term: WINDOW -> window
    | PHRASE -> phrase
    | REGEX -> regex
    | WORD -> word

OR.9: /OR(?=[\s()"]|$)/
AND.9: /AND(?=[\s()"]|$)/
NOT.9: /NOT(?=[\s()"]|$)/
NEAR.9: /O?NEAR\/\d{1,4}(?=[\s()"]|$)/
COUNT.8: /count\(/
FORMS.8: /forms(?:\([^()"]*\))?:(?=\S)/
ATLEAST.8: />=\s*\d{1,4}/
FIELD.7: /[A-Za-z_]+:(?=\S)/
WINDOW.6: /"[^"]*"~\d*/
PHRASE.5: /"[^"]*"/
REGEX.4: /\/(?:\\.|[^\/\\\n])+\//
WORD.1: /[^\s()":\/~^\[\]{}|&!<>=][^\s()"~^\[\]{}|&<>=]*/
%ignore /\s+/
"""


class QueryError(Exception):
    """A query that cannot be used: where (*offset* into its text), why, and what to do."""

    def __init__(self, offset: int, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.code = code
        self.message = message
        self.hint = hint


def parse_query(text: str, languages: Sequence[str] = LANGUAGES) -> Node:
    """Return the tree of the query *text*; raise QueryError, and nothing else.

    *languages* are those of `forms:` where it names none.
    """
    tree = _spoken(written_query(text), languages)
    _sensible(tree)
    return tree


def written_query(text: str) -> Node:
    """Return the tree of *text* as it is written: no forms are looked up, nothing is judged."""
    if len(text) > LONGEST:
        raise QueryError(
            0, "Q101", "the query is longer than 20,000 characters", "make it two rules"
        )
    if not text.strip():
        raise QueryError(
            0, "Q101", "the query is empty", 'write what to look for: extorsi* OR "Ley 32108"'
        )
    text = text.translate(_SMART)
    _balanced(text)
    try:
        tree: Node = _parser().parse(text)  # type: ignore[assignment]
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from error
        raise
    except UnexpectedInput as error:
        raise _unexpected(error, text) from error
    return tree


@cache
def _parser() -> Lark:
    return Lark(
        _GRAMMAR,
        parser="lalr",
        lexer=_Tokens,
        transformer=_Builder(),
        propagate_positions=False,
    )


class _Tokens(Lexer):
    """Cuts a query into the grammar's terminals: Lark's own lexer, without the counting of lines."""

    def __init__(self, conf: LexerConf) -> None:
        terminals = sorted(conf.terminals, key=lambda terminal: -terminal.priority)
        patterns = (f"(?P<{one.name}>{one.pattern.to_regexp()})" for one in terminals)
        self._pattern = re.compile("|".join(patterns))
        self._ignored = frozenset(conf.ignore)

    def lex(self, data: str) -> Iterator[Token]:  # type: ignore[override]  # Lark's older face
        """Yield the tokens of *data*."""
        at = 0
        for found in self._pattern.finditer(data):
            kind, start = str(found.lastgroup), found.start()
            if start != at:
                break
            at = found.end()
            if kind not in self._ignored:
                yield Token(kind, found[0], start)
        if at < len(data):
            raise UnexpectedCharacters(data, at, 1, at + 1)  # type: ignore[no-untyped-call]


def _balanced(text: str) -> None:
    """Refuse brackets and quotes without their partner, at the place of the one that stands alone."""
    opened: list[int] = []
    quote: int | None = None
    for at, char in enumerate(_without_regexes(text)):
        if char == '"':
            quote = at if quote is None else None
        elif quote is not None:
            continue
        elif char == "(":
            opened.append(at)
            if len(opened) > _DEEPEST:
                raise QueryError(
                    at, "Q103", "brackets nested more than 60 deep", "make it two rules"
                )
        elif char == ")":
            if not opened:
                raise QueryError(at, "Q103", "this bracket closes nothing", "remove it")
            opened.pop()
    if quote is not None:
        raise QueryError(quote, "Q102", "this quote is never closed", 'write the second "')
    if opened:
        raise QueryError(opened[-1], "Q103", "this bracket is never closed", "write the )")


def _without_regexes(text: str) -> str:
    pattern = r'"[^"]*"|(?<![^\s(:])/(?:\\.|[^/\\\n])+/'
    return re.sub(pattern, lambda m: m[0] if m[0][0] == '"' else " " * len(m[0]), text)


def _unexpected(error: UnexpectedInput, text: str) -> QueryError:
    at = int(getattr(error, "pos_in_stream", None) or 0)
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        at = len(text.rstrip()) - 1
        return QueryError(
            max(at, 0), "Q104", "the query ends where a term should follow", "finish it"
        )
    found = text[at : at + 1]
    if isinstance(error, UnexpectedCharacters) or found in "|&!~^[]{}<>=*/:":
        return QueryError(at, "Q105", f"`{found}` has no meaning here", _advice(text, at))
    word = str(getattr(error, "token", found))
    if word in {"AND", "OR"} or "NEAR/" in word:
        return QueryError(
            at, "Q104", f"{word} stands between two terms", f'to find the word, write "{word}"'
        )
    return QueryError(at, "Q104", f"`{word}` is not expected here", "put a term before it")


def _advice(text: str, at: int) -> str:
    match text[at]:
        case "&" | "|":
            return "write AND and OR"
        case "!":
            return "write NOT"
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


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Builds the tree while Lark parses, so that no depth of nesting can exhaust the stack."""

    def start(self, node: Node) -> Node:
        return node

    def any_of(self, *parts: Any) -> Node:
        return both(Or, [part for part in parts if not isinstance(part, Token)])

    def all_of(self, *parts: Any) -> Node:
        return both(And, [part for part in parts if not isinstance(part, Token)])

    def negation(self, token: Token, part: Node) -> Node:
        if isinstance(part, Not):
            raise QueryError(_at(token), "Q106", "NOT of NOT says nothing", "leave both out")
        return Not(part)

    def group(self, node: Node) -> Node:
        return node

    def near(self, left: Node, *rest: Any) -> Node:
        if not rest:
            return left
        operator, right = rest[0], rest[1]
        if len(rest) > 2:
            hint = "put brackets round one of them: (a NEAR/5 b) AND (b NEAR/5 c)"
            raise QueryError(_at(rest[2]), "Q107", "two NEAR in a row", hint)
        for side in (left, right):
            if not _has_places(side):
                hint = "beside NEAR stand words, phrases, or groups of them with OR"
                raise QueryError(_at(operator), "Q107", "NEAR needs terms on both sides", hint)
        name, number = operator.split("/")
        if int(number) == 0:
            raise QueryError(
                _at(operator), "Q107", "NEAR/0 can never hold", "neighbours are NEAR/1"
            )
        return Near(left, right, int(number), ordered=name == "ONEAR")  # type: ignore[arg-type]

    def count(self, token: Token, term: Node, least: Token) -> Node:
        if not isinstance(term, Term):
            raise QueryError(_at(token), "Q108", "count() counts one term", "count(extorsi*) >= 2")
        number = int(least[2:])
        if number < 1:
            raise QueryError(_at(least), "Q108", "count() >= 0 always holds", "write 1 or more")
        return Count(term, number)

    def forms(self, token: Token, node: Node) -> Node:
        if not isinstance(node, Term) or node.kind not in {"word", "phrase"} or node.field:
            raise QueryError(_at(token), "Q112", "`forms:` takes one word", "forms(es):extorsión")
        if len(node.words) != 1:
            hint = "the forms of each: (forms:cobro NEAR/3 forms:cupo)"
            raise QueryError(_at(token), "Q112", "`forms:` takes one word", hint)
        written = str(token)[len("forms") : -1].strip("()")
        options = [option.strip() for option in written.split(",") if option.strip()]
        for option in options:
            if not option.startswith("-") and option not in LANGUAGES:
                hint = (
                    "there are "
                    + ", ".join(LANGUAGES)
                    + "; a form is vetoed with -: forms(es,-x):y"
                )
                raise QueryError(_at(token), "Q116", f"there is no language `{option}`", hint)
        return Term("forms", node.text, node.words, options=",".join(options))

    def scoped(self, token: Token, node: Node) -> Node:
        name = str(token)[:-1]
        if name in _MARKS:
            return _marked(name, token, node)
        if name not in SCOPES:
            near = closest(name, _KNOWN)
            known = ", ".join(f"{scope}:" for scope in _KNOWN)
            hint = f"did you mean `{near}:`?" if near else f"there are {known}; or use quotes"
            raise QueryError(_at(token), "Q109", f"there is no scope `{name}:`", hint)
        return _within(name, token, node)

    def word(self, token: Token) -> Node:
        text = str(token)
        if text.endswith("*") and "*" not in text[:-1]:
            words = _words(token, text[:-1])
            return Term("prefix", text[:-1], words)
        if "*" in text:
            hint = "a prefix has its * at the end: extorsi*"
            raise QueryError(
                _at(token) + text.index("*"), "Q105", "`*` stands at the end only", hint
            )
        return Term("word", text, _words(token, text))

    def phrase(self, token: Token) -> Node:
        text = " ".join(str(token)[1:-1].split())
        return Term("phrase", text, _words(token, text))

    def window(self, token: Token) -> Node:
        quoted, _, slop = str(token).rpartition("~")
        if not slop:
            hint = '"two words"~3 allows three other words among them'
            raise QueryError(_at(token) + len(quoted), "Q110", "`~` needs a number", hint)
        text = " ".join(quoted[1:-1].split())
        return Term("window", text, _words(token, text), slop=int(slop[:4]))

    def regex(self, token: Token) -> Node:
        pattern = str(token)[1:-1]
        _checked_pattern(pattern, _at(token))
        return Term("regex", pattern)


def _at(token: Token) -> int:
    return token.start_pos or 0


def _words(token: Token, text: str) -> tuple[str, ...]:
    words = folded_words(text)
    if not words:
        raise QueryError(
            _at(token), "Q111", f"`{text}` holds no letter and no digit", "write a word"
        )
    return words


def _marked(name: str, token: Token, node: Node) -> Node:
    if not isinstance(node, Term) or node.kind not in {"word", "phrase"} or node.field:
        raise QueryError(_at(token), "Q112", f"`{name}:` takes one word or phrase", f'{name}:"…"')
    if name == "exact":
        return Term("exact", node.text, node.words)
    number = "".join(node.words).lstrip("0")
    if not number.isdecimal() or len(number) > 7:
        message = f"`{name}:` takes the number of a {name}"
        raise QueryError(_at(token), "Q112", message, f"{name}:32108")
    return Term(name, number, (number,))  # type: ignore[arg-type]


def _within(name: str, token: Token, node: Node) -> Node:
    def scoped(term: Term) -> Term:
        if term.field and term.field != name:
            message = f"`{name}:` and `{term.field}:` at once can never hold"
            raise QueryError(_at(token), "Q109", message, "keep one of them")
        return msgspec.structs.replace(term, field=name)

    return changed(node, scoped)


def _spoken(tree: Node, languages: Sequence[str]) -> Node:
    """Return *tree* with the forms of each word that asks for them; *languages* are the usual ones."""

    def spoken(term: Term) -> Term:
        if term.kind != "forms":
            return term
        options = [option for option in term.options.split(",") if option]
        vetoed = [option[1:] for option in options if option.startswith("-")]
        named = [option for option in options if not option.startswith("-")] or list(languages)
        words = forms(term.text, named, vetoed)
        return msgspec.structs.replace(
            term, words=words, options=",".join((*named, *(f"-{v}" for v in vetoed)))
        )

    return changed(tree, spoken)


def _has_places(node: Node) -> bool:
    match node:
        case Term():
            return True
        case Or(parts):
            return all(isinstance(part, Term) for part in parts)
        case _:
            return False


@lru_cache(maxsize=4096)
def pattern_of(text: str) -> Any:
    """Return the compiled regex of a query: RE2, blind to case and accents."""
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = True  # only the whole is asked for, and that is told much sooner
    options.max_mem = 4 << 20
    return re2.compile(plain(text).text if "&" not in text else text, options)


def _checked_pattern(pattern: str, at: int) -> None:
    if len(pattern) > _LONGEST_PATTERN:
        raise QueryError(at, "Q113", "the regex is longer than 1,000 characters", "make it shorter")
    try:
        compiled = pattern_of(pattern)
        empty = compiled.search("") is not None
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        hint = "RE2 has no lookaround and no back references"
        raise QueryError(at, "Q113", f"the regex cannot be used: {reason}", hint) from error
    if empty:
        raise QueryError(
            at, "Q113", "the regex matches an empty text, so everything", "use + for *"
        )


def _sensible(tree: Node) -> None:
    """Refuse a query that holds without any of its terms, or that can never hold."""
    atoms: dict[Node, int] = {}
    judged = _compiled(tree, atoms)
    if judged(0):
        hint = "add a term that must stand in the text"
        raise QueryError(0, "Q114", "the query holds for every text without its terms", hint)
    if not _satisfiable(judged, len(atoms)):
        raise QueryError(
            0, "Q115", "the query can never hold", "it asks for a term and its absence"
        )


def can_hold(node: Node) -> bool:
    """Tell whether some text could make *node* hold; True also where that takes too long to say."""
    atoms: dict[Node, int] = {}
    return _satisfiable(_compiled(node, atoms), len(atoms))


def _satisfiable(judged: Callable[[int], bool], atoms: int) -> bool:
    return atoms > _MOST_ATOMS or any(judged(held) for held in range(1 << atoms))


def _compiled(node: Node, atoms: dict[Node, int]) -> Callable[[int], bool]:
    """Return *node* as a function of the set of atoms (a bit each) that hold."""
    match node:
        case And(parts):
            inner = [_compiled(part, atoms) for part in parts]
            return lambda held: all(part(held) for part in inner)
        case Or(parts):
            inner = [_compiled(part, atoms) for part in parts]
            return lambda held: any(part(held) for part in inner)
        case Not(part):
            negated = _compiled(part, atoms)
            return lambda held: not negated(held)
        case _:
            bit = 1 << atoms.setdefault(node, len(atoms))
            return lambda held: bool(held & bit)
