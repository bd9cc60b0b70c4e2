"""The user's own vectors on their way into a workspace."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._errors import DuplicateIdError, InputError, ParameterError, VectorError
from embedsearch._io import storage_errors
from embedsearch._types import Metric
from embedsearch.index.preprocessing import as_metric
from embedsearch.index.sources import ArraySource, as_source, rows_per_block
from embedsearch.index.vector_index import VectorIndex
from embedsearch.vectors.tensors import save_tensors
from embedsearch.workspace.indexing import measured_recall, save_index
from embedsearch.workspace.publishing import clear_temporary, publish_vectors
from embedsearch.workspace.space import check_space
from embedsearch.workspace.vector_rows import name_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import ArrayLike

    from embedsearch._progress import Progress
    from embedsearch._types import Document, FloatMatrix, IntVector
    from embedsearch.index.settings import IndexSettings
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import Layout, VectorsLayout
    from embedsearch.workspace.stored_vectors import StoredVectors
    from embedsearch.workspace.vector_rows import Row, Rows

# An index is made anew when it holds so many times what it was made for.
_GROWN = 2


class Arrivals(NamedTuple):
    """Vectors that are new, or take the place of others.

    Attributes:
        source: Where they are.
        numbers: The record's numbers of their documents, `(m,)`.
        following: The number of the next row that has no id.
    """

    source: ArraySource
    numbers: IntVector
    following: int


class VectorWriter:
    """Writes a new state of the user's own vectors.

    Args:
        layout: The workspace, whose lock is held.
        store: Its record.
        previous: The state before; None where there is none.
        metric: How nearness is measured.
        settings: What kind of index is asked for.
        progress: A listener.
    """

    def __init__(
        self,
        layout: Layout,
        store: DocumentStore,
        previous: StoredVectors | None,
        metric: Metric,
        settings: IndexSettings,
        progress: Progress,
    ) -> None:
        self._layout, self._store, self._previous = layout, store, previous
        self._metric, self._settings, self._progress = metric, settings, progress

    def add(self, X: ArrayLike | str | Path, rows: Rows) -> int:
        """Add vectors with their documents, publish them, and return the number of that.

        If anything fails, neither a document nor a vector is added.

        Raises:
            VectorError: The wrong shape or dimension, NaN or infinity.
            InputError: There are more rows than vectors, or fewer.
            DuplicateIdError: Two rows have one id.
            SourceError: A file cannot be read.
        """
        source = self._checked(as_source(X))
        with self._store.transaction():
            first = 0 if self._previous is None else self._previous.following
            change, count = self._store.change, source.shape[0]
            ids = self._added(rows_of(rows, first, count), source, name_of(rows))
            numbers = _numbers_of(self._store, ids, change)
            return self._publish(Arrivals(source, numbers, first + count))

    def rewrite(self) -> int:
        """Publish what there is, without what was deleted, and return the number of that."""
        return self._publish(None)

    def _checked(self, source: ArraySource) -> ArraySource:
        if not source.shape[0]:
            raise VectorError(f"{source.name} holds no vectors")
        before = self._previous
        if before is not None and source.shape[1] != before.dimension:
            held = f"those of the workspace have {before.dimension}"
            got = f"the vectors of {source.name} have {source.shape[1]} dimensions"
            raise VectorError(f"{got}, {held}")
        return source

    def _added(self, rows: Iterator[Row], source: ArraySource, name: str) -> list[str]:
        """Add the documents of the rows; return their ids."""
        places: dict[str, str] = {}
        count = source.shape[0]
        with self._progress.task("adding documents", count, "documents") as task:

            def documents() -> Iterator[Document]:
                for row in islice(rows, count):
                    id = row.document.id
                    if id in places:
                        raise DuplicateIdError(id, places[id], row.place)
                    places[id] = row.place
                    task.advance(1)
                    # A document that is there keeps its text where nothing else is known.
                    if not (row.bare and id in self._store):
                        yield row.document

            self._store.add(documents())
        found = len(places) + sum(1 for _ in rows)
        if found != count:
            reason = f"{name} has {found:,} rows, {source.name} {count:,} vectors"
            raise InputError(f"{reason}; give one row for each vector")
        return list(places)

    def _publish(self, arrivals: Arrivals | None) -> int:
        with storage_errors(self._layout.root):
            clear_temporary(self._layout)
            self._check_room(arrivals)
            self._layout.temporary.mkdir()
        return publish_vectors(self._layout, lambda files: self._write(files, arrivals))

    def _check_room(self, arrivals: Arrivals | None) -> None:
        """They are written twice: gathered, and in the order of their numbers; then indexed."""
        new = 0 if arrivals is None else len(arrivals.numbers)
        count = new + (0 if self._previous is None else len(self._previous))
        needed = 2 * 4 * count * self._dimension(arrivals)
        check_space(self._layout.root, needed, self._layout.root, "the vectors")

    def _write(self, files: VectorsLayout, arrivals: Arrivals | None) -> dict[str, Any]:
        numbers, origins = self._merged(arrivals)
        dimension = self._dimension(arrivals)
        vectors = self._gathered(origins, arrivals, dimension)
        save_tensors(files.tensors, {"numbers": numbers, "vectors": vectors}, {})
        index, built = self._index(numbers, vectors, arrivals)
        anew = built == len(numbers) and index.recall is not None
        recall = index.recall if anew else measured_recall(index, vectors, numbers)
        previous = self._previous
        following = 0 if previous is None else previous.following
        return {
            "change": self._store.change,
            "metric": self._metric.value,
            "count": len(numbers),
            "dimension": dimension,
            "following": following if arrivals is None else arrivals.following,
            "built": built,
            "index": save_index(index, self._settings, files.index, recall),
        }

    def _merged(self, arrivals: Arrivals | None) -> tuple[IntVector, IntVector]:
        """Give all numbers, ascending, and where each vector is.

        Returns:
            Numbers `(n,)`; rows `(n,)` of what arrives, or, below 0, -1 less the row before.
        """
        new = np.empty(0, np.int64) if arrivals is None else arrivals.numbers
        kept, rows = new[:0], new[:0]
        if self._previous is not None:
            gone = np.concatenate([self._previous.removed(self._store), new])
            rows = np.flatnonzero(~np.isin(self._previous.numbers, gone))
            kept = self._previous.numbers[rows]
        numbers = np.concatenate([kept, new])
        order = np.argsort(numbers, kind="stable")
        origins = np.concatenate([-1 - rows, np.arange(len(new))])
        return numbers[order], origins[order]

    def _dimension(self, arrivals: Arrivals | None) -> int:
        if arrivals is not None:
            return arrivals.source.shape[1]
        return 0 if self._previous is None else self._previous.dimension

    def _gathered(
        self, origins: IntVector, arrivals: Arrivals | None, dimension: int
    ) -> FloatMatrix:
        """Bring the vectors together in a file, block by block, and map it."""
        if not len(origins):
            return np.empty((0, dimension), np.float32)
        path, size = self._layout.temporary / "vectors.rows", rows_per_block(dimension)
        with path.open("wb") as file:
            for start in range(0, len(origins), size):
                file.write(self._taken(origins[start : start + size], arrivals, dimension).data)
        return np.memmap(path, np.float32, "r", shape=(len(origins), dimension))

    def _taken(self, origins: IntVector, arrivals: Arrivals | None, dimension: int) -> FloatMatrix:
        block = np.empty((len(origins), dimension), np.float32)
        new = origins >= 0
        if arrivals is not None:
            block[new] = arrivals.source.take(origins[new])
        if self._previous is not None:
            block[~new] = self._previous.vectors[-1 - origins[~new]]
        return block

    def _index(
        self, numbers: IntVector, vectors: FloatMatrix, arrivals: Arrivals | None
    ) -> tuple[VectorIndex, int]:
        """Index the vectors; return the index, and how many it was last made anew for."""
        previous = self._previous
        if previous is not None and self._can_grow(previous, len(numbers)):
            index = VectorIndex.load(previous.files.index, mapped=False)
            index.delete(np.setdiff1d(index.ids, numbers))
            _bring(index, numbers, vectors, arrivals)
            return index, previous.built
        index = self._settings.build(vectors, self._progress, self._metric, numbers)
        return index, len(numbers)

    def _can_grow(self, previous: StoredVectors, count: int) -> bool:
        same = self._settings == previous.settings and self._metric is previous.metric
        near = previous.built / _GROWN <= count <= previous.built * _GROWN
        return same and near and previous.index.spec != "flat"


def settled_metric(metric: Metric | str | None, previous: StoredVectors | None) -> Metric:
    """Choose how nearness is measured: as before; at first as asked, or by the cosine.

    Raises:
        ParameterError: There is no such metric, or it is not that of the vectors that are there.
    """
    asked = None if metric is None else as_metric(metric)
    if previous is None:
        return asked or Metric.COSINE
    if asked not in (None, previous.metric):
        raise ParameterError("metric", f"{previous.metric.value!r} as before", metric)
    return previous.metric


def _bring(
    index: VectorIndex, numbers: IntVector, vectors: FloatMatrix, arrivals: Arrivals | None
) -> None:
    """Add what arrives to an index, or let it take the place of what has its number."""
    if arrivals is None:
        return
    new = np.sort(arrivals.numbers)
    there = np.isin(new, index.ids)
    rows = np.searchsorted(numbers, new)
    if there.any():
        index.update(new[there], vectors[rows[there]])
    if not there.all():
        index.add(vectors[rows[~there]], new[~there])


def _numbers_of(store: DocumentStore, ids: list[str], change: int) -> IntVector:
    """Look up the numbers of documents, most of which have changed since `change`."""
    known = {id: number for number, id in store.ids_of(store.numbers_since(change)).items()}
    numbers = (known[id] if id in known else store.number(id) for id in ids)
    return np.fromiter(numbers, np.int64, len(ids))
