"""How large a document may be: what is beyond is refused before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

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
"""Entries in the metadata of a document, those of its lists and objects included."""

MOST_NAME = 512
"""Characters of the name of an entry."""

MOST_NUMBER = 2**53 - 1
"""The number of a document or of a change: what is counted never gets there, and programs that
keep JSON's numbers as floats tell all up to it apart."""

_SHOWN = 60


def check_lengths(document: Document) -> None:
    """Raise for an id, a title or a text that is too long.

    Raises:
        ParameterError: It names the document and the limit.
    """
    if len(document.id) > MOST_ID:
        refuse_length(f"the id {document.id[:_SHOWN]!r}...", MOST_ID, len(document.id))
    of = f"of document {shortened(document.id)}"
    for name, text, most in (
        ("title", document.title, MOST_TITLE),
        ("text", document.text, MOST_TEXT),
    ):
        if len(text) > most:
            refuse_length(f"the {name} {of}", most, len(text))


def shortened(id: str) -> str:
    """Quote an id for an error."""
    return repr(id) if len(id) <= _SHOWN else f"{id[:_SHOWN]!r}..."


def refuse_length(place: str, most: int, got: int) -> NoReturn:
    """Raise for what is too long."""
    raise ParameterError(place, f"at most {most:,} characters long", got)
