"""The rules of a desk over time: good files take effect, a bad one keeps its last good version."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rules.files import rules_and_problems
from rules.forms import let_go
from rules.inline import failures
from rules.packed import Kept, key_of, pack, unpack
from rules.problems import Problem, unreadable
from rules.rule import Rule
from rules.ruleset import RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """A rule file: what was seen last, the rules in force, and what is wrong with what was seen.

    *data* are the file's bytes, or the reason for which they could not be had.
    *legible* are the rules of a bad file that could be read: not in force, but
    what they say of the desk can be checked.
    """

    data: bytes | str
    rules: tuple[Rule, ...] = ()
    problems: tuple[Problem, ...] = ()
    legible: tuple[Rule, ...] = ()

    @property
    def seen(self) -> tuple[Rule, ...]:
        """Return the rules of the file as it is now."""
        return self.legible if self.problems else self.rules


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """All rule files of a desk, by name."""

    files: Mapping[str, RuleFile]
    rules: RuleSet
    kept: Kept | None = None

    @classmethod
    def empty(cls, kept: Kept | None = None) -> RuleBook:
        """Return a book without any file; parsed rules are *kept* there between runs."""
        return cls(files={}, rules=RuleSet(()), kept=kept)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return what is wrong with the files as they are now."""
        return tuple(problem for file in self.files.values() for problem in file.problems)

    @property
    def seen(self) -> tuple[Rule, ...]:
        """Return the rules of all files as they are now, in force or not."""
        return tuple(rule for file in self.files.values() for rule in file.seen)

    def reload(self, files: Mapping[str, bytes | str], *, tested: bool = True) -> RuleBook:
        """Return the book for *files*; this very book where nothing changed.

        A file is given by its bytes, or by the reason for which it cannot be read.
        Where it has to be *tested*, an example that fails makes its file bad.

        A bad file keeps the rules of its last good version; an id that an
        earlier file has makes the later file bad; a file that is gone takes
        its rules along.
        """
        if {name: file.data for name, file in self.files.items()} == dict(files):
            return self
        with _no_collection():
            return self._reloaded(files, tested=tested)

    def _reloaded(self, files: Mapping[str, bytes | str], *, tested: bool) -> RuleBook:
        owners: dict[str, str] = {}
        read: dict[str, RuleFile] = {}
        for name in sorted(files):
            file = self._read(name, files[name], tested=tested)
            if clashes := _clashes(file, owners):
                rules = tuple(rule for rule in self._last_good(name) if rule.id not in owners)
                problems = (*file.problems, *clashes)
                file = replace(file, rules=rules, problems=problems, legible=file.seen)
            read[name] = file
            owners.update(dict.fromkeys((rule.id for rule in file.rules), name))
        let_go()
        held = (rule for file in read.values() for rule in file.rules)
        return replace(self, files=read, rules=RuleSet(held, before=self.rules))

    def _read(self, name: str, data: bytes | str, *, tested: bool) -> RuleFile:
        if isinstance(data, str):
            problems = (unreadable(name, data),)
            return RuleFile(data=data, rules=self._last_good(name), problems=problems)
        before = self.files.get(name)
        if before is not None and before.data == data and not before.problems:
            return before
        if self.kept is None:
            return self._parsed(name, data, tested=tested)
        key = key_of(name, data, tested=tested)
        packed = self.kept.get(key)
        if packed and (known := unpack(name, data, packed)) is not None:
            return RuleFile(data=data, rules=known)
        file = self._parsed(name, data, tested=tested)
        if not file.problems:
            self.kept.put(key, pack(file.rules))
        return file

    def _parsed(self, name: str, data: bytes, *, tested: bool) -> RuleFile:
        rules, problems = rules_and_problems(name, data)
        if tested:
            problems += tuple(problem for rule in rules for problem in failures(rule))
        if problems:
            return RuleFile(
                data=data, rules=self._last_good(name), problems=problems, legible=rules
            )
        return RuleFile(data=data, rules=rules)

    def _last_good(self, name: str) -> tuple[Rule, ...]:
        """Return the rules of the last good version of the file *name*."""
        return self.files[name].rules if name in self.files else ()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Do without the garbage collector: what is read is to stay, and looking it over costs a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _clashes(file: RuleFile, owners: Mapping[str, str]) -> tuple[Problem, ...]:
    return tuple(
        rule.problem(
            ("id",),
            "R104",
            f"the id `{rule.id}` stands in {owners[rule.id]} already",
            "choose another id",
        )
        for rule in file.seen
        if rule.id in owners
    )
