"""Formatting changes how a rule file looks, never what it says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import RuleError
from rules.files import read_rules
from rules.formatted import formatted
from rules.starter import library_files

UNTIDY = """# Rules of the desk
version: 1
rules:
# first
- id:   cupos    # the main one
  query: "(extors*   cupos) OR “cobro de cupos” OR law:32108"
  tags: [a,   b]
  notify:
      - desk
  tests:
    match: ['cupos extorsión', "x # no comment, cobro de cupos"]   # two
  # end of first

- id: plain
  query: paro nacional
- id: long
  query: >
    law:32108 OR "norma 32108" OR "ley pro crimen" OR "leyes pro crimen" OR (transport* AND
    (paro OR huelga OR "paro de transportistas" OR bloqueo* OR marcha*) NOT (fútbol OR cine))
- id: own
  query: |
    extorsi*
    OR "cobro de cupos"
# the end
"""

TIDY = """# Rules of the desk
version: 1
rules:
# first
  - id: cupos    # the main one
    query: 'extors* AND cupos OR "cobro de cupos" OR law:32108'
    tags: [a, b]
    notify:
      - desk
    tests:
      match: ['cupos extorsión', "x # no comment, cobro de cupos"] # two
  # end of first

  - id: plain
    query: paro AND nacional
  - id: long
    query: |
      law:32108
      OR "norma 32108"
      OR "ley pro crimen"
      OR "leyes pro crimen"
      OR (transport*
          AND (paro OR huelga OR "paro de transportistas" OR bloqueo* OR marcha*)
          AND NOT (fútbol OR cine))
  - id: own
    query: |
      extorsi*
      OR "cobro de cupos"
# the end
"""


def test_a_file_is_indented_and_its_queries_are_written_as_they_are_understood() -> None:

    assert formatted("a", UNTIDY.encode()).decode() == TIDY


def test_what_is_formatted_stays_as_it_is() -> None:
    tidy = TIDY.encode()
    assert formatted("a", tidy) == tidy


@pytest.mark.parametrize("name", library_files())
def test_the_library_is_formatted(name: str) -> None:
    data = library_files()[name]
    assert formatted(name, data) == data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"rules: [", "Y102"),
        (b"version: 1\nrules: [{id: a, query: '('}]\n", "Q103"),
        (b"\xff", "Y101"),
    ],
)
def test_a_bad_file_is_told_with_its_place(data: bytes, code: str) -> None:
    with pytest.raises(RuleError) as error:
        formatted("a", data)
    assert error.value.problems[0].code == code


_SCALARS = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(deadline=None)
@given(st.lists(_SCALARS, min_size=1, max_size=3), st.sampled_from(["'", '"', "|", ">"]), _SCALARS)
def test_texts_come_through_unchanged_or_the_file_is_refused(texts, style, comment) -> None:
    written = [
        "version: 1",
        f"# {comment.splitlines()[0] if comment.splitlines() else ''}",
        "rules:",
    ]
    written += ["- id: a", "  query: paro", "  tests:", "    match:"]
    for text in texts:
        if style in "|>":
            written += [f"     - {style}", *(f"       {line}" for line in text.splitlines())]
        else:
            written += [f"     - {style}{text}{style}"]
    data = "\n".join(written).encode()
    try:
        before = read_rules("a", data)
        after = formatted("a", data)
    except RuleError:
        return
    assert read_rules("a", after)[0].tests == before[0].tests
    assert formatted("a", after) == after
