"""XML of any vocabulary: a document for each repeated element, or for the whole file."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.base import Found
from embedsearch.text.reading.columns import given_id
from embedsearch.text.reading.records import Record, RecordKind, found_in_records
from embedsearch.text.reading.values import cell_value
from embedsearch.text.reading.xml_tree import (
    INLINE,
    Flattening,
    elements,
    flat_text,
    is_mixed,
    xml_chunks,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from xml.etree.ElementTree import Element

    from embedsearch.text.reading.opening import Opened
    from embedsearch.text.reading.xml_tree import Placed
    from embedsearch.text.settings import ReadSettings

_ANY = Flattening(unseen=frozenset({"script", "style"}))
# The title of an article in JATS; of a text in TEI, DocBook, DITA and most others.
_TITLES = ("article-title", "title", "ArticleTitle", "head", "heading")
_IDS = ("id", "identifier", "PMID", "docno", "DOCNO", "guid")


@dataclass(frozen=True, slots=True)
class _Records:
    """Where the records of a file are, and whether they are rows of a table."""

    path: tuple[str, ...]
    are_rows: bool


def read_xml(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield a document for each record of a file of records, else the file as one document.

    Records are elements with elements in them, two or more of one name, that are most of what
    is just below the root, or (as the items of a feed) below the only element there. Where
    their fields have no fields of their own, fields and attributes are columns, as of a table.
    All else is read as text, with its first title as the title.

    Raises:
        SourceFormatError: The XML is broken or cut short, too deep, or declares entities in
            entities; names the line.
    """
    records = _records(source, settings)
    chunks = xml_chunks(source, settings.encoding)
    if records is None:
        return _documents(source, settings, chunks, None)
    if not records.are_rows:
        return _documents(source, settings, chunks, records.path)
    found = elements(source.name, chunks, records.path.__eq__)
    rows = ((number, _row(placed.element)) for number, placed in enumerate(found, 1))
    return found_in_records(source, rows, RecordKind("record", value=cell_value), settings)


def _documents(
    source: Opened, settings: ReadSettings, chunks: Iterable[str], path: tuple[str, ...] | None
) -> Iterator[Found]:
    """Yield each element at the path as a document; None takes the whole file."""
    wanted = (lambda _: True) if path is None else path.__eq__
    for number, (element, _) in enumerate(elements(source.name, chunks, wanted), 1):
        title = _take(element, _TITLES)
        id = "" if path is None else given_id(_own_id(element), settings)
        if (text := flat_text(element, _ANY)) or title:
            unit, place = ("", 0) if path is None else ("record", number)
            yield Found(Document(id, text, {}, title.replace("\n", " ")), unit, place)
        elif path is not None:
            source.notices.empty("record")


def _take(element: Element, tags: tuple[str, ...]) -> str:
    """Return the text of the first element that has one of these tags, and leave it out."""
    for tag in tags:
        for found in element.iter(tag):
            if text := flat_text(found, _ANY):
                found.tag = "script"
                return text
    return ""


def _own_id(element: Element) -> str:
    """Return the id of a record; a field that holds it is left out of the text."""
    for name in _IDS:
        if value := element.get(name, "").strip():
            return value
        field = element.find(name)
        if field is not None and (value := (field.text or "").strip()):
            field.tag = "script"
            return value
    return ""


def _row(element: Element) -> Record:
    """Return the columns of a record; fields of one name are a list."""
    columns: dict[str, list[str]] = {name: [value] for name, value in element.attrib.items()}
    for field in element:
        columns.setdefault(field.tag, []).append(flat_text(field, _ANY) or field.get("href", ""))
    return {name: values[0] if len(values) == 1 else values for name, values in columns.items()}


def _records(source: Opened, settings: ReadSettings) -> _Records | None:
    """Look for records in the sample."""
    below_root = _children(source, settings, 2)
    if len(below_root) <= 1:
        below_root = _children(source, settings, 3)
    counts = Counter(path for element, path in below_root if _has_fields(element))
    path, count = next(iter(counts.most_common(1)), ((), 0))
    if count < 2 or 2 * count < len(below_root):
        return None
    same = [element for element, its_path in below_root if its_path == path]
    return _Records(path, are_rows=all(map(_is_row, same)))


def _children(source: Opened, settings: ReadSettings, depth: int) -> list[Placed]:
    found: list[Placed] = []
    head = [source.head(settings.encoding)]
    # The sample may end in the middle of the file.
    with suppress(SourceFormatError):
        found.extend(elements(source.name, head, lambda path: len(path) == depth))
    return found


def _has_fields(element: Element) -> bool:
    return any(child.tag not in INLINE for child in element) and not is_mixed(element)


def _is_row(element: Element) -> bool:
    return not any(map(_has_fields, element)) and not any(
        child.tag not in INLINE for field in element for child in field
    )
