"""Documents in the latent space, found by a weighted sum of their cosines.

A long document is as near to a query as its nearest passage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.search.passages import PassageVectors, best_scores
from embedsearch.search.segments import DocumentRows, Segmented

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.index.candidate_index import CandidateIndex

SCANNED = 20_000
"""Up to so many passages all are compared; beyond, those that a `Proposer` proposes."""


class LatentIndex:
    """Finds documents whose passages have the largest inner products.

    Args:
        rows: Which rows the documents have.
        X: (p, D), the passages of the rows.
        proposer: Proposes passages of the base.
    """

    def __init__(
        self, rows: DocumentRows, X: Segmented, proposer: CandidateIndex | None = None
    ) -> None:
        self.rows, self.X, self._proposer = rows, X, proposer

    @classmethod
    def of(
        cls,
        numbers: IntVector,
        X: FloatMatrix,
        proposer: CandidateIndex | None = None,
        owners: IntVector | None = None,
    ) -> LatentIndex:
        """Make the index of n documents, mapped or in memory.

        Args:
            numbers: (n,) the record's numbers of the documents.
            X: (p, D), their passages.
            proposer: Proposes passages.
            owners: (n + 1,) where the passages of each document begin and end; None where each
                has one.
        """
        return cls(DocumentRows.of(numbers, owners), Segmented(X), proposer)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def numbers(self) -> IntVector:
        """(r,) the number of the document of each row; rows may be dead."""
        return self.rows.numbers

    def rows_of(self, numbers: IntVector) -> IntVector:
        """Return the row of each document, -1 for those that are not here."""
        return self.rows.find(numbers)

    def scores(self, query: FloatVector, rows: IntVector) -> FloatVector:
        """Return the inner products of a query `(D,)` with documents, by their best passages."""
        return self.take(rows).scores(query)

    def take(self, rows: IntVector) -> PassageVectors:
        """Return the passages of some documents."""
        passages, bounds = self.rows.passages(rows)
        return PassageVectors(self.X.take(passages), bounds)

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
            rows = self.rows.alive
            scores = best_scores(self.X.products(query), self.rows.bounds)[rows]
        else:
            scores = self.scores(query, rows)
        best = _largest(scores, self.numbers[rows], topn)
        return scores[best], rows[best]

    def _candidates(
        self, query: FloatVector, topn: int, allowed: IntVector | None
    ) -> IntVector | None:
        if self._proposer is None or (allowed is not None and len(allowed) <= SCANNED):
            return allowed
        found = self._proposed(self._proposer, query, topn, allowed)
        if found is None:
            return allowed
        later = self.rows.later
        if allowed is not None:
            later = allowed[np.searchsorted(allowed, self.rows.stored) :]
        return np.concatenate((found, later))

    def _proposed(
        self, proposer: CandidateIndex, query: FloatVector, topn: int, allowed: IntVector | None
    ) -> IntVector | None:
        """Return `topn` rows of the base, or all; None if the proposer knows too few."""
        former, live = None, self.rows.live
        if allowed is not None:
            of_base = allowed[: np.searchsorted(allowed, self.rows.stored)]
            former = self.rows.passages(of_base)[0]
        there = len(proposer) if former is None else len(former)
        wanted = -(-topn * len(self.X) // max(self.rows.size, 1))
        while True:
            proposed = proposer.propose(query, wanted, former)
            # Documents may have several of the passages that are nearest, or be gone.
            rows = self.rows.owners(proposed)
            rows = rows if live is None else rows[live[rows]]
            if len(rows) >= topn or len(proposed) >= there:
                return rows
            if len(proposed) < wanted:
                # A filter may leave the clusters near the query too poor: then compare all.
                return None
            wanted *= 2


def _largest(scores: FloatVector, numbers: IntVector, topn: int) -> IntVector:
    if topn < len(scores):
        limit = np.partition(scores, -topn)[-topn]
        rows = np.flatnonzero(scores >= limit)
    else:
        rows = np.arange(len(scores))
    return rows[np.lexsort((numbers[rows], -scores[rows]))][:topn]
