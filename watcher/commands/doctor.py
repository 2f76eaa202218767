"""The command `doctor`: is all well, and if not, what to do."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.markup import escape

from rules import DeskError
from store.condition import conditions
from store.database import Database, StoreError
from watcher.clock import utc_now
from watcher.commands.output import out, write_json
from watcher.desk import DeskState, find_desk, read_desk, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that the doctor looked at, and what to do about it."""

    name: str
    state: Literal["ok", "warning", "bad"]
    text: str
    advice: str = ""


def doctor(given: Path | None, *, json: bool) -> None:
    """Write what is well and what is not; exit 1 when something is bad."""
    findings = [_python(), *_desk_findings(given)]
    bad = any(finding.state == "bad" for finding in findings)
    if json:
        write_json({"ok": not bad, "findings": [asdict(finding) for finding in findings]})
    else:
        styles = {"ok": "green", "warning": "yellow", "bad": "red"}
        for finding in findings:
            mark = f"[{styles[finding.state]}]{finding.state:>7}[/]"
            out().print(f"{mark}  {finding.name}: {escape(finding.text)}")
            if finding.advice:
                out().print(f"         {escape(finding.advice)}", style="dim")
    if bad:
        sys.exit(1)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(name="python", state="ok", text=version)


def _desk_findings(given: Path | None) -> list[Finding]:
    folder = find_desk(given, os.environ, Path.cwd())
    try:
        state = read_desk(folder, os.environ)
    except DeskError as error:
        text = f"{len(error.problems)} problem(s) in {shown(folder)}"
        return [Finding(name="desk", state="bad", text=text, advice="see them with: tocsin check")]
    rules, sources = len(state.book.rules.rules), len(state.sources) - 1
    desk = Finding(name="desk", state="ok", text=f"{rules} rules, {sources} sources")
    return [desk, _disk(folder), *_store_findings(state)]


def _disk(folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    text = f"{usage.free // 2**20} MB free"
    if usage.free < usage.total * 0.05:
        return Finding(name="disk", state="warning", text=text, advice="make room soon")
    return Finding(name="disk", state="ok", text=text)


def _store_findings(state: DeskState) -> list[Finding]:
    try:
        database = Database.open(state.settings.store_url)
    except StoreError as error:
        return [Finding(name="store", state="bad", text=str(error))]
    try:
        broken = database.check()
        store = Finding(
            name="store",
            state="bad" if broken else "ok",
            text="; ".join(broken) or "whole and writable",
            advice="restore a backup" if broken else "",
        )
        return [store, *_source_findings(database), *_endpoint_findings(database)]
    finally:
        database.close()


def _source_findings(database: Database) -> list[Finding]:
    found = conditions(database.sources(), utc_now())
    sick = [(source, state) for source, state in found if state.troubled]
    if not sick:
        return [Finding(name="sources", state="ok", text="all are well")]
    return [
        Finding(
            name=f"source {source.name}",
            state="warning",
            text=str(state),
            advice="see: tocsin sources list",
        )
        for source, state in sick
    ]


def _endpoint_findings(database: Database) -> list[Finding]:
    return [
        Finding(
            name=f"endpoint {endpoint.name}",
            state="warning",
            text=endpoint.disabled or f"{endpoint.failures} failed tries in a row",
            advice=f"when it is well again: tocsin endpoints enable {endpoint.name}",
        )
        for endpoint in database.endpoints()
        if endpoint.disabled or endpoint.failures
    ]
