"""The vectors of all documents, brought up to date with the store, and searched.

They are in two segments: those stored, mapped from a file, and a tail that grows. A change in the
store adds rows to the tail and marks rows as deleted; the mapped base is never copied. Each state
is immutable: threads go on with theirs while another thread makes the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.search.latent_space import all_pieces, full_text, products, split
from embedsearch.vectors.arrays import best_first, places_of, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch._types import Document, FloatMatrix, FloatVector, IntVector
    from embedsearch.index.candidate_index import CandidateIndex
    from embedsearch.search.latent_space import Block, TextEncoder
    from embedsearch.search.model import SearchModel
    from embedsearch.store.documents import DocumentStore

    Candidates = CandidateIndex | Callable[[], CandidateIndex | None] | None
    """Clusters of vectors, or what opens them when they are first needed."""

SCANNED = 20_000
"""Up to so many passages all are compared; beyond, those that a `CandidateIndex` finds."""

SPARE = 1_000
"""So many deleted rows may stay in a tail, beyond as many as live ones."""

_DOCUMENTS_AT_ONCE = 1_000

Passages = tuple["FloatMatrix", "IntVector"]
"""The vectors of passages, and where those of each document begin and end."""


@dataclass(slots=True)
class _Buffer:
    array: NDArray[Any]
    used: int


class Growing:
    """An array that grows into a buffer with room to spare; each state is immutable.

    The first rows are copied only when others are appended.
    """

    def __init__(self, rows: NDArray[Any], buffer: _Buffer | None = None) -> None:
        self.rows = rows
        self._buffer = _Buffer(rows, len(rows)) if buffer is None else buffer

    def appended(self, rows: NDArray[Any]) -> Growing:
        """Return these rows and others after them; amortised, it costs what the others do."""
        start, stop, buffer = len(self.rows), len(self.rows) + len(rows), self._buffer
        # What another state has appended after the same rows must stay.
        if buffer.used != start or stop > len(buffer.array):
            larger = np.empty((stop + stop // 2, *self.rows.shape[1:]), self.rows.dtype)
            larger[:start] = self.rows
            buffer = _Buffer(larger, start)
        buffer.array[start:stop] = rows
        buffer.used = stop
        return Growing(buffer.array[:stop], buffer)


class Segmented:
    """A matrix of a base `(n, d)`, mapped or in memory, and a tail `(t, d)`."""

    def __init__(self, base: FloatMatrix, tail: Growing | None = None) -> None:
        self.base = base
        self._tail = Growing(base[:0]) if tail is None else tail

    def __len__(self) -> int:
        return len(self.base) + len(self.tail)

    @property
    def tail(self) -> FloatMatrix:
        """The rows after those of the base."""
        return self._tail.rows

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), self.base.shape[1]

    def take(self, rows: IntVector) -> FloatMatrix:
        """Return copies of some rows."""
        start = len(self.base)
        if not start:
            return np.take(self.tail, rows, axis=0)
        found = np.take(self.base, rows, axis=0, mode="clip")
        late = np.flatnonzero(rows >= start)
        if len(late):
            found[late] = self.tail[rows[late] - start]
        return found

    def products(self, query: FloatVector) -> FloatVector:
        """Return the inner products of all rows with a query `(d,)`."""
        found = products(self.base, query)
        return np.concatenate((found, products(self.tail, query))) if len(self.tail) else found

    def appended(self, rows: FloatMatrix) -> Segmented:
        """Return the matrix with rows after its tail."""
        return Segmented(self.base, self._tail.appended(rows))

    def with_tail(self, rows: IntVector) -> Segmented:
        """Return the base with a tail of some rows of this one."""
        return Segmented(self.base, Growing(self.take(rows)))


def passages_of(rows: IntVector, bounds: IntVector) -> tuple[IntVector, IntVector]:
    """Return the passages of some documents, and `(k + 1,)` where those of each begin and end."""
    counts = bounds[rows + 1] - bounds[rows]
    own = np.concatenate(([0], np.cumsum(counts)))
    passages = np.repeat(bounds[rows] - own[:-1], counts) + np.arange(own[-1])
    return passages, own


def best_scores(scores: FloatMatrix, bounds: IntVector) -> FloatMatrix:
    """Return the score of each document's best passage: `(..., p)` to `(..., n)`.

    `bounds` `(n + 1,)` say where the passages of each begin and end; each has one.
    """
    if len(bounds) - 1 == scores.shape[-1]:
        return scores
    best: FloatMatrix = np.maximum.reduceat(scores, bounds[:-1], axis=-1)
    return best


@dataclass(frozen=True, slots=True, eq=False)
class PassageVectors:
    """The vectors of the passages of k documents."""

    X: FloatMatrix  # `(p, D)`
    bounds: IntVector  # `(k + 1,)` where those of each document begin and end

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def scores(self, query: FloatVector) -> FloatVector:
        """Return the greatest inner product of each document's passages with a query `(D,)`."""
        return best_scores(products(self.X, query), self.bounds)

    def best(self, query: FloatVector) -> IntVector:
        """Return which passage of each document, from 0, has that inner product: `(k,)`."""
        if len(self.X) == len(self):
            return np.zeros(len(self), np.int64)
        scores = products(self.X, query)
        parts = [scores[start:stop].argmax() for start, stop in pairwise(self.bounds.tolist())]
        return np.array(parts, np.int64)

    def at(self, places: IntVector) -> FloatMatrix:
        """Return the vector of one passage of each document, from 0: `(k, D)`."""
        found: FloatMatrix = self.X[self.bounds[:-1] + places]
        return found

    def means(self, blocks: Sequence[Block]) -> FloatMatrix:
        """Return the mean of each document's passages, in each block at length 1: `(k, D)`."""
        if len(self.X) == len(self):
            return self.X
        sums = np.add.reduceat(self.X, self.bounds[:-1], axis=0)
        parts = [unit_rows(sums[:, block.columns]) for block in blocks]
        return np.concatenate(parts, axis=1) if parts else sums


class _Lookup:
    """Finds rows `(r,)` by numbers `(r,)`, each of which is there once."""

    def __init__(self, numbers: IntVector, rows: IntVector) -> None:
        self._numbers, self._rows = numbers, rows

    @cached_property
    def _sorted(self) -> tuple[IntVector, IntVector]:
        numbers = np.asarray(self._numbers)
        if (numbers[1:] > numbers[:-1]).all():
            return numbers, self._rows
        order = np.argsort(numbers, kind="stable")
        return numbers[order], self._rows[order]

    def find(self, wanted: IntVector) -> IntVector:
        """Return the row of each number, -1 for those that are not here."""
        numbers, rows = self._sorted
        places, known = places_of(numbers, wanted)
        found = np.full(len(wanted), -1)
        found[known] = rows[places[known]]
        return found


@dataclass(frozen=True, eq=False)
class DocumentRows:
    """Which row each document has, and which passages; use `of`."""

    _numbers: Growing
    _bounds: Growing
    _base: _Lookup
    stored: int  # how many rows the base has
    # `(r,)` False for rows of documents that have changed or were deleted; None if there are none.
    live: NDArray[np.bool_] | None = None
    # How many deleted rows may stay in the tail, beyond as many as live ones.
    spare: int = SPARE

    @classmethod
    def of(
        cls, numbers: IntVector, bounds: IntVector | None = None, spare: int = SPARE
    ) -> DocumentRows:
        """Make the rows of a base of n documents, whose passages end at `bounds` `(n + 1,)`.

        Without `bounds` each has one passage.
        """
        bounds = np.arange(len(numbers) + 1) if bounds is None else bounds
        base = _Lookup(numbers, np.arange(len(numbers)))
        return cls(Growing(numbers), Growing(bounds), base, len(numbers), spare=spare)

    def __len__(self) -> int:
        return self.size if self.live is None else len(self.alive)

    @property
    def size(self) -> int:
        """The number of rows, deleted ones among them."""
        return len(self.numbers)

    @property
    def numbers(self) -> IntVector:
        """(r,) the number of the document of each row, deleted ones among them."""
        return self._numbers.rows

    @property
    def bounds(self) -> IntVector:
        """(r + 1,) where the passages of each row begin and end."""
        return self._bounds.rows

    @property
    def single(self) -> bool:
        """Whether each row has one passage: its own."""
        return int(self.bounds[-1]) == self.size

    @cached_property
    def alive(self) -> IntVector:
        """The rows that are not deleted, ascending."""
        return np.arange(self.size) if self.live is None else np.flatnonzero(self.live)

    @property
    def in_order(self) -> IntVector:
        """The rows of all documents, in the order of their numbers."""
        rows: IntVector = self.alive[np.argsort(self.numbers[self.alive], kind="stable")]
        return rows

    def find(self, numbers: IntVector) -> IntVector:
        """Return the row of each document, -1 for those that are not here."""
        rows = self._base.find(numbers)
        if self.live is None and self.size == self.stored:
            return rows
        if self.live is not None and len(self.live):
            rows = np.where(self.live[rows], rows, -1)
        in_tail = self._tail_lookup.find(numbers)
        return np.where(in_tail < 0, rows, in_tail)

    def passages(self, rows: IntVector) -> tuple[IntVector, IntVector]:
        """Return the passages of some rows, and `(k + 1,)` where those of each begin and end."""
        if self.single:
            return rows, np.arange(len(rows) + 1)
        return passages_of(rows, self.bounds)

    def of_passages(self, passages: IntVector) -> IntVector:
        """Return the rows that passages are of, ascending, each once."""
        if self.single:
            return np.sort(passages)
        return np.unique(np.searchsorted(self.bounds, passages, side="right") - 1)

    def appended(self, numbers: IntVector, counts: IntVector) -> DocumentRows:
        """Return them with rows of new documents, which have so many passages each."""
        live = self.live
        if live is not None:
            live = np.concatenate((live, np.ones(len(numbers), bool)))
        bounds = self._bounds.appended(self.bounds[-1] + np.cumsum(counts))
        return replace(self, _numbers=self._numbers.appended(numbers), _bounds=bounds, live=live)

    def without(self, numbers: IntVector) -> DocumentRows:
        """Return them with the rows of these documents deleted."""
        rows = self.find(numbers)
        rows = rows[rows >= 0]
        if not len(rows):
            return self
        live = np.ones(self.size, bool) if self.live is None else self.live.copy()
        live[rows] = False
        return replace(self, live=live)

    @property
    def wasted(self) -> bool:
        """Whether most rows of the tail are deleted."""
        if self.live is None:
            return False
        return self.size - self.stored > 2 * len(self.tail) + self.spare

    def compacted(self) -> DocumentRows:
        """Return them without deleted rows in the tail."""
        tail = self.tail
        counts = self.bounds[tail + 1] - self.bounds[tail]
        base = replace(
            self,
            _numbers=Growing(self.numbers[: self.stored]),
            _bounds=Growing(self.bounds[: self.stored + 1]),
            live=None if self.live is None else self.live[: self.stored],
        )
        return base.appended(self.numbers[tail], counts)

    @property
    def tail(self) -> IntVector:
        """The rows of the tail that are not deleted, ascending."""
        if self.live is None:
            return np.arange(self.stored, self.size)
        return self.stored + np.flatnonzero(self.live[self.stored :])

    @cached_property
    def _tail_lookup(self) -> _Lookup:
        rows = self.tail
        return _Lookup(self.numbers[rows], rows)


def check_bounds(bounds: IntVector, documents: int, passages: int) -> None:
    """Raise `VectorError` unless every document has a passage, and every passage a document."""
    sound = bounds.shape == (documents + 1,) and bounds[0] == 0 and bounds[-1] == passages
    if not sound or not (np.diff(bounds) > 0).all():
        raise VectorError("damaged: passages do not belong to documents one after the other")


class LatentIndex:
    """Finds the documents of which a passage has the largest inner product with a query.

    `X` (p, D) are the passages of the rows. Among more rows than `scanned`, those are compared that
    the candidate index of the base finds.
    """

    def __init__(
        self,
        rows: DocumentRows,
        X: Segmented,
        candidates: Candidates = None,
        scanned: int = SCANNED,
    ) -> None:
        self.rows, self.X, self._given, self.scanned = rows, X, candidates, scanned

    @classmethod
    def of(
        cls,
        numbers: IntVector,
        X: FloatMatrix,
        candidates: Candidates = None,
        bounds: IntVector | None = None,
        scanned: int = SCANNED,
    ) -> LatentIndex:
        """Make the index of n documents, whose passages are `X` (p, D); see `DocumentRows.of`."""
        return cls(DocumentRows.of(numbers, bounds), Segmented(X), candidates, scanned)

    @cached_property
    def _candidate_index(self) -> CandidateIndex | None:
        return self._given() if callable(self._given) else self._given

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def numbers(self) -> IntVector:
        """(r,) the number of the document of each row; rows may be deleted."""
        return self.rows.numbers

    def scores(self, query: FloatVector, rows: IntVector) -> FloatVector:
        """Return the inner products of a query `(D,)` with documents, by their best passages."""
        return self.take(rows).scores(query)

    def take(self, rows: IntVector) -> PassageVectors:
        """Return the passages of some documents."""
        passages, bounds = self.rows.passages(rows)
        return PassageVectors(self.X.take(passages), bounds)

    def nearest(
        self, query: FloatVector, topn: int, allowed: IntVector | None = None
    ) -> tuple[FloatVector, IntVector]:
        """Return scores and rows of the documents nearest to a query `(D,)`, best first.

        Equal ones are ordered by number. Only among the rows `allowed`, ascending, if given; fewer
        than `topn` only if there are no more.
        """
        return self._best(query, topn, self._candidates(query, topn, allowed))

    def near(self, query: FloatVector, topn: int, allowed: IntVector | None = None) -> IntVector:
        """Return the rows that `nearest` finds, in no certain order."""
        rows = self._candidates(query, topn, allowed)
        if rows is not None and len(rows) <= topn:
            return rows
        return self._best(query, topn, rows)[1]

    def _best(
        self, query: FloatVector, topn: int, rows: IntVector | None
    ) -> tuple[FloatVector, IntVector]:
        if rows is None:
            rows = self.rows.alive
            scores = best_scores(self.X.products(query), self.rows.bounds)[rows]
        else:
            scores = self.scores(query, rows)
        best = best_first(scores, self.numbers[rows], topn)
        return scores[best], rows[best]

    def _candidates(
        self, query: FloatVector, topn: int, allowed: IntVector | None
    ) -> IntVector | None:
        """Return rows that have the nearest among them; None for all."""
        if self._candidate_index is None or (allowed is not None and len(allowed) <= self.scanned):
            return allowed
        found = self._of_base(self._candidate_index, query, topn, allowed)
        if found is None:
            return allowed
        tail = self.rows.tail
        if allowed is not None:
            tail = allowed[np.searchsorted(allowed, self.rows.stored) :]
        return np.concatenate((found, tail))

    def _of_base(
        self, candidates: CandidateIndex, query: FloatVector, topn: int, allowed: IntVector | None
    ) -> IntVector | None:
        """Return `topn` rows of the base, or all; None if the candidates are too few."""
        among, live = None, self.rows.live
        if allowed is not None:
            of_base = allowed[: np.searchsorted(allowed, self.rows.stored)]
            among = self.rows.passages(of_base)[0]
        most = len(candidates) if among is None else len(among)
        wanted = -(-topn * len(self.X) // max(self.rows.size, 1))
        while True:
            passages = candidates.search(query, wanted, among)
            # Documents may have several of the passages that are nearest, or be deleted.
            rows = self.rows.of_passages(passages)
            rows = rows if live is None else rows[live[rows]]
            if len(rows) >= topn or len(passages) >= most:
                return rows
            if len(passages) < wanted:
                # A filter may leave the clusters near the query too poor: then compare all.
                return None
            wanted *= 2


@dataclass(frozen=True, slots=True, eq=False)
class DocumentVectors:
    """The vectors of all documents of the store at a change."""

    rows: DocumentRows  # which rows the documents have
    vectors: Segmented  # (r, d) unit rows, in the space of the words
    latent: Segmented  # (p, D) the passages of the rows in the space of search
    change: int  # the last change of the store that is in here

    @classmethod
    def of(
        cls,
        numbers: IntVector,
        vectors: FloatMatrix,
        latent: FloatMatrix,
        change: int,
        bounds: IntVector | None = None,
    ) -> DocumentVectors:
        """Make those of n documents, mapped or in memory; see `DocumentRows.of` for `bounds`."""
        rows = DocumentRows.of(numbers, bounds)
        return cls(rows, Segmented(vectors), Segmented(latent), change)

    @classmethod
    def empty(cls, change: int = 0) -> DocumentVectors:
        """Make those of no document."""
        none = np.zeros((0, 0), np.float32)
        return cls.of(np.zeros(0, np.int64), none, none, change)

    def __len__(self) -> int:
        return len(self.rows)

    def updated(
        self,
        store: DocumentStore,
        encoder: TextEncoder,
        model: SearchModel,
        at_once: int = _DOCUMENTS_AT_ONCE,
    ) -> DocumentVectors:
        """Return the vectors after all later changes; itself if there are none.

        It costs what the changes do, and a byte for each document. If the store is older than
        they are, as it was restored, all are made again. `at_once` documents are encoded at once.
        """
        latest = store.change
        if latest == self.change:
            return self
        found = self if self.change <= latest else self._none()
        since = found.change
        removed = np.asarray(store.removed_since(since), np.int64)
        found = replace(found, rows=found.rows.without(removed))
        changed = store.changed_since(since)
        while block := dict(islice(changed, at_once)):
            found = found.with_documents(block, encoder, model)
        return replace(found.compacted(), change=latest)

    def index(self, candidates: Candidates, scanned: int = SCANNED) -> LatentIndex:
        """Return the index of these vectors; the candidates are those of the stored ones."""
        candidates = candidates if self.rows.stored else None
        return LatentIndex(self.rows, self.latent, candidates, scanned)

    def with_documents(
        self, documents: Mapping[int, Document], encoder: TextEncoder, model: SearchModel
    ) -> DocumentVectors:
        """Return them with documents that were added or changed, by their numbers."""
        texts, numbers = list(documents.values()), np.fromiter(documents, np.int64)
        rows, vectors, latent = self.rows.without(numbers), self.vectors, self.latent
        counts: list[IntVector] = []
        for encoded in encoder.documents(texts):
            vectors = vectors.appended(encoded)
        for passages, bounds in latent_vectors(texts, model):
            latent = latent.appended(passages)
            counts.append(np.diff(bounds))
        rows = rows.appended(numbers, np.concatenate(counts))
        return replace(self, rows=rows, vectors=vectors, latent=latent)

    def compacted(self) -> DocumentVectors:
        """Return them without deleted rows in the tail, if these are most of it."""
        if not self.rows.wasted:
            return self
        tail = self.rows.tail
        vectors = self.vectors.with_tail(tail)
        latent = self.latent.with_tail(self.rows.passages(tail)[0])
        return replace(self, rows=self.rows.compacted(), vectors=vectors, latent=latent)

    def _none(self) -> DocumentVectors:
        """Return those of a store without documents."""
        none = np.zeros(0, np.int64)
        return DocumentVectors.of(none, self.vectors.base[:0], self.latent.base[:0], 0)


def latent_vectors(documents: Sequence[Document], model: SearchModel) -> list[Passages]:
    """Encode the passages of documents in the space of search, in blocks."""
    blocks, space = [], model.space
    for start in range(0, len(documents), _DOCUMENTS_AT_ONCE):
        some = documents[start : start + _DOCUMENTS_AT_ONCE]
        texts = [full_text(document) for document in some]
        passages, bounds = split(space.terms.documents(map(model.analyzer.words, texts)))
        pieces = all_pieces(texts, bounds) if space.external else None
        blocks.append((space.documents(passages.counts, pieces), bounds))
    return blocks
