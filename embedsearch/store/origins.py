"""Where documents are from: their sources, and what each is called there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from embedsearch.store.connection import guarded

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

# A forged record may have anything in its rows.
_IS_PATH = "typeof(path) IN ('text', 'blob')"
# No name comes after these.
_LAST = "\U0010ffff"
_LAST_BYTES = b"\xff" * 255


class Origin(NamedTuple):
    """Where a document is from.

    Attributes:
        source: The real path of a file, `-` for standard input, or `corpus:NAME`.
        key: What it is called there: its id, `:7` for the row, line or paragraph, or nothing
            where the file is one document.
    """

    source: str
    key: str


class Known(NamedTuple):
    """A document that is known by its origin.

    Attributes:
        origin: The number of the origin.
        number: That of the document.
        digest: Of the document's content.
    """

    origin: int
    number: int
    digest: bytes


class Other(NamedTuple):
    """One of the origins of a document: its number, and the path of its source."""

    origin: int
    path: str | bytes


class Origins:
    """The tables of origins in a record that is open for writing.

    Args:
        path: The SQLite file, for errors.
        connection: To it.

    Attributes:
        since: Documents up to this number are older than the tables: nobody knows where those
            are from that have no origin.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection
        self.since = self._one(
            "SELECT max(number) FROM origins_since WHERE typeof(number) = 'integer'"
        )
        self.latest_source = self._one("SELECT max(source) FROM sources")

    def source(self, path: str | bytes) -> int | None:
        """Return the number of a source, or None."""
        return self._one("SELECT source FROM sources WHERE path = ?", path) or None

    def add_source(self, path: str | bytes) -> int:
        """Add a source and return its number."""
        with guarded(self._path):
            cursor = self._connection.execute("INSERT INTO sources (path) VALUES (?)", (path,))
        return int(cursor.lastrowid or 0)

    def below(self, path: str | bytes) -> dict[int, str | bytes]:
        """Return the path of a source, or of all sources below a folder, by their numbers."""
        ranges: list[tuple[object, ...]] = []
        if isinstance(path, str):
            start = path.rstrip(os.sep) + os.sep
            ranges.append((path, start, start + _LAST))
        # Paths that are not UTF-8 are bytes, and come after all others.
        encoded = os.fsencode(path).rstrip(os.fsencode(os.sep)) + os.fsencode(os.sep)
        ranges.append((path, encoded, encoded + _LAST_BYTES))
        query = (
            "SELECT source, path FROM sources "
            f"WHERE (path = ? OR path BETWEEN ? AND ?) AND {_IS_PATH}"
        )
        found: dict[int, str | bytes] = {}
        for values in ranges:
            with guarded(self._path):
                found.update(self._connection.execute(query, values).fetchall())
        return found

    def find(self, source: int, key: str) -> Known | None:
        """Return the document of an origin, or None."""
        query = (
            "SELECT origin, number, digest FROM origins JOIN documents USING (number) "
            "WHERE source = ? AND key = ?"
        )
        with guarded(self._path):
            row = self._connection.execute(query, (source, key)).fetchone()
        return None if row is None else Known(*row)

    def of_source(self, source: int) -> list[tuple[int, int]]:
        """List origin and number of all documents from a source."""
        query = "SELECT origin, number FROM origins WHERE source = ?"
        with guarded(self._path):
            return self._connection.execute(query, (source,)).fetchall()

    def of(self, number: int) -> list[Other]:
        """List the origins of a document, the first first."""
        query = (
            "SELECT origin, path FROM origins JOIN sources USING (source) "
            f"WHERE number = ? AND {_IS_PATH} ORDER BY origin"
        )
        with guarded(self._path):
            return [Other(*row) for row in self._connection.execute(query, (number,))]

    def put(self, source: int, key: str, number: int) -> int:
        """Add an origin, or let it lead to another document; return its number."""
        statement = (
            "INSERT INTO origins (source, key, number) VALUES (?, ?, ?) "
            "ON CONFLICT (source, key) DO NOTHING"
        )
        with guarded(self._path):
            cursor = self._connection.execute(statement, (source, key, number))
            if cursor.rowcount and cursor.lastrowid:
                return cursor.lastrowid
        where = "WHERE source = ? AND key = ?"
        self._execute(f"UPDATE origins SET number = ? {where}", number, source, key)
        return self._one(f"SELECT origin FROM origins {where}", source, key)

    def forget(self, origin: int) -> None:
        """Forget one origin."""
        self._execute("DELETE FROM origins WHERE origin = ?", origin)

    def forget_all(self, number: int) -> None:
        """Forget all origins of a document."""
        self._execute("DELETE FROM origins WHERE number = ?", number)

    def _execute(self, statement: str, *values: object) -> None:
        with guarded(self._path):
            self._connection.execute(statement, values)

    def _one(self, query: str, *values: object) -> int:
        with guarded(self._path):
            row = self._connection.execute(query, values).fetchone()
        return 0 if row is None else int(row[0] or 0)


def shown(path: str | bytes) -> str:
    """Return a path of a source as text."""
    return path if isinstance(path, str) else path.decode("utf-8", "backslashreplace")
