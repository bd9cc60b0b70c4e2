"""The tables of the database, and whether a file has these tables and sensible numbers in them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from embedsearch._messages import cut
from embedsearch.store.rows import is_number

if TYPE_CHECKING:
    from collections.abc import Iterator

# Indexes have two columns at least, so that those of documents are known by their shape when
# pages of a damaged file are read one by one.
SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    metadata TEXT NOT NULL,
    digest BLOB NOT NULL,
    change INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_by_change ON documents (change);
CREATE TABLE IF NOT EXISTS deletions (
    number INTEGER PRIMARY KEY,
    change INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS deletions_by_change ON deletions (change);
CREATE TABLE IF NOT EXISTS latest (change INTEGER NOT NULL);
INSERT INTO latest SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM latest);
CREATE TABLE IF NOT EXISTS sources (
    source INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    UNIQUE (path, source)
);
CREATE TABLE IF NOT EXISTS origins (
    origin INTEGER PRIMARY KEY,
    source INTEGER NOT NULL,
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    UNIQUE (source, key)
);
CREATE INDEX IF NOT EXISTS origins_by_number ON origins (number, source);
CREATE TABLE IF NOT EXISTS origins_since (number INTEGER NOT NULL, change INTEGER NOT NULL);
INSERT INTO origins_since SELECT (SELECT coalesce(max(number), 0) FROM documents), change
    FROM latest WHERE NOT EXISTS (SELECT 1 FROM origins_since);
"""

# SQLite makes these itself, for ANALYZE.
_STATISTICS = {
    "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}


class _Part(NamedTuple):
    """A table, index, trigger or view, as SQLite lists it."""

    type: str
    name: str
    table: str
    sql: str | None


def create_tables(connection: sqlite3.Connection, schema: str = SCHEMA) -> None:
    """Create the tables that are missing, all of them or none."""
    connection.executescript(f"BEGIN IMMEDIATE;{schema}COMMIT;")


def foreign_parts(connection: sqlite3.Connection) -> list[str]:
    """Name the tables, indexes, triggers and views that are not as `SCHEMA` makes them."""
    return _names(_parts(connection) - _expected())


def missing_parts(connection: sqlite3.Connection) -> list[str]:
    """Name the tables and indexes that `SCHEMA` makes and that the file does not have."""
    return _names(_expected() - _parts(connection))


def number_faults(connection: sqlite3.Connection) -> Iterator[str]:
    """Say which numbers of documents or changes are out of range, a sentence each.

    Only the ends of indexes are looked at, so that every opening can afford it.
    """
    latest = [row[0] for row in connection.execute("SELECT change FROM latest LIMIT 2")]
    if len(latest) != 1:
        yield "the number of the last change is missing, or stored twice"
    elif not is_number(latest[0], least=0):
        yield f"the number of the last change is {_shown(latest[0])}"
    else:
        yield from _later_changes(connection)
    # As bytes: an id that is no valid text is no reason not to open.
    yield from _out_of_range(connection, "documents", "CAST(id AS BLOB)", "document")
    yield from _out_of_range(connection, "deletions", "number", "the deleted document")
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'documents' LIMIT 2"
    sequences = [row[0] for row in connection.execute(query)]
    if len(sequences) > 1:
        yield "the highest number of a document is stored twice"
    elif sequences and not is_number(sequences[0], least=0):
        yield f"the highest number of a document is {_shown(sequences[0])}"


@cache
def _expected() -> frozenset[_Part]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        return _parts(connection)


def _parts(connection: sqlite3.Connection) -> frozenset[_Part]:
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
    return frozenset(part for part in map(_Part._make, rows) if part.sql not in _STATISTICS)


def _names(parts: frozenset[_Part]) -> list[str]:
    return sorted({str(part.name) for part in parts})


def _later_changes(connection: sqlite3.Connection) -> Iterator[str]:
    # One statement sees one state, whatever a writer does.
    query = (
        "SELECT change, (SELECT max(change) FROM documents), (SELECT max(change) FROM deletions) "
        "FROM latest"
    )
    latest, *highest = connection.execute(query).fetchone()
    if later := [change for change in highest if is_number(change) and change > latest]:
        yield f"the last change is said to be {latest}, but there is a change {max(later)}"


def _out_of_range(
    connection: sqlite3.Connection, table: str, name: str, what: str
) -> Iterator[str]:
    for column, of in (("number", "number"), ("change", "change number")):
        for end in ("min", "max"):
            # SQLite gives the other column of the row that has the least, or the greatest.
            query = f"SELECT {end}({column}), {name} FROM {table}"
            value, which = connection.execute(query).fetchone()
            if value is not None and not is_number(value):
                shown = which.decode("utf-8", "replace") if isinstance(which, bytes) else which
                yield f"the {of} of {what} {_shown(shown)} is {_shown(value)}"
                break


def _shown(value: object) -> str:
    return cut(repr(value), 40)
