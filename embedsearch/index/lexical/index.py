"""The lexical index: a folder that finds documents by their words."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from embedsearch._checks import as_count
from embedsearch._errors import (
    ParameterError,
    WorkspaceDamagedError,
    WorkspaceReadOnlyError,
)
from embedsearch._progress import SilentProgress
from embedsearch.index.lexical._tantivy import (
    NUMBER,
    load_tantivy,
    make_schema,
    prepare,
    reading_errors,
    writing_errors,
)
from embedsearch.index.lexical.bounding import bounded, checked
from embedsearch.index.lexical.files import (
    State,
    damaged_files,
    mirrored,
    missing_files,
    read_committed,
    read_state,
    unreadable_files,
    write_state,
)
from embedsearch.index.lexical.numbers import as_numbers
from embedsearch.index.lexical.query import LexicalQuery, parse_query
from embedsearch.index.lexical.room import make_room
from embedsearch.index.lexical.scoring import TITLE_WEIGHT, Contribution
from embedsearch.index.lexical.searching import open_snapshot
from embedsearch.index.lexical.writing import writing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    from embedsearch._progress import Progress
    from embedsearch._types import Document, FloatVector, IntVector
    from embedsearch.index.lexical.analysis import LexicalAnalyzer
    from embedsearch.index.lexical.numbers import Numbers


class LexicalIndex:
    """Finds documents, named by their numbers, by the words they hold.

    The score is BM25 (Robertson and Zaragoza 2009) with k1 = 1.2 and b = 0.75, over title and
    text together, plus `title_weight` times the BM25 of the title alone:

    `idf · f · (k1 + 1) / (f + k1 · (1 - b + b · length / mean length))`, where idf is
    `ln(1 + (N - n + ½) / (n + ½))`, f counts the word in the document, n the documents with the
    word, and N all documents. Lengths count words without stop words. tantivy keeps a length in
    one byte: exact up to 40 words, beyond that rounded down by up to 1/9, which raises a score by
    at most 1/8, and by 5 % at the mean length. A deleted document counts in n, N and the mean
    length until tantivy merges its segment (`deleted`).

    An index is made by `create` or `open`, and is a context manager. It remembers the state it
    was opened with until `reload`; a writer sees its own changes at once.
    """

    def __init__(
        self, folder: Path, index: Any, state: State, writable: bool, title_weight: float
    ) -> None:
        """Wrap an opened tantivy index; use `create` or `open` instead."""
        self.folder, self.writable, self.title_weight = folder, writable, title_weight
        self._index, self._state = index, state
        self.held_folder: TemporaryDirectory[str] | None = None
        self._snapshot = open_snapshot(index, title_weight)

    @classmethod
    def create(
        cls, folder: Path, analyzer: LexicalAnalyzer, title_weight: float = TITLE_WEIGHT
    ) -> LexicalIndex:
        """Make an empty index, open for writing, in place of the one that is there.

        Args:
            folder: A folder of its own; what else is in it goes with the old index.
            analyzer: How documents and queries are cut.
            title_weight: See the class; 0 leaves the title out, but for its place in the text.

        Raises:
            WorkspaceExistsError: The folder has other things in it.
            WorkspaceReadOnlyError: The folder cannot be written to.
            StorageError: The disk is full or fails.
        """
        make_room(folder)
        with writing_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            index = load_tantivy().Index(make_schema(), path=str(folder))
            prepare(index)
            state = State(analyzer, 0, read_committed(folder).opstamp)
            write_state(folder, state)
        return cls(folder, index, state, True, title_weight)

    @classmethod
    def temporary(cls, analyzer: LexicalAnalyzer) -> LexicalIndex:
        """Make an empty index in a folder that goes when it is closed; see `create`."""
        folder = TemporaryDirectory(prefix="embedsearch-", ignore_cleanup_errors=True)
        index = cls.create(Path(folder.name), analyzer)
        index.held_folder = folder
        return index

    @classmethod
    def open(
        cls, folder: Path, writable: bool = False, title_weight: float = TITLE_WEIGHT
    ) -> LexicalIndex:
        """Open an index that `create` made.

        Raises:
            WorkspaceDamagedError: It is missing, damaged, or of another version of tantivy:
                build it again. Of files above 16 MiB only some places are compared with what was
                written; what is scrambled between them shows in `verify`, or when a search
                meets it.
            WorkspaceVersionError: A newer embedsearch wrote it.
        """
        state = read_state(folder)
        _check_files(folder)
        with reading_errors(folder):
            mirror = mirrored(folder) if not writable and not os.access(folder, os.W_OK) else None
            index = load_tantivy().Index.open(str(folder if mirror is None else mirror.name))
            prepare(index)
            opened = cls(folder, index, state, writable, title_weight)
        opened.held_folder = mirror
        _check_commit(folder, state)
        return opened

    @property
    def change(self) -> int:
        """The last change that was applied; 0 in a new index.

        After a crash within `apply` the index may hold the next change already and not say so.
        Applying it once more does no harm.
        """
        return self._state.change

    @property
    def analyzer(self) -> LexicalAnalyzer:
        """How documents and queries are cut."""
        return self._state.analyzer

    @property
    def deleted(self) -> int:
        """How many deleted documents still take space and count in the statistics."""
        return read_committed(self.folder).deleted

    def __len__(self) -> int:
        return self._snapshot.count

    def apply(
        self,
        documents: Iterable[tuple[int, Document]],
        removed: Iterable[int] = (),
        *,
        change: int,
        progress: Progress | None = None,
    ) -> None:
        """Bring the index to a change: all of it, or, where anything fails, none of it.

        Args:
            documents: (number, document) of those added and those that changed; read once.
            removed: Numbers of documents to take out, before any are added.
            change: The change that this brings the index to.
            progress: Told of each document.

        Raises:
            ParameterError: `change` is lower than what was applied already.
            WorkspaceReadOnlyError: Opened for reading, or the folder refuses writes.
            WorkspaceLockedError: Another process is writing.
            StorageError: The disk is full or fails.
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
        with writing_errors(self.folder):
            self._state = State(self.analyzer, change, read_committed(self.folder).opstamp)
            write_state(self.folder, self._state)
        self._refresh()

    def reload(self) -> None:
        """See what others have written since.

        Raises:
            WorkspaceDamagedError: The index is gone or damaged.
        """
        state = read_state(self.folder)
        _check_files(self.folder)
        self._refresh()
        _check_commit(self.folder, state)
        self._state = state

    def verify(self) -> None:
        """Read every file and compare it with its checksum.

        Raises:
            WorkspaceDamagedError: A file is not what was written.
        """
        if broken := damaged_files(self.folder):
            reason = f"the lexical index must be built again: damaged {', '.join(broken)}"
            raise WorkspaceDamagedError(self.folder, reason)

    def numbers(self) -> IntVector:
        """Return the numbers of all documents, `(n,)`, ascending.

        Raises:
            WorkspaceDamagedError: The index is damaged.
        """
        with reading_errors(self.folder):
            return self._snapshot.numbers()

    def read_all(self) -> None:
        """Read all of the index once, as a trial: see `embedsearch.index.isolation`.

        Raises:
            WorkspaceDamagedError: The index is damaged.
        """
        with reading_errors(self.folder):
            self._snapshot.read_all()

    def parse(self, text: str) -> LexicalQuery:
        """Read what a user typed; see `embedsearch.index.lexical.query.parse_query`.

        Of more than 256 different words those that weigh most here are kept (idf times how often
        the word was typed); `dropped` counts the others.

        Raises:
            QueryError: The query has no words, or only excluded ones.
        """
        with reading_errors(self.folder):
            return bounded(parse_query(text, self.analyzer), self._snapshot)

    def search(
        self, query: LexicalQuery | str, topn: int = 10, allowed: Numbers | None = None
    ) -> tuple[FloatVector, IntVector]:
        """Find the documents with the highest scores.

        Args:
            query: Text that a user typed, or what `parse` made of it.
            topn: How many to find at most, 1 or more.
            allowed: Look only among the documents of these numbers: a range, an array, or a
                mask whose place i stands for document i. None looks among all.

        Returns:
            Scores `(k,)` float32, best first, all above 0, and numbers `(k,)` int64. k is
            `topn`, or the number of allowed documents that hold any of the words if that is
            less. Equal scores are ordered by number.

        Raises:
            QueryError: The query has no words, or only excluded ones.
            ParameterError: `topn` or `allowed` out of range.
            WorkspaceDamagedError: The index is damaged.
        """
        topn, query = as_count("topn", topn), self._parsed(query)
        among = None if allowed is None else as_numbers("allowed", allowed)
        with reading_errors(self.folder):
            return self._snapshot.search(query, topn, among)

    def search_batch(
        self,
        queries: Iterable[LexicalQuery | str],
        topn: int = 10,
        allowed: Numbers | None = None,
    ) -> list[tuple[FloatVector, IntVector]]:
        """Answer several queries, each as `search` does."""
        return [self.search(query, topn, allowed) for query in queries]

    def scores_of(self, query: LexicalQuery | str, numbers: Numbers) -> FloatVector:
        """Return the scores `(n,)` of given documents, equal to those of `search` within 1e-6.

        A document that the query does not find, or that is not in the index, has 0.

        Raises:
            QueryError: The query has no words, or only excluded ones.
            ParameterError: `numbers` are no document numbers.
        """
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        with reading_errors(self.folder):
            return self._snapshot.scores_of(query, wanted)

    def admits(self, query: LexicalQuery | str, numbers: Numbers) -> NDArray[np.bool_]:
        """Tell which documents have all that is required and nothing that is excluded.

        For documents that were found in another way, by their vectors for example.

        Returns:
            Booleans `(n,)`, all true where nothing is required or excluded; false for documents
            that are not in the index where anything is.
        """
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        with reading_errors(self.folder):
            return self._snapshot.admits(query, wanted)

    def narrowed(self, query: LexicalQuery | str, numbers: Numbers) -> IntVector:
        """Return those of many documents that have all that is required, and nothing excluded.

        What `admits` tells, at a cost that depends on the query alone; but where nothing is
        required, it gives documents back that are not in the index.
        """
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        if not query.constrained:
            return wanted
        with reading_errors(self.folder):
            return self._snapshot.narrowed(query, wanted)

    def frequency(self, field: str, term: str) -> int:
        """Count the documents that have a term in a field, deleted ones until merged."""
        with reading_errors(self.folder):
            return self._snapshot.frequency(field, term)

    def may_hold(self, number: int) -> bool:
        """Tell whether there is a document of this number, or was until it is merged."""
        with reading_errors(self.folder):
            return self._snapshot.frequency(NUMBER, number) > 0

    def explain(self, query: LexicalQuery | str, numbers: Numbers) -> list[list[Contribution]]:
        """Return what each word adds to the scores of given documents, the largest first.

        The parts of a document add up to its score within 1e-6 of it, the rounding of float32;
        one that the query does not find has none.
        """
        query, wanted = self._parsed(query), as_numbers("numbers", numbers)
        with reading_errors(self.folder):
            return self._snapshot.explain(query, wanted)

    def document_frequencies(self, words: Iterable[str]) -> list[int]:
        """Count the documents that hold each word, deleted ones among them until merged.

        A word that is cut into several has the count of the rarest; one that is nothing, 0.
        """
        with reading_errors(self.folder):
            return [self._snapshot.frequency_of(self.analyzer.terms(word)) for word in words]

    def close(self) -> None:
        """Let go of the files; the index cannot be used any more."""
        del self._snapshot, self._index
        if self.held_folder is not None:
            self.held_folder.cleanup()

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

    def _parsed(self, query: LexicalQuery | str) -> LexicalQuery:
        return self.parse(query) if isinstance(query, str) else checked(query)

    def _refresh(self) -> None:
        with reading_errors(self.folder):
            self._snapshot = open_snapshot(self._index, self.title_weight)

    def _check_writable(self, change: int) -> None:
        if not self.writable:
            reason = "the lexical index was opened for reading; open it for writing"
            raise WorkspaceReadOnlyError(self.folder, reason)
        if change < self.change:
            raise ParameterError("change", f"{self.change} or more", change)


def _check_commit(folder: Path, state: State) -> None:
    if read_committed(folder).opstamp < state.opstamp:
        reason = "the lexical index is older than what it says of itself; build it again"
        raise WorkspaceDamagedError(folder, reason)
    if missing := missing_files(folder):
        reason = f"the lexical index must be built again: missing {', '.join(missing)}"
        raise WorkspaceDamagedError(folder, reason)


def _check_files(folder: Path) -> None:
    with reading_errors(folder):
        broken = unreadable_files(folder)
    if broken:
        told = f"the lexical index must be built again: damaged or missing {', '.join(broken)}"
        raise WorkspaceDamagedError(folder, told)
