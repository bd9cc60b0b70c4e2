"""XML parsed within bounds: no entities that grow, nothing fetched, no depth without end."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape, unescape
from typing import TYPE_CHECKING, NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from embedsearch._errors import SourceFormatError
from embedsearch.text.reading.encodings import bom_encoding, known_codec
from embedsearch.text.reading.markup import tidy
from embedsearch.text.reading.opening import TREE_LIMIT, Opened, too_long
from embedsearch.text.reading.values import sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

DEPTH_LIMIT = 500
"""Elements within elements; DocBook, TEI and JATS stay below 50."""

_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_CHARACTER = re.compile("[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCES = re.compile(r"(?:&#(?:x[0-9a-fA-F]{1,6}|[0-9]{1,7});)+")
_OF_REFERENCES = "&#x;0123456789abcdefABCDEF"
_HELD = 1_000
# An internal subset has a few; those of DocBook and JATS, which are not fetched, some thousands.
_DECLARATIONS = 5_000

_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([\w.:-]{1,40})[\"']")
# An element costs about 60 bytes even when it has no text.
_ELEMENT = 20
_ENTITY = re.compile(r"&[^#]|%")


class Placed(NamedTuple):
    """An element that has ended.

    Attributes:
        element: The element; tags and names of attributes are without their namespaces.
        path: Its own tag and those of the elements it is in, from the root.
    """

    element: Element
    path: tuple[str, ...]


def xml_chunks(source: Opened, encoding: str | None) -> Iterator[str]:
    """Yield the text of an XML source, in the encoding that it declares.

    Args:
        source: The source.
        encoding: What to read it as; None goes by a byte order mark, the declaration, then by
            detection.
    """
    if encoding is None and not bom_encoding(source.sample):
        encoding = declared_encoding(source.sample)
    return source.chunks(encoding)


def declared_encoding(sample: bytes) -> str | None:
    """Return the encoding that an XML declaration names, if Python knows it; None if not."""
    match = _DECLARED.match(sample.lstrip()[:400])
    name = known_codec(match[1].decode("ascii")) if match is not None else None
    # The declaration could be read as it is, so it is not UTF-16.
    return None if name is None or name.startswith(("utf-16", "utf-32", "utf-8")) else name


def elements(
    name: str,
    chunks: Iterable[str],
    wanted: Callable[[tuple[str, ...]], bool],
    limit: int = TREE_LIMIT,
) -> Iterator[Placed]:
    """Yield each wanted element when it ends, with all that is in it; forget the others.

    Args:
        name: What messages call the file.
        chunks: Its text, cut anywhere.
        wanted: Whether the element at a path is wanted; not asked within one that is.
        limit: How much one element may hold, in characters.

    Raises:
        SourceFormatError: The XML is broken, too deep, or an element is too large; names the
            line.
    """
    parser = _Parser(name, wanted, limit)
    for chunk in _sound_xml(chunks):
        yield from parser.feed(chunk)
    yield from parser.feed("", final=True)


def xml_tree(name: str, data: bytes) -> Element:
    """Return the root of a small XML file.

    Raises:
        SourceFormatError: The XML is broken, too deep or too large.
    """
    encoding = bom_encoding(data) or declared_encoding(data) or "utf-8"
    for placed in elements(name, [data.decode(encoding, "replace")], lambda _: True):
        return placed.element
    raise SourceFormatError(name, "is empty; the file is damaged, write it again")


def _sound_xml(chunks: Iterable[str]) -> Iterator[str]:
    """Yield XML without what many programs write and XML does not have.

    That is blanks before the declaration, control characters, and characters written as two
    halves of a surrogate pair.
    """
    held = ""
    for number, chunk in enumerate(chunks):
        text = held + (chunk if number else chunk.lstrip("\ufeff \t\r\n"))
        # What may be a part of references stays together.
        end = len(text.rstrip(_OF_REFERENCES))
        if len(text) - end > _HELD:
            end = len(text)
        held = text[end:]
        yield _repaired(text[:end])
    yield _repaired(held)


def _repaired(text: str) -> str:
    return _REFERENCES.sub(_sound_references, _CONTROLS.sub(" ", text))


def _sound_references(run: re.Match[str]) -> str:
    digits = run[0].removeprefix("&#").removesuffix(";").split(";&#")
    codes = [int(each[1:], 16) if each[0] == "x" else int(each) for each in digits]
    if all(_CHARACTER.match(chr(min(code, 0x10FFFF))) for code in codes):
        return run[0]
    said = sound("".join(chr(min(code, 0x10FFFF)) for code in codes))
    return escape(_CONTROLS.sub(" ", said))


class _Parser:
    """Builds trees of wanted elements alone."""

    def __init__(self, name: str, wanted: Callable[[tuple[str, ...]], bool], limit: int) -> None:
        self._name, self._wanted, self._limit = name, wanted, limit
        self._path: list[str] = []
        self._builder: TreeBuilder | None = None
        self._began = self._size = self._fed = self._declared = 0
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
        if not final and self._fed - self._expat.CurrentByteIndex > self._limit:
            reason = f"one tag or comment has more than {self._limit:,} bytes; repair the file"
            raise SourceFormatError(self._name, reason, self._expat.CurrentLineNumber)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(_local(tag))
        if len(self._path) > DEPTH_LIMIT:
            reason = f"has more than {DEPTH_LIMIT} elements within each other; leave it out"
            raise SourceFormatError(self._name, reason, self._expat.CurrentLineNumber)
        if self._builder is None:
            if not self._wanted(tuple(self._path)):
                return
            self._builder, self._began, self._size = TreeBuilder(), len(self._path), 0
        self._grow(_ELEMENT + sum(map(len, attributes.values())))
        said = {_local(k): v for k, v in attributes.items() if not k.startswith("xmlns")}
        self._builder.start(self._path[-1], said)

    def _end(self, _: str) -> None:
        if self._builder is not None:
            self._builder.end(self._path[-1])
            if len(self._path) == self._began:
                self._done.append(Placed(self._builder.close(), tuple(self._path)))
                self._builder = None
        self._path.pop()

    def _data(self, data: str) -> None:
        if self._builder is not None:
            self._grow(len(data))
            self._builder.data(data)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self._limit:
            raise too_long(self._name, self._limit, "characters", self._expat.CurrentLineNumber)

    def _entity(self, name: str, _: bool, value: str | None, *__: object) -> None:
        self._declare()
        # One that holds others can grow a thousand times with each.
        if _ENTITY.search(value or ""):
            reason = f"its entity {name!r} holds other entities; leave it out"
            raise SourceFormatError(self._name, reason, self._expat.CurrentLineNumber)

    def _declare(self, *_: object) -> None:
        # Declarations are kept, and those of attributes looked through at every tag.
        self._declared += 1
        if self._declared > _DECLARATIONS:
            reason = f"declares more than {_DECLARATIONS:,} entities and attributes; leave it out"
            raise SourceFormatError(self._name, reason, self._expat.CurrentLineNumber)

    def _skipped(self, name: str, _: bool) -> None:
        # Its DTD is elsewhere and is not fetched; most such entities are those of HTML.
        known = unescape(f"&{name};")
        self._data(" " if known.startswith("&") else known)


def _local(tag: str) -> str:
    # Prefixes that are declared nowhere are no error: namespaces are not looked at.
    return tag.rpartition(":")[2] or tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Flattening:
    """How a tree becomes text.

    Attributes:
        blocks: Elements that begin and end a line; None, where the vocabulary is not known,
            takes all that do not stand within a line of text.
        cells: Elements that are followed by a space.
        unseen: Elements that are left out with all that is in them.
        signs: Elements that stand for a piece of text.
        texts: Elements whose own text counts; None counts that of all, and what is between.
        attributes: Attributes that are text, too; in lower case.
    """

    blocks: frozenset[str] | None = None
    cells: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()
    signs: Mapping[str, str] = field(default_factory=dict)
    texts: frozenset[str] | None = None
    attributes: frozenset[str] = frozenset()


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
                pieces += _said_by_attributes(element, rules)
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


def _said_by_attributes(element: Element, rules: Flattening) -> list[str]:
    said = [value for name, value in element.items() if name.lower() in rules.attributes]
    return [f"{value}\n" for value in said]


def _marks(parent: Element, rules: Flattening) -> Iterator[tuple[Element, str]]:
    """Yield each child with what stands before and after it."""
    if rules.blocks is not None:
        yield from ((child, "\n" if child.tag in rules.blocks else "") for child in parent)
        return
    is_line = is_mixed(parent)
    for child in parent:
        yield child, "" if is_line or child.tag in INLINE else "\n"


def is_mixed(element: Element) -> bool:
    """Return whether an element has text beside the elements in it."""
    between = (element.text, *(child.tail for child in element))
    return any((text or "").strip() for text in between)
