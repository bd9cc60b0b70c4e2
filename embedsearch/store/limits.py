"""How large a document may be: what is beyond is refused before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._errors import ParameterError

if TYPE_CHECKING:
    from embedsearch._types import Document

MOST_ID = 4_096
"""Characters of an id: as many as a path may have."""

MOST_TITLE = 100_000
"""Characters of a title."""

MOST_TEXT = 100_000_000
"""Characters of a text: SQLite takes up to a billion bytes, and a character may have four."""

MOST_METADATA = 1_000_000
"""Characters of the metadata of a document, as JSON."""

MOST_FIELDS = 10_000
"""Entries in the metadata of a document."""

MOST_NAME = 512
"""Characters of the name of an entry."""

_SHOWN = 60


def check_lengths(document: Document) -> None:
    """Raise for an id, a title or a text that is too long, or too much metadata.

    Raises:
        ParameterError: It names the document and the limit.
    """
    if len(document.id) > MOST_ID:
        _refuse(f"the id {document.id[:_SHOWN]!r}...", MOST_ID, len(document.id))
    of = f"of document {shortened(document.id)}"
    for name, text, most in (
        ("title", document.title, MOST_TITLE),
        ("text", document.text, MOST_TEXT),
    ):
        if len(text) > most:
            _refuse(f"the {name} {of}", most, len(text))
    if (count := len(document.metadata)) > MOST_FIELDS:
        raise ParameterError(f"the metadata {of}", f"at most {MOST_FIELDS:,} entries", count)
    for name in document.metadata:
        if isinstance(name, str) and len(name) > MOST_NAME:
            _refuse(f"the metadata name {name[:_SHOWN]!r}... {of}", MOST_NAME, len(name))


def check_metadata(document: Document, written: str) -> None:
    """Raise for metadata that is too long when it is written as JSON."""
    if len(written) > MOST_METADATA:
        _refuse(f"the metadata of document {shortened(document.id)}", MOST_METADATA, len(written))


def shortened(id: str) -> str:
    """Quote an id for an error."""
    return repr(id) if len(id) <= _SHOWN else f"{id[:_SHOWN]!r}..."


def _refuse(place: str, most: int, got: int) -> None:
    raise ParameterError(place, f"at most {most:,} characters long", got)
