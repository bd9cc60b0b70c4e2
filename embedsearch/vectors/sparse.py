"""Documents as sparse rows of term weights, and the weights of BM25."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedsearch._types import FloatVector, IntVector

# The defaults of Lucene and tantivy.
K1, B = 1.2, 0.75
_GUESSED_LENGTH = 100.0
# Of a mean length or a share of documents: 0 must not divide.
_TINY = 1e-9


def length_norm(length: Any, mean_length: float) -> Any:
    """Return k1 (1 - b + b length / mean length) of BM25, for one document or an array of them."""
    return K1 * (1 - B + B * length / max(mean_length, _TINY))


def saturated(frequency: Any, norm: Any) -> Any:
    """Return what BM25 multiplies the idf by: f (k1 + 1) / (f + norm), norm by `length_norm`."""
    return frequency * (K1 + 1) / (frequency + norm)


def count_matrix(terms: NDArray[np.integer[Any]], bounds: IntVector, size: int) -> Any:
    """Count the terms of documents: a `scipy.sparse.csr_matrix`, `(n, V)` float32.

    `bounds` `(n + 1,)` cut `terms` into documents.
    """
    from scipy.sparse import csr_matrix

    ones = np.ones(len(terms), np.float32)
    # It is sorted and shortened in place: the caller's terms must stay as they are.
    counts = csr_matrix((ones, terms.copy(), bounds.copy()), shape=(len(bounds) - 1, size))
    counts.sum_duplicates()
    return counts


@dataclass(frozen=True, slots=True, eq=False)
class TermStatistics:
    """What BM25 needs of a collection.

    Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", with
    k1 = 1.2 and b = 0.75, and idf = ln(1 + (n - df + ½) / (df + ½)).
    """

    idf: FloatVector
    mean_length: float

    @classmethod
    def of(cls, counts: Any) -> TermStatistics:
        """Compute them from counts `(n, V)`."""
        n, size = counts.shape
        df = np.bincount(counts.indices, minlength=size)
        idf = np.log1p((n - df + 0.5) / (df + 0.5)).astype(np.float32)
        return cls(idf, float(counts.sum()) / max(n, 1))

    @classmethod
    def guessed(cls, occurrences: IntVector) -> TermStatistics:
        """Estimate them from how often terms `(V,)` occur in a language, without documents.

        A document is assumed to have 100 terms, drawn at random.
        """
        shares = occurrences / max(int(occurrences.sum()), 1)
        holding = np.maximum(-np.expm1(-_GUESSED_LENGTH * shares), _TINY)
        idf = np.log1p((1 - holding) / holding)
        return cls(idf.astype(np.float32), _GUESSED_LENGTH)

    def of_parts(self, parts: float) -> TermStatistics:
        """Return the statistics of documents that are cut into so many parts, on average."""
        return TermStatistics(self.idf, self.mean_length / max(parts, 1.0))

    def bm25(self, counts: Any) -> Any:
        """Weigh counts `(n, V)` by BM25: sparse, `(n, V)` float32."""
        lengths = np.asarray(counts.sum(axis=1)).ravel()
        norms = length_norm(lengths, self.mean_length).astype(np.float32)
        frequencies = saturated(counts.data, np.repeat(norms, np.diff(counts.indptr)))
        return scaled_columns(with_data(counts, frequencies), self.idf)

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the statistics for a file."""
        return {"idf": self.idf, "mean_length": np.array([self.mean_length], np.float64)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> TermStatistics:
        """Restore the statistics from a file."""
        return cls(tensors["idf"], float(tensors["mean_length"][0]))


def log_counts(counts: Any) -> Any:
    """Dampen counts `(n, V)`: 1 + ln(count)."""
    return with_data(counts, 1 + np.log(counts.data))


def scaled_columns(matrix: Any, weights: FloatVector) -> Any:
    """Multiply each column of a sparse matrix `(n, V)` by a weight `(V,)`."""
    return with_data(matrix, matrix.data * weights[matrix.indices])


def unit_sparse(matrix: Any) -> Any:
    """Scale the rows of a sparse matrix to length 1; empty rows stay empty."""
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    factors = (1 / np.where(norms == 0, 1, norms)).astype(np.float32)
    return with_data(matrix, matrix.data * np.repeat(factors, np.diff(matrix.indptr)))


def with_data(matrix: Any, data: NDArray[Any]) -> Any:
    """Return a sparse matrix with other values in the places of this one's."""
    other = matrix.copy()
    other.data = data
    return other
