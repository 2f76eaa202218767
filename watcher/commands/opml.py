"""The commands that add to sources.yaml what an OPML file lists, and write it as one."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from pydantic_core import PydanticCustomError
from rich.markup import escape

from feeds.opml import OpmlError, Subscription, parse_opml, render_opml
from rules import DeskError
from store import same_address
from watcher.commands.errors import UsageError
from watcher.commands.output import err, out, write_json
from watcher.desk import find_desk, read_desk, shown
from watcher.settings import web_address
from watcher.sources import FILE, checked_sources, read_sources

_LONGEST_NAME = 40


def import_opml(given: Path | None, file: Path, *, json: bool) -> None:
    """Add the feeds that the OPML *file* lists to sources.yaml; what is no web address is named."""
    folder = find_desk(given, os.environ, Path.cwd())
    path = folder / FILE
    have = read_sources(folder, shown(path))
    try:
        listed = parse_opml(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except OpmlError as error:
        raise UsageError(f"{file}: {error}") from error
    known = {same_address(spec.address) for spec in have}
    names = {spec.name for spec in have}
    added, left_out, kept = [], [], 0
    for feed in listed:
        address = same_address(feed.url)
        if not _is_web(feed.url):
            left_out.append(feed.url)
        elif address in known:
            kept += 1
        else:
            name = free_name(feed, names)
            names.add(name)
            known.add(address)
            added.append((name, feed))
    if added:
        append_sources(folder, path, added)
    if json:
        rows = [{"name": name, "url": feed.url} for name, feed in added]
        write_json({"added": rows, "known": kept, "left_out": left_out})
        return
    for name, feed in added:
        out().print(f"added {name}: {escape(feed.url)}", soft_wrap=True)
    for url in left_out:
        err().print(f"left out: {escape(url)} is not a web address", soft_wrap=True)
    out().print(f"{len(added)} added, {kept} known already")


def _is_web(address: str) -> bool:
    try:
        return bool(web_address(address))
    except PydanticCustomError:
        return False


def append_sources(
    folder: Path, path: Path, added: list[tuple[str, Subscription]], *, allow_private: bool = False
) -> None:
    """Write the new sources behind the old ones; comments and layout stay as they are."""
    before = path.read_text("utf-8") if path.is_file() else "version: 1\nsources:\n"
    if not re.search(r"^sources:[ \t]*(#.*)?$", before, re.MULTILINE):
        raise UsageError(
            f"{shown(path)} holds its list in a form that cannot be added to; "
            "begin each source on a line of its own below `sources:`"
        )
    dash = re.search(r"^sources:.*?^([ ]*)- ", before, re.MULTILINE | re.DOTALL)
    indent = dash[1] if dash else "  "
    lines = [line for name, feed in added for line in _lines(name, feed, indent)]
    if allow_private:
        lines.append(f"{indent}  allow_private: true")
    after = before.rstrip("\n") + "\n" + "\n".join(lines) + "\n"
    try:
        checked_sources(folder, shown(path), after.encode())
    except DeskError as error:
        raise UsageError(f"nothing was written: {error.problems[0].message}") from error
    new = path.with_name(f".{path.name}.new")
    new.write_text(after, "utf-8")
    new.replace(path)


def _lines(name: str, feed: Subscription, indent: str) -> Iterable[str]:
    yield f"{indent}- name: {name}"
    yield f"{indent}  kind: feed"
    yield f"{indent}  url: {_quoted(feed.url)}"
    if feed.language:
        yield f"{indent}  lang: {_quoted(feed.language)}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def free_name(feed: Subscription, taken: set[str]) -> str:
    """Return a name for the feed, made of its title, that no other source has."""
    ascii_title = unicodedata.normalize("NFKD", feed.title).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", ascii_title.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    name = name or "feed"
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def export(given: Path | None) -> None:
    """Write the web feeds of the desk as OPML to standard output."""
    state = read_desk(find_desk(given, os.environ, Path.cwd()), os.environ)
    feeds = [
        Subscription(title=spec.name, url=spec.address, language=spec.lang)
        for spec in state.sources
        if spec.kind == "feed" and "://" in spec.address
    ]
    sys.stdout.buffer.write(render_opml(state.settings.site.title, feeds))
