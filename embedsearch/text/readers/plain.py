"""Plain text: a document per file, per line or per paragraph."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from embedsearch._types import Document
from embedsearch.text.source_stream import DOCUMENT_LIMIT, ReadDocument, SourceStream, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.settings import ReadSettings


def read_plain(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield the file, its lines or its paragraphs, as `settings.split` says.

    Paragraphs end with lines without text. Empty lines are no documents, but are counted, so that
    a document's number is its line.
    """
    if settings.split == "paragraph":
        yield from _paragraphs(source, settings)
    elif settings.split == "line":
        for number, line in source.lines(settings.encoding):
            if text := line.strip():
                yield ReadDocument(Document("", text), "line", number)
    elif (text := source.text(settings.encoding)).strip():
        yield ReadDocument(Document("", text))


def _paragraphs(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    number, lines, length = 0, list[str](), 0
    # A blank line behind the last one ends the last paragraph.
    for place, line in chain(source.lines(settings.encoding), [(0, "")]):
        if line.strip():
            lines.append(line.rstrip())
            length += len(line)
            if length > DOCUMENT_LIMIT:
                raise too_long(source.name, DOCUMENT_LIMIT, "characters", place)
        elif lines:
            number += 1
            yield ReadDocument(Document("", "\n".join(lines)), "paragraph", number)
            lines, length = [], 0
