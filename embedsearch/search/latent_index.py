"""Documents in the latent space, found by a weighted sum of their cosines."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.index.proposing import Proposer

SCANNED = 20_000
"""Up to so many documents all are compared; beyond, those that a `Proposer` proposes."""


class LatentIndex:
    """Finds rows with the largest inner products.

    Args:
        numbers: (n,) the record's numbers of the documents.
        X: (n, D), the documents; may be mapped.
        proposer: Proposes rows of an earlier state of the matrix.
        rows: (m,) where the rows of that state are now, -1 for those that are gone.
    """

    def __init__(
        self,
        numbers: IntVector,
        X: FloatMatrix,
        proposer: Proposer | None = None,
        rows: IntVector | None = None,
    ) -> None:
        self.numbers, self.X = numbers, X
        self._proposer, self._rows = proposer, rows

    def __len__(self) -> int:
        return len(self.numbers)

    def rows_of(self, numbers: IntVector) -> IntVector:
        """Return the row of each document, -1 for those that are not here."""
        if not len(self):
            return np.full(len(numbers), -1)
        places = np.minimum(np.searchsorted(self._sorted, numbers), len(self) - 1)
        rows = self._order[places]
        return np.where(self.numbers[rows] == numbers, rows, -1)

    def scores(self, query: FloatVector, rows: IntVector) -> FloatVector:
        """Return the inner products of a query `(D,)` with rows."""
        found: FloatVector = np.take(self.X, rows, axis=0) @ query
        return found

    def nearest(
        self, query: FloatVector, topn: int, allowed: IntVector | None = None
    ) -> tuple[FloatVector, IntVector]:
        """Find the rows with the largest inner products.

        Args:
            query: (D,).
            topn: How many.
            allowed: Only among these rows, ascending.

        Returns:
            Scores and rows, best first, equal ones by row; less than `topn` only if there are
            no more.
        """
        rows = self._candidates(query, topn, allowed)
        scores = self.X @ query if rows is None else self.scores(query, rows)
        best = _largest(scores, topn)
        return scores[best], best if rows is None else rows[best]

    def _candidates(
        self, query: FloatVector, topn: int, allowed: IntVector | None
    ) -> IntVector | None:
        if self._proposer is None or (allowed is not None and len(allowed) <= SCANNED):
            return allowed
        proposed = self._proposer.propose(query, topn, self._former(allowed))
        rows = proposed if self._rows is None else self._rows[proposed]
        later = np.arange(len(self._proposer) - self._gone, len(self))
        if allowed is not None:
            later = later[np.isin(later, allowed)]
        found = np.concatenate((rows[rows >= 0], later))
        wanted = min(topn, len(self) if allowed is None else len(allowed))
        # Filters and deletions may leave the clusters too poor: then nothing is left out.
        return np.sort(found) if len(found) >= wanted else allowed

    def _former(self, allowed: IntVector | None) -> IntVector | None:
        if allowed is None or self._rows is None:
            return allowed
        return np.flatnonzero(np.isin(self._rows, allowed))

    @cached_property
    def _gone(self) -> int:
        return 0 if self._rows is None else int((self._rows < 0).sum())

    @cached_property
    def _order(self) -> IntVector:
        return np.argsort(self.numbers)

    @cached_property
    def _sorted(self) -> IntVector:
        return self.numbers[self._order]


def _largest(scores: FloatVector, topn: int) -> IntVector:
    if topn < len(scores):
        limit = np.partition(scores, -topn)[-topn]
        rows = np.flatnonzero(scores >= limit)
    else:
        rows = np.arange(len(scores))
    return rows[np.lexsort((rows, -scores[rows]))][:topn]
