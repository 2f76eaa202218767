"""The command `backtest`: what rules would have matched in the store, and what an edit changes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pydantic_core import PydanticCustomError
from rich.markup import escape

from feeds.highlight import Segment, excerpts
from rules import Rule, RuleSet
from store import Stored
from store.database import Database
from watcher.backtest import Hit, Tally, backtest, merged
from watcher.clock import utc_now
from watcher.commands.errors import UsageError
from watcher.commands.output import highlighted, moment, out, places, progress, write_json
from watcher.commands.rules import chosen, rules_at, rules_of
from watcher.desk import RULES, find_desk, shown
from watcher.models import duration
from watcher.settings import FILE as SETTINGS
from watcher.settings import read_settings

_EXCERPTS = 2
_MANY = 5_000
"""From so many entries on, child processes are worth their start."""
_WIDEST = 40
_MARKED = str.maketrans({"*": r"\*", "_": r"\_", "`": r"\`", "[": r"\[", "<": "&lt;", "|": r"\|"})


def command(
    given: Path | None,
    wanted: list[str],
    since: str,
    against: str | None,
    *,
    json: bool,
    markdown: bool,
) -> None:
    """Write what the rules that are *wanted*, or all, would have matched since then."""
    folder = find_desk(given, os.environ, Path.cwd())
    rules = rules_at(folder, None)
    other = _other(folder, against) if against else None
    if other is None:
        asked = RuleSet(chosen(rules, wanted))
    else:
        both = {**other.rules, **rules.rules}
        names = [rule.id for rule in chosen(RuleSet(both.values()), wanted)]
        asked = RuleSet(rules.rules[name] for name in names if name in rules.rules)
        other = RuleSet(other.rules[name] for name in names if name in other.rules)
    start = utc_now() - _length(since)
    # The settings alone: rules that cannot be used by the desk are what is being tried.
    store = read_settings(folder, shown(folder / SETTINGS), os.environ).store_url
    database = Database.open(store)
    try:
        total = database.count_entries(start)
        if total < _MANY:
            entries = progress(_entries(database, start), "asking", total)
            tallies = backtest(entries, asked, other)
        else:
            tallies = _by_children(store, start, asked, other)
    finally:
        database.close()
    if json:
        write_json(
            {"entries": total, "since": start, "rules": list(map(_as_json, tallies.values()))}
        )
    elif markdown:
        _write_markdown(tallies, total, since, against)
    else:
        _write_report(tallies, total, since, against)


def _length(since: str) -> timedelta:
    try:
        return duration(since)
    except PydanticCustomError as error:
        raise UsageError(f"--since {since}: {error.message()}; write 30d, 12h or 90m") from error


def _entries(
    database: Database, start: datetime, after: str = "", until: str = "~"
) -> Iterator[Stored]:
    """Yield the entries from then on whose ids stand behind *after* and before *until*."""
    while page := database.entries(start, after):
        yield from (stored for stored in page if stored.id < until)
        after = page[-1].id
        if after >= until:
            return


def _by_children(
    store: str, start: datetime, asked: RuleSet, other: RuleSet | None
) -> Mapping[str, Tally]:
    """Return what backtest() does, a share of the entries after another asked on each processor."""
    rules = (tuple(asked.rules.values()), tuple(other.rules.values()) if other else None)
    ends = [*map("{:x}".format, range(1, 16)), "~"]
    shares = zip(["", *ends], ends, strict=False)
    context = multiprocessing.get_context("spawn")
    with context.Pool(os.cpu_count(), _Share.prepare, (store, start, *rules)) as pool:
        return merged(progress(pool.imap(_Share.asked, shares), "asking", len(ends)))


class _Share:
    """What a child process asks, and whom: prepared once in each."""

    database: Database
    start: datetime
    rules: RuleSet
    against: RuleSet | None

    @classmethod
    def prepare(
        cls, store: str, start: datetime, rules: Sequence[Rule], against: Sequence[Rule] | None
    ) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its children
        cls.database, cls.start = Database.open(store), start
        cls.rules = RuleSet(rules)
        cls.against = None if against is None else RuleSet(against)

    @classmethod
    def asked(cls, share: tuple[str, str]) -> Mapping[str, Tally]:
        entries = _entries(cls.database, cls.start, *share)
        return backtest(entries, cls.rules, cls.against)


def _other(folder: Path, against: str) -> RuleSet:
    """Return the rules of a file, a folder, or the desk's at a revision of git."""
    if Path(against).exists():
        return rules_at(folder, Path(against))
    return rules_of(_at_revision(folder, against))


def _at_revision(folder: Path, revision: str) -> Mapping[str, bytes]:
    if revision.startswith("-"):
        raise UsageError(f"`{revision}` is no file and no revision of git")
    listed = _git(folder, revision, "ls-tree", "-r", "--name-only", "-z", revision, f"{RULES}/")
    names = [
        name for name in listed.decode("utf-8", "replace").split("\0") if name.endswith(".yaml")
    ]
    if not names:
        raise UsageError(f"there are no rule files in {RULES}/ at the revision {revision}")
    return {
        f"{revision}:{name}": _git(folder, revision, "show", f"{revision}:./{name}")
        for name in names
    }


def _git(folder: Path, revision: str, *arguments: str) -> bytes:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  no shell
    except FileNotFoundError as error:
        raise UsageError("git is not installed; name a file to compare with") from error
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise UsageError(f"`{revision}` is no file and no revision of git: {''.join(reason)}")
    return done.stdout


def _write_report(
    tallies: Mapping[str, Tally], total: int, since: str, against: str | None
) -> None:
    out().print(f"{total} entries that came out during the last {since}")
    for tally in tallies.values():
        changed = f"  [green]+{tally.gained}[/] [red]-{tally.lost}[/]" if against else ""
        word = "match" if tally.count == 1 else "matches"
        out().print(f"\n[bold]{tally.rule}[/]  {tally.count} {word}{changed}")
        if against:
            for sign, hits in (("[green]+[/]", tally.gains), ("[red]-[/]", tally.losses)):
                for hit in hits:
                    _write_hit(hit, sign)
        else:
            _write_days(tally)
            for hit in tally.hits:
                _write_hit(hit, "•")


def _write_days(tally: Tally) -> None:
    most = max(tally.days.values(), default=0)
    for day, count in sorted(tally.days.items()):
        bar = "▇" * max(1, round(count * _WIDEST / most))
        out().print(f"  {day}  {bar} {count}")


def _write_hit(hit: Hit, sign: str) -> None:
    out().print(f"  {sign} {escape(_headline(hit))}")
    for excerpt in excerpts(hit.stored.entry, hit.match.because, _EXCERPTS):
        out().print(f"      {highlighted(excerpt.segments)}")


def _headline(hit: Hit) -> str:
    entry = hit.stored.entry
    title = " ".join(entry.title.split()) or "(untitled)"
    return f"{title} ({entry.source}, {moment(entry.published or hit.stored.seen_at)})"


def _write_markdown(
    tallies: Mapping[str, Tally], total: int, since: str, against: str | None
) -> None:
    lines = [f"**Backtest** over {total} entries that came out during the last {since}"]
    lines[0] += f", against `{against}`." if against else "."
    lines += ["", "| rule | matches | gained | lost |", "|---|---:|---:|---:|"]
    lines += [f"| {t.rule} | {t.count} | +{t.gained} | -{t.lost} |" for t in tallies.values()]
    for tally in tallies.values():
        parts: Sequence[tuple[str, list[Hit]]] = [("Matched", tally.hits)]
        if against:
            parts = [("Gained", tally.gains), ("Lost", tally.losses)]
        for title, hits in parts:
            if hits:
                lines += ["", f"### {tally.rule}: {title.lower()}", ""]
                lines += [line for hit in hits for line in _markdown_of(hit)]
    for line in lines:
        out().print(line, markup=False, soft_wrap=True)


def _markdown_of(hit: Hit) -> Iterator[str]:
    yield f"- {_headline(hit).translate(_MARKED)}"
    for excerpt in excerpts(hit.stored.entry, hit.match.because, _EXCERPTS):
        yield f"  > {''.join(map(_bold, excerpt.segments))}"


def _bold(segment: Segment) -> str:
    text = segment.text.replace("\n", " ").translate(_MARKED)
    return f"**{text}**" if segment.terms else text


def _as_json(tally: Tally) -> dict[str, object]:
    return {
        "rule": tally.rule,
        "matches": tally.count,
        "days": {str(day): count for day, count in sorted(tally.days.items())},
        "gained": tally.gained,
        "lost": tally.lost,
        "first": list(map(_hit_as_json, tally.hits)),
        "gains": list(map(_hit_as_json, tally.gains)),
        "losses": list(map(_hit_as_json, tally.losses)),
    }


def _hit_as_json(hit: Hit) -> dict[str, object]:
    entry = hit.stored.entry
    return {
        "entry": hit.stored.id,
        "title": entry.title,
        "url": entry.url,
        "source": entry.source,
        "published": entry.published,
        "because": places(hit.match.because),
    }
