"""The numbers of documents and changes, which a damaged or forged record may have anything for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from embedsearch.store.limits import MOST_NUMBER

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

_COUNTED = (
    ("documents", "number", "number of a document"),
    ("documents", "change", "number of a document's change"),
    ("deletions", "number", "number of a deleted document"),
    ("deletions", "change", "number of a deletion's change"),
)


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
    for table, column, name in _COUNTED:
        for end in ("min", "max"):
            query = f"SELECT {end}({column}) FROM {table}"
            (value,) = connection.execute(query).fetchone()
            if value is not None and not is_number(value):
                yield f"the {name} is {_shown(value)}"
                break
    query = "SELECT seq FROM sqlite_sequence WHERE name = 'documents' LIMIT 2"
    sequences = [row[0] for row in connection.execute(query)]
    if len(sequences) > 1:
        yield "the highest number of a document is there twice"
    elif sequences and not is_number(sequences[0], least=0):
        yield f"the highest number of a document is {_shown(sequences[0])}"


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}..."
