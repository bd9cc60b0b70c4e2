"""Where documents are from: their sources, and what each is called there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from embedsearch.store.connection import Database

# A forged file may have anything in its rows.
_IS_PATH = "typeof(path) IN ('text', 'blob')"
# No name comes after these.
_LAST = "\U0010ffff"
_LAST_BYTES = b"\xff" * 255


class Origin(NamedTuple):
    """Where a document is from.

    Attributes:
        source: The real path of a file, `-` for standard input, or `corpus:NAME`.
        key: What it is called there: its id, `:7` for the row, line or paragraph, or nothing
            if the file is one document.
    """

    source: str
    key: str


class KnownDocument(NamedTuple):
    """A document that was found by its origin; `origin` and `number` are numbers."""

    origin: int
    number: int
    digest: bytes


class Origins:
    """The tables of sources and origins, which have numbers as documents have."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Documents up to this number may have lost their origins: the file was repaired.
        self.since = database.number(
            "SELECT max(number) FROM origins_since WHERE typeof(number) = 'integer'"
        )
        # Of the sources before this call; those that it adds cannot have lost anything.
        self.last_source = database.number("SELECT max(source) FROM sources")

    def source(self, path: str | bytes) -> int | None:
        """Return the number of a source, or None."""
        return self._database.number("SELECT source FROM sources WHERE path = ?", path) or None

    def add_source(self, path: str | bytes) -> int:
        """Add a source and return its number."""
        return self._database.execute("INSERT INTO sources (path) VALUES (?)", path).lastrowid or 0

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
            found.update(self._database.rows(query, *values))
        return found

    def find(self, source: int, key: str) -> KnownDocument | None:
        """Return the document of an origin, or None."""
        query = (
            "SELECT origin, number, digest FROM origins JOIN documents USING (number) "
            "WHERE source = ? AND key = ?"
        )
        row = self._database.row(query, source, key)
        return None if row is None else KnownDocument(*row)

    def of_source(self, source: int) -> list[tuple[int, int]]:
        """List origin and number of all documents from a source."""
        query = "SELECT origin, number FROM origins WHERE source = ?"
        return self._database.rows(query, source)

    def of_document(self, number: int) -> dict[int, str | bytes]:
        """Return the paths of a document's sources by its origins, the first first."""
        query = (
            "SELECT origin, path FROM origins JOIN sources USING (source) "
            f"WHERE number = ? AND {_IS_PATH} ORDER BY origin"
        )
        return dict(self._database.rows(query, number))

    def put(self, source: int, key: str, number: int) -> int:
        """Add an origin, or point it at another document; return its number."""
        statement = (
            "INSERT INTO origins (source, key, number) VALUES (?, ?, ?) "
            "ON CONFLICT (source, key) DO NOTHING"
        )
        cursor = self._database.execute(statement, source, key, number)
        if cursor.rowcount and cursor.lastrowid:
            return cursor.lastrowid
        where = "WHERE source = ? AND key = ?"
        self._database.execute(f"UPDATE origins SET number = ? {where}", number, source, key)
        return self._database.number(f"SELECT origin FROM origins {where}", source, key)

    def remove(self, origin: int) -> None:
        """Remove one origin."""
        self._database.execute("DELETE FROM origins WHERE origin = ?", origin)

    def remove_all(self, number: int) -> None:
        """Remove all origins of a document."""
        self._database.execute("DELETE FROM origins WHERE number = ?", number)


def shown_path(path: str | bytes) -> str:
    """Return the path of a source as text."""
    return path if isinstance(path, str) else path.decode("utf-8", "backslashreplace")
