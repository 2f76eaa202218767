"""The command `test`: runs the examples that stand inside the rules, for people and for CI."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.markup import escape

from rules import Problem
from rules.inline import Outcome, outcomes
from watcher.commands.errors import UsageError
from watcher.commands.output import out, write_json, write_problems
from watcher.commands.rules import chosen, rules_at

_NO_CHARACTERS = str.maketrans(dict.fromkeys("\ufffe\uffff", "\ufffd"))


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
            out().print(_annotation(problem), markup=False)
    else:
        write_problems(found, out())
    todo = sum(one.example.todo and not one.passed for one in ran)
    word = f"{len(failed)} failed" if failed else "all pass"
    waiting = f", {todo} todo" if todo else ""
    out().print(f"{len(ran)} examples of {rules} rules: {escape(word + waiting)}")


def _annotation(problem: Problem) -> str:
    """Return *problem* as a command of GitHub's workflows, which shows it at its line."""
    level = "error" if problem.code == "R201" else "notice"
    file = _escaped(problem.file).replace(":", "%3A").replace(",", "%2C")
    place = f"file={file},line={problem.line},col={problem.column},title={problem.code}"
    return f"::{level} {place}::{_escaped(problem.message)}%0A{_escaped(problem.hint)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


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
    _count(root, ran)
    for rule in dict.fromkeys(one.rule.id for one in ran):
        cases = [one for one in ran if one.rule.id == rule]
        suite = ET.SubElement(root, "testsuite", name=rule)
        _count(suite, cases)
        names: Counter[str] = Counter()
        for one in cases:
            name = _name(one)
            names[name] += 1
            # Readers of such files take cases of one name for one.
            _add_case(suite, one, name if names[name] == 1 else f"{name} ({names[name]})")
    try:
        ET.ElementTree(root).write(path, "utf-8", xml_declaration=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _count(element: ET.Element, ran: Sequence[Outcome]) -> None:
    failed = [one for one in ran if not one.passed]
    element.set("tests", str(len(ran)))
    element.set("failures", str(sum(not one.example.todo for one in failed)))
    element.set("skipped", str(sum(one.example.todo for one in failed)))


def _name(outcome: Outcome) -> str:
    verb = "matches" if outcome.example.expected else "does not match"
    return _legal(f"{verb}: {outcome.text[:80]}")


def _add_case(suite: ET.Element, outcome: Outcome, name: str) -> None:
    case = ET.SubElement(suite, "testcase", classname=outcome.rule.id, name=name)
    case.set("file", outcome.rule.file)
    if outcome.passed:
        if outcome.problem is not None:
            ET.SubElement(case, "system-out").text = _legal(str(outcome.problem))
    elif outcome.example.todo:
        ET.SubElement(case, "skipped", message="todo")
    elif outcome.problem is not None:
        failure = ET.SubElement(case, "failure", message=_legal(outcome.problem.message))
        failure.text = _legal(str(outcome.problem))


def _legal(text: str) -> str:
    """Return *text* with what XML refuses, and halves of characters, written as U+FFFD."""
    legal = (
        c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff") else "\ufffd" for c in text
    )
    return "".join(legal).translate(_NO_CHARACTERS)
