"""The tables of the record, and how a document becomes a row."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError
from embedsearch._types import Document, MetadataValue

if TYPE_CHECKING:
    from collections.abc import Mapping

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

Row = tuple[str, str, str, str, bytes]


def to_row(document: Document) -> Row:
    """Return id, title, text, metadata as JSON, and the digest of the last three.

    Raises:
        ParameterError: The document has no id, no text, or metadata that is not flat.
    """
    if not isinstance(document.id, str) or not document.id:
        raise ParameterError("the id of a document", "a string that is not empty", document.id)
    if not isinstance(document.text, str):
        raise ParameterError(f"the text of document {document.id!r}", "a string", document.text)
    metadata = _to_json(document)
    title, text = _storable(document.title), _storable(document.text)
    content = "\0".join((title, text, metadata)).encode("utf-8")
    digest = blake2b(content, digest_size=16).digest()
    return _storable(document.id), title, text, metadata, digest


def to_document(id: str, title: str, text: str, metadata: str) -> Document:
    """Return the document of a row."""
    return Document(id, text, json.loads(metadata), title)


def _to_json(document: Document) -> str:
    for name, value in document.metadata.items():
        if not isinstance(name, str) or not _is_flat(value):
            raise ParameterError(
                f"metadata {name!r} of document {document.id!r}",
                "a string, a finite number, a boolean or None, under a name that is a string",
                value,
            )
    return json.dumps(_sorted(document.metadata), ensure_ascii=False, separators=(",", ":"))


def _is_flat(value: object) -> bool:
    if isinstance(value, float):
        return value - value == 0
    return value is None or isinstance(value, str | int | bool)


def _sorted(metadata: Mapping[str, MetadataValue]) -> dict[str, MetadataValue]:
    return {name: metadata[name] for name in sorted(metadata)}


def _storable(text: str) -> str:
    # A lone surrogate (from a broken decoder) cannot be written as UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")
