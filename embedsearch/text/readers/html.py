"""HTML: the text that a reader of the page would see, block by block."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from embedsearch._types import Document
from embedsearch.text.encodings import (
    bom_encoding,
    browsers_codec,
    declared_xml_encoding,
    decode_blocks,
    known_codec,
)
from embedsearch.text.source_stream import ReadDocument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selectolax.lexbor import LexborNode

    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import SourceStream

_UNSEEN = frozenset({
    "script", "style", "nav", "template", "noscript", "head", "iframe", "object", "svg", "canvas",
    "audio", "video", "select",
})  # fmt: skip
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd",
    "details", "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "li", "main", "ol", "option",
    "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
})  # fmt: skip
_CELLS = frozenset(("td", "th"))
_SELF_CLOSED = re.compile(r"<([a-z][\w:.-]*)((?:\s[^<>]*)?)/>", re.IGNORECASE)
_XHTML = re.compile(r"^\s*<\?xml|<html\s[^>]*http://www\.w3\.org/1999/xhtml")
_SPACE = re.compile(r"[^\S\n]+")
_LINE_END = re.compile(r" ?\n[ \n]*")
_START = 4_000
_PART = 2**20
# Lexbor's elements take about seventy times the length of a page of short tags.
_TREE_LIMIT = 2**23
_SOFT_HYPHEN = "\N{SOFT HYPHEN}"

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
# A page whose declaration can be read is not in UTF-16.
_OF_PAGES = {"ascii": "cp1252", "utf-16": "utf-8"}

_TAG = re.compile(r"<(?:(/?)([a-zA-Z][^\s/<>]*)|(!--)|[!?/])")
_TAG_TO_ITS_END = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*)([^<>]*)")
# A browser takes what is beyond Unicode for U+FFFD; Python refuses to read so many digits.
_LONG_REFERENCE = re.compile(r"&#[0-9]{9,};?")
_CLOSING = re.compile(rf"</({'|'.join(sorted(_UNSEEN | {'h1', 'pre'}))})(?![\w-])", re.IGNORECASE)
_VALUE = re.compile("=\\s?([\"'])")
# A quotation mark that is never closed must not hide the rest of the page.
_LONGEST_VALUE = 2**12

_VOID = frozenset({
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input",
    "keygen", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
# WHATWG HTML, 13.2.4.3: after a block, a parser opens these again.
_FORMATTING = frozenset({
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
})  # fmt: skip
# WHATWG HTML, 13.1.2.4: elements whose closing tag may be left out.
_CLOSED_BY_PARENT = frozenset({
    "dd", "dt", "li", "optgroup", "option", "p", "rp", "rt", "tbody", "td", "tfoot", "th", "thead",
    "tr",
})  # fmt: skip
_CLOSED_BY_NEXT = frozenset({"dd", "dt", "li", "p"})
_NEVER_CLOSED = frozenset({"html", "body"})
# No tags are looked for within these.
_RAW = frozenset({"script", "style", "iframe", "noembed", "noframes", "xmp", "textarea", "title"})
_IN_HEAD = frozenset({"base", "link", "meta", "noscript", "script", "style", "template", "title"})

_QUOTED = re.compile(r"""(?<=[^\s/=]=)(?:"[^"]*"|'[^']*')""")
_ATTRIBUTE_ENDS = re.compile(r"[\s/]+")
_MOST_ATTRIBUTES = 256
# Looking through elements takes Python so many times longer than a parser in C.
_OUR_STEP = 10
_MOST_STEPS = 10**8
_MOST_COPIES = 2**23


def read_html(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield the page as one document; scripts, styles and navigation are left out.

    The encoding is the one given, else that of a byte order mark, else what the page declares,
    else the one detected.
    """
    title, text = title_and_text(_decode(source, settings.encoding))
    if title or text:
        yield ReadDocument(Document("", text, {}, title))


def _decode(source: SourceStream, wanted: str | None) -> str:
    declared = None if wanted or bom_encoding(source.sample) else _declared(source.sample)
    if declared is None:
        return source.text(wanted)
    data = source.data()
    try:
        text = data.decode(declared)
    except UnicodeDecodeError:
        encoding = source.encoding(None)
        return "".join(decode_blocks([data], encoding, source.name, source.repairs()))
    if not declared.startswith("utf-8"):
        source.report_encoding(declared)
    return text


def decode_html(data: bytes) -> str:
    """Return the text of a page that is part of another file."""
    encoding = bom_encoding(data) or _declared(data) or "utf-8"
    return data.decode(encoding, "replace")


def _declared(sample: bytes) -> str | None:
    match = _CHARSET.search(sample[:4096])
    if match is None:
        return declared_xml_encoding(sample)
    name = known_codec(match[1].decode("ascii", "replace"))
    return None if name is None else _OF_PAGES.get(name) or browsers_codec(name)


def html_text(html: str) -> str:
    """Return the text of HTML; each block begins a new line, entities are decoded."""
    return title_and_text(html)[1]


def title_and_text(html: str) -> tuple[str, str]:
    """Return the title of a page, `<title>` or else the first `<h1>`, and the rest of its text."""
    if _XHTML.search(html[:_START]):
        # In HTML `<title/>` begins a title, which all that follows is then in.
        html = _SELF_CLOSED.sub(_closed, html)
    # Pages that are large, or nested so that a tree would explode, are read tag by tag.
    flat = len(html) > _TREE_LIMIT or is_costly(html)
    title, text = map(tidy, _FlatPage(html).title_and_text() if flat else _of_tree(html))
    return title.replace("\n", " "), text


def _closed(tag: re.Match[str]) -> str:
    name = tag[1]
    return tag[0] if name.lower() in _VOID else f"<{name}{tag[2]}></{name}>"


def _of_tree(html: str) -> tuple[str, str]:
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    node = tree.css_first("head title")
    if node is None and (node := tree.css_first("h1")) is not None:
        title = "".join(_pieces(node))
        node.decompose()
    else:
        title = node.text() if node is not None else ""
    return title, "".join(_pieces(tree.body)) if tree.body is not None else ""


def tidy(text: str) -> str:
    """Collapse spaces, drop empty lines and soft hyphens."""
    return "\n".join(filter(None, map(_tidy_part, _parts(text))))


def _parts(text: str) -> Iterator[str]:
    """Cut text at line ends: all of its lines at once would take many times its memory."""
    start = 0
    while len(text) - start > _PART and (end := text.find("\n", start + _PART)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _tidy_part(text: str) -> str:
    return _LINE_END.sub("\n", _SPACE.sub(" ", text.replace(_SOFT_HYPHEN, ""))).strip()


def _pieces(root: LexborNode) -> Iterator[str]:
    """Yield pieces of text below a node, without recursion: pages can be nested very deep."""
    node, depth, pre = root, 0, -1
    while True:
        tag = node.tag or ""
        if depth <= pre:
            pre = -1
        if tag == "pre" and pre < 0:
            pre = depth
        yield _opening(node, tag, in_pre=pre >= 0)
        below = None if tag in _UNSEEN else node.child
        if below is not None:
            node, depth = below, depth + 1
            continue
        while depth and node.next is None:
            yield _mark(node.tag or "")
            node, depth = _parent(node), depth - 1
        yield _mark(node.tag or "")
        if not depth or node.next is None:
            return
        node = node.next


def _opening(node: LexborNode, tag: str, *, in_pre: bool) -> str:
    if tag != "-text":
        return _mark(tag)
    text = node.text_content or ""
    return text if in_pre else text.replace("\n", " ").replace("\r", " ")


def _mark(tag: str) -> str:
    return "\n" if tag in _BLOCKS else " " if tag in _CELLS else ""


def _parent(node: LexborNode) -> LexborNode:
    if node.parent is None:
        raise ValueError("a node below the root has no parent")
    return node.parent


def unescape_references(text: str) -> str:
    """Return text with its character references replaced by the characters."""
    return unescape(_LONG_REFERENCE.sub("\ufffd", text)) if "&" in text else text


def is_costly(page: str) -> bool:
    """Return whether a parser that builds a tree needs far more than the length of a page."""
    # For each tag such a parser looks through the elements that are open, and for each attribute
    # through the others of its tag; after a block that was closed too early it copies all
    # formatting in it. Estimated rather too high: an element is open until it is closed in turn.
    names, weights = list[str](), list[int]()
    steps, copies, formatting = 0, 0, 0
    for tag in _TAG_TO_ITS_END.finditer(page):
        name = tag[2].lower()
        steps += len(names)
        if len(tag[3]) > _MOST_ATTRIBUTES and _count_attributes(tag[3]) > _MOST_ATTRIBUTES:
            return True
        if tag[1]:
            at = len(names) - 1
            while at >= 0 and names[at] != name and names[at] in _CLOSED_BY_PARENT:
                at -= 1
            steps += _OUR_STEP * (len(names) - at)
            if at >= 0 and names[at] == name and name not in _NEVER_CLOSED:
                formatting -= sum(weights[at:])
                del names[at:], weights[at:]
        elif name not in _VOID:
            weight = len(tag[0]) if name in _FORMATTING else 0
            if weight and page.startswith("<", tag.end()):
                return True  # a quoted `<`: how long the tag is would need a parser
            copies += formatting
            if not (names and name in _CLOSED_BY_NEXT and names[-1] in _CLOSED_BY_NEXT):
                names.append(name)
                weights.append(weight)
                formatting += weight
        if steps > _MOST_STEPS or copies > _MOST_COPIES + 2 * len(page):
            return True
    return False


def _count_attributes(attributes: str) -> int:
    return len(_ATTRIBUTE_ENDS.findall(_QUOTED.sub("", attributes)))


class _FlatPage:
    """Reads a page from tag to tag, once, for pages that are too large or too deep for a tree."""

    def __init__(self, page: str) -> None:
        self._page = page
        # Of elements that are never closed the text is kept.
        self._last = {found[1].lower(): found.start() for found in _CLOSING.finditer(page)}
        self._hidden, self._depth, self._pre = "", 0, 0
        self._title: str | None = None
        self._heading: list[int] = []
        self._pieces: list[str] = []
        self._read()

    def title_and_text(self) -> tuple[str, str]:
        """Return what is in the `<title>`, else in the first `<h1>`, and the rest."""
        if self._title is not None or len(self._heading) < 2:
            return self._title or "", "".join(self._pieces)
        start, stop = self._heading
        rest = [*self._pieces[:start], *self._pieces[stop:]]
        return "".join(self._pieces[start:stop]), "".join(rest)

    def _read(self) -> None:
        place = 0
        while tag := _TAG.search(self._page, place):
            self._add(self._page[place : tag.start()])
            place = self._end_of(tag)
            if not place:
                place = tag.start()
                break
            if tag[2] and tag[1]:
                self._close(tag[2].lower())
            elif tag[2]:
                place = self._open(tag[2].lower(), place)
        self._add(self._page[place:])

    def _end_of(self, tag: re.Match[str]) -> int:
        """Return where a tag or a comment ends; 0 if it does not."""
        if tag[3] and (end := self._page.find("-->", tag.end() - 2)) >= 0:
            return end + 3
        end = self._page.find(">", tag.end())
        quote = _VALUE.search(self._page, tag.end(), max(end, tag.end()))
        while quote and end >= 0:
            closed = self._page.find(quote[1], quote.end(), end + _LONGEST_VALUE)
            if closed > end:  # the value continues behind a `>`
                end = self._page.find(">", closed)
            quote = _VALUE.search(self._page, closed + 1, end) if closed >= 0 else None
        return end + 1

    def _open(self, name: str, end: int) -> int:
        """Begin an element; return where to read on."""
        if self._hidden == "head" and name not in _IN_HEAD:
            self._hidden = ""
        if name in _RAW:
            return self._raw(name, end)
        closed = self._last.get(name, -1) >= end
        if self._hidden:
            self._depth += name == self._hidden
        elif name in _UNSEEN and closed:
            self._hidden, self._depth = name, 1
        else:
            self._pre += name == "pre" and closed
            self._pieces.append(_mark(name))
            if name == "h1" and closed and not self._heading:
                self._heading.append(len(self._pieces))
        return end

    def _raw(self, name: str, start: int) -> int:
        """Skip an element without markup; return where it ends."""
        closing = re.compile(rf"</{name}(?![\w-])[^>]*>?", re.I).search(self._page, start)
        end = closing.start() if closing else len(self._page)
        if name == "title" and self._title is None and self._hidden in ("", "head"):
            self._title = unescape_references(self._page[start:end])
        elif name in ("textarea", "xmp"):
            self._add(self._page[start:end])
        return closing.end() if closing else end

    def _close(self, name: str) -> None:
        if self._hidden:
            self._depth -= name == self._hidden
            self._hidden = self._hidden if self._depth else ""
            return
        self._pre = max(0, self._pre - (name == "pre"))
        if name == "h1" and len(self._heading) == 1:
            self._heading.append(len(self._pieces))
        self._pieces.append(_mark(name))

    def _add(self, text: str) -> None:
        if text and not self._hidden:
            text = text if self._pre else text.replace("\n", " ").replace("\r", " ")
            self._pieces.append(unescape_references(text))
