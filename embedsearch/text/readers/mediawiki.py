"""Dumps of MediaWiki: Wikipedia and its sisters."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError, ParserCreate

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.base import Found
from embedsearch.text.reading.columns import given_id
from embedsearch.text.reading.opening import TREE_LIMIT, Opened, too_long
from embedsearch.text.reading.wikitext import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.settings import ReadSettings

_BLOCK = 2**16
# Expat keeps a tag or a comment until it is complete, and looks at it again with every block.
_LONGEST_MARKUP = 2**20
_DEEPEST = 64
_FIELDS = {
    ("page", "title"), ("page", "ns"), ("page", "id"), ("page", "redirect"),
    ("page", "revision", "text"),
}  # fmt: skip


def read_mediawiki(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield the articles (namespace 0) of an XML dump; redirects are left out.

    The id is that of the page. Nothing outside the file is read, and a file that declares
    entities is refused.

    Raises:
        SourceFormatError: The XML is broken or cut short, a page is too long, or there is
            something that no dump has; names the line.
    """
    for number, page in enumerate(_pages(source), 1):
        if page.get("ns", "").strip() not in ("", "0") or "redirect" in page:
            continue
        if text := plain_text(page.get("text", "").strip()):
            id = given_id(page.get("id", "").strip(), settings)
            yield Found(Document(id, text, {}, page.get("title", "").strip()), "page", number)


def _pages(source: Opened) -> Iterator[dict[str, str]]:
    """Yield the fields of each page, by the name of their element."""
    pages = _Pages(source.name)
    while block := source.read(_BLOCK):
        yield from pages.feed(block)
    yield from pages.feed(b"", final=True)


class _Pages:
    """Pages as they are parsed; only one is ever held."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._parser = ParserCreate(namespace_separator=" ")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._add
        self._parser.StartDoctypeDeclHandler = self._refuse_declarations
        self._fed, self._path = 0, list[str]()
        self._page: dict[str, str] = {}
        self._pieces: list[str] | None = None
        self._length = 0
        self._complete: list[dict[str, str]] = []

    def feed(self, block: bytes, *, final: bool = False) -> list[dict[str, str]]:
        """Return the pages that end in `block`."""
        try:
            self._parser.Parse(block, final)
        except ExpatError as error:
            raise self._error(f"broken XML: {error}", error.lineno) from error
        self._fed += len(block)
        if self._fed - max(self._parser.CurrentByteIndex, 0) > _LONGEST_MARKUP and not final:
            raise self._error(f"has a tag or a comment of more than {_LONGEST_MARKUP:,} bytes")
        pages, self._complete = self._complete, []
        return pages

    def _start(self, name: str, _: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if not self._path and local != "mediawiki":
            raise SourceFormatError(self._name, f"is XML of <{local}>, not a MediaWiki dump")
        if len(self._path) >= _DEEPEST:
            raise self._error(f"has more than {_DEEPEST} elements inside each other")
        self._path.append(local)
        path = tuple(self._path[1:])
        if path == ("page",):
            self._page = {}
        elif path in _FIELDS and local not in self._page:
            self._page[local], self._pieces, self._length = "", [], 0

    def _add(self, text: str) -> None:
        if self._pieces is None:
            return
        self._pieces.append(text)
        self._length += len(text)
        if self._length > TREE_LIMIT:
            line = self._parser.CurrentLineNumber
            raise too_long(self._name, TREE_LIMIT, "characters", line)

    def _end(self, _: str) -> None:
        local, path = self._path[-1], tuple(self._path[1:])
        if self._pieces is not None and path in _FIELDS:
            self._page[local], self._pieces = "".join(self._pieces), None
        elif path == ("page",):
            self._complete.append(self._page)
        self._path.pop()

    def _refuse_declarations(self, *doctype: object) -> None:
        # A few bytes of entities, or of attributes by default, can stand for gigabytes.
        if doctype[-1]:
            raise self._error("declares its own entities or elements, which no dump does")

    def _error(self, reason: str, line: int | None = None) -> SourceFormatError:
        line = self._parser.CurrentLineNumber if line is None else line
        return SourceFormatError(self._name, reason, line)
