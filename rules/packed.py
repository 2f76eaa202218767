"""Parsed rules as bytes, so that a file that was read once is not parsed again."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Protocol

import msgspec

from rules.query import Term, changed
from rules.rule import Rule
from rules.yamldoc import Places


class Kept(Protocol):
    """Where packed rules are kept between runs; losing one costs time alone."""

    def get(self, key: str) -> bytes | None:
        """Return what was put under *key*, if it is still there."""

    def put(self, key: str, data: bytes) -> None:
        """Keep *data* under *key*, or do not."""


def key_of(name: str, data: bytes, *, tested: bool) -> str:
    """Return what the rules of a file are kept under: its content, and the program that read it."""
    told = f"{_program()}\x00{name}\x00{tested}\x00".encode("utf-8", "surrogatepass")
    return hashlib.sha256(told + data).hexdigest()


@cache
def _program() -> str:
    code = hashlib.sha256()
    for item in sorted(files("rules").iterdir(), key=lambda item: item.name):
        if item.name.endswith(".py"):
            code.update(item.read_bytes())
    return f"{code.hexdigest()} {version('simplemma')} {version('pystemmer')}"


def pack(rules: tuple[Rule, ...]) -> bytes:
    """Return *rules* as bytes, without the places of their file."""
    return msgspec.msgpack.encode(rules, enc_hook=lambda _: None)


def unpack(file: str, data: bytes, packed: bytes) -> tuple[Rule, ...] | None:
    """Return the rules that were packed from the file's *data*; None where they cannot be had."""
    try:
        rules = _DECODER.decode(packed)
        places = Places(file, data.decode("utf-8-sig"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    known: dict[Term, Term] = {}
    for rule in rules:
        msgspec.structs.force_setattr(rule, "places", places)
        if "forms" in rule.query or rule.words:
            tree = changed(rule.tree, lambda term: known.setdefault(term, term))
            msgspec.structs.force_setattr(rule, "tree", tree)
    return rules


def _no_places(kind: type, _: object) -> None:
    raise NotImplementedError(kind)


_DECODER = msgspec.msgpack.Decoder(tuple[Rule, ...], dec_hook=_no_places)
