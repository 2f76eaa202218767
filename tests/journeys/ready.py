"""A process that has imported tocsin already, and forks for each command: a second less for each.

It reads a line of JSON for each command, and answers with its exit code. What a
command does, the function `main` of a module, is done in a process of its own, as
when a person calls it.
"""

from __future__ import annotations

import json
import os
import pkgutil
import sys
from importlib import import_module


def main() -> None:
    """Import what the commands need, then fork for each line."""
    from watcher import commands

    for module in pkgutil.iter_modules(commands.__path__, "watcher.commands."):
        import_module(module.name)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if not child:
            _run(asked)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(asked: dict[str, object]) -> None:
    """Be the command that is *asked* for; never return."""
    code = 70
    try:
        os.setsid()
        os.chdir(str(asked["cwd"]))
        os.environ.clear()
        os.environ.update(asked["environ"])  # type: ignore[call-overload]
        for number, name in enumerate(("input", "output", "errors")):
            flags = os.O_WRONLY if number else os.O_RDONLY
            os.dup2(os.open(str(asked[name]), flags), number)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.argv = ["tocsin", *asked["arguments"]]  # type: ignore[misc]
        try:
            import_module(str(asked["module"])).main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
