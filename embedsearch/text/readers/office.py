"""Documents that are XML in a ZIP file: Word (.docx), LibreOffice (.odt), books (.epub)."""

from __future__ import annotations

import posixpath
from contextlib import contextmanager
from itertools import islice
from typing import IO, TYPE_CHECKING
from urllib.parse import unquote

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.archives import open_zip, zip_errors
from embedsearch.text.byte_streams import read_up_to
from embedsearch.text.encodings import bom_encoding, declared_xml_encoding
from embedsearch.text.readers.html import decode_html, title_and_text
from embedsearch.text.readers.xml import Flattening, elements, flat_text
from embedsearch.text.records import select_metadata
from embedsearch.text.source_stream import TREE_LIMIT, LeftOut, ReadDocument, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from embedsearch._types import MetadataValue
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import SourceStream


# ECMA-376, part 1, 17: what was deleted, or stands for something that is computed, is no text.
# Of a drawing, `Fallback` repeats what `Choice` says.
_WORD = Flattening(
    blocks=frozenset({"p", "tr", "txbxContent"}),
    cells=frozenset({"tc"}),
    unseen=frozenset({
        "del", "moveFrom", "instrText", "delText", "Fallback", "hidden", "pPr", "rPr", "sdtPr",
        "sectPr", "tblPr", "tcPr", "trPr",
    }),
    signs={"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"},
    texts=frozenset({"t"}),
)  # fmt: skip
# OpenDocument 1.3, part 3, 5 and 6.
_OPEN_DOCUMENT = Flattening(
    blocks=frozenset({"p", "h", "list-item", "table-row", "note-body"}),
    cells=frozenset({"table-cell"}),
    unseen=frozenset({
        "tracked-changes", "annotation", "note-citation", "forms", "sequence-decls",
        "automatic-styles", "scripts", "binary-data",
    }),
    signs={"s": " ", "tab": "\t", "line-break": "\n"},
)  # fmt: skip
# Of more titles than these that are empty, the next is not tried: one within another would be
# flattened again.
_TRIED = 10
# As Word calls its styles in some languages, without letters beyond ASCII.
_TITLES = ("title", "titel", "titre", "ttulo", "titolo")
_HEADINGS = ("heading1", "berschrift1", "titre1", "ttulo1", "titolo1")
_WORD_FACTS = {
    "creator": "author", "created": "created", "modified": "modified", "subject": "subject",
    "keywords": "keywords", "language": "language",
}  # fmt: skip
_OPEN_FACTS = {
    "initial-creator": "author", "creator": "author", "creation-date": "created",
    "date": "modified", "subject": "subject", "keyword": "keywords", "language": "language",
}  # fmt: skip
_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_BOOK_FACTS = {
    "creator": "author", "language": "language", "date": "date", "publisher": "publisher",
    "subject": "subject", "identifier": "identifier",
}  # fmt: skip


def _xml_tree(name: str, data: bytes) -> Element:
    """Return the root of a small XML file."""
    encoding = bom_encoding(data) or declared_xml_encoding(data) or "utf-8"
    for placed in elements(name, [data.decode(encoding, "replace")], lambda _: True):
        return placed.element
    raise SourceFormatError(name, "is empty; the file is damaged, write it again")


class _Parts:
    """The parts of a ZIP file by name; together at most `4 * TREE_LIMIT` bytes are unpacked."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self._name = name
        self._zip = open_zip(name, file)
        self._left = 4 * TREE_LIMIT

    def __contains__(self, part: str) -> bool:
        return part in self._zip.NameToInfo

    def data(self, part: str) -> bytes:
        """Return a part, without compression."""
        if part not in self:
            reason = f"{part} is missing in it; the file is damaged, write it again"
            raise SourceFormatError(self._name, reason)
        most = min(TREE_LIMIT, self._left)
        with zip_errors(self._name), self._zip.open(part) as opened:
            data = read_up_to(opened, most + 1)
        if len(data) > most:
            raise too_long(self._name, TREE_LIMIT, "bytes")
        self._left -= len(data)
        return data

    def tree(self, part: str) -> Element:
        """Return the root of a part that is XML."""
        return _xml_tree(f"{self._name}, {part}", self.data(part))


@contextmanager
def _opened(source: SourceStream) -> Iterator[_Parts]:
    """Open a source as a ZIP file."""
    with source.seekable() as file:
        yield _Parts(source.name, file)


def read_docx(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield the document: its text with tables, text boxes, footnotes and endnotes.

    The title is the paragraph of the style "Title", else that of the properties, else the
    first heading; a title that is a paragraph is left out of the text. Deleted and hidden text,
    comments, and headers and footers of pages are no text.
    """
    with _opened(source) as parts:
        main = _main_part(parts)
        body = parts.tree(main)
        folder = posixpath.dirname(main)
        notes = [
            parts.tree(part)
            for name in ("footnotes", "endnotes")
            if (part := f"{folder}/{name}.xml") in parts
        ]
        title, facts = _properties(parts, "docProps/core.xml", _WORD_FACTS)
    for tree in (body, *notes):
        _mark_hidden(tree)
    title = _styled(body, _TITLES) or title or _styled(body, _HEADINGS)
    text = "\n".join(filter(None, (flat_text(tree, _WORD) for tree in (body, *notes))))
    yield from _found(title, text, facts, settings)


def read_odt(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield the document; its title is that of its properties, else its first heading."""
    with _opened(source) as parts:
        body = parts.tree("content.xml")
        title, facts = _properties(parts, "meta.xml", _OPEN_FACTS)
    heading = next(
        (h for h in islice(body.iter("h"), _TRIED) if flat_text(h, _OPEN_DOCUMENT)), None
    )
    if not title and heading is not None:
        title = flat_text(heading, _OPEN_DOCUMENT)
        heading.tag = "annotation"
    yield from _found(title, flat_text(body, _OPEN_DOCUMENT), facts, settings)


def _found(
    title: str, text: str, facts: dict[str, MetadataValue], settings: ReadSettings
) -> Iterator[ReadDocument]:
    if title or text:
        metadata = select_metadata(facts, settings)
        yield ReadDocument(Document("", text, metadata, title.replace("\n", " ")))


def _main_part(parts: _Parts) -> str:
    """Return the part with the text: the one that the package names, which others may move."""
    if "_rels/.rels" in parts:
        for relation in parts.tree("_rels/.rels").iter("Relationship"):
            if relation.get("Type", "").endswith("/officeDocument"):
                return posixpath.normpath(relation.get("Target", "").lstrip("/"))
    return "word/document.xml"


def _properties(
    parts: _Parts, part: str, wanted: dict[str, str]
) -> tuple[str, dict[str, MetadataValue]]:
    """Return the title and the facts among the properties of a document."""
    if part not in parts:
        return "", {}
    title, facts = "", dict[str, "MetadataValue"]()
    for element in parts.tree(part).iter():
        value = " ".join((element.text or "").split())
        if value and element.tag == "title":
            title = title or value
        elif value and element.tag in wanted:
            facts.setdefault(wanted[element.tag], value)
    return title, facts


def _mark_hidden(tree: Element) -> None:
    """Rename runs of hidden text, so that they are left out."""
    for run in tree.iter("r"):
        vanish = run.find("rPr/vanish")
        if vanish is not None and vanish.get("val", "true") not in ("0", "false", "off"):
            run.tag = "hidden"


def _styled(body: Element, styles: tuple[str, ...]) -> str:
    """Remove the first paragraph of a style from the text, and return its own."""
    styled = (paragraph for paragraph in body.iter("p") if _has_style(paragraph, styles))
    for paragraph in islice(styled, _TRIED):
        if title := flat_text(paragraph, _WORD):
            paragraph.tag = "hidden"
            return title
    return ""


def _has_style(paragraph: Element, styles: tuple[str, ...]) -> bool:
    style = paragraph.find("pPr/pStyle")
    return style is not None and style.get("val", "").lower() in styles


def read_epub(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield each part of the book in reading order; its number is its place there.

    The title is that of the book and that of the chapter, `Book: Chapter`; author, language and
    other facts of the book are metadata of each chapter. A chapter that is missing or damaged is
    left out.
    """
    with _opened(source) as parts:
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


def _package_place(name: str, parts: _Parts) -> str:
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
        name: "; ".join(found[tag]) for tag, name in _BOOK_FACTS.items() if tag in found
    }
    return found.get("title", [""])[0], select_metadata(facts, settings)


def _spine(package: Element, folder: str) -> Iterator[str]:
    """Yield the names of the parts with the text, in reading order."""
    places = {item.get("id"): item.get("href", "") for item in package.iter("item")}
    for reference in package.iter("itemref"):
        if place := places.get(reference.get("idref")):
            yield posixpath.normpath(posixpath.join(folder, unquote(place)))


def _encrypted(parts: _Parts) -> set[str]:
    if _ENCRYPTION not in parts:
        return set()
    references = parts.tree(_ENCRYPTION).iter("CipherReference")
    return {unquote(reference.get("URI", "")) for reference in references}


def _joined(book: str, chapter: str) -> str:
    if not chapter or chapter == book:
        return book
    return f"{book}: {chapter}" if book else chapter
