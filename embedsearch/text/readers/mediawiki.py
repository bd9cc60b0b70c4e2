"""Dumps of MediaWiki: Wikipedia and its sisters."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError, iterparse

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.base import Found
from embedsearch.text.reading.opening import DOCUMENT_LIMIT, Opened, too_long
from embedsearch.text.reading.wikitext import plain_text
from embedsearch.text.settings import NO_ID_COLUMN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch.text.settings import ReadSettings


def read_mediawiki(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield the articles (namespace 0) of an XML dump; redirects are left out.

    The id is that of the page.

    Raises:
        SourceFormatError: The XML is broken or cut short; names the line.
    """
    for number, page in enumerate(_pages(source), 1):
        wikitext = _child(page, "revision/text")
        if _child(page, "ns") not in ("", "0") or _find(page, "redirect") is not None:
            continue
        if len(wikitext) > DOCUMENT_LIMIT:
            raise too_long(source.name, DOCUMENT_LIMIT, "characters")
        text = plain_text(wikitext)
        if text:
            id = "" if settings.id_column == NO_ID_COLUMN else _child(page, "id")
            yield Found(Document(id, text, {}, _child(page, "title")), "page", number)


def _pages(source: Opened) -> Iterator[Element]:
    # gensim's `extract_pages` keeps an empty element for every page of a dump; with twenty
    # million of them that is no longer little, so the root is emptied here.
    # Expat refuses entities that grow without bound, and ElementTree loads no outside ones.
    events = iter(iterparse(source, events=("start", "end")))  # noqa: S314
    try:
        root = next(events)[1]
        if _local(root) != "mediawiki":
            raise SourceFormatError(
                source.name, f"is XML of <{_local(root)}>, not a MediaWiki dump"
            )
        for event, element in events:
            if event == "end" and _local(element) == "page":
                yield element
                root.clear()
    except ParseError as error:
        line = error.position[0]
        raise SourceFormatError(source.name, f"broken XML: {error}", line) from error


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _find(page: Element, path: str) -> Element | None:
    # The namespace changes with every version of the export format.
    return page.find("/".join(f"{{*}}{name}" for name in path.split("/")))


def _child(page: Element, path: str) -> str:
    found = _find(page, path)
    return (found.text or "").strip() if found is not None else ""
