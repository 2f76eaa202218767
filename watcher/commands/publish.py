"""The command `publish`: everything as a static site."""

from __future__ import annotations

import asyncio
import os
from dataclasses import asdict, replace
from pathlib import Path

from rich.markup import escape

from feeds.publish import Written
from feeds.publish import publish as publish_site
from watcher.app import opened
from watcher.clock import utc_now
from watcher.commands.output import out, write_json
from watcher.desk import find_desk
from watcher.logs import set_up_logs


def publish(given: Path | None, to: Path, *, json: bool) -> None:
    """Write the static site into the folder *to*."""
    set_up_logs()
    folder = find_desk(given, os.environ, Path.cwd())
    written = asyncio.run(_publish(folder, to))
    if json:
        write_json(asdict(written))
    else:
        out().print(
            f"{escape(str(to))}: {written.written} written, {written.unchanged} unchanged, "
            f"{written.removed} removed"
        )


async def _publish(folder: Path, to: Path) -> Written:
    async with opened(folder, os.environ) as app:
        # Where nothing runs but a web host, our own hub does not answer.
        others = app.state.settings.values.hub.others
        catalogue = replace(app.state.catalogue, hubs=others)
        return publish_site(app.database, catalogue, to, utc_now())
