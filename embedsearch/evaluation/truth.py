"""Exact search, to hold the answers of an index against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.evaluation.neighbors import nearest
from embedsearch.index.vector_index import VectorIndex

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, IntVector, Metric


class Truth:
    """Knows the nearest of all vectors.

    Args:
        X: `(n, d)`.
        metric: How nearness is measured.
    """

    def __init__(self, X: FloatMatrix, metric: Metric) -> None:
        self._exact = VectorIndex.build(X, metric, "flat")

    def recall(self, index: VectorIndex, Q: FloatMatrix, own: IntVector | None, k: int) -> float:
        """Return the mean share of the k nearest that an index finds.

        A row that was found counts if its exact score is no lower than that of the k-th nearest.

        Args:
            index: Holds the same vectors.
            Q: Queries `(nq, d)`.
            own: For each query the row that it is itself and that does not count, or None.
            k: At most as many as there are rows that count.
        """
        scores, wanted = nearest(self._exact, Q, own, k)
        found = nearest(index, Q, own, k)[1]
        right = 0
        for i in range(len(Q)):
            known = np.isin(found[i], wanted[i])
            others = found[i, ~known & (found[i] >= 0)]
            right += int(known.sum()) + self._ties(Q[i : i + 1], others, scores[i, -1])
        return right / wanted.size

    def _ties(self, q: FloatMatrix, rows: IntVector, border: np.float32) -> int:
        """Count rows that score as high as the border for one query `(1, d)`."""
        if not len(rows):
            return 0
        scores, _ = self._exact.search(q, len(rows), allowed=rows)
        return int((scores >= border).sum())
