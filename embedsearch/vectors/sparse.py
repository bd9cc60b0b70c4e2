"""Documents as sparse rows of term weights, and what BM25 makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedsearch._types import FloatVector, IntVector

K1, B = 1.2, 0.75
_GUESSED_LENGTH = 100.0


def count_matrix(terms: NDArray[np.integer[Any]], bounds: IntVector, size: int) -> Any:
    """Count the terms of documents.

    Args:
        terms: The terms of all documents, one document after the other.
        bounds: `(n + 1,)` where each document begins and ends in `terms`.
        size: How many terms there are, V.

    Returns:
        A `scipy.sparse.csr_matrix`, `(n, V)` float32.
    """
    from scipy.sparse import csr_matrix

    ones = np.ones(len(terms), np.float32)
    # It is sorted and shortened in place: the caller's terms must stay as they are.
    counts = csr_matrix((ones, terms.copy(), bounds.copy()), shape=(len(bounds) - 1, size))
    counts.sum_duplicates()
    return counts


@dataclass(frozen=True, slots=True, eq=False)
class TermStatistics:
    """What BM25 needs to know of a collection.

    Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", with
    k1 = 1.2 and b = 0.75, and idf = ln(1 + (n - df + ½) / (df + ½)).

    Attributes:
        idf: `(V,)` float32.
        mean_length: Terms in a document, on average.
    """

    idf: FloatVector
    mean_length: float

    @classmethod
    def of(cls, counts: Any) -> TermStatistics:
        """Take them from counts `(n, V)`."""
        n, size = counts.shape
        df = np.bincount(counts.indices, minlength=size)
        idf = np.log1p((n - df + 0.5) / (df + 0.5)).astype(np.float32)
        return cls(idf, float(counts.sum()) / max(n, 1))

    @classmethod
    def guessed(cls, occurrences: IntVector) -> TermStatistics:
        """Guess them from how often terms `(V,)` occur in a language, before there are documents.

        Documents are taken to have 100 terms, drawn at random.
        """
        shares = occurrences / max(int(occurrences.sum()), 1)
        holding = np.maximum(-np.expm1(-_GUESSED_LENGTH * shares), 1e-9)
        idf = np.log1p((1 - holding) / holding)
        return cls(idf.astype(np.float32), _GUESSED_LENGTH)

    def of_parts(self, parts: float) -> TermStatistics:
        """Return what holds where each document is cut into so many parts, on average."""
        return TermStatistics(self.idf, self.mean_length / max(parts, 1.0))

    def saturated(self, counts: Any) -> Any:
        """Weigh counts `(n, V)` by BM25 without idf: sparse, `(n, V)` float32."""
        lengths = np.asarray(counts.sum(axis=1), np.float32).ravel()
        norms = length_norms(lengths, self.mean_length)
        weights = counts.copy()
        weights.data = saturated(counts.data, np.repeat(norms, np.diff(counts.indptr)))
        return weights

    def bm25(self, counts: Any) -> Any:
        """Weigh counts `(n, V)` by BM25: sparse, `(n, V)` float32."""
        return scaled_columns(self.saturated(counts), self.idf)

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the statistics for a file."""
        return {"idf": self.idf, "mean_length": np.array([self.mean_length], np.float64)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> TermStatistics:
        """Restore what `to_tensors` gave."""
        return cls(tensors["idf"], float(tensors["mean_length"][0]))


def length_norms(lengths: Any, mean_length: float) -> Any:
    """Return what BM25 adds to the counts in texts of these lengths: a number, or an array."""
    return K1 * (1 - B + B * lengths / max(mean_length, 1e-9))


def saturated(counts: Any, norms: Any) -> Any:
    """Weigh counts, a number or an array, by BM25 without idf; `norms` are `length_norms`."""
    return counts * (K1 + 1) / (counts + norms)


def log_counts(counts: Any) -> Any:
    """Dampen counts `(n, V)`: 1 + ln(count)."""
    dampened = counts.copy()
    dampened.data = 1 + np.log(counts.data)
    return dampened


def scaled_columns(matrix: Any, weights: FloatVector) -> Any:
    """Multiply each column of a sparse matrix `(n, V)` by a weight `(V,)`."""
    scaled = matrix.copy()
    scaled.data = matrix.data * weights[matrix.indices]
    return scaled


def unit_sparse(matrix: Any) -> Any:
    """Scale the rows of a sparse matrix to length 1; empty rows stay empty."""
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scaled = matrix.copy()
    factors = (1 / np.where(norms == 0, 1, norms)).astype(np.float32)
    scaled.data = matrix.data * np.repeat(factors, np.diff(matrix.indptr))
    return scaled
