"""Documents in the latent space, found by a weighted sum of their cosines."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
        return products(np.take(self.X, rows, axis=0), query)

    def nearest(
        self, query: FloatVector, topn: int, allowed: IntVector | None = None
    ) -> tuple[FloatVector, IntVector]:
        """Find the rows with the largest inner products.

        Args:
            query: (D,).
            topn: How many.
            allowed: Only among these rows, ascending.

        Returns:
            Scores and rows, best first, equal ones by number; less than `topn` only if there
            are no more.
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
        scores = products(self.X, query) if rows is None else self.scores(query, rows)
        best = _largest(scores, self.numbers if rows is None else self.numbers[rows], topn)
        return scores[best], best if rows is None else rows[best]

    def _candidates(
        self, query: FloatVector, topn: int, allowed: IntVector | None
    ) -> IntVector | None:
        if self._proposer is None or (allowed is not None and len(allowed) <= SCANNED):
            return allowed
        mask = None if allowed is None else self._mask(allowed)
        former = self._former(mask)
        proposed = self._proposer.propose(query, topn, former)
        there = len(self._proposer) if former is None else len(former)
        if len(proposed) < min(topn, there):
            # A filter may leave the clusters near the query too poor: then all are compared.
            return allowed
        rows = proposed if self._rows is None else self._rows[proposed]
        later = self._later if mask is None else self._later[mask[self._later]]
        return np.sort(np.concatenate((rows, later)))

    def _former(self, mask: NDArray[np.bool_] | None) -> IntVector | None:
        """Return which rows of the proposer's state are still there, and allowed."""
        if mask is None:
            return self._kept if self._rows is not None else None
        if self._rows is None:
            return np.flatnonzero(mask[: len(self._proposer or ())])
        return self._kept[mask[self._rows[self._kept]]]

    def _mask(self, rows: IntVector) -> NDArray[np.bool_]:
        mask = np.zeros(len(self), bool)
        mask[rows] = True
        return mask

    @cached_property
    def _kept(self) -> IntVector:
        return np.flatnonzero(self._rows >= 0 if self._rows is not None else ())

    @cached_property
    def _later(self) -> IntVector:
        """The rows that the proposer does not have."""
        if self._rows is None:
            return np.arange(len(self._proposer or ()), len(self))
        return np.flatnonzero(~self._mask(self._rows[self._kept]))

    @cached_property
    def _order(self) -> IntVector:
        return np.argsort(self.numbers)

    @cached_property
    def _sorted(self) -> IntVector:
        return self.numbers[self._order]


def products(X: FloatMatrix, query: FloatVector) -> FloatVector:
    """Return the inner products of rows `(n, d)` with a query `(d,)`."""
    # BLAS would start threads for it, which costs more than the products where all are busy.
    found: FloatVector = np.einsum("ij,j->i", X, query)
    return found


def _largest(scores: FloatVector, numbers: IntVector, topn: int) -> IntVector:
    if topn < len(scores):
        limit = np.partition(scores, -topn)[-topn]
        rows = np.flatnonzero(scores >= limit)
    else:
        rows = np.arange(len(scores))
    return rows[np.lexsort((numbers[rows], -scores[rows]))][:topn]
