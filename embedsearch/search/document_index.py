"""The vectors of all documents, brought up to date with the store, and searched.

They are in two segments: those stored, mapped from a file, and a tail that grows. A change in the
store adds rows to the tail and marks rows as deleted; the mapped base is never copied. Each state
is immutable: threads go on with theirs while another thread makes the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.search.latent_space import all_pieces, full_text, products, split
from embedsearch.search.segments import Growing, Segmented
from embedsearch.vectors.arrays import best_first, distinct, places_of, unit_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch._types import Document, FloatMatrix, FloatVector, IntVector
    from embedsearch.index.candidate_index import CandidateIndex
    from embedsearch.search.document_expansion import ExpandedDocuments
    from embedsearch.search.latent_space import Block, TextEncoder
    from embedsearch.search.model import SearchModel
    from embedsearch.store.documents import DocumentStore
    from embedsearch.vectors.rounded import RoundedRows

    Candidates = CandidateIndex | Callable[[], CandidateIndex | None] | None
    """Clusters of vectors, or what opens them when they are first needed."""

SCANNED = 20_000
"""Up to so many passages all are compared; beyond, those that a `CandidateIndex` finds."""

SPARE = 1_000
"""So many deleted rows may stay in a tail, beyond as many as live ones."""

_DOCUMENTS_AT_ONCE = 1_000
# How many times as many passages as neighbours have: a document may have several of the nearest.
_PASSAGES_LOOKED_AT = 2

# Of a mean passage: what is shorter would be near to much by chance; .05 to .2 do as well.
_SHRINK = 0.1
_TINY = 1e-9


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


def passage_means(X: FloatMatrix, bounds: IntVector, blocks: Sequence[Block]) -> FloatMatrix:
    """Return the mean of each document's passages `(p, D)`, in each block at length 1: `(k, D)`."""
    if len(X) == len(bounds) - 1:
        return X
    sums = np.add.reduceat(X, bounds[:-1], axis=0)
    parts = [unit_rows(sums[:, block.columns]) for block in blocks]
    return np.concatenate(parts, axis=1) if parts else sums


@dataclass(frozen=True, slots=True, eq=False)
class PassageVectors:
    """The vectors of the passages of k documents."""

    X: FloatMatrix  # `(p, D)`
    bounds: IntVector  # `(k + 1,)` where those of each document begin and end
    shrink: FloatVector  # `(p,)` by what their scores are multiplied; see `shrinks`

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def scores(self, query: FloatVector) -> FloatVector:
        """Return the greatest score of each document's passages for a query `(D,)`."""
        return best_scores(products(self.X, query) * self.shrink, self.bounds)

    def best(self, query: FloatVector) -> IntVector:
        """Return which passage of each document, from 0, has that score: `(k,)`."""
        if len(self.X) == len(self):
            return np.zeros(len(self), np.int64)
        scores = products(self.X, query) * self.shrink
        parts = [scores[start:stop].argmax() for start, stop in pairwise(self.bounds.tolist())]
        return np.array(parts, np.int64)

    def at(self, places: IntVector) -> tuple[FloatMatrix, FloatVector]:
        """Return one passage of each document, from 0: its vector, times its factor, and that.

        They are `(k, D)` and `(k,)`; inner products with the vectors are scores.
        """
        rows = self.bounds[:-1] + places
        factors: FloatVector = self.shrink[rows]
        return self.X[rows] * factors[:, np.newaxis], factors

    def means(self, blocks: Sequence[Block]) -> FloatMatrix:
        """Return the mean of each document's passages, in each block at length 1: `(k, D)`."""
        return passage_means(self.X, self.bounds, blocks)


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
        if len(numbers) and numbers[-1] - numbers[0] == len(numbers) - 1:
            # Without gaps, as after a build, there is nothing to search in.
            places = wanted - numbers[0]
            known = (places >= 0) & (places < len(numbers))
        else:
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
        return distinct(np.searchsorted(self.bounds, passages, side="right") - 1)

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


def shrinks(lengths: IntVector, mean_length: float) -> FloatVector:
    """Return by what the scores of passages of so many terms are multiplied: `(p,)`.

    It is `length / (length + 0.1 mean length)`: of a few words, a cosine is often high by chance.
    """
    least = _SHRINK * max(mean_length, _TINY)
    factors: FloatVector = (lengths / (lengths + least)).astype(np.float32)
    return factors


class LatentIndex:
    """Finds the documents of which a passage has the largest inner product with a query.

    `X` (p, D) are the passages of the rows. Among more rows than `scanned`, those are compared that
    the candidate index of the base finds. `shrink` `(p,)` are factors of the passages; see
    `shrinks`.
    """

    def __init__(
        self,
        rows: DocumentRows,
        X: Segmented,
        candidates: Candidates = None,
        scanned: int = SCANNED,
        shrink: FloatVector | None = None,
    ) -> None:
        self.rows, self.X, self._given, self.scanned = rows, X, candidates, scanned
        self.shrink = np.ones(len(X), np.float32) if shrink is None else shrink

    @classmethod
    def of(
        cls,
        numbers: IntVector,
        X: FloatMatrix,
        candidates: Candidates = None,
        bounds: IntVector | None = None,
        scanned: int = SCANNED,
        shrink: FloatVector | None = None,
    ) -> LatentIndex:
        """Make the index of n documents, whose passages are `X` (p, D); see `DocumentRows.of`."""
        return cls(DocumentRows.of(numbers, bounds), Segmented(X), candidates, scanned, shrink)

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
        """Return the scores of documents for a query `(D,)`, by their best passages."""
        return self.take(rows).scores(query)

    def take(self, rows: IntVector) -> PassageVectors:
        """Return the passages of some documents."""
        passages, bounds = self.rows.passages(rows)
        return PassageVectors(self.X.take(passages), bounds, self.shrink[passages])

    def nearest(
        self, query: FloatVector, topn: int, allowed: IntVector | None = None
    ) -> tuple[FloatVector, IntVector]:
        """Return inner products and rows of the documents nearest to a query `(D,)`, best first.

        Equal ones are ordered by number. Only among the rows `allowed`, ascending, if given; fewer
        than `topn` only if there are no more.
        """
        return self._best(query, topn, self._candidates(query, topn, allowed))

    def near(self, query: FloatVector, topn: int, allowed: IntVector | None = None) -> IntVector:
        """Return the rows with the greatest scores, otherwise as `nearest`, in no certain order."""
        rows = self._candidates(query, topn, allowed)
        if rows is not None and len(rows) <= topn:
            return rows
        return self._best(query, topn, rows, self.shrink)[1]

    def means(self, blocks: Sequence[Block]) -> FloatMatrix:
        """Return the means of the passages of stored rows in blocks that begin the space."""
        width, bounds = blocks[-1].columns.stop, self.rows.bounds[: self.rows.stored + 1]
        # Rows that lie apart would take twice the time, for each document.
        return np.ascontiguousarray(passage_means(self.X.base_columns(width), bounds, blocks))

    def neighbors(
        self, rows: IntVector, blocks: Sequence[Block], k: int, means: FloatMatrix | None = None
    ) -> tuple[NDArray[np.int32], FloatMatrix]:
        """Return the k stored documents nearest to each of some, and their cosines: `(n, k)` both.

        Those of the means of their passages in some blocks, which begin the space; where the
        candidate index does not say which to compare, `means` has all if they are known. Where
        there are fewer, the row is 0 and the cosine, too. Deleted ones are among them, and later
        ones are not: answers must not depend on what else changed before.
        """
        near = np.zeros((len(rows), k), np.int32)
        cosines = np.zeros(near.shape, np.float32)
        if not blocks:
            return near, cosines
        width = blocks[-1].columns.stop
        own = self.take(rows).means(blocks)[:, :width]
        for place, vector in enumerate(own):
            query = np.zeros(self.X.shape[1], np.float32)
            query[:width] = vector
            if self._candidate_index is not None:
                wanted = _PASSAGES_LOOKED_AT * k * len(self.X.base) // self.rows.stored
                found = self.rows.of_passages(self._candidate_index.search(query, wanted))
                scores = products(self.take(found).means(blocks)[:, :width], vector)
            else:
                means = self.means(blocks) if means is None else means
                found, scores = np.arange(len(means)), products(means, vector)
            best = best_first(scores, self.numbers[found], k)
            near[place, : len(best)] = found[best]
            cosines[place, : len(best)] = scores[best]
        return near, cosines

    def _best(
        self,
        query: FloatVector,
        topn: int,
        rows: IntVector | None,
        shrink: FloatVector | None = None,
    ) -> tuple[FloatVector, IntVector]:
        if rows is None:
            rows = self.rows.alive
            scores = self.X.products(query)
            scores = scores if shrink is None else scores * shrink
            scores = best_scores(scores, self.rows.bounds)[rows]
        else:
            passages, bounds = self.rows.passages(rows)
            scores = products(self.X.take(passages), query)
            scores = scores if shrink is None else scores * shrink[passages]
            scores = best_scores(scores, bounds)
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
    # (p,) factors of their scores, see `shrinks`; None, as in a workspace of an earlier version, if
    # all are 1, later ones too: the spreads of scores were measured so.
    shrink: Growing | None
    expanded: ExpandedDocuments | None  # None in a workspace of an earlier version
    # Of stored documents in the first encoder, to find the neighbours of later ones; None until
    # they are used.
    means: FloatMatrix | None = None

    @classmethod
    def of(
        cls,
        numbers: IntVector,
        vectors: FloatMatrix | RoundedRows,
        latent: FloatMatrix | RoundedRows,
        change: int,
        bounds: IntVector | None = None,
        shrink: FloatVector | None = None,
        expanded: ExpandedDocuments | None = None,
    ) -> DocumentVectors:
        """Make those of n documents, mapped or in memory; see `DocumentRows.of` for `bounds`."""
        rows = DocumentRows.of(numbers, bounds)
        factors = None if shrink is None else Growing(shrink)
        return cls(rows, Segmented(vectors), Segmented(latent), change, factors, expanded)

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
        candidates: Callable[[], CandidateIndex | None] = lambda: None,
    ) -> DocumentVectors:
        """Return the vectors after all later changes; itself if there are none.

        It costs what the changes do, and a byte for each document. If the store is older than
        they are, as it was restored, all are made again. `at_once` documents are encoded at once;
        `candidates` finds their neighbours among many stored ones. Without it each is compared with
        the means of all, which are made once and kept.
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
            found = found.with_documents(block, encoder, model, candidates)
        return replace(found.compacted(), change=latest)

    def index(self, candidates: Candidates, scanned: int = SCANNED) -> LatentIndex:
        """Return the index of these vectors; the candidates are those of the stored ones."""
        candidates = candidates if self.rows.stored else None
        shrink = None if self.shrink is None else self.shrink.rows
        return LatentIndex(self.rows, self.latent, candidates, scanned, shrink)

    def with_documents(
        self,
        documents: Mapping[int, Document],
        encoder: TextEncoder,
        model: SearchModel,
        candidates: Callable[[], CandidateIndex | None] = lambda: None,
    ) -> DocumentVectors:
        """Return them with documents that were added or changed, by their numbers."""
        texts, numbers = list(documents.values()), np.fromiter(documents, np.int64)
        vectors = self.vectors
        for encoded in encoder.documents(texts):
            vectors = vectors.appended(encoded)
        found, start = replace(self, rows=self.rows.without(numbers), vectors=vectors), 0
        for block in latent_vectors(texts, model):
            stop = start + len(block.passages)
            found = found.with_encoded(numbers[start:stop], block, model, candidates)
            start = stop
        return found

    def with_encoded(
        self,
        numbers: IntVector,
        block: EncodedDocuments,
        model: SearchModel,
        candidates: Callable[[], CandidateIndex | None] = lambda: None,
    ) -> DocumentVectors:
        """Return them with documents in rows after these."""
        passages = block.passages
        found = replace(
            self,
            rows=self.rows.appended(numbers, np.diff(passages.bounds)),
            latent=self.latent.appended(passages.X),
            shrink=None if self.shrink is None else self.shrink.appended(passages.shrink),
        )
        if self.expanded is None:
            return found
        rows, blocks = np.arange(self.rows.size, found.rows.size), model.space.blocks[:1]
        clusters, means = candidates() if self.rows.stored else None, self.means
        index = found.index(clusters)
        if clusters is None and blocks and means is None:
            means = index.means(blocks)
        width = self.expanded.neighbors.base.shape[1]
        near, cosines = index.neighbors(rows, blocks, width, means)
        expanded = self.expanded.appended(block.counts, near, cosines)
        return replace(found, expanded=expanded, means=means)

    def compacted(self) -> DocumentVectors:
        """Return them without deleted rows in the tail, if these are most of it."""
        if not self.rows.wasted:
            return self
        tail = self.rows.tail
        vectors = self.vectors.with_tail(tail)
        latent = self.latent.with_tail(self.rows.passages(tail)[0])
        stored = int(self.rows.bounds[self.rows.stored])
        passages = np.concatenate((np.arange(stored), self.rows.passages(tail)[0]))
        return replace(
            self,
            rows=self.rows.compacted(),
            vectors=vectors,
            latent=latent,
            shrink=None if self.shrink is None else Growing(self.shrink.rows[passages]),
            expanded=None if self.expanded is None else self.expanded.with_tail(tail),
        )

    def _none(self) -> DocumentVectors:
        """Return those of a store without documents."""
        none = np.zeros(0, np.int64)
        expanded = None if self.expanded is None else self.expanded.emptied()
        # What is added later is rounded as these are.
        base = self.vectors.alike(self.vectors.base[:0]), self.latent.alike(self.latent.base[:0])
        shrink = None if self.shrink is None else self.shrink.rows[:0]
        return DocumentVectors.of(none, *base, 0, shrink=shrink, expanded=expanded)


class EncodedDocuments(NamedTuple):
    """Documents in the space of search."""

    passages: PassageVectors
    counts: Any  # of their terms: sparse, `(n, V)`


def latent_vectors(documents: Sequence[Document], model: SearchModel) -> list[EncodedDocuments]:
    """Encode documents in the space of search, in blocks."""
    blocks, space = [], model.space
    for start in range(0, len(documents), _DOCUMENTS_AT_ONCE):
        some = documents[start : start + _DOCUMENTS_AT_ONCE]
        texts = [full_text(document) for document in some]
        whole = space.terms.documents(map(model.analyzer.words, texts))
        passages, bounds = split(whole)
        pieces = all_pieces(texts, bounds) if space.external else None
        X = space.documents(passages.counts, pieces)
        shrink = shrinks(np.diff(passages.bounds), space.statistics.mean_length)
        blocks.append(EncodedDocuments(PassageVectors(X, bounds, shrink), whole.counts))
    return blocks
