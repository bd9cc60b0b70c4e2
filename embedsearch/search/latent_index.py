"""Documents in the latent space, found by a weighted sum of their cosines.

A long document is as near to a query as its nearest passage.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from embedsearch.search.passages import PassageVectors, best_scores, passages_of, products

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.index.proposing import Proposer

SCANNED = 20_000
"""Up to so many passages all are compared; beyond, those that a `Proposer` proposes."""


class LatentIndex:
    """Finds documents whose passages have the largest inner products.

    Args:
        numbers: (n,) the record's numbers of the documents; a document's place is its row.
        X: (p, D), their passages; may be mapped.
        proposer: Proposes passages of an earlier state of the matrix.
        places: (m,) where the passages of that state are now, -1 for those that are gone.
        owners: (n + 1,) where the passages of each document begin and end; None where each has
            one.
    """

    def __init__(
        self,
        numbers: IntVector,
        X: FloatMatrix,
        proposer: Proposer | None = None,
        places: IntVector | None = None,
        owners: IntVector | None = None,
    ) -> None:
        self.numbers, self.X = numbers, X
        self.owners = np.arange(len(numbers) + 1) if owners is None else owners
        self._proposer, self._places = proposer, places

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
        """Return the inner products of a query `(D,)` with documents, by their best passages."""
        return self.take(rows).scores(query)

    def take(self, rows: IntVector) -> PassageVectors:
        """Return the passages of some documents."""
        if len(self.X) == len(self):
            return PassageVectors(np.take(self.X, rows, axis=0), np.arange(len(rows) + 1))
        passages, bounds = passages_of(rows, self.owners)
        return PassageVectors(np.take(self.X, passages, axis=0), bounds)

    def nearest(
        self, query: FloatVector, topn: int, allowed: IntVector | None = None
    ) -> tuple[FloatVector, IntVector]:
        """Find the documents with the largest inner products.

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
        if rows is None:
            scores = best_scores(products(self.X, query), self.owners)
        else:
            scores = self.scores(query, rows)
        best = _largest(scores, self.numbers if rows is None else self.numbers[rows], topn)
        return scores[best], best if rows is None else rows[best]

    def _candidates(
        self, query: FloatVector, topn: int, allowed: IntVector | None
    ) -> IntVector | None:
        if self._proposer is None or (allowed is not None and len(allowed) <= SCANNED):
            return allowed
        mask = None if allowed is None else self._mask(self._passages(allowed))
        now = self._proposed(self._proposer, query, topn, self._former(mask))
        if now is None:
            return allowed
        later = self._later if mask is None else self._later[mask[self._later]]
        return self._owners_of(np.concatenate((now, later)))

    def _proposed(
        self, proposer: Proposer, query: FloatVector, topn: int, former: IntVector | None
    ) -> IntVector | None:
        """Return passages of `topn` documents, or all; None if the proposer knows too few."""
        there = len(proposer) if former is None else len(former)
        wanted = -(-topn * len(self.X) // max(len(self), 1))
        while True:
            proposed = proposer.propose(query, wanted, former)
            now = proposed if self._places is None else self._places[proposed]
            # Documents may have several of the passages that are nearest.
            if len(self._owners_of(now)) >= topn or len(proposed) >= there:
                return now
            if len(proposed) < wanted:
                # A filter may leave the clusters near the query too poor: then compare all.
                return None
            wanted *= 2

    def _former(self, mask: NDArray[np.bool_] | None) -> IntVector | None:
        """Return which passages of the proposer's state are still there, and allowed."""
        if mask is None:
            return self._kept if self._places is not None else None
        if self._places is None:
            return np.flatnonzero(mask[: len(self._proposer or ())])
        return self._kept[mask[self._places[self._kept]]]

    def _passages(self, rows: IntVector) -> IntVector:
        return rows if len(self.X) == len(self) else passages_of(rows, self.owners)[0]

    def _owners_of(self, passages: IntVector) -> IntVector:
        """Return the documents that passages are of, ascending, each once."""
        if len(self.X) == len(self):
            return np.sort(passages)
        return np.unique(self._owner[passages])

    @cached_property
    def _owner(self) -> IntVector:
        return np.repeat(np.arange(len(self)), np.diff(self.owners))

    def _mask(self, passages: IntVector) -> NDArray[np.bool_]:
        mask = np.zeros(len(self.X), bool)
        mask[passages] = True
        return mask

    @cached_property
    def _kept(self) -> IntVector:
        return np.flatnonzero(self._places >= 0 if self._places is not None else ())

    @cached_property
    def _later(self) -> IntVector:
        """The passages that the proposer does not have."""
        if self._places is None:
            return np.arange(len(self._proposer or ()), len(self.X))
        return np.flatnonzero(~self._mask(self._places[self._kept]))

    @cached_property
    def _order(self) -> IntVector:
        return np.argsort(self.numbers)

    @cached_property
    def _sorted(self) -> IntVector:
        return self.numbers[self._order]


def _largest(scores: FloatVector, numbers: IntVector, topn: int) -> IntVector:
    if topn < len(scores):
        limit = np.partition(scores, -topn)[-topn]
        rows = np.flatnonzero(scores >= limit)
    else:
        rows = np.arange(len(scores))
    return rows[np.lexsort((numbers[rows], -scores[rows]))][:topn]
