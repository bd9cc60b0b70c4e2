"""Markdown: its words without its marks, and the facts of its front matter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from embedsearch._types import Document, MetadataValue
from embedsearch.text.base import Found
from embedsearch.text.reading.markup import html_text
from embedsearch.text.reading.opening import TREE_LIMIT, Opened
from embedsearch.text.reading.values import cell_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from markdown_it.token import Token

    from embedsearch.text.settings import ReadSettings

_FRONT = re.compile(
    r"\ufeff?---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE
)
_FACT = re.compile(r"([A-Za-z_][\w -]*?)[ \t]*:(?:[ \t]+(.*))?")
_WORDS = {"true": True, "false": False, "null": None, "~": None}


def read_markdown(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield the file as one document.

    The title is that of the front matter, else the first heading, which is then left out of the
    text. Simple `key: value` lines of the front matter become metadata. Code is kept as text, a
    link is its words, a picture the words that describe it.
    """
    facts, body = _front_matter(source.text(settings.encoding, TREE_LIMIT))
    blocks = _blocks(body)
    title = facts.pop("title", None)
    heading = next((i for i, (is_heading, _) in enumerate(blocks) if is_heading), None)
    if title is None and heading is not None:
        title = blocks.pop(heading)[1]
    if settings.metadata_columns is not None:
        facts = {key: facts[key] for key in settings.metadata_columns if key in facts}
    text = "\n".join(text for _, text in blocks)
    if text or title:
        yield Found(Document("", text, facts, "" if title is None else str(title)))


def _front_matter(text: str) -> tuple[dict[str, MetadataValue], str]:
    match = _FRONT.match(text)
    if match is None:
        return {}, text
    facts: dict[str, MetadataValue] = {}
    for line in match[1].splitlines():
        if (fact := _FACT.fullmatch(line.rstrip())) and fact[2]:
            facts[fact[1]] = _fact_value(fact[2].strip())
    return facts, text[match.end() :]


def _fact_value(value: str) -> MetadataValue:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return _WORDS[value] if value in _WORDS else cell_value(value)


def _blocks(text: str) -> list[tuple[bool, str]]:
    """Return `(is a heading, text)` for each block that has text."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    blocks: list[tuple[bool, str]] = []
    tokens = parser.parse(text)
    for before, token in zip([None, *tokens], tokens, strict=False):
        words = _block_text(token).strip()
        if words:
            blocks.append((before is not None and before.type == "heading_open", words))
    return blocks


def _block_text(token: Token) -> str:
    if token.type == "inline":
        return _inline_text(token.children or ())
    if token.type in ("fence", "code_block"):
        return token.content
    return html_text(token.content) if token.type == "html_block" else ""


def _inline_text(tokens: Sequence[Token]) -> str:
    return "".join(
        "\n" if token.type in ("softbreak", "hardbreak") else
        _inline_text(token.children or ()) if token.type == "image" else
        "" if token.type == "html_inline" else token.content
        for token in tokens
    )  # fmt: skip
