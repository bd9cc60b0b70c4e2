"""Documents that are given as examples: those of the record by their ids, and any other text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError, QueryError, UnknownDocumentError
from embedsearch._types import Document

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.search.document_vectors import DocumentVectors
    from embedsearch.search.latent_index import LatentIndex
    from embedsearch.search.space import Block
    from embedsearch.store.documents import DocumentStore

Example = str | Document
Like = Example | tuple[Example, float]
"""An id, or a document that need not be in the workspace; alone, or with a weight above 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Examples as vectors.

    Attributes:
        numbers: (m,) the record's numbers of those that are in it.
        latent: (p, D) in the space of search.
        words: (p, d) in the space of the words.
        weights: (p,) above 0.
    """

    numbers: IntVector
    latent: FloatMatrix
    words: FloatMatrix
    weights: FloatVector

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


def listed(given: Like | Iterable[Like], name: str) -> list[tuple[Example, float]]:
    """List examples with their weights; one without a weight has 1.

    Args:
        given: One, or several.
        name: What errors call them.

    Raises:
        ParameterError: Something else is among them, or a weight is not above 0.
    """
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
    if not isinstance(weight, Real) or not 0 < float(weight) < np.inf:
        raise ParameterError(f"a weight in {name}", "a finite number above 0", weight)
    return example, float(weight)


def gather(
    given: Sequence[tuple[Example, float]],
    store: DocumentStore,
    vectors: DocumentVectors,
    latent: LatentIndex,
    blocks: Sequence[Block],
    encode: Callable[[Sequence[Document]], tuple[FloatMatrix, FloatMatrix]],
) -> Examples:
    """Look up the vectors of examples, and make those of texts from elsewhere.

    Args:
        given: As `listed` gives them.
        store: The record.
        vectors: All documents, up to date.
        latent: Their index.
        blocks: The encoders of search.
        encode: Documents to their vectors in the space of search and in that of the words.

    Raises:
        UnknownDocumentError: There is no document of an id.
    """
    ids = [example for example, _ in given if isinstance(example, str)]
    numbers = np.array([store.number(id) for id in ids], np.int64)
    rows = latent.rows_of(numbers)
    for id, row in zip(ids, rows.tolist(), strict=True):
        if row < 0:
            raise UnknownDocumentError(id)
    parts = [(latent.take(rows).means(blocks), vectors.vectors.take(rows))]
    texts = [example for example, _ in given if isinstance(example, Document)]
    if texts:
        parts.append(encode(texts))
    weights = [weight for example, weight in given if isinstance(example, str)]
    weights += [weight for example, weight in given if isinstance(example, Document)]
    found, words = (np.concatenate(some) for some in zip(*parts, strict=True))
    return Examples(numbers, found, words, np.array(weights, np.float32))


def check_apart(
    positive: Sequence[tuple[Example, float]], negative: Sequence[tuple[Example, float]]
) -> None:
    """Raise `QueryError` where a document is to be like and unlike at once."""
    wanted = {example for example, _ in positive if isinstance(example, str)}
    for example, _ in negative:
        if isinstance(example, str) and example in wanted:
            raise QueryError(f"{example!r} is among what to be like and among what to be unlike")
