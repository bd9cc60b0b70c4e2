"""The user's own vectors on their way into a workspace, with the rows that describe them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._errors import (
    DuplicateIdError,
    InputError,
    ParameterError,
    SourceError,
    SourceFormatError,
    VectorError,
    WorkspaceExistsError,
)
from embedsearch._io import check_space, storage_errors
from embedsearch._types import Document, Metric
from embedsearch.index.engine import as_metric
from embedsearch.index.settings import IndexSettings, changed_index
from embedsearch.index.sources import ArraySource, as_source, rows_per_block
from embedsearch.index.vector_index import VectorIndex
from embedsearch.text.readers.json import DECODER, broken_json
from embedsearch.text.records import flatten_metadata, plain_value, replace_surrogates, text_value
from embedsearch.text.source_files import unreadable
from embedsearch.text.source_stream import SourceStream
from embedsearch.vectors.tensors import save_tensors
from embedsearch.workspace.indexing import build_index, measured_recall, save_index
from embedsearch.workspace.inputs import ID_NAMES, OWN_NAMES, id_in
from embedsearch.workspace.publishing import clear_temporary, publish_vectors

if TYPE_CHECKING:
    from typing import BinaryIO

    from numpy.typing import ArrayLike

    from embedsearch._progress import Progress
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.store.documents import DocumentStore
    from embedsearch.workspace.layout import VectorsLayout
    from embedsearch.workspace.session import Session
    from embedsearch.workspace.vectors import StoredVectors


Rows = str | Path | Iterable[Document | str] | None


class Row(NamedTuple):
    """What goes with one vector; `bare` if there is nothing but the id."""

    document: Document
    place: str
    bare: bool


def rows_of(rows: Rows, first: int, count: int) -> Iterator[Row]:
    """Yield what goes with each vector; rows without an id are numbered from `first`."""
    if rows is None:
        return (_bare(str(row), f"row {row - first}") for row in range(first, first + count))
    if isinstance(rows, str | Path):
        return _of_file(Path(rows), first)
    if not isinstance(rows, Iterable):
        raise ParameterError("rows", "a file, documents or ids", type(rows))
    return (_row_of(row, place) for place, row in enumerate(rows))


def name_of(rows: Rows) -> str:
    """Return what messages call the rows."""
    return str(rows) if isinstance(rows, str | Path) else "rows"


def _bare(id: str, place: str) -> Row:
    return Row(Document(id, ""), place, True)


def _row_of(row: object, place: int) -> Row:
    if isinstance(row, str):
        return _bare(row, f"row {place}")
    if not isinstance(row, Document):
        raise ParameterError(f"row {place} of rows", "a Document or an id", row)
    bare = not (row.text or row.title or row.metadata)
    return Row(row, f"row {place}", bare)


def _of_file(path: Path, first: int) -> Iterator[Row]:
    try:
        with path.open("rb") as file:
            yield from _of_stream(str(path), file, path, first)
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise unreadable(str(path), error) from error


def _of_stream(name: str, file: BinaryIO, path: Path, first: int) -> Iterator[Row]:
    source = SourceStream(name, file, path)
    lines = ((number, line) for number, line in source.lines() if line.strip())
    for row, (number, line) in enumerate(lines, first):
        values = _object(name, number, line)
        id_ = id_in(values)
        document = Document(
            _text(name, number, "id", str(row) if id_ is None else id_).strip(),
            _text(name, number, "text", values.get("text")),
            {
                replace_surrogates(key): plain_value(values[key])
                for key in values
                if key not in OWN_NAMES
            },
            _text(name, number, "title", values.get("title")).strip(),
        )
        yield Row(document, f"line {number}", set(values) <= set(ID_NAMES))


def _object(name: str, number: int, line: str) -> Mapping[str, Any]:
    try:
        value = DECODER.decode(line)
    except json.JSONDecodeError as error:
        reason = f"{broken_json(error)}; each line must be an object"
        raise SourceFormatError(name, reason, number) from error
    except (ValueError, RecursionError) as error:
        raise SourceFormatError(name, f"JSON beyond limits: {error}", number) from error
    if not isinstance(value, Mapping):
        raise SourceFormatError(name, 'is no JSON object, such as {"id": "a"}', number)
    return flatten_metadata(value)


def _text(name: str, number: int, field: str, value: object) -> str:
    text = text_value(value)
    if text is None:
        raise SourceFormatError(name, f"{field!r} holds an object where text is needed", number)
    return text


# An index is built again when it holds so many times what it was built for: its clusters or its
# graph were laid out for those.
_GROWN = 2


@dataclass(frozen=True, slots=True)
class VectorRequest:
    """What the user gave to `Workspace.add_vectors`; `index` has its settings."""

    update: bool
    metric: Metric | str | None
    index: Mapping[str, Any]


def add_vectors(
    session: Session,
    X: ArrayLike | str | Path,
    rows: Rows,
    request: VectorRequest,
    progress: Progress,
) -> None:
    """Add vectors with their documents; see `Workspace.add_vectors`."""
    session.commit_vectors(_add(session, X, rows, request, progress))


def index_vectors(session: Session, index: Mapping[str, Any], progress: Progress) -> int:
    """Leave out vectors of deleted documents, and build another index if one is asked for.

    Returns how many vectors were left out.
    """
    # Whoever holds the old vectors while new ones are committed keeps their files from being
    # removed, so none of these functions has a name for them then.
    gone, number = _rewrite(session, index, progress)
    if number is not None:
        session.commit_vectors(number)
    return gone


def _add(
    session: Session,
    X: ArrayLike | str | Path,
    rows: Rows,
    request: VectorRequest,
    progress: Progress,
) -> int:
    stored = session.stored_vectors
    previous = stored if stored is not None and len(session.vectors()) else None
    if previous is not None and not request.update:
        raise WorkspaceExistsError(session.path, "has vectors already; add to them with --update")
    before = IndexSettings() if previous is None else previous.settings
    settings = changed_index(before, **request.index)
    metric = _settled_metric(request.metric, previous)
    return VectorWriter(session, previous, metric, settings, progress).add(X, rows)


def _rewrite(
    session: Session, index: Mapping[str, Any], progress: Progress
) -> tuple[int, int | None]:
    stored = session.stored_vectors
    if stored is None:
        return 0, None
    settings = changed_index(stored.settings, **index)
    gone = len(stored.removed(session.store))
    if not gone and settings == stored.settings:
        return 0, None
    return gone, VectorWriter(session, stored, stored.metric, settings, progress).rewrite(stored)


class Arrivals(NamedTuple):
    """Vectors that are new, or replace others; `numbers` are those of their documents, `(m,)`."""

    source: ArraySource
    numbers: IntVector
    # The number of the next row that has no id.
    following: int


class VectorWriter:
    """Writes a new state of the user's own vectors."""

    def __init__(
        self,
        session: Session,
        previous: StoredVectors | None,
        metric: Metric,
        settings: IndexSettings,
        progress: Progress,
    ) -> None:
        self._layout, self._store, self._previous = session.layout, session.store, previous
        self._metric, self._settings, self._progress = metric, settings, progress

    def add(self, X: ArrayLike | str | Path, rows: Rows) -> int:
        """Add vectors with their documents, publish them, and return the number of that.

        If anything fails, neither a document nor a vector is added.
        """
        source = self._checked(as_source(X))
        with self._store.transaction():
            # Rows without ids continue the count: a number that was deleted is not given again.
            first = 0 if self._previous is None else self._previous.following
            change, count = self._store.change, source.shape[0]
            ids = self._add_documents(rows_of(rows, first, count), source, name_of(rows))
            numbers = _numbers_of(self._store, ids, change)
            return self._publish(Arrivals(source, numbers, first + count))

    def rewrite(self, previous: StoredVectors) -> int:
        """Publish what there is, without what was deleted, and return the number of that."""
        nothing = ArraySource(np.empty((0, previous.dimension), np.float32))
        return self._publish(Arrivals(nothing, np.empty(0, np.int64), previous.following))

    def _checked(self, source: ArraySource) -> ArraySource:
        if not source.shape[0]:
            raise VectorError(f"{source.name} holds no vectors")
        before = self._previous
        if before is not None and source.shape[1] != before.dimension:
            held = f"those of the workspace have {before.dimension}"
            got = f"the vectors of {source.name} have {source.shape[1]} dimensions"
            raise VectorError(f"{got}, {held}")
        return source

    def _add_documents(self, rows: Iterator[Row], source: ArraySource, name: str) -> list[str]:
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
                    # A bare row leaves an existing document as it is.
                    if not (row.bare and id in self._store):
                        yield row.document

            self._store.add(documents())
        found = len(places) + sum(1 for _ in rows)
        if found != count:
            reason = f"{name} has {found:,} rows, {source.name} {count:,} vectors"
            raise InputError(f"{reason}; give one row for each vector")
        return list(places)

    def _publish(self, arrivals: Arrivals) -> int:
        count = len(arrivals.numbers) + (0 if self._previous is None else len(self._previous))
        with storage_errors(self._layout.root):
            clear_temporary(self._layout)
            # Vectors are written twice: gathered in a file, then with their numbers.
            needed = 2 * 4 * count * arrivals.source.shape[1]
            check_space(self._layout.root, needed, self._layout.root, "the vectors")
        return publish_vectors(self._layout, lambda files: self._write(files, arrivals))

    def _write(self, files: VectorsLayout, arrivals: Arrivals) -> dict[str, Any]:
        numbers, origins = self._merge(arrivals.numbers)
        vectors = self._gather(origins, arrivals.source)
        save_tensors(files.tensors, {"numbers": numbers, "vectors": vectors}, {})
        built, index = self._write_index(files.index, numbers, vectors, arrivals.numbers)
        return {
            "change": self._store.change,
            "metric": self._metric.value,
            "count": len(numbers),
            "dimension": vectors.shape[1],
            "following": arrivals.following,
            "built": built,
            "index": index,
        }

    def _merge(self, new: IntVector) -> tuple[IntVector, IntVector]:
        """Return all document numbers `(n,)`, ascending, and where the vector of each is.

        That is the row of what arrives, or, below 0, -1 less the row before.
        """
        kept, rows = new[:0], new[:0]
        if self._previous is not None:
            gone = np.concatenate([self._previous.removed(self._store), new])
            rows = np.flatnonzero(~np.isin(self._previous.numbers, gone))
            kept = self._previous.numbers[rows]
        numbers = np.concatenate([kept, new])
        order = np.argsort(numbers, kind="stable")
        origins = np.concatenate([-1 - rows, np.arange(len(new))])
        return numbers[order], origins[order]

    def _gather(self, origins: IntVector, new: ArraySource) -> FloatMatrix:
        """Bring the vectors together in a file, block by block, and map it."""
        dimension = new.shape[1]
        if not len(origins):
            return np.empty((0, dimension), np.float32)
        path, size = self._layout.temporary / "vectors.rows", rows_per_block(dimension)
        with path.open("wb") as file:
            for start in range(0, len(origins), size):
                file.write(self._block(origins[start : start + size], new).data)
        return np.memmap(path, np.float32, "r", shape=(len(origins), dimension))

    def _block(self, origins: IntVector, source: ArraySource) -> FloatMatrix:
        block = np.empty((len(origins), source.shape[1]), np.float32)
        new = origins >= 0
        if new.any():
            block[new] = source.take(origins[new])
        if self._previous is not None:
            block[~new] = self._previous.vectors[-1 - origins[~new]]
        return block

    def _write_index(
        self, path: Path, numbers: IntVector, vectors: FloatMatrix, new: IntVector
    ) -> tuple[int, dict[str, Any]]:
        """Index the vectors; return for how many it was last built, and what is said of it."""
        previous = self._previous
        if previous is not None and self._can_grow(previous, len(numbers)):
            index = VectorIndex.load(previous.files.index, mapped=False)
            index.delete(np.setdiff1d(index.ids, numbers))
            _apply(index, numbers, vectors, np.sort(new))
            recall = measured_recall(index, vectors, numbers)
            return previous.built, save_index(index, self._settings, path, recall)
        facts = build_index(vectors, self._settings, path, self._progress, self._metric, numbers)
        return len(numbers), facts

    def _can_grow(self, previous: StoredVectors, count: int) -> bool:
        same = self._settings == previous.settings and self._metric is previous.metric
        near = previous.built / _GROWN <= count <= previous.built * _GROWN
        return same and near and previous.index.spec != "flat"


def _settled_metric(metric: Metric | str | None, previous: StoredVectors | None) -> Metric:
    """Return the metric: as before; at first as asked, or the cosine."""
    asked = None if metric is None else as_metric(metric)
    if previous is None:
        return asked or Metric.COSINE
    if asked not in (None, previous.metric):
        raise ParameterError("metric", f"{previous.metric.value!r} as before", metric)
    return previous.metric


def _apply(index: VectorIndex, numbers: IntVector, vectors: FloatMatrix, new: IntVector) -> None:
    """Add new numbers, ascending, to an index, or let them take the place of the same ones."""
    there = np.isin(new, index.ids)
    rows = np.searchsorted(numbers, new)
    if there.any():
        index.update(new[there], vectors[rows[there]])
    if not there.all():
        index.add(vectors[rows[~there]], new[~there])


def _numbers_of(store: DocumentStore, ids: list[str], change: int) -> IntVector:
    """Look up the numbers of documents; one query finds all that changed since `change`."""
    known = {id: number for number, id in store.ids_of(store.numbers_since(change)).items()}
    numbers = (known[id] if id in known else store.number(id) for id in ids)
    return np.fromiter(numbers, np.int64, len(ids))
