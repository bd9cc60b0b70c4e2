"""The tables of the record, and how a document becomes a row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING

from embedsearch._types import Document
from embedsearch.store.limits import check_lengths
from embedsearch.store.metadata import BrokenRowError, metadata_json, parse_metadata, refusal

if TYPE_CHECKING:
    import sqlite3

DOCUMENTS = """
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
"""
"""All that the first versions had."""

# Indexes have two columns at least, so that those of documents are known by their shape when
# pages of a damaged file are read one by one.
ORIGINS = """
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
"""Where documents are from; a file of the first versions gets them when it is next written."""

SCHEMA = DOCUMENTS + ORIGINS

_OURS = re.compile(r"CREATE (?:TABLE|INDEX) IF NOT EXISTS ([^;]+);")

# Those that SQLite makes itself.
_OF_SQLITE = {
    "CREATE TABLE sqlite_sequence(name,seq)",
    "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}

Row = tuple[str, str, str, str, bytes]


def parts_of_others(connection: sqlite3.Connection) -> list[str]:
    """Name the tables, indexes, triggers and views that are not as `SCHEMA` makes them."""
    ours = set(_OURS.findall(SCHEMA))
    query = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    found = connection.execute(query).fetchall()
    return sorted(str(name) for name, sql in found if not _is_made_by(sql, ours))


def _is_made_by(sql: object, ours: set[str]) -> bool:
    made = isinstance(sql, str) and sql.partition(" ")[2].partition(" ")[2] in ours
    return made or sql in _OF_SQLITE


def has_origins(connection: sqlite3.Connection) -> bool:
    """Tell whether it is known where documents are from; the first versions did not keep that."""
    query = "SELECT 1 FROM sqlite_master WHERE name = 'origins'"
    return connection.execute(query).fetchone() is not None


def to_row(document: Document) -> Row:
    """Return id, title, text, metadata as JSON, and the digest of the last three.

    Raises:
        InputError: The document has no id, no text, a title that is not a string, or metadata
            that cannot be written; or one of these is too long.
    """
    if not isinstance(document, Document):
        raise refusal("what is added", "documents, es.Document(id, text)", document)
    _check_fields(document)
    check_lengths(document)
    metadata = metadata_json(document)
    title, text = _storable(document.title), _storable(document.text)
    digest = content_digest(*(part.encode() for part in (title, text, metadata)))
    return _storable(document.id), title, text, metadata, digest


def content_digest(title: bytes, text: bytes, metadata: bytes) -> bytes:
    """Return the digest that a row of these contents has, in UTF-8."""
    return blake2b(b"\0".join((title, text, metadata)), digest_size=16).digest()


def to_document(id: object, title: object, text: object, metadata: object) -> Document:
    """Return the document of a row.

    Raises:
        BrokenRowError: The row is not one that `to_row` makes.
    """
    if type(id) is not str or type(title) is not str or type(text) is not str:
        raise BrokenRowError("its id, its title or its text is not text")
    if not id:
        raise BrokenRowError("its id is empty")
    return Document(id, text, parse_metadata(metadata), title)


def _check_fields(document: Document) -> None:
    if not isinstance(document.id, str) or not document.id:
        raise refusal("the id of a document", "a string that is not empty", document.id)
    for name, value in (("text", document.text), ("title", document.title)):
        if not isinstance(value, str):
            raise refusal(f"the {name} of document {document.id!r}", "a string", value)
    metadata: object = document.metadata
    if not isinstance(metadata, Mapping):
        raise refusal(f"the metadata of document {document.id!r}", "a mapping", metadata)


def _storable(text: str) -> str:
    # A lone surrogate (from a broken decoder) cannot be written as UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")
