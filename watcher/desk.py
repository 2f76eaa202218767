"""The desk folder: found, made from the starter, read, checked, and read again when it changes."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from feeds.catalogue import Catalogue
from rules import DeskError, OperatorError, Problem, Rule, RuleBook, RuleSet, library_files
from store import EndpointSpec, Feed, SourceSpec
from watcher import decide
from watcher.models import did_you_mean
from watcher.parsed import ParsedRules
from watcher.settings import FILE as SETTINGS
from watcher.settings import Settings, read_settings
from watcher.sources import FILE as SOURCES
from watcher.sources import read_sources

RULES = "rules"


class NoDeskError(OperatorError):
    """There is no desk where one was looked for, or none can be made there."""


def find_desk(given: Path | None, environ: Mapping[str, str], here: Path) -> Path:
    """Return the desk's folder: the one given, $TOCSIN_DESK, ./desk, or this folder.

    Raise NoDeskError where there is none.
    """
    named = given or (Path(environ["TOCSIN_DESK"]) if environ.get("TOCSIN_DESK") else None)
    for folder in [named] if named else [here / "desk", here]:
        if _is_desk(folder):
            return folder
    where = named or here / "desk"
    raise NoDeskError(f"there is no desk in {where}; make one with: tocsin init {where}")


def _is_desk(folder: Path) -> bool:
    """Tell a desk from any folder with a `rules` in it, such as the sources of tocsin itself."""
    settled = (folder / SETTINGS).is_file() or (folder / SOURCES).is_file()
    return settled or any((folder / RULES).glob("*.yaml"))


def write_starter(folder: Path) -> tuple[Path, ...]:
    """Write the starter desk into *folder* and return the files written; none is overwritten.

    Raise NoDeskError where the folder cannot be written.
    """
    written = []
    try:
        for name, data in _starter_files():
            path = folder / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                written.append(path)
    except OSError as error:
        reason = f"{error.filename} cannot be written: {error.strerror}"
        raise NoDeskError(f"{reason}; choose another folder") from error
    return tuple(written)


def _starter_files() -> Iterator[tuple[str, bytes]]:
    yield from _below(files("watcher") / "starter", "")
    for name, data in library_files().items():
        yield f"{RULES}/{name}", data


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _below(item, f"{prefix}{item.name}/")
        else:
            # A package cannot ship a dot-file safely: some installers drop it.
            yield f"{prefix}{item.name.replace('dot.', '.', 1)}", item.read_bytes()


def rule_files(folder: Path) -> dict[str, bytes | str]:
    """Return the rule files of *folder* by the name that messages show.

    Each is given by its bytes, or by the reason for which they cannot be had.
    """
    found = sorted(folder.glob("*.yaml")) + sorted(folder.glob("*.yml"))
    return {shown(path): bytes_or_reason(path) for path in found if not path.name.startswith(".")}


def bytes_or_reason(path: Path) -> bytes | str:
    """Return the file's bytes, or the reason for which they cannot be had."""
    try:
        return path.read_bytes()
    except OSError as error:
        return error.strerror or str(error)


def shown(path: Path) -> str:
    """Return *path* as messages show it: relative where it lies below the working folder."""
    relative = os.path.relpath(path)
    return str(path.absolute()) if relative.startswith("..") else relative


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskState:
    """A desk as it was read last: what of it is good, and the problems of the rest."""

    folder: Path
    settings: Settings
    sources: tuple[SourceSpec, ...]
    book: RuleBook
    source_problems: tuple[Problem, ...] = ()
    setting_problems: tuple[Problem, ...] = ()
    retired: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return all that is wrong with the desk now."""
        found = [*self.setting_problems, *self.source_problems, *self.book.problems]
        found += self._crossing()
        return tuple(sorted(found, key=lambda p: (p.file, p.line, p.column)))

    def _crossing(self) -> Iterator[Problem]:
        """Yield what rules, sources and settings say of one another that is not so.

        What is missing because its own file is bad would only be told twice.
        """
        endpoints = None if self.setting_problems else self.settings.endpoints
        sources = None if self.source_problems else [source.name for source in self.sources]
        for rule in self.book.seen:
            yield from _of_rule(rule, endpoints, sources)
        if not self.setting_problems and not self.book.problems:
            yield from _of_feeds(self.settings, self.book.rules)

    @property
    def catalogue(self) -> Catalogue:
        """Return what is published."""
        combined = [
            Feed(name=name, title=feed.title, rules=feed.rules, private=feed.private)
            for name, feed in self.settings.values.feeds.items()
        ]
        return Catalogue.of(
            self.settings.site,
            self.book.rules.rules,
            combined,
            problems=self.problems,
            retired=self.retired,
            hubs=self.settings.hubs,
            hidden=self.hidden,
        )

    def with_past(
        self, retired: frozenset[str], hidden: frozenset[str], origins: Mapping[str, str]
    ) -> DeskState:
        """Return this desk, knowing the rules that it had once, and which rules ever were private.

        *origins* are what the matches of renamed rules have their ids from.
        """
        return replace(self, retired=retired, hidden=hidden, origins=origins)

    @property
    def endpoints(self) -> Mapping[str, EndpointSpec]:
        """Return the endpoints, by name."""
        return self.settings.endpoints

    @property
    def deciding(self) -> decide.Desk:
        """Return what decisions are made by."""
        stories = self.settings.values.stories
        return decide.Desk(
            rules=self.book.rules,
            endpoints=self.settings.endpoints,
            base_url=self.settings.site.base_url,
            window=stories.window if stories.join else timedelta(),
            origins=self.origins,
        )


def read_desk(folder: Path, environ: Mapping[str, str]) -> DeskState:
    """Return the desk in *folder*; raise DeskError with every problem of every file."""
    state, problems = look_at_desk(folder, environ)
    if state is None or problems:
        raise DeskError(problems)
    return state


def look_at_desk(
    folder: Path, environ: Mapping[str, str]
) -> tuple[DeskState | None, tuple[Problem, ...]]:
    """Return the desk in *folder* as far as it can be read, and every problem of every file.

    Without good settings there is no desk.
    """
    sources: tuple[SourceSpec, ...] = ()
    problems: tuple[Problem, ...] = ()
    try:
        sources = read_sources(folder, shown(folder / SOURCES))
    except DeskError as error:
        problems = error.problems
    parsed = ParsedRules(folder / "data" / "parsed")
    book = RuleBook.empty(parsed).reload(rule_files(folder / RULES))
    try:
        settings = read_settings(folder, shown(folder / SETTINGS), environ)
    except DeskError as error:
        return None, (*error.problems, *problems, *book.problems)
    if not problems:
        parsed.tidy()
    state = DeskState(
        folder=folder, settings=settings, sources=sources, book=book, source_problems=problems
    )
    return state, state.problems


def reread(state: DeskState) -> DeskState:
    """Return the desk as its files say now; a file that is bad now keeps its last good version."""
    book = state.book.reload(rule_files(state.folder / RULES))
    try:
        sources = read_sources(state.folder, shown(state.folder / SOURCES))
        problems: tuple[Problem, ...] = ()
    except DeskError as error:
        sources, problems = state.sources, error.problems
    settings, setting_problems = _resettled(state.settings)
    return replace(
        state,
        settings=settings,
        sources=sources,
        book=book,
        source_problems=problems,
        setting_problems=setting_problems,
    )


def _resettled(settings: Settings) -> tuple[Settings, tuple[Problem, ...]]:
    """Return *settings* with the endpoints that tocsin.toml and the files of secrets describe now."""
    folder = settings.folder
    try:
        edited = read_settings(folder, shown(folder / SETTINGS), settings.environ)
    except DeskError as error:
        return settings, tuple(error.problems)
    if edited.endpoints == settings.endpoints:
        return settings, ()
    return settings.with_endpoints(edited), ()


def _of_feeds(settings: Settings, rules: RuleSet) -> Iterator[Problem]:
    for name, feed in settings.values.feeds.items():
        at = ("feeds", name)
        if name in rules.rules:
            message = f"the rule `{name}` has a feed of this name already"
            yield settings.problem(at, "D103", message, "choose another name")
        for index, rule_id in enumerate(feed.rules):
            if rule_id not in rules.rules:
                message = f"there is no rule `{rule_id}`"
                hint = did_you_mean(rule_id, rules.rules)
                yield settings.problem((*at, "rules", index), "D104", message, hint)


def _of_rule(
    rule: Rule, endpoints: Collection[str] | None, sources: Collection[str] | None
) -> Iterator[Problem]:
    for index, endpoint in enumerate(rule.notify):
        if endpoints is not None and endpoint not in endpoints:
            message = f"there is no endpoint `{endpoint}`"
            hint = did_you_mean(endpoint, endpoints) or (
                f"describe it as [endpoints.{endpoint}] in tocsin.toml"
            )
            yield rule.problem(("notify", index, "endpoint"), "D101", message, hint)
    for key, wanted in (("only", rule.only or ()), ("except", rule.except_)):
        for index, source in enumerate(wanted):
            if sources is not None and source not in sources:
                message = f"there is no source `{source}`"
                hint = did_you_mean(source, sources) or "describe it in sources.yaml"
                yield rule.problem(("sources", key, index), "D102", message, hint)
