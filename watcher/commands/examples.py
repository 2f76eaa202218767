"""The command `test`: runs the examples that stand inside the rules, for people and for CI."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.markup import escape

from rules.inline import Outcome, outcomes
from watcher.commands.errors import UsageError
from watcher.commands.output import out, write_json, write_problems
from watcher.commands.rules import chosen, rules_at


def test(
    desk: Path | None,
    wanted: list[str],
    where: Path | None,
    *,
    json: bool,
    junit: Path | None,
    github: bool,
) -> None:
    """Run the examples of the rules that are *wanted*, or of all; exit 1 when one fails."""
    rules = chosen(rules_at(desk, where), wanted)
    ran = [outcome for rule in rules for outcome in outcomes(rule)]
    failed = [one for one in ran if one.problem and not one.example.todo]
    if junit is not None:
        _write_junit(junit, ran)
    if json:
        _write_json(ran, failed, len(rules))
    else:
        _write_report(ran, failed, len(rules), github=github)
    if failed:
        sys.exit(1)


def _write_report(
    ran: Sequence[Outcome], failed: Sequence[Outcome], rules: int, *, github: bool
) -> None:
    found = [one.problem for one in ran if one.problem]
    if github:
        for problem in found:
            level = "error" if problem.code == "R201" else "notice"
            place = f"file={problem.file},line={problem.line},col={problem.column}"
            message = problem.message.replace("%", "%25").replace("\n", "%0A")
            out().print(f"::{level} {place},title={problem.code}::{message}", markup=False)
    else:
        write_problems(found, out())
    todo = sum(one.example.todo and not one.passed for one in ran)
    word = f"{len(failed)} failed" if failed else "all pass"
    waiting = f", {todo} todo" if todo else ""
    out().print(f"{len(ran)} examples of {rules} rules: {escape(word + waiting)}")


def _write_json(ran: Sequence[Outcome], failed: Sequence[Outcome], rules: int) -> None:
    write_json(
        {
            "ok": not failed,
            "rules": rules,
            "examples": len(ran),
            "failed": [_as_json(one) for one in failed],
            "todo": [_as_json(one) for one in ran if one.example.todo],
        }
    )


def _as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "rule": outcome.rule.id,
        "expected": outcome.example.expected,
        "passed": outcome.passed,
        "text": outcome.text,
        "problem": asdict(outcome.problem) if outcome.problem else None,
    }


def _write_junit(path: Path, ran: Sequence[Outcome]) -> None:
    """Write the outcomes in the form of JUnit XML: a suite for each rule, a case for each example."""
    root = ET.Element("testsuites")
    for rule in dict.fromkeys(one.rule.id for one in ran):
        cases = [one for one in ran if one.rule.id == rule]
        suite = ET.SubElement(root, "testsuite", name=rule, tests=str(len(cases)))
        wrong = sum(not one.passed and not one.example.todo for one in cases)
        skipped = sum(not one.passed and one.example.todo for one in cases)
        suite.set("failures", str(wrong))
        suite.set("skipped", str(skipped))
        for one in cases:
            _add_case(suite, one)
    try:
        ET.ElementTree(root).write(path, "utf-8", xml_declaration=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _add_case(suite: ET.Element, outcome: Outcome) -> None:
    verb = "matches" if outcome.example.expected else "does not match"
    case = ET.SubElement(suite, "testcase", classname=outcome.rule.id)
    case.set("name", _legal(f"{verb}: {outcome.text[:80]}"))
    case.set("file", outcome.rule.file)
    if outcome.passed:
        return
    if outcome.example.todo:
        ET.SubElement(case, "skipped", message="todo")
    elif outcome.problem is not None:
        failure = ET.SubElement(case, "failure", message=_legal(outcome.problem.message))
        failure.text = _legal(str(outcome.problem))


def _legal(text: str) -> str:
    """Return *text* with what XML refuses, and halves of characters, written as U+FFFD."""
    legal = (
        c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff") else "\ufffd" for c in text
    )
    return "".join(legal)
