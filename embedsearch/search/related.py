"""Documents like documents: more like some examples, less like others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._checks import Interval, check
from embedsearch._errors import ParameterError, QueryError, UnknownDocumentError
from embedsearch._types import Document
from embedsearch.search.document_index import latent_vectors
from embedsearch.vectors.arrays import best_first, distinct, row_blocks

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.search.document_index import DocumentVectors, LatentIndex
    from embedsearch.search.latent_space import TextEncoder
    from embedsearch.search.model import SearchModel
    from embedsearch.store.documents import DocumentStore


# The weight of likeness to the negative examples; that to the positive ones has 1.
#
# A compromise: on 20 newsgroups (two samples) with three examples each of two groups near each
# other, the share of the unwanted group among ten hits falls from 0.053 and 0.068 to 0.032 and
# 0.024, that of the wanted stays (0.848 and 0.814 to 0.847 and 0.817). With one example each the
# wanted loses too: 0.716 and 0.674 to 0.649 and 0.626. With 1 it loses 0.10 to 0.17 in both.
UNLIKE = 0.5

Example = str | Document
Like = Example | tuple[Example, float]
"""An id, or a document that need not be in the workspace; alone, or with a weight above 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Examples as vectors."""

    numbers: IntVector  # (m,) the store's numbers of those that are in it
    latent: FloatMatrix  # (p, D) in the space of search
    words: FloatMatrix  # (p, d) in the space of the words
    weights: FloatVector  # (p,) above 0

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def known(self) -> bool:
        """Whether any has a known word."""
        return bool(self.latent.any() or self.words.any())

    @property
    def mean(self) -> FloatVector:
        """(D,) their weighted mean in the space of search."""
        mean: FloatVector = self.weights @ self.latent / self.weights.sum()
        return mean


def as_examples(given: Like | Iterable[Like], name: str) -> list[tuple[Example, float]]:
    """List examples with their weights, 1 by default; errors call them by `name`."""
    one = isinstance(given, str | Document) or _has_weight(given)
    items = [given] if one else given
    if not isinstance(items, Iterable):
        raise ParameterError(name, "an id, a document, or a list of these", given)
    return [_weighted(item, name) for item in items]


def _has_weight(item: object) -> bool:
    if not isinstance(item, tuple) or len(item) != 2:
        return False
    return isinstance(item[0], str | Document) and not isinstance(item[1], str | Document)


def _weighted(item: object, name: str) -> tuple[Example, float]:
    example, weight = item if isinstance(item, tuple) and len(item) == 2 else (item, 1.0)
    if not isinstance(example, str | Document):
        raise ParameterError(f"each of {name}", "an id, or a document; perhaps a weight", item)
    check(f"a weight in {name}", weight, Interval(0, open_least=True))
    return example, float(weight)


def check_apart(
    positive: Sequence[tuple[Example, float]], negative: Sequence[tuple[Example, float]]
) -> None:
    """Raise `QueryError` if a document is to be like and unlike at once."""
    wanted = {example for example, _ in positive if isinstance(example, str)}
    for example, _ in negative:
        if isinstance(example, str) and example in wanted:
            raise QueryError(f"{example!r} is among what to be like and among what to be unlike")


@dataclass(frozen=True, slots=True, eq=False)
class Related:
    """Finds documents by documents.

    How like two documents are is the mean of their cosines in all spaces: that of each encoder of
    search, where a document is the mean of its passages, and that of the words. On 20 newsgroups
    (samples of 5,000) this puts 0.747 and 0.744 of documents of the same group among ten
    neighbours; the space of the words alone 0.698 and 0.700. With the judgements of the Lee corpus
    it correlates at 0.640 if 300 texts of its background are there too (words alone 0.608,
    encoders of search alone 0.602), and at 0.452 without them (0.442 and 0.369). It was chosen on
    these among a dozen combinations.
    """

    vectors: DocumentVectors  # all documents, up to date
    latent: LatentIndex  # their index in the space of search
    model: SearchModel  # encodes texts in the space of search
    encoder: TextEncoder  # encodes texts in the space of the words
    # Of many documents, so many near each example are compared with all examples.
    proposed: int = 1_000

    def examples(self, given: Sequence[tuple[Example, float]], store: DocumentStore) -> Examples:
        """Look up the vectors of examples of the store, and encode those from elsewhere."""
        ids = [example for example, _ in given if isinstance(example, str)]
        numbers = np.array([store.number(id) for id in ids], np.int64)
        rows = self.latent.rows.find(numbers)
        for id, row in zip(ids, rows.tolist(), strict=True):
            if row < 0:
                raise UnknownDocumentError(id)
        blocks = self.model.space.blocks
        latent, words = [self.latent.take(rows).means(blocks)], [self.vectors.vectors.take(rows)]
        texts = [example for example, _ in given if isinstance(example, Document)]
        if texts:
            passages = latent_vectors(texts, self.model)
            latent += [each.passages.means(blocks) for each in passages]
            words += self.encoder.documents(texts)
        # In the order of the vectors: those of the store first.
        weights = [weight for example, weight in given if isinstance(example, str)]
        weights += [weight for example, weight in given if isinstance(example, Document)]
        return Examples(
            numbers, np.concatenate(latent), np.concatenate(words), np.array(weights, np.float32)
        )

    def rank(
        self,
        positive: Examples,
        negative: Examples,
        topn: int,
        allowed: IntVector | None = None,
    ) -> tuple[IntVector, FloatVector]:
        """Find the documents that are like some examples, and unlike others.

        Scores are the `likeness` to the positive examples, less `UNLIKE` times that to the negative
        ones. The examples themselves are left out.
        """
        if not len(positive):
            raise QueryError("give at least one document to be like")
        if not positive.known:
            raise QueryError("no document is like a text that has no known words")
        given = np.concatenate((positive.numbers, negative.numbers))
        rows = self._candidates(positive, topn + len(given), allowed)
        rows = rows[~np.isin(self.latent.numbers[rows], given)]
        blocks = row_blocks(len(rows))
        parts = [self._scores(rows[block], positive, negative) for block in blocks]
        scores = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        numbers = self.latent.numbers[rows]
        best = best_first(scores, numbers, topn)
        return numbers[best], scores[best]

    def _candidates(self, positive: Examples, topn: int, allowed: IntVector | None) -> IntVector:
        latent, among = self.latent, None
        if allowed is not None:
            among = latent.rows.find(allowed)
            among = np.sort(among[among >= 0])
        size = len(latent) if among is None else len(among)
        if size <= latent.scanned:
            return latent.rows.alive if among is None else among
        Q = [positive.mean, *positive.latent]
        near = [latent.nearest(query, max(topn, self.proposed), among)[1] for query in Q]
        return distinct(np.concatenate(near))

    def _scores(self, rows: IntVector, positive: Examples, negative: Examples) -> FloatVector:
        X = self.latent.take(rows).means(self.model.space.blocks)
        V = self.vectors.vectors.take(rows)
        scores = likeness(self._cosines(X, V, positive), positive.weights)
        if len(negative):
            unwanted = likeness(self._cosines(X, V, negative), negative.weights)
            scores -= np.float32(UNLIKE) * unwanted
        return scores

    def _cosines(self, X: FloatMatrix, V: FloatMatrix, examples: Examples) -> FloatMatrix:
        sums = X @ examples.latent.T + V @ examples.words.T
        cosines: FloatMatrix = sums / np.float32(len(self.model.space.blocks) + 1)
        return cosines


def likeness(cosines: FloatMatrix, weights: FloatVector) -> FloatVector:
    """Return how like documents are to several examples, `(m,)`.

    It is half the weighted mean of the cosines, and half the greatest of them, each times its
    weight over the largest weight. A mean alone loses those who read about several things: of
    three examples of each of two newsgroups, it gives the lesser group 1.1 of ten hits, this 1.9.
    The greatest alone is worse where there are few examples of one thing.

    `cosines` are `(m, p)`, of m documents with p examples, whose weights are above 0.
    """
    mean: FloatVector = cosines @ (weights / weights.sum())
    greatest: FloatVector = (cosines * (weights / weights.max())).max(axis=1)
    found: FloatVector = (mean + greatest) / np.float32(2)
    return found
