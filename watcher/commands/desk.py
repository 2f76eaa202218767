"""The commands about the desk itself: init and check."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from rules import DeskError, Problem
from watcher.commands.output import err, out, write_json, write_problems
from watcher.desk import DeskState, find_desk, read_desk, shown, write_starter


def init(folder: Path, *, json: bool) -> None:
    """Write the starter desk into *folder*."""
    written = write_starter(folder)
    if json:
        write_json({"desk": str(folder), "written": [str(path) for path in written]})
        return
    for path in written:
        out().print(f"wrote {escape(shown(path))}")
    if written:
        out().print(f"The desk {escape(str(folder))} is ready; start it with: tocsin run")
    else:
        out().print(f"The desk {escape(str(folder))} is complete; nothing was written.")


def check(given: Path | None, *, json: bool) -> None:
    """Write every problem of the desk; exit 1 when there is one."""
    folder = find_desk(given, os.environ, Path.cwd())
    state: DeskState | None = None
    problems: tuple[Problem, ...] = ()
    try:
        state = read_desk(folder, os.environ)
    except DeskError as error:
        problems = error.problems
    if json:
        write_json({"ok": not problems, "problems": [asdict(problem) for problem in problems]})
    elif state is None:
        write_problems(problems, out())
        err().print(f"{len(problems)} problem(s) in {escape(shown(folder))}")
    else:
        rules, sources = len(state.book.rules.rules), len(state.sources) - 1
        out().print(f"{escape(shown(folder))}: {rules} rules and {sources} sources, no problems")
    if problems:
        sys.exit(1)
