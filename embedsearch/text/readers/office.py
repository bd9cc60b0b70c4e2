"""Documents of Word (.docx) and LibreOffice (.odt): their text, title and properties."""

from __future__ import annotations

import posixpath
from itertools import islice
from typing import TYPE_CHECKING

from embedsearch._types import Document
from embedsearch.text.readers.xml import Flattening, ZipParts, flat_text, zip_parts
from embedsearch.text.records import select_metadata
from embedsearch.text.source_stream import ReadDocument

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


def read_docx(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield the document: its text with tables, text boxes, footnotes and endnotes.

    The title is the paragraph of the style "Title", else that of the properties, else the
    first heading; a title that is a paragraph is left out of the text. Deleted and hidden text,
    comments, and headers and footers of pages are no text.
    """
    with zip_parts(source) as parts:
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
    with zip_parts(source) as parts:
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


def _main_part(parts: ZipParts) -> str:
    """Return the part with the text: the one that the package names, which others may move."""
    if "_rels/.rels" in parts:
        for relation in parts.tree("_rels/.rels").iter("Relationship"):
            if relation.get("Type", "").endswith("/officeDocument"):
                return posixpath.normpath(relation.get("Target", "").lstrip("/"))
    return "word/document.xml"


def _properties(
    parts: ZipParts, part: str, wanted: dict[str, str]
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
