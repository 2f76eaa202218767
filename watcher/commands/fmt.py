"""The command fmt: writes rule files in one form."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from rules import DeskError, Problem
from rules.formatted import formatted
from rules.problems import unreadable
from watcher.commands.output import err, out, write_json, write_problems
from watcher.commands.rules import files_at
from watcher.desk import RULES, find_desk, rule_files


def fmt(desk: Path | None, paths: list[Path], *, dry: bool, json: bool) -> None:
    """Format the rule files at *paths*, or the desk's; if *dry*, only say which would change."""
    changed: list[str] = []
    problems: list[Problem] = []
    files = _files(desk, paths)
    for name, data in files.items():
        try:
            if _format(name, data, dry=dry):
                changed.append(name)
        except DeskError as error:
            problems.extend(error.problems)
    if json:
        write_json({"changed": changed, "problems": list(map(asdict, problems))})
    else:
        verb = "would change" if dry else "formatted"
        for name in changed:
            out().print(f"{verb} {escape(name)}")
        write_problems(problems, err())
        out().print(f"{len(files)} files, {len(changed)} {verb}")
    if problems or (dry and changed):
        sys.exit(1)


def _files(desk: Path | None, paths: list[Path]) -> Mapping[str, bytes | str]:
    if not paths:
        return rule_files(find_desk(desk, os.environ, Path.cwd()) / RULES)
    return {name: data for path in paths for name, data in files_at(path).items()}


def _format(name: str, data: bytes | str, *, dry: bool) -> bool:
    """Write the file *name* in the usual form unless *dry*; tell whether that changes it."""
    if isinstance(data, str):
        raise DeskError([unreadable(name, data)])
    written = formatted(name, data)
    if written == data:
        return False
    if not dry:
        path = Path(name)
        fresh = path.with_name(f".{path.name}.fmt")
        try:
            fresh.write_bytes(written)
            fresh.chmod(path.stat().st_mode)
            fresh.replace(path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise DeskError([unreadable(name, error.strerror or str(error))]) from error
    return True
