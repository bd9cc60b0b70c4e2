"""The lexical index: an inverted index of documents on disk (tantivy), brought to a change."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embedsearch._errors import ParameterError, WorkspaceDamagedError, WorkspaceReadOnlyError
from embedsearch._progress import SilentProgress
from embedsearch.index.lexical.scoring import TITLE_WEIGHT, LexicalSnapshot
from embedsearch.index.lexical.storage import (
    MOST_CHECKED,
    State,
    clear,
    damaged_files,
    load_tantivy,
    make_mirror,
    make_schema,
    missing_files,
    prepare,
    read_commit,
    read_state,
    reading_errors,
    unreadable_files,
    write_state,
    writing,
    writing_errors,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from embedsearch._progress import Progress
    from embedsearch._types import Document
    from embedsearch.index.lexical.analysis import LexicalAnalyzer


class LexicalIndex:
    """Finds documents, named by their numbers, by the words that they have.

    The score is BM25 (Robertson and Zaragoza 2009) with k1 = 1.2 and b = 0.75, over title and
    text together, plus `title_weight` times the BM25 of the title alone:

    `idf · f · (k1 + 1) / (f + k1 · (1 - b + b · length / mean length))`, where idf is
    `ln(1 + (N - n + ½) / (n + ½))`, f counts the word in the document, n the documents with the
    word, and N all documents. Lengths count words without stop words. tantivy keeps a length in
    one byte: exact up to 40 words, beyond that rounded down by up to 1/9, which raises a score by
    at most 1/8, and by 5 % at the mean length. A deleted document counts in n, N and the mean
    length until tantivy merges its segment (`deleted`).

    An index is made by `create` or `open`, and is a context manager.
    """

    def __init__(
        self, folder: Path, index: Any, state: State, writable: bool, title_weight: float
    ) -> None:
        """Wrap an opened tantivy index; use `create` or `open` instead."""
        self.folder, self.writable = folder, writable
        # Larger files get a hash of samples, by which they are compared when the index is opened.
        self.most_checked = MOST_CHECKED
        self._title_weight, self._index = title_weight, index
        # Plain attributes, as each query asks for them. After a crash within `apply` the index may
        # have a later change than this says; applying that again does no harm.
        self.change, self.analyzer = state.change, state.analyzer
        self.own_folder: TemporaryDirectory[str] | None = None
        # The state at opening, until `reload`; a writer sees its own changes at once.
        self.snapshot = self._last_commit()

    @classmethod
    def create(
        cls, folder: Path, analyzer: LexicalAnalyzer, title_weight: float = TITLE_WEIGHT
    ) -> LexicalIndex:
        """Make an empty index, open for writing; one that is in the folder is replaced.

        With a `title_weight` of 0 the title counts only as a part of the text.
        """
        clear(folder)
        with writing_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            index = load_tantivy().Index(make_schema(), path=str(folder))
            prepare(index)
            state = State(analyzer, 0, read_commit(folder).opstamp)
            write_state(folder, state)
        return cls(folder, index, state, True, title_weight)

    @classmethod
    def temporary(cls, analyzer: LexicalAnalyzer) -> LexicalIndex:
        """Make an empty index in a folder that is removed when it is closed."""
        folder = TemporaryDirectory(prefix="embedsearch-", ignore_cleanup_errors=True)
        index = cls.create(Path(folder.name), analyzer)
        index.own_folder = folder
        return index

    @classmethod
    def open(
        cls, folder: Path, writable: bool = False, title_weight: float = TITLE_WEIGHT
    ) -> LexicalIndex:
        """Open an index that `create` made.

        Of files above 16 MiB only samples are compared with what was written; damage between them
        shows in `verify`, or when a search meets it.
        """
        state = read_state(folder)
        _check_files(folder)
        with reading_errors(folder):
            mirror = (
                make_mirror(folder) if not writable and not os.access(folder, os.W_OK) else None
            )
            index = load_tantivy().Index.open(str(folder if mirror is None else mirror.name))
            prepare(index)
        opened = cls(folder, index, state, writable, title_weight)
        opened.own_folder = mirror
        _check_commit(folder, state)
        return opened

    @property
    def deleted(self) -> int:
        """How many deleted documents still take space and count in the statistics."""
        return read_commit(self.folder).deleted

    def __len__(self) -> int:
        return len(self.snapshot)

    def apply(
        self,
        documents: Iterable[tuple[int, Document]],
        removed: Iterable[int] = (),
        *,
        change: int,
        progress: Progress | None = None,
    ) -> None:
        """Bring the index to a change: all of it, or, if anything fails, none of it.

        `removed` are deleted before any documents are added.
        """
        self._check_writable(change)
        with (
            (progress or SilentProgress()).task("index words", unit="documents") as task,
            writing(self._index, self.analyzer, self.folder) as writer,
        ):
            for number in removed:
                writer.delete(number)
            for number, document in documents:
                writer.put(number, document)
                task.advance(1)
        # A crash before this leaves an index newer than its state: see `change`.
        with writing_errors(self.folder):
            state = State(self.analyzer, change, read_commit(self.folder).opstamp)
            write_state(self.folder, state, self.most_checked)
        self.change = change
        self.snapshot = self._last_commit()

    def reload(self) -> None:
        """See what others have written since."""
        # The state is read first: a writer may commit at any time, but never leaves an older index.
        state = read_state(self.folder)
        _check_files(self.folder)
        self.snapshot = self._last_commit()
        _check_commit(self.folder, state)
        self.change, self.analyzer = state.change, state.analyzer

    def verify(self) -> None:
        """Read every file and compare it with its checksum."""
        _refuse(self.folder, "damaged", damaged_files(self.folder))

    def close(self) -> None:
        """Release the files; the index cannot be used any more."""
        del self.snapshot, self._index
        if self.own_folder is not None:
            self.own_folder.cleanup()

    def __enter__(self) -> LexicalIndex:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"LexicalIndex({len(self):,} documents, {self.analyzer.language})"

    def _last_commit(self) -> LexicalSnapshot:
        return LexicalSnapshot(self.folder, self._index, self.analyzer, self._title_weight)

    def _check_writable(self, change: int) -> None:
        if not self.writable:
            reason = "the lexical index was opened for reading; open it for writing"
            raise WorkspaceReadOnlyError(self.folder, reason)
        if change < self.change:
            raise ParameterError("change", f"{self.change} or more", change)


def _check_commit(folder: Path, state: State) -> None:
    if read_commit(folder).opstamp < state.opstamp:
        reason = "the lexical index is older than its own state says; build it again"
        raise WorkspaceDamagedError(folder, reason)
    _refuse(folder, "missing", missing_files(folder))


def _check_files(folder: Path) -> None:
    with reading_errors(folder):
        broken = unreadable_files(folder)
    _refuse(folder, "damaged or missing", broken)


def _refuse(folder: Path, what: str, names: list[str]) -> None:
    if names:
        reason = f"the lexical index must be built again: {what} {', '.join(names)}"
        raise WorkspaceDamagedError(folder, reason)
