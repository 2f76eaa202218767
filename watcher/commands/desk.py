"""The commands about the desk itself: init and check."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape

from rules.lint import warnings
from watcher.commands.output import err, out, write_json, write_problems
from watcher.desk import find_desk, look_at_desk, shown, write_starter


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
    """Write every problem of the desk, and what is odd about its rules; exit 1 for a problem."""
    folder = find_desk(given, os.environ, Path.cwd())
    state, problems = look_at_desk(folder, os.environ)
    odd = warnings(state.book.seen) if state else ()
    if json:
        found = {"problems": list(map(asdict, problems)), "warnings": list(map(asdict, odd))}
        write_json({"ok": not problems, **found})
    elif state is None or problems:
        write_problems((*problems, *odd), out())
        err().print(f"{len(problems)} problem(s) in {escape(shown(folder))}")
    else:
        rules, sources = len(state.book.rules.rules), len(state.sources) - 1
        write_problems(odd, out())
        word = f"{len(odd)} warnings" if odd else "no problems"
        out().print(f"{escape(shown(folder))}: {rules} rules and {sources} sources, {word}")
    if problems:
        sys.exit(1)
