"""Reciprocal rank fusion: documents by their places in several lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._types import Part
from embedsearch.search.passages import best_scores, products

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.index.lexical import LexicalQuery
    from embedsearch.search.hybrid import HybridSearch
    from embedsearch.search.passages import PassageVectors
    from embedsearch.search.space import Block

SMOOTHING = 60
"""What is added to every rank, so that the first places do not decide alone."""

BM25 = "BM25"
"""The name of the list of the lexical index."""

# Equal documents may differ by the order in which float32 was added up.
_ALIKE = 2e-6
# The cosine of texts that have nothing in common may be a rounding error.
_NOTHING = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class RankedLists:
    """Documents in L lists, of which each has some.

    A document's score is the sum of `1 / (60 + rank)` over the lists that have it (Cormack,
    Clarke and Büttcher 2009). Its rank in a list is 1 and the number of documents with greater
    scores; scores that differ by less than two millionths, of themselves if they are above 1, are
    equal.

    Attributes:
        names: Of the lists: "BM25", and the encoders.
        numbers: (m,) of the documents.
        scores: (L, m) theirs in each list, BM25 or cosines; a list has those above 0.
        query: (D,) the query in the space; 0 for encoders that tell no documents apart.
    """

    names: tuple[str, ...]
    numbers: IntVector
    scores: FloatMatrix
    query: FloatVector

    def ranks(self, scores: FloatMatrix | None = None) -> IntVector:
        """Return the ranks of documents from 1, 0 where a list has not got one: `(L, k)`.

        Args:
            scores: `(L, k)` of other documents, as if each alone came to those there are; None
                for the ranks of these.
        """
        scores = (self.scores if scores is None else scores).astype(np.float64)
        ranks = np.zeros(scores.shape, np.int64)
        for place, (own, listed) in enumerate(zip(scores, self.scores, strict=True)):
            ordered = np.sort(listed[listed > 0])
            greater = np.searchsorted(ordered, own + _ALIKE * np.maximum(own, 1), "right")
            ranks[place] = np.where(own > 0, 1 + len(ordered) - greater, 0)
        return ranks

    def ranks_of(self, numbers: IntVector, search: HybridSearch, query: LexicalQuery) -> IntVector:
        """Return the ranks of any documents `(n,)`, as `ranks` does: `(L, n)`.

        Args:
            numbers: Of the documents.
            search: What has made the lists.
            query: The query of the lists, as terms.
        """
        row = {number: place for place, number in enumerate(self.numbers.tolist())}
        places = np.array([row.get(number, -1) for number in numbers.tolist()], np.int64)
        known = places >= 0
        scores = np.zeros((len(self.names), len(numbers)), np.float32)
        scores[:, known] = self.scores[:, places[known]]
        scores[:, ~known] = self._elsewhere(numbers[~known], search, query)
        return self.ranks(scores)

    def _elsewhere(
        self, numbers: IntVector, search: HybridSearch, query: LexicalQuery
    ) -> FloatMatrix:
        """Score documents that are not in the lists: `(L, n)`."""
        passages = search.latent.take(search.latent.rows_of(numbers))
        bm25 = np.zeros(len(numbers), np.float32)
        if search.lexical is not None:
            bm25 = search.lexical.scores_of(query, numbers)
        scores = scores_in_lists(bm25, passages, search.model.space.blocks, self.query)
        if search.lexical is not None:
            scores[:, ~search.lexical.admits(query, numbers)] = 0
        return scores

    def parts(self, ranks: IntVector) -> list[list[Part]]:
        """Return what each list adds to the scores of documents of these ranks `(L, n)`."""
        return [
            [
                Part(name, "", "", 1 / (SMOOTHING + rank), rank=rank)
                for name, rank in zip(self.names, own, strict=True)
                if rank
            ]
            for own in ranks.T.tolist()
        ]


def fused(ranks: IntVector) -> FloatVector:
    """Return the scores `(n,)` of documents with these ranks in lists: `(L, n)`, 0 for none."""
    added = np.where(ranks > 0, 1 / (SMOOTHING + ranks), 0.0)
    # In one order, so that the same ranks in other lists have the same sum.
    scores: FloatVector = np.sort(added, axis=0).sum(axis=0).astype(np.float32)
    return scores


def scores_in_lists(
    bm25: FloatVector, passages: PassageVectors, blocks: Sequence[Block], query: FloatVector
) -> FloatMatrix:
    """Score k documents in the list of BM25 and in that of each encoder.

    Args:
        bm25: `(k,)` their scores by words.
        passages: Their passages; in each list the best one counts.
        blocks: The parts of the space.
        query: `(D,)`.

    Returns:
        `(1 + blocks, k)`; cosines that are not above 0 are 0.
    """
    each = [products(passages.X[:, b.columns], query[b.columns]) for b in blocks]
    cosines = [best_scores(scores, passages.bounds) for scores in each]
    return np.stack([bm25, *(np.where(own > _NOTHING, own, 0) for own in cosines)])
