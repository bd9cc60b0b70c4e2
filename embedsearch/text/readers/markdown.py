"""Markdown: its words without its marks, and the facts of its front matter."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from embedsearch._types import Document
from embedsearch.text.base import Found
from embedsearch.text.reading.columns import chosen_metadata
from embedsearch.text.reading.front_matter import front_matter
from embedsearch.text.reading.markup import html_text
from embedsearch.text.reading.values import plain_value

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping, Sequence
    from typing import Any

    from markdown_it.token import Token

    from embedsearch.text.reading.opening import Opened
    from embedsearch.text.settings import ReadSettings

# The parts of a page take a few hundred times their length in memory while they are parsed.
_PART = 2**18
_LONGEST_PART = 2**20
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_DEFINITION = re.compile(r"^ {0,3}\[[^\[\]\n]{1,999}\]:.*$", re.MULTILINE)


def read_markdown(source: Opened, settings: ReadSettings) -> Iterator[Found]:
    """Yield the file as one document.

    The title is that of the front matter, else the first heading, which is then left out of the
    text. The rest of the front matter becomes metadata. Code is kept as text, a link is its
    words, a picture the words that describe it.
    """
    facts, body = front_matter(source.text(settings.encoding))
    facts = {key: value for key, value in facts.items() if value is not None}
    title = facts.pop("title", None)
    texts: list[str] = []
    for blocks in markdown_blocks(body):
        heading = next((i for i, (is_heading, _) in enumerate(blocks) if is_heading), None)
        if title is None and heading is not None:
            title = blocks.pop(heading)[1]
        if blocks:
            texts.append("\n".join(text for _, text in blocks))
    if texts or title:
        kept = chosen_metadata(facts, settings)
        metadata = {key: plain_value(value) for key, value in kept.items()}
        yield Found(Document("", "\n".join(texts), metadata, "" if title is None else str(title)))


def markdown_blocks(text: str) -> Iterator[list[tuple[bool, str]]]:
    """Yield, for each part of a page, `(is a heading, text)` of each block that has text."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    links: MutableMapping[str, Any] = {}
    if len(text) > _PART:
        # The parts of a long page know what links are called in the others.
        for definition in _DEFINITION.finditer(text):
            parser.parse(definition[0], links)
    for part in _parts(text):
        tokens = parser.parse(part, links)
        texts = [_block_text(token).strip() for token in tokens]
        yield [
            (before is not None and before.type == "heading_open", text)
            for before, text in zip([None, *tokens], texts, strict=False)
            if text
        ]


def _parts(text: str) -> Iterator[str]:
    """Cut a long page before lines that begin a block; a block that is too long anywhere."""
    part, size, cutter = list[str](), 0, _Cutter()
    for line in io.StringIO(text):
        if size >= _LONGEST_PART or (cutter.is_border(line) and size >= _PART):
            yield "".join(part)
            part, size = [], 0
        for start in range(0, len(line), _LONGEST_PART):
            if start:
                yield "".join(part)
                part, size = [], 0
            part.append(line[start : start + _LONGEST_PART])
            size += len(part[-1])
    yield "".join(part)


class _Cutter:
    """Follows the lines of a page, to know where blocks begin."""

    def __init__(self) -> None:
        self._fence, self._comment, self._blank = "", False, True

    def is_border(self, line: str) -> bool:
        """Take the next line; tell whether it begins a block that has nothing to do with others."""
        border = self._blank and not (self._fence or self._comment or line[:1].isspace())
        self._blank = not line.strip()
        if self._fence:
            mark = line.strip()
            if mark.startswith(self._fence) and not mark.strip(self._fence[0]):
                self._fence = ""
        elif fence := _FENCE.match(line):
            self._fence = fence[1]
        else:
            opened, closed = line.rfind("<!--"), line.rfind("-->")
            self._comment = opened > closed if opened != closed else self._comment
        return border


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
