"""XML of any vocabulary: a document for each repeated element, or for the whole file.

It is parsed within bounds: no entities that grow, nothing fetched, no depth without end.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field as dataclass_field, replace
from html import escape, unescape
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from embedsearch._errors import SourceFormatError
from embedsearch._messages import quoted
from embedsearch._types import Document
from embedsearch.text.encodings import bom_encoding, declared_xml_encoding
from embedsearch.text.readers.html import html_text, tidy
from embedsearch.text.records import (
    Record,
    RecordKind,
    cell_value,
    given_id,
    read_records,
    replace_surrogates,
)
from embedsearch.text.source_stream import TREE_LIMIT, ReadDocument, SourceStream, too_long

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from embedsearch.text.settings import ReadSettings


DEPTH_LIMIT = 500
"""Elements within elements; DocBook, TEI and JATS stay below 50."""

_ASCII_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r"))
_NONCHARACTERS = "\ufffe\uffff"
_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# XML 1.0, production 2.
_CHARACTER = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCES = re.compile(r"(?:&#(?:x[0-9a-fA-F]{1,6}|[0-9]{1,7});)+")
# A run of references to halves of characters is repaired as a whole, if it is not too long.
_OF_REFERENCES = "&#x;0123456789abcdefABCDEF"
_LONGEST_REFERENCES = 1_000
# An internal subset has a few; those of DocBook and JATS, which are not fetched, some thousands.
_DECLARATIONS = 5_000

# An element costs about 60 bytes even when it has no text.
_ELEMENT = 20
# A reference to another entity, or to a parameter entity.
_ENTITY = re.compile(r"&[^#]|%")


Path = tuple[str, ...]
"""The tags of the elements that an element is in, from the root, and its own."""


class Placed(NamedTuple):
    """An element that has ended; tags and names of attributes are without their namespaces."""

    element: Element
    path: Path


def xml_chunks(source: SourceStream, encoding: str | None) -> Iterator[str]:
    """Yield the text of an XML source, in the encoding that it declares."""
    if encoding is None and not bom_encoding(source.sample):
        encoding = declared_xml_encoding(source.sample)
    return source.chunks(encoding)


def elements(
    name: str,
    chunks: Iterable[str],
    wanted: Callable[[Path], bool],
    inner: Callable[[Path], bool] | None = None,
    *,
    declarations: int = _DECLARATIONS,
) -> Iterator[Placed]:
    """Yield each wanted element when it ends, with all that is in it; forget the others.

    `wanted` is not asked within an element that is; there `inner` decides what stays, None keeps
    all. The file may declare `declarations` entities and attributes.
    """
    parser = _Parser(name, wanted, inner, declarations)
    for chunk in _well_formed(chunks):
        yield from parser.feed(chunk)
    yield from parser.feed("", final=True)


def _well_formed(chunks: Iterable[str]) -> Iterator[str]:
    """Yield XML without blanks before its declaration, control characters and surrogate halves."""
    rest = ""
    for number, chunk in enumerate(chunks):
        text = rest + (chunk if number else chunk.lstrip("\ufeff \t\r\n"))
        # What may be a part of references stays together.
        end = len(text.rstrip(_OF_REFERENCES))
        if len(text) - end > _LONGEST_REFERENCES:
            end = len(text)
        rest = text[end:]
        yield _repaired(text[:end])
    yield _repaired(rest)


def _repaired(text: str) -> str:
    # Most files have neither; looking for a string takes a fraction of the time of a pattern.
    data = text.encode("utf-8", "replace")
    if len(data.translate(None, _ASCII_CONTROLS)) < len(data) or any(
        mark in text for mark in _NONCHARACTERS
    ):
        text = _CONTROLS.sub(" ", text)
    return _REFERENCES.sub(_repaired_references, text) if "&#" in text else text


def _repaired_references(run: re.Match[str]) -> str:
    digits = run[0].removeprefix("&#").removesuffix(";").split(";&#")
    codes = [int(each[1:], 16) if each[0] == "x" else int(each) for each in digits]
    if all(_CHARACTER.match(chr(min(code, 0x10FFFF))) for code in codes):
        return run[0]
    text = replace_surrogates("".join(chr(min(code, 0x10FFFF)) for code in codes))
    return escape(_CONTROLS.sub(" ", text))


class _Parser:
    """Builds trees of wanted elements alone."""

    def __init__(
        self,
        name: str,
        wanted: Callable[[Path], bool],
        inner: Callable[[Path], bool] | None,
        declarations: int,
    ) -> None:
        self._name, self._wanted, self._inner = name, wanted, inner
        self._path: list[str] = []
        self._builder: TreeBuilder | None = None
        # The depth of the wanted element, and of one within it that is left out.
        self._depth = self._left_out = 0
        self._size = self._fed = 0
        self._declarations_left = declarations
        self._done: list[Placed] = []
        self._expat = expat.ParserCreate("utf-8")
        self._expat.buffer_text = True
        self._expat.specified_attributes = True
        # Entities that are declared nowhere are handed to us.
        self._expat.UseForeignDTD(True)
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._data
        self._expat.EntityDeclHandler = self._entity
        self._expat.AttlistDeclHandler = self._declare
        self._expat.SkippedEntityHandler = self._skipped

    def feed(self, chunk: str, *, final: bool = False) -> Iterator[Placed]:
        data = chunk.encode("utf-8", "replace")
        self._fed += len(data)
        try:
            self._expat.Parse(data, final)
        except expat.ExpatError as error:
            # What came before the fault is sound.
            yield from self._done
            reason = f"broken XML: {expat.ErrorString(error.code)}; repair the file"
            raise SourceFormatError(self._name, reason, error.lineno) from error
        yield from self._done
        self._done.clear()
        # A tag that has not ended is held, and looked through again with each chunk.
        if not final and self._fed - self._expat.CurrentByteIndex > TREE_LIMIT:
            reason = f"one tag or comment has more than {TREE_LIMIT:,} bytes; repair the file"
            raise self._error(reason)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(_local(tag))
        if len(self._path) > DEPTH_LIMIT:
            reason = f"has more than {DEPTH_LIMIT} elements within each other; leave it out"
            raise self._error(reason)
        if self._left_out:
            return
        if self._builder is None:
            if not self._wanted(tuple(self._path)):
                return
            self._builder, self._depth, self._size = TreeBuilder(), len(self._path), 0
        elif self._inner is not None and not self._inner(tuple(self._path)):
            self._left_out = len(self._path)
            return
        self._grow(_ELEMENT + sum(map(len, attributes.values())))
        names = {_local(k): v for k, v in attributes.items() if not k.startswith("xmlns")}
        self._builder.start(self._path[-1], names)

    def _end(self, _: str) -> None:
        if self._left_out:
            self._left_out = 0 if self._left_out == len(self._path) else self._left_out
        elif self._builder is not None:
            self._builder.end(self._path[-1])
            if len(self._path) == self._depth:
                self._done.append(Placed(self._builder.close(), tuple(self._path)))
                self._builder = None
        self._path.pop()

    def _data(self, data: str) -> None:
        if self._builder is not None and not self._left_out:
            self._grow(len(data))
            self._builder.data(data)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > TREE_LIMIT:
            raise too_long(self._name, TREE_LIMIT, "characters", self._expat.CurrentLineNumber)

    def _entity(self, name: str, _: bool, value: str | None, *__: object) -> None:
        self._declare()
        # One that holds others can grow a thousand times with each.
        if _ENTITY.search(value or ""):
            raise self._error(f"its entity {quoted(name)} holds other entities; leave it out")

    def _declare(self, *_: object) -> None:
        # Expat keeps declarations, and looks through those of attributes at every tag.
        self._declarations_left -= 1
        if self._declarations_left < 0:
            raise self._error("declares more entities and attributes than it may; leave it out")

    def _skipped(self, name: str, _: bool) -> None:
        # Its DTD is elsewhere and is not fetched; most such entities are those of HTML.
        known = unescape(f"&{name};")
        self._data(" " if known.startswith("&") else known)

    def _error(self, reason: str) -> SourceFormatError:
        return SourceFormatError(self._name, reason, self._expat.CurrentLineNumber)


def _local(tag: str) -> str:
    # Prefixes that are declared nowhere are no error: namespaces are not looked at.
    return tag.rpartition(":")[2] or tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Flattening:
    """How a tree becomes text."""

    # Elements that begin and end a line; None, for vocabularies that are not known, takes all that
    # are not within a line of text.
    blocks: frozenset[str] | None = None
    cells: frozenset[str] = frozenset()  # a space follows them
    unseen: frozenset[str] = frozenset()  # left out with all that is in them
    signs: Mapping[str, str] = dataclass_field(default_factory=dict)
    # Elements whose own text counts; None counts that of all, and what is between.
    texts: frozenset[str] | None = None
    attributes: frozenset[str] = frozenset()  # attributes that are text, too; in lower case


INLINE = frozenset({
    "a", "abbr", "b", "bold", "em", "emph", "emphasis", "ext-link", "foreign", "hi", "i",
    "italic", "q", "s", "sc", "small", "span", "strong", "sub", "subscript", "sup",
    "superscript", "term", "tt", "u", "underline", "xref",
})  # fmt: skip


def flat_text(root: Element, rules: Flattening) -> str:
    """Return the text of a tree, tidied; without recursion."""
    pieces: list[str] = []
    stack: list[tuple[Element, str, bool]] = [(root, "\n", False)]
    while stack:
        element, mark, ended = stack.pop()
        if not ended and element.tag not in rules.unseen:
            pieces += mark, rules.signs.get(element.tag, "")
            if rules.attributes:
                pieces += _attribute_texts(element, rules)
            if rules.texts is None or element.tag in rules.texts:
                pieces.append(element.text or "")
            stack.append((element, mark, True))
            stack.extend(reversed([(child, mark, False) for child, mark in _marks(element, rules)]))
            continue
        if ended:
            pieces += mark, " " if element.tag in rules.cells else ""
        if element is not root and rules.texts is None:
            pieces.append(element.tail or "")
    return tidy("".join(pieces))


def _attribute_texts(element: Element, rules: Flattening) -> list[str]:
    return [f"{value}\n" for name, value in element.items() if name.lower() in rules.attributes]


def _marks(parent: Element, rules: Flattening) -> Iterator[tuple[Element, str]]:
    """Yield each child with what stands before and after it."""
    if rules.blocks is not None:
        yield from ((child, "\n" if child.tag in rules.blocks else "") for child in parent)
        return
    is_line = is_mixed(parent)
    for child in parent:
        yield child, "" if is_line or child.tag in INLINE else "\n"


def is_mixed(element: Element) -> bool:
    """Return whether an element has text between the elements in it."""
    between = (element.text, *(child.tail for child in element))
    return any((text or "").strip() for text in between)


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
# What is longer is a text that its writers put into a heading.
_LONGEST_TITLE = 10_000
# Of PubMed, TREC, RSS and OAI-PMH among others.
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

    Elements next to those of the path are records too if they have elements in them.
    """

    path: Path
    are_rows: bool

    def wants(self, path: Path) -> bool:
        """Return whether an element is a record or next to them: all but what they are in."""
        parent = self.path[:-1]
        return path != parent[: len(path)]

    def has(self, placed: Placed) -> bool:
        """Return whether an element is a record."""
        element, path = placed
        if path == self.path:
            return True
        is_next = path[:-1] == self.path[:-1] and self.path not in _FEEDS
        return is_next and _has_fields(element)


def read_xml(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield a document for each record of a file of records, else the file as one document.

    Records are elements with elements in them, two or more of one name, that are most of what
    is just below the root, or (as the items of a feed) below the only element there. If their
    fields have no fields of their own, fields and attributes are columns, as of a table.
    """
    records = _records(source, settings)
    chunks = xml_chunks(source, settings.encoding)
    if records is None:
        return _whole_file(source, chunks)
    found = enumerate(_each(source, chunks, records), 1)
    if not records.are_rows:
        return _documents(source, settings, found)
    rows = ((number, _row(element)) for number, element in found)
    return read_records(source, rows, RecordKind("record", value=cell_value), settings)


def _each(source: SourceStream, chunks: Iterable[str], records: _Records) -> Iterator[Element]:
    """Yield the records, and report what has text between them."""
    others: dict[str, None] = {}
    for placed in elements(source.name, chunks, records.wants):
        if records.has(placed):
            yield _without_marks(placed.element)
        elif len(others) < _TRIED and flat_text(placed.element, _ANY):
            others[placed.element.tag] = None
    if others:
        names = ", ".join(f"<{name}>" for name in others)
        kind = "with texts between their records, which were left out"
        source.notices.few(kind, source.name, f"left out what is between its records: {names}")


def _whole_file(source: SourceStream, chunks: Iterable[str]) -> Iterator[ReadDocument]:
    for element, _ in elements(source.name, chunks, lambda _: True):
        title, rules = _take(element, _TITLES), _RULES.get(element.tag, _ANY)
        if (text := flat_text(element, rules)) or title:
            yield ReadDocument(Document("", text, {}, title))


def _documents(
    source: SourceStream, settings: ReadSettings, records: Iterable[tuple[int, Element]]
) -> Iterator[ReadDocument]:
    for number, element in records:
        title, id_ = _take(element, _TITLES), given_id(_own_id(element), settings)
        if (text := flat_text(element, _ANY)) or title:
            yield ReadDocument(Document(id_, text, {}, title), "record", number)
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


def _records(source: SourceStream, settings: ReadSettings) -> _Records | None:
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


def _children(source: SourceStream, settings: ReadSettings, depth: int) -> list[Placed]:
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
