"""Books (EPUB): a document for each chapter."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.readers.html import decode_html, title_and_text
from embedsearch.text.readers.xml import zip_parts
from embedsearch.text.records import select_metadata
from embedsearch.text.source_stream import LeftOut, ReadDocument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from embedsearch._types import MetadataValue
    from embedsearch.text.readers.xml import ZipParts
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import SourceStream

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_FACTS = {
    "creator": "author", "language": "language", "date": "date", "publisher": "publisher",
    "subject": "subject", "identifier": "identifier",
}  # fmt: skip


def read_epub(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield each part of the book in reading order; its number is its place there.

    The title is that of the book and that of the chapter, `Book: Chapter`; author, language and
    other facts of the book are metadata of each chapter. A chapter that is missing or damaged is
    left out.
    """
    with zip_parts(source) as parts:
        place = _package_place(source.name, parts)
        package = parts.tree(place)
        book, facts = _facts(package, settings)
        locked = _encrypted(parts)
        for number, part in enumerate(_spine(package, posixpath.dirname(place)), 1):
            if part in locked:
                reason = "its text is encrypted (DRM); get the book without that"
                raise SourceFormatError(source.name, reason)
            try:
                page = decode_html(parts.data(part))
            except SourceFormatError as error:
                left_out = LeftOut(f"{source.name}, chapter {number}", error.short_reason)
                source.notices.left_out.append(left_out)
                continue
            title, text = title_and_text(page)
            if text:
                yield ReadDocument(
                    Document("", text, facts, _joined(book, title)), "chapter", number
                )
            else:
                source.notices.empty("chapter")


def _package_place(name: str, parts: ZipParts) -> str:
    for rootfile in parts.tree(_CONTAINER).iter("rootfile"):
        return posixpath.normpath(rootfile.get("full-path", ""))
    raise SourceFormatError(name, f"{_CONTAINER} names no book; the file is damaged")


def _facts(package: Element, settings: ReadSettings) -> tuple[str, dict[str, MetadataValue]]:
    """Return the title of the book and what else it says about itself."""
    found: dict[str, list[str]] = {}
    metadata = package.find("metadata")
    for element in metadata if metadata is not None else ():
        if value := " ".join("".join(element.itertext()).split()):
            found.setdefault(element.tag, []).append(value)
    facts: dict[str, MetadataValue] = {
        name: "; ".join(found[tag]) for tag, name in _FACTS.items() if tag in found
    }
    return found.get("title", [""])[0], select_metadata(facts, settings)


def _spine(package: Element, folder: str) -> Iterator[str]:
    """Yield the names of the parts with the text, in reading order."""
    places = {item.get("id"): item.get("href", "") for item in package.iter("item")}
    for reference in package.iter("itemref"):
        if place := places.get(reference.get("idref")):
            yield posixpath.normpath(posixpath.join(folder, unquote(place)))


def _encrypted(parts: ZipParts) -> set[str]:
    if _ENCRYPTION not in parts:
        return set()
    references = parts.tree(_ENCRYPTION).iter("CipherReference")
    return {unquote(reference.get("URI", "")) for reference in references}


def _joined(book: str, chapter: str) -> str:
    if not chapter or chapter == book:
        return book
    return f"{book}: {chapter}" if book else chapter
