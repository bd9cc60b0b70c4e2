"""The text of HTML without a tree: for pages that are too large or too deep for one."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_TAG = re.compile(r"<(?:(/?)([a-zA-Z][^\s/<>]*)|(!--)|[!?/])")
_TAG_TO_ITS_END = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*)([^<>]*)")
# A browser takes what is beyond Unicode for U+FFFD; Python refuses to read so many digits.
_LONG_REFERENCE = re.compile(r"&#[0-9]{9,};?")
_VALUE = re.compile("=\\s?([\"'])")
_LONGEST_VALUE = 2**12

_VOID = frozenset({
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input",
    "keygen", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_FORMATTING = frozenset({
    "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u",
})  # fmt: skip
_CLOSED_BY_PARENT = frozenset({
    "dd", "dt", "li", "optgroup", "option", "p", "rp", "rt", "tbody", "td", "tfoot", "th", "thead",
    "tr",
})  # fmt: skip
_CLOSED_BY_NEXT = frozenset({"dd", "dt", "li", "p"})
_NEVER_CLOSED = frozenset({"html", "body"})
_RAW = frozenset({"script", "style", "iframe", "noembed", "noframes", "xmp", "textarea", "title"})
_IN_HEAD = frozenset({"base", "link", "meta", "noscript", "script", "style", "template", "title"})

_QUOTED = re.compile(r"""(?<=[^\s/=]=)(?:"[^"]*"|'[^']*')""")
_ATTRIBUTE_ENDS = re.compile(r"[\s/]+")
_MOST_ATTRIBUTES = 256
# Looking through elements takes Python so many times longer than a parser in C.
_OUR_STEP = 10
_MOST_STEPS = 10**8
_MOST_COPIES = 2**23


def unescaped(text: str) -> str:
    """Return text with its character references replaced by the characters."""
    return html.unescape(_LONG_REFERENCE.sub("\ufffd", text)) if "&" in text else text


def is_costly(page: str) -> bool:
    """Tell pages for which a parser that builds a tree needs far more than their length.

    For each tag such a parser looks through the elements that are open, and for each attribute
    through the others of its tag; and after a block that was closed too early it makes copies of
    all formatting in it. This is estimated, rather too high: an element counts as open until it
    is closed in its turn.
    """
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


class FlatPage:
    """Reads a page from tag to tag, once.

    Args:
        page: The HTML.
        unseen: Elements whose text is not shown.
        mark: What the beginning and the end of an element leave in the text.
    """

    def __init__(self, page: str, unseen: frozenset[str], mark: Callable[[str], str]) -> None:
        self._page, self._unseen, self._mark = page, unseen, mark
        # Of elements that are never closed the text is kept.
        closings = re.compile(rf"</({'|'.join(sorted(unseen | {'h1', 'pre'}))})(?![\w-])", re.I)
        self._last = {found[1].lower(): found.start() for found in closings.finditer(page)}
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
            if closed > end:  # the value goes on behind a `>`
                end = self._page.find(">", closed)
            quote = _VALUE.search(self._page, closed + 1, end) if closed >= 0 else None
        return end + 1

    def _open(self, name: str, end: int) -> int:
        """Begin an element; return where reading goes on."""
        if self._hidden == "head" and name not in _IN_HEAD:
            self._hidden = ""
        if name in _RAW:
            return self._raw(name, end)
        closed = self._last.get(name, -1) >= end
        if self._hidden:
            self._depth += name == self._hidden
        elif name in self._unseen and closed:
            self._hidden, self._depth = name, 1
        else:
            self._pre += name == "pre" and closed
            self._pieces.append(self._mark(name))
            if name == "h1" and closed and not self._heading:
                self._heading.append(len(self._pieces))
        return end

    def _raw(self, name: str, start: int) -> int:
        """Pass over an element without markup; return where it ends."""
        closing = re.compile(rf"</{name}(?![\w-])[^>]*>?", re.I).search(self._page, start)
        end = closing.start() if closing else len(self._page)
        if name == "title" and self._title is None and self._hidden in ("", "head"):
            self._title = unescaped(self._page[start:end])
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
        self._pieces.append(self._mark(name))

    def _add(self, text: str) -> None:
        if text and not self._hidden:
            text = text if self._pre else text.replace("\n", " ").replace("\r", " ")
            self._pieces.append(unescaped(text))
