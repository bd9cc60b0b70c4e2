"""Jupyter notebooks: their cells, without what these printed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING

from embedsearch._errors import SourceFormatError
from embedsearch._types import Document
from embedsearch.text.readers.json import check_parts
from embedsearch.text.readers.markdown import markdown_blocks
from embedsearch.text.records import select_metadata
from embedsearch.text.source_stream import ReadDocument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from embedsearch._types import MetadataValue
    from embedsearch.text.settings import ReadSettings
    from embedsearch.text.source_stream import SourceStream


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
