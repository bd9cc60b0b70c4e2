"""The numbers of documents and changes, which a damaged or forged record may have anything for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from embedsearch.store.limits import MOST_NUMBER

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


def is_number(value: object, least: int = 1) -> TypeGuard[int]:
    """Whether a value may be the number of a document or a change."""
    return type(value) is int and least <= value <= MOST_NUMBER


def number_faults(connection: sqlite3.Connection) -> Iterator[str]:
    """Say which numbers are out of range, a sentence each.

    Only the ends of indexes are looked at, so that every opening can afford it.
    """
    latest = [row[0] for row in connection.execute("SELECT change FROM latest LIMIT 2")]
    if len(latest) != 1:
        yield "the number of the last change is not there, or there twice"
    elif not is_number(latest[0], least=0):
        yield f"the number of the last change is {_shown(latest[0])}"
    else:
        yield from _later_changes(connection)
    # As bytes: an id that is no valid text is no reason not to open.
    yield from _outside(connection, "documents", "CAST(id AS BLOB)", "document")
    yield from _outside(connection, "deletions", "number", "the deleted document")
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'documents' LIMIT 2"
    sequences = [row[0] for row in connection.execute(query)]
    if len(sequences) > 1:
        yield "the highest number of a document is there twice"
    elif sequences and not is_number(sequences[0], least=0):
        yield f"the highest number of a document is {_shown(sequences[0])}"


def _later_changes(connection: sqlite3.Connection) -> Iterator[str]:
    # One statement sees one state, whatever a writer does.
    query = (
        "SELECT change, (SELECT max(change) FROM documents), (SELECT max(change) FROM deletions) "
        "FROM latest"
    )
    latest, *highest = connection.execute(query).fetchone()
    if later := [change for change in highest if is_number(change) and change > latest]:
        yield f"the last change is said to be {latest}, but there is a change {max(later)}"


def _outside(connection: sqlite3.Connection, table: str, name: str, what: str) -> Iterator[str]:
    """Say of a table which numbers are out of range, one for each column."""
    for column, of in (("number", "number"), ("change", "change number")):
        for end in ("min", "max"):
            # SQLite gives the other column of the row that has the least, or the greatest.
            query = f"SELECT {end}({column}), {name} FROM {table}"
            value, which = connection.execute(query).fetchone()
            if value is not None and not is_number(value):
                named = which.decode("utf-8", "replace") if isinstance(which, bytes) else which
                yield f"the {of} of {what} {_shown(named)} is {_shown(value)}"
                break


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}..."
