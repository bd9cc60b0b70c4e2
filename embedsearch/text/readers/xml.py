"""XML of any vocabulary: a document for each repeated element, or for the whole file."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.base import Found
from embedsearch.text.reading.columns import given_id
from embedsearch.text.reading.markup import html_text
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

# What outlines, mind maps and exports of messages call their texts.
_TEXT_ATTRIBUTES = frozenset({"text", "body"})
# No element has this name; those that were taken for a title or an id get it.
_TAKEN = "#taken"
_ANY = Flattening(unseen=frozenset({_TAKEN}), attributes=_TEXT_ATTRIBUTES)
# Elsewhere a style may hold text, as in the exports of EndNote.
_PAGE = replace(_ANY, unseen=frozenset({_TAKEN, "script", "style"}))
_RULES = {
    "html": _PAGE,
    "svg": _PAGE,
    "FictionBook": replace(_PAGE, unseen=frozenset({_TAKEN, "binary"})),
}
# The title of an article in JATS; of a text in TEI, DocBook, DITA and most others.
_TITLES = ("article-title", "title", "ArticleTitle", "head", "heading")
# Of more elements than these that have no text, the next is not tried.
_TRIED = 10
_LONGEST_TITLE = 10_000
_IDS = (
    "id", "identifier", "MedlineCitation/PMID", "PMID", "docno", "DOCNO", "guid",
    "header/identifier",
)  # fmt: skip
# Of these the parts are read in order, however few kinds there are.
_PROSE = frozenset({"appendix", "chapter", "div", "part", "preface", "scene", "sec", "section"})
# The items of RSS and Atom are records however few they are.
_FEEDS = (("rss", "channel", "item"), ("feed", "entry"), ("RDF", "item"))
# A field is called by this, where all of a record are of one name (Solr, MySQL).
_NAME = "name"
_HTML = re.compile(r"<(?:p|div|br|a|b|i|em|strong|span|ul|ol|h[1-6]|img|table|en-note)\b[^<>]*>")


@dataclass(frozen=True, slots=True)
class _Records:
    """Where the records of a file are, and whether they are rows of a table.

    Others than those of the path, beside them, are records too if they have elements in them.
    """

    path: tuple[str, ...]
    are_rows: bool

    def wants(self, path: tuple[str, ...]) -> bool:
        """Tell whether an element is a record or beside them: all but what they are in."""
        parent = self.path[:-1]
        return path != parent[: len(path)]

    def has(self, placed: Placed) -> bool:
        """Tell whether an element is a record."""
        element, path = placed
        if path == self.path:
            return True
        is_beside = path[:-1] == self.path[:-1] and self.path not in _FEEDS
        return is_beside and _has_fields(element)


def read_xml(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield a document for each record of a file of records, else the file as one document.

    Records are elements with elements in them, two or more of one name, that are most of what
    is just below the root, or (as the items of a feed) below the only element there. Elements of
    other names among them are records, too; texts beside them are left out, and named. Where
    their fields have no fields of their own, fields and attributes are columns, as of a table.
    All else is read as text, with its first title as the title.

    Raises:
        SourceFormatError: The XML is broken or cut short, too deep, or declares entities in
            entities; names the line.
    """
    records = _records(source, settings)
    chunks = xml_chunks(source, settings.encoding)
    if records is None:
        return _whole(source, chunks)
    found = enumerate(_each(source, chunks, records), 1)
    if not records.are_rows:
        return _documents(source, settings, found)
    rows = ((number, _row(element)) for number, element in found)
    return found_in_records(source, rows, RecordKind("record", value=cell_value), settings)


def _each(source: Opened, chunks: Iterable[str], records: _Records) -> Iterator[Element]:
    """Yield the records, and note what has text beside them."""
    beside: dict[str, None] = {}
    for placed in elements(source.name, chunks, records.wants):
        if records.has(placed):
            yield _without_marks(placed.element)
        elif len(beside) < _TRIED and flat_text(placed.element, _ANY):
            beside[placed.element.tag] = None
    if beside:
        names = ", ".join(f"<{name}>" for name in beside)
        kind = "with texts beside their records, which were left out"
        source.notices.few(kind, source.name, f"left out what is beside its records: {names}")


def _whole(source: Opened, chunks: Iterable[str]) -> Iterator[Found]:
    for element, _ in elements(source.name, chunks, lambda _: True):
        title, rules = _take(element, _TITLES), _RULES.get(element.tag, _ANY)
        if (text := flat_text(element, rules)) or title:
            yield Found(Document("", text, {}, title))


def _documents(
    source: Opened, settings: ReadSettings, records: Iterable[tuple[int, Element]]
) -> Iterator[Found]:
    for number, element in records:
        title, id_ = _take(element, _TITLES), given_id(_own_id(element), settings)
        if (text := flat_text(element, _ANY)) or title:
            yield Found(Document(id_, text, {}, title), "record", number)
        else:
            source.notices.empty("record")


def _take(element: Element, tags: tuple[str, ...]) -> str:
    """Return the text of the first element that has one of these tags, and leave it out."""
    for tag in tags:
        # One of another within it would be flattened again.
        for found in islice(element.iter(tag), _TRIED):
            if 0 < len(text := flat_text(found, _ANY)) <= _LONGEST_TITLE:
                found.tag = _TAKEN
                return text.replace("\n", " ")
    return ""


def _own_id(element: Element) -> str:
    """Return the id of a record; a field that holds it is left out of the text."""
    for name in _IDS:
        if value := element.get(name, "").strip():
            return value
        field = element.find(name)
        if field is not None and (value := (field.text or "").strip()):
            field.tag = _TAKEN
            return value
    return ""


def _row(element: Element) -> Record:
    """Return the columns of a record; fields of one name with several values are a list."""
    columns: dict[str, dict[str, None]] = {
        name: {value: None} for name, value in element.attrib.items()
    }
    are_named = len({field.tag for field in element}) == 1 and all(
        field.get(_NAME) for field in element
    )
    for field in element:
        name = field.get(_NAME, "") if are_named else field.tag
        value = flat_text(field, _ANY) or field.get("href", "")
        columns.setdefault(name, {})[value] = None
    if own := _own_text(element):
        columns.setdefault(element.tag, {})[own] = None
    if "encoded" in columns:
        # In a feed (`content:encoded`): the whole text, of which the description is a part.
        columns["summary"] = columns.pop("description", {})
        columns["description"] = columns.pop("encoded")
    lists = {name: list(filter(None, values)) for name, values in columns.items()}
    return {name: each if len(each) > 1 else "".join(each) for name, each in lists.items()}


def _own_text(element: Element) -> str:
    """Return the text that is in a record and in none of its fields."""
    pieces = (element.text, *(field.tail for field in element))
    return " ".join(" ".join(filter(None, pieces)).split())


def _without_marks(record: Element) -> Element:
    """Take the marks out of texts that are HTML, as those of feeds are."""
    for element in record.iter():
        if not len(element) and element.text and _HTML.search(element.text):
            element.text = html_text(element.text)
        for name, value in element.items():
            if name.lower() in _TEXT_ATTRIBUTES and _HTML.search(value):
                element.set(name, html_text(value))
    return record


def _records(source: Opened, settings: ReadSettings) -> _Records | None:
    """Look for records in the sample."""
    below_root = _children(source, settings, 2)
    if len(below_root) <= 1:
        below_root = _children(source, settings, 3)
    with_fields = [placed for placed in below_root if _has_fields(placed.element)]
    counts = Counter(placed.path for placed in with_fields)
    path, count = next(iter(counts.most_common(1)), ((), 0))
    if feed := next((each for each in _FEEDS if each in counts), None):
        path = feed
    elif count < 2 or 2 * len(with_fields) < len(below_root):
        return None
    found = _Records(path, are_rows=False)
    same = [placed.element for placed in with_fields if found.has(placed)]
    return _Records(path, are_rows=path[-1] not in _PROSE and all(map(_is_row, same)))


def _children(source: Opened, settings: ReadSettings, depth: int) -> list[Placed]:
    found: list[Placed] = []
    head = [source.head(settings.encoding)]
    # The sample may end in the middle of the file.
    with suppress(SourceFormatError):
        found.extend(elements(source.name, head, lambda path: len(path) == depth))
    return found


def _has_fields(element: Element) -> bool:
    if not len(element) and not element.text:
        return any(name.lower() in _TEXT_ATTRIBUTES for name in element.attrib)
    return any(child.tag not in INLINE for child in element) and not is_mixed(element)


def _is_row(element: Element) -> bool:
    return not any(child.tag not in INLINE for field in element for child in field)
