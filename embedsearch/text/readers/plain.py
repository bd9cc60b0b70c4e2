"""Plain text: a document per file, per line or per paragraph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embedsearch._types import Document
from embedsearch.text.base import Found
from embedsearch.text.reading.opening import DOCUMENT_LIMIT, Opened, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.settings import ReadSettings


def read_plain(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield the file, its lines or its paragraphs, as `settings.split` says.

    Paragraphs are parted by lines without text. Empty lines are no documents, but are counted,
    so that a document's number is its line.
    """
    if settings.split == "line":
        return _lines(source, settings)
    if settings.split == "paragraph":
        return _paragraphs(source, settings)
    return _file(source, settings)


def _file(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    text = source.text(settings.encoding)
    if text.strip():
        yield Found(Document("", text))


def _lines(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    for number, line in source.lines(settings.encoding):
        if text := line.strip():
            yield Found(Document("", text), "line", number)


def _paragraphs(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    number, lines, length = 0, list[str](), 0
    for place, line in source.lines(settings.encoding):
        if line.strip():
            lines.append(line.rstrip())
            length += len(line)
            if length > DOCUMENT_LIMIT:
                raise too_long(source.name, DOCUMENT_LIMIT, "characters", place)
        elif lines:
            number += 1
            yield Found(Document("", "\n".join(lines)), "paragraph", number)
            lines, length = [], 0
    if lines:
        yield Found(Document("", "\n".join(lines)), "paragraph", number + 1)
