"""Markdown without its marks, with the facts of its front matter; Jupyter notebooks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from itertools import chain
from textwrap import dedent
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.readers.html import html_text
from embedsearch.text.readers.json import check_parts
from embedsearch.text.records import cell_value, plain_value, select_metadata
from embedsearch.text.source_stream import ReadDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping, Sequence
    from typing import Any

    from markdown_it.token import Token

    from embedsearch._types import MetadataValue
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import SourceStream


# The parts of a page take a few hundred times their length in memory while they are parsed.
_PART = 2**18
_LONGEST_PART = 2**20
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
# What a link is called, which may be defined anywhere in the page (CommonMark 4.7).
_DEFINITION = re.compile(r"^ {0,3}\[[^\[\]\n]{1,999}\]:.*$", re.MULTILINE)
# Characters of front matter; what is longer is text.
_FRONT_LIMIT = 2**16
_ENDS = {"---": ("---", "..."), "+++": ("+++",)}
_NAME = re.compile(r"[^\W\d][\w.:/-]*(?: [\w.:/-]+){0,3}")
_TABLE = re.compile(r"\[([\w.-]+)\]")
# Line ends stay, or become spaces; the other marks say what happens to the last of them.
_BLOCK_STYLES = ("|", ">", "|-", ">-", "|+", ">+")
_WORDS = {"true": True, "false": False, "null": None, "~": None}
# Objects within objects are read by recursion.
_DEEPEST = 8


def read_markdown(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
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
        kept = select_metadata(facts, settings)
        metadata = {key: plain_value(value) for key, value in kept.items()}
        yield ReadDocument(
            Document("", "\n".join(texts), metadata, "" if title is None else str(title))
        )


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
        """Take the next line, and return whether it begins a block that no other reaches into."""
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


def front_matter(text: str) -> tuple[dict[str, object], str]:
    """Return the facts at the top of a text, and the text below them.

    Of YAML and TOML only what people write there is understood: strings, numbers, truth values,
    lists, and objects by indentation; everything else stays a string. Where a line is none of
    these, what is between two `---` is text, and they are rules.
    """
    start = text.removeprefix("\ufeff")
    lines = start[:_FRONT_LIMIT].split("\n")
    if len(start) > _FRONT_LIMIT:
        lines.pop()  # it may be cut
    mark = lines[0].rstrip() if lines else ""
    stops = (i for i, line in enumerate(lines) if i and line.rstrip() in _ENDS.get(mark, ()))
    stop = next(stops, None)
    if stop is None:
        return {}, text
    facts = (_yaml if mark == "---" else _toml)(lines[1:stop])
    if not facts:
        return {}, text
    return facts, start[sum(len(line) + 1 for line in lines[: stop + 1]) :]


def _yaml(lines: Sequence[str], depth: int = 0) -> dict[str, object] | None:
    """Return the facts of `key: value` lines; None if a line is none of front matter's."""
    entries: list[tuple[str, str, list[str]]] = []
    for line in lines:
        if key_value := _key_and_value(line):
            entries.append((*key_value, []))
        elif entries and _continues(line, entries[-1][1]):
            entries[-1][2].append(line)
        elif not _is_blank(line):
            return None
    return {key: _value(value, below, depth) for key, value, below in entries}


def _key_and_value(line: str) -> tuple[str, str] | None:
    key, colon, value = f"{line.rstrip()} ".partition(": ")
    key = key.strip("\"'") if key[:1] in ("'", '"') else key
    return (key.rstrip(), value.strip()) if colon and _NAME.fullmatch(key.rstrip()) else None


def _continues(line: str, value: str) -> bool:
    return line[:1] in ("", " ", "\t") or (not value and _is_item(line))


def _is_item(line: str) -> bool:
    return f"{line} ".startswith("- ")


def _is_blank(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _value(value: str, below: list[str], depth: int) -> object:
    if value in _BLOCK_STYLES:
        return ("\n" if value[0] == "|" else " ").join(dedent("\n".join(below)).split("\n")).strip()
    below = [line for line in below if not _is_blank(line)]
    if value or not below:
        return _scalar(" ".join([value, *map(str.strip, below)]))
    inner = dedent("\n".join(below)).split("\n")
    if _is_item(inner[0]):
        return [_scalar(item) for item in _items(inner)]
    nested = _yaml(inner, depth + 1) if depth < _DEEPEST else None
    return nested or " ".join(map(str.strip, inner))


def _items(lines: list[str]) -> Iterator[str]:
    item: list[str] = []
    for line in lines:
        if _is_item(line):
            if item:
                yield " ".join(item)
            item = []
        item.append(line.removeprefix("-").strip())
    yield " ".join(item)


def _scalar(value: str) -> object:
    value = value.strip()
    if value[:1] in ('"', "'") and len(value) > 1 and value[-1] == value[0]:
        return _unquoted(value)
    if value.startswith("[") and value.endswith("]"):
        items = _flow_items(value[1:-1])
        return value if items is None else [_scalar(item) for item in items]
    return _WORDS[value] if value in _WORDS else cell_value(value)


def _unquoted(value: str) -> str:
    if value[0] == "'":
        return value[1:-1].replace("''", "'")
    try:
        text = json.loads(value)
    except ValueError:
        return value[1:-1]
    return str(text)


def _flow_items(inside: str) -> list[str] | None:
    """Split `a, "b, c"` at its commas; None if there are lists or objects in it."""
    items, item, quote = list[str](), list[str](), ""
    for letter in inside:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "[]{}":
            return None
        elif letter in "\"'" and not item:
            quote = letter
        elif letter == ",":
            items.append("".join(item))
            item = []
            continue
        if item or not letter.isspace():
            item.append(letter)
    return [item for item in (*items, "".join(item)) if item.strip()]


def _toml(lines: Sequence[str]) -> dict[str, object] | None:
    """Return the facts of `key = value` lines; None if a line is anything else."""
    facts: dict[str, object] = {}
    table = ""
    for line in lines:
        key, equals, value = (part.strip() for part in line.partition("="))
        if found := _TABLE.fullmatch(line.strip()):
            table = f"{found[1]}."
        elif equals and _NAME.fullmatch(key) and (read := _toml_value(value)):
            facts[table + key] = read[0]
        elif not _is_blank(line):
            return None
    return facts


def _toml_value(value: str) -> tuple[object] | None:
    if value.startswith("[") != value.endswith("]") or value[:1] in ("", "{") or '"""' in value:
        return None
    return (_scalar(value),)


def read_notebook(source: SourceStream, settings: ReadSettings) -> Iterator[ReadDocument]:
    """Yield the notebook as one document: Markdown as text, code as it is, in order.

    The title is the first heading. Notebooks of the formats 3 and 4 are read.
    """
    notebook = _parsed(source, settings)
    title, texts = "", list[str]()
    for kind, text in _cells(source, notebook):
        if kind == "code":
            texts.append(text.strip())
            continue
        for is_heading, block in chain.from_iterable(markdown_blocks(text)):
            if is_heading and not title:
                title = block
            else:
                texts.append(block)
    text = "\n".join(filter(None, texts))
    if title or text:
        yield ReadDocument(Document("", text, _facts(notebook, settings), title))


def _parsed(source: SourceStream, settings: ReadSettings) -> Mapping[str, object]:
    # Most of a large one are pictures, each a single string.
    text = source.text(settings.encoding or "utf-8-sig")
    check_parts(source.name, text, 1)
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        reason = f"the notebook is broken JSON ({error}); save it again"
        raise SourceFormatError(source.name, reason, line) from error
    if not isinstance(notebook, Mapping):
        raise _no_notebook(source)
    return notebook


def _cells(source: SourceStream, notebook: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each cell; before format 4 cells were in worksheets."""
    sheets = notebook.get("worksheets", [notebook])
    for sheet in sheets if isinstance(sheets, list) else ():
        cells = sheet.get("cells") if isinstance(sheet, Mapping) else None
        if not isinstance(cells, list):
            raise _no_notebook(source)
        for cell in cells:
            if not isinstance(cell, Mapping):
                raise _no_notebook(source)
            lines = cell.get("source", cell.get("input", ""))
            text = "".join(map(str, lines)) if isinstance(lines, list) else str(lines)
            if cell.get("cell_type") == "heading":
                text = f"# {text}"
            yield str(cell.get("cell_type")), text


def _facts(notebook: Mapping[str, object], settings: ReadSettings) -> dict[str, MetadataValue]:
    about = notebook.get("metadata")
    kernel = about.get("kernelspec") if isinstance(about, Mapping) else None
    language = kernel.get("language") if isinstance(kernel, Mapping) else None
    facts: dict[str, MetadataValue] = {"language": language} if isinstance(language, str) else {}
    return select_metadata(facts, settings)


def _no_notebook(source: SourceStream) -> SourceFormatError:
    return SourceFormatError(source.name, "is not a Jupyter notebook: it has no list of cells")
