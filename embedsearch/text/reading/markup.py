"""The text of HTML: what a reader would see, block by block."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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
_SPACE = re.compile(r"[^\S\n]+")
_SOFT_HYPHEN = "\N{SOFT HYPHEN}"


def html_text(html: str) -> str:
    """Return the text of HTML; each block begins a new line, entities are decoded."""
    return title_and_text(html)[1]


def title_and_text(html: str) -> tuple[str, str]:
    """Return the title of a page and its text.

    The title is the `<title>`, else the first `<h1>`, which is then left out of the text.
    """
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(html)
    node = tree.css_first("head title")
    if node is None and (node := tree.css_first("h1")) is not None:
        title = tidy("".join(_pieces(node)))
        node.decompose()
    else:
        title = tidy(node.text()) if node is not None else ""
    text = tidy("".join(_pieces(tree.body))) if tree.body is not None else ""
    return title.replace("\n", " "), text


def tidy(text: str) -> str:
    """Collapse spaces, drop empty lines and soft hyphens."""
    lines = _SPACE.sub(" ", text.replace(_SOFT_HYPHEN, "")).split("\n")
    return "\n".join(line for line in map(str.strip, lines) if line)


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
