"""Scores that do not depend on how a batch was cut, and how far FAISS's may lie from them.

FAISS scores a query in one of several ways, by the size of the batch, and each rounds
differently; for batches it takes Euclidean distances from |x|² + |q|² - 2xq, which loses the
small ones. So FAISS proposes rows, and what is returned is computed here, one way only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 1 << 20
_EPSILON = float(np.finfo(np.float32).eps)


class ExactScorer:
    """Scores rows of a matrix against queries, in float64, rounded to float32 at the end.

    Args:
        X: `(n, d)`, possibly mapped and not aligned.
        metric: Of the scores; under the cosine, `X` and queries have length 1 or 0.
    """

    def __init__(self, X: FloatMatrix, metric: Metric) -> None:
        self._metric = metric
        self._dimension = X.shape[1]
        # Taken as bytes, because NumPy copies the whole of an unaligned array to take rows of it.
        self._bytes = X.view(np.uint8)

    def scores(self, Q: FloatMatrix, rows: IntVector) -> FloatMatrix:
        """Score rows `(nq, k)`, a list for each of the queries `(nq, d)`: `(nq, k)`."""
        nq, k = rows.shape
        step = max(1, _BLOCK // max(1, k * self._dimension))
        if nq <= step and k * self._dimension <= _BLOCK:
            return self._block(Q, rows)
        result = np.empty((nq, k), dtype=np.float32)
        columns = max(1, _BLOCK // self._dimension)
        for top in range(0, nq, step):
            for left in range(0, k, columns):
                place = np.s_[top : top + step, left : left + columns]
                result[place] = self._block(Q[top : top + step], rows[place])
        return result

    def few(self, q: FloatMatrix, rows: IntVector) -> list[float]:
        """Score a few rows `(1, k)` against one query `(1, d)`, as `scores` does."""
        found = self._bytes.take(rows[0], axis=0).view(np.float32)
        if self._metric is Metric.EUCLIDEAN:
            apart = np.subtract(found, q, dtype=np.float64)
            rounded = -np.sqrt(np.square(apart, out=apart).sum(axis=-1)).astype(np.float32)
        else:
            rounded = np.multiply(found, q, dtype=np.float64).sum(axis=-1).astype(np.float32)
        scores: list[float] = rounded.tolist()
        if self._metric is Metric.COSINE:
            return [min(max(score, -1.0), 1.0) for score in scores]
        return scores

    def _block(self, Q: FloatMatrix, rows: IntVector) -> FloatMatrix:
        found = self._bytes.take(rows, axis=0).view(np.float32)
        queries = Q[:, np.newaxis]
        if self._metric is Metric.EUCLIDEAN:
            apart = np.subtract(found, queries, dtype=np.float64)
            scores = -np.sqrt(np.square(apart, out=apart).sum(axis=-1))
        else:
            scores = np.multiply(found, queries, dtype=np.float64).sum(axis=-1)
        if self._metric is Metric.COSINE:
            scores = np.minimum(np.maximum(scores, -1.0), 1.0)
        rounded: FloatMatrix = scores.astype(np.float32)
        return rounded


def faiss_error(
    metric: Metric, dimension: int, query_norms: NDArray[np.float64], longest: float
) -> NDArray[np.float64]:
    """Bound the error of FAISS's float32 scores, whatever the order of its sums: `(nq,)`.

    A sum of d float32 products is off by at most d·u·|q|·|x|, u = 2⁻²⁴ (Higham, "Accuracy and
    Stability of Numerical Algorithms", section 3.1); twice that is allowed for here.

    Args:
        metric: For the Euclidean distance, the bound is on its square.
        dimension: d.
        query_norms: The lengths of the queries, `(nq,)`.
        longest: The length of the longest vector in the index.
    """
    if metric is Metric.EUCLIDEAN:
        return dimension * _EPSILON * (query_norms + longest) ** 2
    return dimension * _EPSILON * longest * query_norms


def best_unseen(
    metric: Metric, last: FloatVector, error: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Bound the score of the rows that FAISS left out, from the last that it returned: `(nq,)`."""
    if metric is Metric.EUCLIDEAN:
        nearest: NDArray[np.float32] = np.sqrt(np.maximum(last - error, 0)).astype(np.float32)
        return -nearest
    best: NDArray[np.float32] = (last + error).astype(np.float32)
    return best


def order(scores: FloatMatrix, rows: IntVector) -> tuple[FloatMatrix, IntVector]:
    """Sort each list by score, best first, and equal scores by row."""
    places = np.lexsort((rows, -scores))
    lists = np.arange(len(rows))[:, np.newaxis]
    return scores[lists, places], rows[lists, places]
