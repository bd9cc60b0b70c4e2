"""Linear encoders: a document is a weighted sum of term vectors, at length 1.

Because they are linear, a score decomposes exactly into what each word of the query shares with
each word of the document. Those of latent semantic analysis are learned by a truncated singular
value decomposition.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.vectors.arrays import row_blocks, unit_rows
from embedsearch.vectors.rounded import RoundedRows
from embedsearch.vectors.sparse import (
    TermStatistics,
    log_counts,
    scaled_columns,
    unit_sparse,
    with_data,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector

LSA, WORDS = "lsa", "words"
# The direction that fewer documents have in common is what they are about.
_FEWEST_DOCUMENTS = 10
# Rounding leaves so much of a vector of length 1 that lies in a direction that is removed.
_ROUNDING = 1e-4
# Sums that are not longer are zeros but for rounding.
_SHORTEST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class LinearEncoder:
    """Term vectors, and how terms weigh."""

    name: str  # in explanations: "lsa-100", "words"
    projection: FloatMatrix | RoundedRows  # `(V, d)`, the vector of each term
    kind: str  # "lsa" weighs the terms of a document by BM25; "words" by 1 + ln(count), times idf
    # `(r, d)`: orthonormal directions that are taken out of every text.
    removed: FloatMatrix = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @property
    def dimension(self) -> int:
        """The number of dimensions, d."""
        return int(self.projection.shape[1])

    def documents(self, counts: Any, statistics: TermStatistics) -> FloatMatrix:
        """Encode documents given as counts `(n, V)`: `(n, d)`, unit rows or zeros."""
        return self.finished(self.sums(counts, statistics))

    def sums(self, counts: Any, statistics: TermStatistics) -> FloatMatrix:
        """Return the weighted sums of the term vectors of documents: `(n, d)`."""
        weights = self.document_weights(counts, statistics)
        if counts.nnz > len(self.projection):
            whole: FloatMatrix = weights @ np.asarray(self.projection)
            return whole
        # For few documents only the rows of their own terms are read, as for queries.
        terms, places = np.unique(weights.indices, return_inverse=True)
        weights = weights.__class__(
            (weights.data, places.ravel(), weights.indptr), shape=(counts.shape[0], len(terms))
        )
        own: FloatMatrix = weights @ self.projection[terms]
        return own

    def queries(self, counts: Any, statistics: TermStatistics) -> FloatMatrix:
        """Encode queries given as counts or weights `(nq, V)`: `(nq, d)`, unit rows or zeros."""
        sums = np.zeros((counts.shape[0], self.dimension), np.float32)
        bounds = counts.indptr.tolist()
        for row, (start, stop) in enumerate(pairwise(bounds)):
            # Only the rows of its own terms are read: the projection may be large, and mapped.
            terms = counts.indices[start:stop]
            sums[row] = (counts.data[start:stop] * statistics.idf[terms]) @ self.projection[terms]
        return self.finished(sums)

    def document_weights(self, counts: Any, statistics: TermStatistics) -> Any:
        """Weigh the terms of documents: sparse, `(n, V)`."""
        if self.kind == LSA:
            return statistics.bm25(counts)
        return scaled_columns(log_counts(counts), statistics.idf)

    def cleared(self, vectors: FloatMatrix) -> FloatMatrix:
        """Remove the directions `removed` from vectors `(n, d)`."""
        if not len(self.removed):
            return vectors
        left: FloatMatrix = vectors - (vectors @ self.removed.T) @ self.removed
        return left

    def scales(self, sums: FloatMatrix) -> FloatVector:
        """Return the factor from each cleared sum of term vectors `(n, d)` to a text's: `(n,)`.

        It is 0 if nothing is left of a sum.
        """
        lengths = np.linalg.norm(sums, axis=1)
        left = np.linalg.norm(self.cleared(sums), axis=1)
        least = _ROUNDING * lengths if len(self.removed) else 0.0
        known = (lengths > _SHORTEST) & (left > least)
        scales: FloatVector = np.divide(1, left, out=np.zeros_like(left), where=known)
        return scales

    def finished(self, sums: FloatMatrix) -> FloatMatrix:
        """Return texts given their sums of term vectors `(n, d)`: unit rows or zeros."""
        vectors = unit_rows(sums, least=_SHORTEST)
        if not len(self.removed):
            return vectors
        return unit_rows(self.cleared(vectors), least=_ROUNDING)

    def first_terms(self, count: int) -> FloatMatrix:
        """Return the vectors of the first terms: `(count, d)`."""
        rows = self.projection
        return rows.first_rows(count) if isinstance(rows, RoundedRows) else rows[:count]

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays for a file, in which the terms' vectors are rounded.

        Those of terms that only one and the same text has are equal but for their length.
        """
        rows = self.projection
        rounded = rows if isinstance(rows, RoundedRows) else RoundedRows.of(rows)
        if rounded.places is None:
            rounded = rounded.distinct()
        return {**rounded.to_tensors(), "removed": self.removed}


def fit_lsa(
    counts: Any, statistics: TermStatistics, ranks: tuple[int, ...], seed: int = 0
) -> list[LinearEncoder]:
    """Learn latent semantic analysis at several ranks, from one decomposition.

    Deerwester et al. 1990, "Indexing by Latent Semantic Analysis", on BM25 weights in rows of
    length 1. Ranks that the collection is too small for are left out, except the lowest, which
    then has fewer dimensions. `ranks` rise; `statistics` are those of all documents.
    """
    weights = unit_sparse(statistics.bm25(counts))
    _, vectors = truncated_svd(weights, ranks[-1], seed)
    found = vectors.shape[1]
    fitting = [rank for rank in ranks if rank <= found] or list(ranks[:1])
    vectors = _as_saved(vectors[:, : fitting[-1]])
    # Lower ranks are the first columns of the highest.
    return [LinearEncoder(f"{LSA}-{rank}", vectors[:, :rank], LSA) for rank in fitting]


def fit_words(counts: Any, statistics: TermStatistics, term_vectors: FloatMatrix) -> LinearEncoder:
    """Make an encoder of word vectors.

    A term without a vector gets the mean of the documents that hold it, as rare words matter
    most in queries (after Khodak et al. 2018, "A La Carte Embedding", without their transform).
    The first singular direction of all documents is removed (Arora, Liang and Ma 2017), unless
    there are fewer than ten. Rows of zeros in `term_vectors` are terms without a vector.
    """
    vectors = unit_rows(term_vectors)
    missing = ~vectors.any(axis=1)
    if missing.any() and not missing.all() and counts.nnz:
        # What all documents share would make all rare words alike.
        plain = LinearEncoder(WORDS, vectors, WORDS).documents(counts, statistics)
        common = unit_rows(plain.mean(axis=0, keepdims=True))
        plain -= (plain @ common.T) @ common
        present = with_data(counts, np.ones_like(counts.data))
        vectors[missing] = unit_rows(present.T.tocsr()[np.flatnonzero(missing)] @ plain)
    vectors = unit_rows(_as_saved(vectors))
    encoder = LinearEncoder(WORDS, vectors, WORDS)
    if counts.shape[0] < _FEWEST_DOCUMENTS:
        return encoder
    _, directions = np.linalg.eigh(gram(encoder.documents(counts, statistics)))
    return replace(encoder, removed=np.ascontiguousarray(directions[:, -1:].T, np.float32))


def _as_saved(vectors: FloatMatrix) -> FloatMatrix:
    """Round the vectors of terms as in a file: documents are encoded now as queries are later."""
    return RoundedRows.of(vectors)[:]


# Smaller singular values, as parts of the largest, are rounding errors in single precision.
_LEAST_VALUE = 1e-4
# Smaller squares, as parts of the largest, are rounding errors in double precision.
_LEAST_SQUARE = 1e-12


def truncated_svd(
    X: Any, rank: int, seed: int = 0, *, oversampling: int = 20, iterations: int = 2
) -> tuple[NDArray[np.float64], FloatMatrix]:
    """Return the largest singular values of a sparse matrix, nearly, and their right vectors.

    By random projection: Halko, Martinsson and Tropp 2011, "Finding Structure with Randomness",
    algorithms 4.4 (subspace iteration) and 5.1. They are `(k,)`, largest first, and `(m, k)`
    float32; k is `rank` at most, and no more than the rank of X `(n, m)` in single precision.
    Singular values that fall slowly need more iterations.
    """
    n, m = X.shape
    rank, width = min(rank, n, m), min(rank + oversampling, n, m)
    basis = X @ np.random.default_rng(seed).standard_normal((m, width), dtype=np.float32)
    if rank == 0 or not basis.any():
        return np.zeros(0), np.zeros((m, 0), np.float32)
    # Orthonormal at each step: powers of float32 would lose all but the largest values.
    for _ in range(iterations):
        basis = X @ (X.T @ _orthonormal(basis))
    image = X.T @ _orthonormal(basis)
    # Of a small matrix, as its left singular vectors are wanted alone; values rise.
    squares, W = np.linalg.eigh(gram(image))
    values = np.sqrt(np.maximum(squares[::-1][:rank], 0))
    values = values[values > _LEAST_VALUE * values.max(initial=0)]
    rotation = W[:, ::-1][:, : len(values)]
    return values, np.ascontiguousarray(image @ (rotation / values).astype(np.float32))


def _orthonormal(Y: FloatMatrix) -> FloatMatrix:
    """Return orthonormal columns that span those of `(n, k)`, less what is rounding error.

    By the eigenvectors of the Gram matrix, twice, as once is not exact enough (as in the
    CholeskyQR2 of Yamamoto et al. 2015). NumPy's QR copies to double precision: for 90,000 rows
    of 320 it takes nearly three times as long, and 770 MB more.
    """
    for _ in range(2):
        squares, U = np.linalg.eigh(gram(Y))
        kept = squares > _LEAST_SQUARE * squares.max(initial=0)
        Y = Y @ (U[:, kept] / np.sqrt(squares[kept])).astype(np.float32)
    return Y


def gram(X: FloatMatrix, origin: FloatVector | float = 0.0) -> NDArray[np.float64]:
    """Return `(X - origin)' (X - origin)`, `(d, d)`, summed in double precision."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for rows in row_blocks(len(X)):
        block = (X[rows] - origin).astype(np.float64)
        total += block.T @ block
    return total
