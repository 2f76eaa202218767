"""The whole store as JSON Lines, one row in a line: to be read by other programs, and taken in again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel

from store.engine import HEAD
from store.errors import StoreError
from store.rows import Instant

FORM = "tocsin store"
_AT_ONCE = 500
_PASSING: dict[str, Any] = {"lease_until": None, "token": ""}
"""Claims of the process that wrote the lines mean nothing to the one that reads them."""


def written(session: Session) -> Iterator[str]:
    """Yield the lines: what they are, then every row, those that others refer to first."""
    yield _line({"form": FORM, "tables": HEAD})
    connection = session.connection()
    for table in SQLModel.metadata.sorted_tables:
        rows = connection.execution_options(yield_per=_AT_ONCE).execute(
            sa.select(table).order_by(*table.primary_key)
        )
        for row in rows.mappings():
            yield _line({"table": table.name, "row": {k: _plain(v) for k, v in row.items()}})


def take_in(session: Session, lines: Iterable[bytes]) -> int:
    """Store the rows of *lines*, and return how many; raise StoreError, with the line, for others.

    The store must be empty: two stores are not to be mixed. Claims are let go.
    """
    connection = session.connection()
    tables = SQLModel.metadata.sorted_tables
    if any(connection.execute(sa.select(table).limit(1)).first() for table in tables):
        raise StoreError("the store is not empty; import into a new one, or restore a backup")
    numbered = enumerate(lines, start=1)
    _check_head(next(numbered, (1, b""))[1])
    known = {table.name: table for table in tables}
    count = 0
    read = (_row(number, line, known) for number, line in numbered if line.strip())
    for table, rows in groupby(read, key=lambda row: row[0]):
        while some := [values for _, values in islice(rows, _AT_ONCE)]:
            try:
                connection.execute(sa.insert(table), some)
            except sa.exc.StatementError as error:
                reason = f"rows of `{table.name}` cannot be stored: {error.orig}"
                raise StoreError(f"{reason}; export the store again") from error
            count += len(some)
    return count


def _check_head(line: bytes) -> None:
    head = _parsed(1, line)
    if head.get("form") != FORM:
        raise StoreError(f"line 1 does not say `{FORM}`; name a file that tocsin export wrote")
    if head.get("tables") != HEAD:
        raise StoreError(
            f"the lines are of a tocsin whose tables are at {head.get('tables')}, and this one's at "
            f"{HEAD}; take them in with that version, then start this one"
        )


def _row(number: int, line: bytes, known: dict[str, sa.Table]) -> tuple[sa.Table, dict[str, Any]]:
    found = _parsed(number, line)
    table, row = known.get(str(found.get("table"))), found.get("row")
    if table is None or not isinstance(row, dict) or row.keys() != set(table.columns.keys()):
        raise StoreError(f"line {number} is no row of this store")
    try:
        values = {name: _value(table.columns[name], value) for name, value in row.items()}
    except (TypeError, ValueError) as error:
        raise StoreError(f"line {number} holds a value that cannot be: {error}") from error
    if row.keys() >= _PASSING.keys():
        values |= _PASSING
    return table, values


def _parsed(number: int, line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise StoreError(f"line {number} is not JSON") from error
    if not isinstance(found, dict):
        raise StoreError(f"line {number} is no JSON object")
    return found


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return value


def _value(column: sa.Column[Any], value: Any) -> Any:
    if value is None:
        return None
    match column.type:
        case Instant():
            return datetime.fromisoformat(value)
        case sa.Date():
            return date.fromisoformat(value)
        case sa.LargeBinary():
            return base64.b64decode(value, validate=True)
        case _:
            return value
