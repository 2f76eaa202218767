"""Throws anything at the query language and at rule files: only RuleError and QueryError come out.

With atheris, for as long as one likes; what hypothesis tries in the tests is
the same, for seconds:

    .venv/bin/python -m pip install atheris
    .venv/bin/python -m tests.fuzz -max_total_time=180
"""

from __future__ import annotations

import sys
from contextlib import suppress

from rules import Entry, Rule, RuleError, RuleSet
from rules.files import read_rules
from rules.formatted import formatted
from rules.language import QueryError, parse_query
from rules.query import print_query


def one_query(text: str) -> None:
    """Parse *text*; what parses is printed, parsed again and asked about itself."""
    try:
        tree = parse_query(text)
    except QueryError as error:
        for mistake in (error, *error.others):
            assert mistake.code
            assert mistake.message
            assert 0 <= mistake.offset <= len(text)
        return
    assert parse_query(print_query(tree)) == tree
    rules = RuleSet([Rule(id="a", title="a", query=text, tree=tree)])
    entry = Entry(key="1", title=text[:40], text=text)
    assert rules.match(entry) == rules.match_plainly(entry)


def one_file(data: bytes) -> None:
    """Read *data* as a rule file, and write what is good in its usual form."""
    with suppress(RuleError):
        rules = read_rules("a.yaml", data)
        assert len(read_rules("a.yaml", formatted("a.yaml", data))) == len(rules)


def _one(data: bytes) -> None:
    one_query(data.decode("utf-8", "replace"))
    one_file(data)
    one_file(b"version: 1\nrules:\n- id: a\n  query: " + data)


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, _one)
    atheris.Fuzz()
