"""Documents like documents: more like these, less like those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import QueryError
from embedsearch.search.latent_index import SCANNED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.search.document_vectors import DocumentVectors
    from embedsearch.search.examples import Examples
    from embedsearch.search.latent_index import LatentIndex
    from embedsearch.search.space import Block

UNLIKE = 0.5
"""What likeness to the unwanted takes away, for each part of likeness to the wanted. A choice
between two ends: on 20 newsgroups (two samples) with three examples each of two groups near each
other, the share of the unwanted group among ten hits falls from 0.053 and 0.068 to 0.032 and
0.024, that of the wanted stays (0.848 and 0.814 to 0.847 and 0.817). With one example each the
wanted loses too: 0.716 and 0.674 to 0.649 and 0.626. With 1 it loses 0.10 to 0.17 in both."""
_PROPOSED = 1_000
_BLOCK = 4_096


@dataclass(frozen=True, slots=True, eq=False)
class Related:
    """Finds documents by documents.

    How like two documents are is the mean of their cosines in all spaces: that of each encoder of
    search, where a document is the mean of its passages, and that of the words. On 20 newsgroups
    (samples of 5,000) this puts 0.747 and 0.744 of documents of the same group among ten
    neighbours; the space of the words alone 0.698 and 0.700; the weights that were learned for
    queries 0.740 and 0.737, as they are those of short texts. With the judgements of the Lee corpus
    it correlates at 0.640 where 300 texts of its background were there too (words alone 0.608,
    encoders of search alone 0.602), and at 0.452 without them (0.442 and 0.369). It was chosen on
    these among a dozen combinations.

    Attributes:
        vectors: All documents, up to date.
        latent: Their index in the space of search.
        blocks: The encoders of search.
    """

    vectors: DocumentVectors
    latent: LatentIndex
    blocks: Sequence[Block]

    def rank(
        self,
        positive: Examples,
        negative: Examples,
        topn: int,
        allowed: IntVector | None = None,
    ) -> tuple[IntVector, FloatVector]:
        """Find the documents that are like some examples, and unlike others.

        Args:
            positive: What to be like; at least one.
            negative: What to be unlike.
            topn: How many.
            allowed: Only documents of these numbers.

        Returns:
            (m,) numbers, best first, without the examples; and scores: the `likeness` to the
            positive ones, less `UNLIKE` times that to the negative ones.

        Raises:
            QueryError: There is no positive example, or none has a known word.
        """
        if not len(positive):
            raise QueryError("give at least one document to be like")
        if not positive.known:
            raise QueryError("no document is like a text that has no known words")
        given = np.concatenate((positive.numbers, negative.numbers))
        rows = self._candidates(positive, topn + len(given), allowed)
        rows = rows[~np.isin(self.latent.numbers[rows], given)]
        blocks = [rows[start : start + _BLOCK] for start in range(0, len(rows), _BLOCK)]
        parts = [self._scores(block, positive, negative) for block in blocks]
        scores = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        numbers = self.latent.numbers[rows]
        best = np.lexsort((numbers, -scores))[:topn]
        return numbers[best], scores[best]

    def _candidates(self, positive: Examples, topn: int, allowed: IntVector | None) -> IntVector:
        latent, among = self.latent, None
        if allowed is not None:
            among = latent.rows_of(allowed)
            among = np.sort(among[among >= 0])
        size = len(latent) if among is None else len(among)
        if size <= SCANNED:
            return latent.rows.alive if among is None else among
        Q = [positive.mean, *positive.latent]
        near = [latent.nearest(query, max(topn, _PROPOSED), among)[1] for query in Q]
        return np.unique(np.concatenate(near))

    def _scores(self, rows: IntVector, positive: Examples, negative: Examples) -> FloatVector:
        X = self.latent.take(rows).means(self.blocks)
        V = self.vectors.vectors.take(rows)
        scores = likeness(self._cosines(X, V, positive), positive.weights)
        if len(negative):
            unwanted = likeness(self._cosines(X, V, negative), negative.weights)
            scores -= np.float32(UNLIKE) * unwanted
        return scores

    def _cosines(self, X: FloatMatrix, V: FloatMatrix, examples: Examples) -> FloatMatrix:
        sums = X @ examples.latent.T + V @ examples.words.T
        cosines: FloatMatrix = sums / np.float32(len(self.blocks) + 1)
        return cosines


def likeness(cosines: FloatMatrix, weights: FloatVector) -> FloatVector:
    """Return how like documents are to several examples, `(m,)`.

    It is half the weighted mean of the cosines, and half the greatest of them, each times its
    weight over the largest weight. A mean alone loses those who read about several things: of
    three examples of each of two newsgroups, it gives the lesser group 1.1 of ten hits, this 1.9.
    The greatest alone is worse where there are few examples of one thing.

    Args:
        cosines: `(m, p)`, of m documents with p examples.
        weights: `(p,)` of the examples, above 0.
    """
    mean: FloatVector = cosines @ (weights / weights.sum())
    greatest: FloatVector = (cosines * (weights / weights.max())).max(axis=1)
    found: FloatVector = (mean + greatest) / np.float32(2)
    return found
