"""PDF, through the `pdf` extra (pypdf)."""

from __future__ import annotations

import importlib.util
import re
from io import SEEK_END
from typing import TYPE_CHECKING

from embedsearch._errors import MissingExtraError, SourceFormatError
from embedsearch._types import Document
from embedsearch.text.readers.pdf_text import title_and_text
from embedsearch.text.source_stream import DOCUMENT_LIMIT, ReadDocument, SourceStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.settings import ReadSettings

# Viewers look no further for the header.
_HEADER, _HEADER_WITHIN = b"%PDF-", 1024
# A word cut at the end of a line; after a digit the mark is a dash or a minus.
_HYPHEN = re.compile(r"(?<=[^\W\d_])-\n(?=[^\W\d_])")


def read_pdf(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:  # noqa: ARG001
    """Yield the file as one document: the text of its pages, words cut at line ends joined."""
    if importlib.util.find_spec("pypdf") is None:
        raise MissingExtraError("reading PDF", "pdf")
    if _HEADER not in source.sample[:_HEADER_WITHIN]:
        raise _unreadable(source, "it has no header of a PDF")
    with source.seekable() as file:
        size = file.seek(0, SEEK_END)
        file.seek(0)
        try:
            title, text = title_and_text(file, size, DOCUMENT_LIMIT)
        except ValueError as error:
            raise _unreadable(source, str(error)) from error
    if text.strip():
        yield ReadDocument(Document("", _HYPHEN.sub("", text), {}, title))


def _unreadable(source: SourceStream, reason: str) -> SourceFormatError:
    advice = "leave it out, or print it to a new PDF"
    return SourceFormatError(source.name, f"the PDF cannot be read: {reason}; {advice}")
