"""One session of changes to the index: committed as a whole, or not at all."""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from embedsearch.index.lexical._tantivy import (
    NUMBER,
    STOPS,
    TEXT,
    TITLE,
    load_tantivy,
    writing_errors,
)
from embedsearch.index.lexical.analysis import HOLE, Fields, LexicalAnalyzer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embedsearch._types import Document

# One thread keeps up with the analysis, which Python does; it writes a segment when this is full.
HEAP = 64 << 20


class Writer:
    """Takes documents in and out, within `writing`.

    Args:
        writer: tantivy's writer.
        analyzer: Cuts the documents.
        folder: Where the index is.
        highest: No document has a number above this.
    """

    def __init__(
        self, writer: Any, analyzer: LexicalAnalyzer, folder: Path, highest: float = math.inf
    ) -> None:
        self._writer, self._analyzer, self._folder = writer, analyzer, folder
        self._highest = highest
        self._document = load_tantivy().Document

    def delete(self, number: int) -> None:
        """Take a document out, if it is there."""
        with writing_errors(self._folder):
            self._writer.delete_documents_by_term(NUMBER, number)

    def put(self, number: int, document: Document) -> None:
        """Add a document, in place of the one of this number if it is there."""
        stored = self._document()
        stored.add_integer(NUMBER, number)
        for name, text in indexed_fields(document, self._analyzer).items():
            stored.add_text(name, text)
        # A deletion costs as much as the analysis of a document.
        if number <= self._highest:
            self.delete(number)
        self._highest = max(self._highest, number)
        with writing_errors(self._folder):
            self._writer.add_document(stored)


def indexed_fields(document: Document, analyzer: LexicalAnalyzer) -> dict[str, str]:
    """Return what the fields of a document hold: terms and holes, parted by spaces."""
    title = analyzer.fields(document.title) if document.title else Fields("", "")
    body = analyzer.fields(document.text)
    if not title.words:
        return {TITLE: "", TEXT: body.words, STOPS: body.stops}
    # The hole keeps a phrase from running on from the title into the text.
    return {
        TITLE: title.words,
        TEXT: f"{title.words} {HOLE} {body.words}",
        STOPS: f"{title.stops} {HOLE} {body.stops}",
    }


@contextmanager
def writing(index: Any, analyzer: LexicalAnalyzer, folder: Path) -> Iterator[Writer]:
    """Open tantivy's writer; commit where the block ends well, undo everything where it fails.

    When it is over, no thread of the writer is left.

    Raises:
        WorkspaceLockedError: Another process, or another object of this one, is writing.
        WorkspaceReadOnlyError: The folder refuses writes.
        StorageError: The disk is full or fails.
    """
    with writing_errors(folder):
        writer = index.writer(heap_size=HEAP, num_threads=1)
        # Files of a process that died while it committed have the names of those to come.
        writer.garbage_collect_files()
        index.reload()
        highest = math.inf if index.searcher().num_docs else -1
    try:
        yield Writer(writer, analyzer, folder, highest)
        with writing_errors(folder):
            writer.commit()
    except BaseException:
        # A writer that died of a full disk cannot undo; what it wrote was never named.
        with suppress(ValueError, OSError):
            writer.rollback()
        raise
    finally:
        with suppress(ValueError, OSError):
            writer.wait_merging_threads()
