"""The text of HTML: what a reader would see, block by block."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedsearch.text.reading.flat_html import FlatPage, is_costly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selectolax.lexbor import LexborNode

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
_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
})  # fmt: skip
_SELF_CLOSED = re.compile(r"<([a-z][\w:.-]*)((?:\s[^<>]*)?)/>", re.IGNORECASE)
_XHTML = re.compile(r"^\s*<\?xml|<html\s[^>]*http://www\.w3\.org/1999/xhtml")
_SPACE = re.compile(r"[^\S\n]+")
_LINE_END = re.compile(r" ?\n[ \n]*")
_START = 4_000
_PART = 2**20
_TREE_LIMIT = 2**23
_SOFT_HYPHEN = "\N{SOFT HYPHEN}"


def html_text(html: str) -> str:
    """Return the text of HTML; each block begins a new line, entities are decoded."""
    return title_and_text(html)[1]


def title_and_text(html: str) -> tuple[str, str]:
    """Return the title of a page and its text.

    The title is the `<title>`, else the first `<h1>`, which is then left out of the text. Pages
    that are very large, or nested in a way that makes trees explode, are read tag by tag.
    """
    if _XHTML.search(html[:_START]):
        # In HTML `<title/>` begins a title, which all that follows is then in.
        html = _SELF_CLOSED.sub(_closed, html)
    # Lexbor's elements take about seventy times the length of a page of short tags.
    flat = len(html) > _TREE_LIMIT or is_costly(html)
    title, text = map(tidy, flat_title_and_text(html) if flat else _of_tree(html))
    return title.replace("\n", " "), text


def _closed(tag: re.Match[str]) -> str:
    name = tag[1]
    return tag[0] if name.lower() in _VOID else f"<{name}{tag[2]}></{name}>"


def flat_title_and_text(html: str) -> tuple[str, str]:
    """Return the title of a page and its text, not yet tidy, without building a tree."""
    return FlatPage(html, _UNSEEN, _mark).title_and_text()


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
