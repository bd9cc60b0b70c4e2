"""Documents expanded by the words of those nearest to them, so that these find them as well.

To the frequency of a term in a document is added what its length lets expect by the neighbours:
`tf + dl · Σ wᵢ (tfᵢ / dlᵢ) / Σ wᵢ` over the 20 documents i nearest in latent space (a tenth of
all, if there are fewer than 200), wᵢ being the cosine squared (after Tao, Wang, Mei and Zhai 2006,
"Language Model Information Retrieval with Document Expansion"). It is computed for the candidates
of a query and for its terms alone: what is stored are the postings, and the neighbours of each
document.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.search.segments import Growing, Segmented
from embedsearch.vectors.arrays import narrowed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector

# How many documents expand one; 10 to 60 find nearly as much. Of few documents, in which the others
# would be neighbours of all, a tenth: of 20 that gains 0.01 in nDCG@10.
_NEIGHBORS, _SHARE = 20, 10
# Weights that add up to less belong to a document without neighbours.
_TINY = 1e-9
_MOST = np.iinfo(np.uint16).max
_NONE = np.zeros((0, 3), np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class ExpandedDocuments:
    """The words of all documents and their neighbours, by row; each state is immutable."""

    # Of each of V terms the rows of the documents that have it, and how often: those of term t are
    # `rows[bounds[t] : bounds[t + 1]]`.
    bounds: IntVector
    rows: IntVector
    counts: IntVector
    neighbors: Segmented  # `(r, k)` whole numbers
    weights: Segmented  # `(r, k)` float16: cosines squared; 0 for those that are not there
    lengths: Growing  # `(r,)` int32: their terms
    later: Growing  # `(t, 3)` int32: term, row and count in documents that came later

    @classmethod
    def of(
        cls, counts: Any, neighbors: NDArray[np.int32], cosines: FloatMatrix
    ) -> ExpandedDocuments:
        """Make those of n documents, given as counts `(n, V)`, with k neighbours of each."""
        by_term = counts.tocsc()
        by_term.sort_indices()
        frequencies = np.minimum(by_term.data, _MOST).astype(np.uint16)
        return cls(
            by_term.indptr.astype(np.int64),
            by_term.indices.astype(np.int32),
            frequencies,
            Segmented(neighbors),
            Segmented(_squared(cosines)),
            Growing(_lengths(counts)),
            Growing(_NONE),
        )

    def __len__(self) -> int:
        return len(self.neighbors)

    def frequencies(
        self,
        terms: Sequence[int],
        rows: IntVector,
        live: NDArray[np.bool_] | None = None,
    ) -> FloatMatrix:
        """Return the expanded frequencies of q terms in k documents: `(k, q)`.

        Documents that are not `live` `(r,)` expand no others.
        """
        lengths = self.lengths.rows
        near = self._neighbors(rows).astype(np.int64)
        weights = self._weights(rows).astype(np.float32)
        if live is not None:
            weights *= live[near]
        weights /= np.maximum(weights.sum(axis=1, keepdims=True), _TINY)
        shares = np.zeros(len(self), np.float32)
        found = np.empty((len(rows), len(terms)), np.float32)
        for column, term in enumerate(terms):
            holding, counts = self._postings(term)
            shares[holding] = counts / lengths[holding]
            expected = np.einsum("ij,ij->i", np.take(shares, near), weights)
            found[:, column] = (shares[rows] + expected) * lengths[rows]
            shares[holding] = 0
        return found

    # What a file has is checked when it is used: to read all of it would take long.
    def _neighbors(self, rows: IntVector) -> NDArray[Any]:
        return _of_documents(self.neighbors.take(rows), len(self))

    def _weights(self, rows: IntVector) -> NDArray[np.float16]:
        weights: NDArray[np.float16] = self.weights.take(rows)
        if not np.isfinite(weights).all():
            raise _damage("weights of neighbours that are no numbers")
        return weights

    def _postings(self, term: int) -> tuple[IntVector, NDArray[Any]]:
        start, stop = self.bounds[term : term + 2].tolist()
        rows = _of_documents(self.rows[start:stop], len(self)).astype(np.int64)
        counts = self.counts[start:stop]
        later = self.later.rows
        if not len(later):
            return rows, counts
        own = later[later[:, 0] == term]
        return np.concatenate((rows, own[:, 1])), np.concatenate((counts, own[:, 2]))

    def appended(
        self, counts: Any, neighbors: NDArray[np.int32], cosines: FloatMatrix
    ) -> ExpandedDocuments:
        """Return them with documents, given as counts `(m, V)`, in rows after these.

        Their neighbours are rows of the base.
        """
        own = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr)) + len(self)
        later = np.stack((counts.indices, own, counts.data), axis=1).astype(np.int32)
        return replace(
            self,
            neighbors=self.neighbors.appended(neighbors),
            weights=self.weights.appended(_squared(cosines)),
            lengths=self.lengths.appended(_lengths(counts)),
            later=self.later.appended(later),
        )

    def with_tail(self, tail: IntVector) -> ExpandedDocuments:
        """Return them with these rows alone after those of the base."""
        stored = len(self.neighbors.base)
        places = np.full(len(self), -1)
        places[:stored] = np.arange(stored)
        places[tail] = stored + np.arange(len(tail))
        later = self.later.rows
        later = later[places[later[:, 1]] >= 0]
        later[:, 1] = places[later[:, 1]]
        lengths = self.lengths.rows
        return replace(
            self,
            # They are rows of the base, which stay.
            neighbors=self.neighbors.with_tail(tail),
            weights=self.weights.with_tail(tail),
            lengths=Growing(np.concatenate((lengths[:stored], lengths[tail]))),
            later=Growing(later),
        )

    def emptied(self) -> ExpandedDocuments:
        """Return those of no documents, of the same terms."""
        return ExpandedDocuments(
            np.zeros_like(self.bounds),
            self.rows[:0],
            self.counts[:0],
            Segmented(self.neighbors.base[:0]),
            Segmented(self.weights.base[:0]),
            Growing(self.lengths.rows[:0]),
            Growing(_NONE),
        )

    def to_tensors(self, rows: IntVector) -> dict[str, NDArray[Any]]:
        """Return the arrays for a file, of these rows in this order."""
        size = len(self.bounds) - 1
        if not len(self.later.rows) and np.array_equal(rows, np.arange(len(self))):
            return self._as_stored()
        places = np.full(len(self), -1)
        places[rows] = np.arange(len(rows))
        terms = np.repeat(np.arange(size), np.diff(self.bounds))
        later = self.later.rows
        terms = np.concatenate((terms, later[:, 0]))
        owners = places[np.concatenate((_of_documents(self.rows, len(self)), later[:, 1]))]
        counts = np.concatenate((self.counts, np.minimum(later[:, 2], _MOST).astype(np.uint16)))
        order = np.lexsort((owners, terms))
        order = order[owners[order] >= 0]
        near, weights = places[self._neighbors(rows)], self._weights(rows)
        weights[near < 0] = 0
        merged = ExpandedDocuments(
            np.searchsorted(terms[order], np.arange(size + 1)),
            owners[order].astype(np.int32),
            counts[order],
            Segmented(np.maximum(near, 0).astype(np.int32)),
            Segmented(weights),
            Growing(self.lengths.rows[rows]),
            Growing(_NONE),
        )
        return merged._as_stored()

    def _as_stored(self) -> dict[str, NDArray[Any]]:
        return {
            "postings.bounds": narrowed(self.bounds),
            "postings.rows": narrowed(self.rows),
            "postings.counts": narrowed(self.counts),
            "lengths": self.lengths.rows,
            # Later documents may have any of them for a neighbour.
            "neighbors": narrowed(np.asarray(self.neighbors.base), len(self)),
            "neighbors.weights": np.asarray(self.weights.base),
        }

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, NDArray[Any]], documents: int, terms: int
    ) -> ExpandedDocuments | None:
        """Restore them from a file; None if that is of a version that had none."""
        if "neighbors" not in tensors:
            return None
        bounds, rows = tensors["postings.bounds"], tensors["postings.rows"]
        counts, near = tensors["postings.counts"], tensors["neighbors"]
        weights, lengths = tensors["neighbors.weights"], tensors["lengths"]
        sound = bounds.shape == (terms + 1,) and bounds[-1] == len(rows) == len(counts)
        sound = sound and bounds[0] == 0 and bool((bounds[1:] >= bounds[:-1]).all())
        sound = sound and near.ndim == 2 and near.shape == weights.shape
        if not sound or not len(near) == len(lengths) == documents:
            raise VectorError("damaged: postings and neighbours are not those of the documents")
        graph = Segmented(near), Segmented(weights)
        return cls(bounds, rows, counts, *graph, Growing(lengths), Growing(_NONE))


def neighbors_of(documents: int) -> int:
    """Return how many documents expand each of so many."""
    return max(1, min(_NEIGHBORS, documents // _SHARE))


def _of_documents(rows: NDArray[Any], documents: int) -> NDArray[Any]:
    """Return rows that a file has; `VectorError` unless there are such documents."""
    if rows.size and (rows.min() < 0 or rows.max() >= documents):
        raise _damage("postings or neighbours of documents that are not there")
    return rows


def _damage(what: str) -> VectorError:
    return VectorError(
        f"the vectors of documents are damaged: {what}; "
        "run `embedsearch verify`, then `embedsearch repair`"
    )


def _lengths(counts: Any) -> NDArray[np.int32]:
    return np.asarray(counts.sum(axis=1)).ravel().astype(np.int32)


def _squared(cosines: FloatMatrix) -> NDArray[np.float16]:
    """Return the weights of neighbours of these cosines; less than 0 counts as 0."""
    return np.square(np.maximum(cosines, 0)).astype(np.float16)
