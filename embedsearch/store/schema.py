"""The tables of the record, and how a document becomes a row."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING

from embedsearch._errors import InputError, ParameterError
from embedsearch._types import Document, MetadataValue
from embedsearch.store.limits import check_lengths, check_metadata

if TYPE_CHECKING:
    import sqlite3

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
"""

_OURS = re.compile(r"CREATE (?:TABLE|INDEX) IF NOT EXISTS ([^;]+);")

Row = tuple[str, str, str, str, bytes]

# More are refused by Python when JSON is read (CVE-2020-10735).
_MOST_DIGITS = 4_300
_TOO_LARGE = 10**_MOST_DIGITS


def parts_of_others(connection: sqlite3.Connection) -> list[str]:
    """Name the tables, indexes, triggers and views that are not as `SCHEMA` makes them."""
    ours = set(_OURS.findall(SCHEMA))
    own = "type = 'table' AND (name = 'sqlite_sequence' OR name GLOB 'sqlite_stat*')"
    query = f"SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND NOT ({own})"
    found = connection.execute(query).fetchall()
    return sorted(
        name for name, sql in found if sql.partition(" ")[2].partition(" ")[2] not in ours
    )


def to_row(document: Document) -> Row:
    """Return id, title, text, metadata as JSON, and the digest of the last three.

    Raises:
        InputError: The document has no id, no text, a title that is not a string, or metadata
            that is not flat or cannot be written; or one of these is too long.
    """
    _check_fields(document)
    check_lengths(document)
    metadata = _to_json(document)
    check_metadata(document, metadata)
    title, text = _storable(document.title), _storable(document.text)
    content = "\0".join((title, text, metadata)).encode("utf-8")
    digest = blake2b(content, digest_size=16).digest()
    return _storable(document.id), title, text, metadata, digest


def to_document(id: str, title: str, text: str, metadata: str) -> Document:
    """Return the document of a row."""
    return Document(id, text, json.loads(metadata), title)


def _check_fields(document: Document) -> None:
    if not isinstance(document.id, str) or not document.id:
        raise _refusal("the id of a document", "a string that is not empty", document.id)
    for name, value in (("text", document.text), ("title", document.title)):
        if not isinstance(value, str):
            raise _refusal(f"the {name} of document {document.id!r}", "a string", value)
    metadata: object = document.metadata
    if not isinstance(metadata, Mapping):
        raise _refusal(f"the metadata of document {document.id!r}", "a mapping", metadata)


def _to_json(document: Document) -> str:
    for name, value in document.metadata.items():
        if not isinstance(name, str):
            raise _refusal(f"a metadata name of document {document.id!r}", "a string", name)
        place = f"metadata {name!r} of document {document.id!r}"
        if not _is_flat(value):
            raise _refusal(place, "a string, a finite number, a boolean or None", value)
        _check_storable(place, name, value)
    return json.dumps(_sorted(document.metadata), ensure_ascii=False, separators=(",", ":"))


def _refusal(place: str, allowed: str, got: object) -> ParameterError:
    try:
        return ParameterError(place, allowed, got)
    except (ValueError, RecursionError):
        # Python does not write out integers of many digits, nor what is nested deeply.
        return ParameterError(place, allowed, type(got))


def _is_flat(value: object) -> bool:
    if isinstance(value, float):
        return value - value == 0
    return value is None or isinstance(value, str | int | bool)


def _check_storable(place: str, name: str, value: MetadataValue) -> None:
    for text in (name, value):
        if isinstance(text, str) and _storable(text) != text:
            raise ParameterError(place, "valid Unicode, without lone surrogates", text)
    if isinstance(value, int) and abs(value) >= _TOO_LARGE:
        # Python refuses to write it, here and in an error.
        raise InputError(f"{place} must have at most {_MOST_DIGITS:,} digits; store it as a string")


def _sorted(metadata: Mapping[str, MetadataValue]) -> dict[str, MetadataValue]:
    return {name: metadata[name] for name in sorted(metadata)}


def _storable(text: str) -> str:
    # A lone surrogate (from a broken decoder) cannot be written as UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")
