"""Runs a command of tocsin whose patience is short, so that a test need not wait for it.

Arguments: the seconds that a server has, those that a document has, then the command line.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Set the bounds and run the command.

    Child processes import this module too, so that it imports nothing itself.
    """
    from datetime import timedelta

    import watcher.readers
    from feeds.outgoing import Outgoing

    server, document, *command = sys.argv[1:]
    bounds = Outgoing.get.__kwdefaults__
    assert bounds is not None
    bounds["deadline"] = timedelta(seconds=float(server))
    watcher.readers.QUICK = float(document) / 4
    watcher.readers.PATIENT = float(document)
    sys.argv = ["tocsin", *command]
    from watcher.cli import main as tocsin

    tocsin()


if __name__ == "__main__":
    main()
