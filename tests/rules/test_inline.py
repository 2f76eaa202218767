"""The examples inside a rule hold it to what it is for."""

from __future__ import annotations

from rules import RuleBook
from rules.files import read_rules
from rules.inline import failures, outcomes

RULE = """version: 1
rules:
  - id: one
    query: QUERY
    tests:
      match: ["la extorsión"]
      no_match: [{title: "otra cosa"}]
      todo: ["sextorsión"]
"""


def file(query: str) -> bytes:
    return RULE.replace("QUERY", query).encode()


def codes(query: str) -> list[str]:
    (rule,) = read_rules("a.yaml", file(query))
    return [one.problem.code for one in outcomes(rule) if one.problem]


def test_examples_that_pass_and_todos_that_fail_are_no_problem() -> None:
    assert codes("extorsion") == []


def test_an_example_that_fails_is_a_problem_at_its_place() -> None:
    (rule,) = read_rules("a.yaml", file("paro"))
    (problem,) = failures(rule)
    assert str(problem) == "a.yaml:6:15: R201 should match, but does not: 'la extorsión'"
    assert "todo" in problem.hint


def test_an_example_that_should_not_match_and_does_is_a_problem() -> None:
    assert codes("extorsion OR otra") == ["R201"]


def test_a_todo_that_begins_to_pass_is_told_and_breaks_nothing() -> None:
    assert codes("extorsion OR sextorsion") == ["R202"]
    (rule,) = read_rules("a.yaml", file("extorsion OR sextorsion"))
    assert failures(rule) == ()


def test_todos_can_be_of_both_kinds() -> None:
    text = RULE.replace('todo: ["sextorsión"]', 'todo: {no_match: ["extorsión leve"], match: [x]}')
    (rule,) = read_rules("a.yaml", text.replace("QUERY", "extorsion").encode())
    assert [one.example.expected for one in outcomes(rule) if one.example.todo] == [True, False]
    assert failures(rule) == ()


def test_a_file_whose_examples_fail_keeps_its_last_good_version() -> None:
    good = RuleBook.empty().reload({"a.yaml": file("extorsion")})
    bad = good.reload({"a.yaml": file("paro")})
    assert bad.rules.rules["one"].query == "extorsion"
    assert [problem.code for problem in bad.problems] == ["R201"]
    assert bad.reload({"a.yaml": file("extors*")}).problems == ()


def test_rules_can_be_tried_before_their_examples_pass() -> None:
    book = RuleBook.empty().reload({"a.yaml": file("paro")}, tested=False)
    assert book.rules.rules["one"].query == "paro"


def test_two_files_with_one_id_are_told_apart_again_when_one_is_gone() -> None:
    both = RuleBook.empty().reload({"a.yaml": file("extorsion"), "b.yaml": file("extors*")})
    assert [problem.code for problem in both.problems] == ["R104"]
    alone = both.reload({"b.yaml": file("extors*")})
    assert alone.problems == ()
    assert alone.rules.rules["one"].query == "extors*"


def test_an_example_of_a_source_is_asked_of_that_source() -> None:
    text = file("extorsion").replace(b"    tests:", b"    sources: {except: [ojo]}\n    tests:")
    of_source = b'"la extorsi\xc3\xb3n", {text: "la extorsi\xc3\xb3n", source: %s}'
    for source, passes in ((b"rpp", True), (b"ojo", False)):
        data = text.replace(b'"la extorsi\xc3\xb3n"', of_source % source, 1)
        (rule,) = read_rules("a.yaml", data)
        assert (failures(rule) == ()) == passes
