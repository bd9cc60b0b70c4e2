"""Document queries: search by meaning, and documents like a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError, QueryError, UnknownDocumentError, UnknownWordError
from embedsearch._types import FloatMatrix, FloatVector, Hit, Hits
from embedsearch.search.snippets import best_passage

if TYPE_CHECKING:
    from embedsearch.index.base import VectorIndex
    from embedsearch.search.document_vectors import DocumentVectors
    from embedsearch.search.encoding import TextEncoder
    from embedsearch.store.documents import DocumentStore

Ranker = Callable[[Sequence[str], int], list[list[tuple[str, float]]]]
"""Texts and `topn` to the (id, score) of each one's documents, best first."""
IndexFor = Callable[["DocumentVectors"], "VectorIndex"]


class DocumentSearch:
    """Finds documents by the cosine of their vectors with that of a query.

    Args:
        store: The record.
        encoder: Encodes queries as the documents were encoded.
        vectors: Document vectors, perhaps behind the record: they are caught up when asked.
        index_for: Gives the index of document vectors.
    """

    def __init__(
        self,
        store: DocumentStore,
        encoder: TextEncoder,
        vectors: DocumentVectors,
        index_for: IndexFor,
    ) -> None:
        self.store, self.encoder = store, encoder
        self._vectors, self._index_for = vectors, index_for
        self._index: VectorIndex | None = None

    def search(self, texts: Sequence[str], topn: int = 10) -> list[Hits]:
        """Find the documents nearest to each text.

        Raises:
            QueryError: A text has no words.
            UnknownWordError: No word of a text is known.
        """
        check_topn(topn)
        queries = [self.encoder.query(text) for text in texts]
        if not queries:
            return []
        Q = np.stack([query.vector for query in queries])
        found = self._nearest(Q, topn)
        return [
            Hits(self._hits(numbers, scores, query.vector), query.unknown)
            for query, (scores, numbers) in zip(queries, found, strict=True)
        ]

    def most_similar(self, id: str, topn: int = 10) -> Hits:
        """Find the documents nearest to a document, without itself.

        Raises:
            UnknownDocumentError: There is none of this id.
        """
        check_topn(topn)
        number, vector = self._own(id)
        scores, numbers = self._nearest(vector.reshape(1, -1), topn + 1)[0]
        others = numbers != number
        return Hits(self._hits(numbers[others][:topn], scores[others][:topn], vector))

    def vector(self, id: str) -> FloatVector:
        """Return the (d,) vector of a document, of unit length."""
        return self._own(id)[1]

    def matrix(self) -> FloatMatrix:
        """Return the (n, d) vectors of all documents, in the order of their numbers."""
        current = self.current()
        return np.asarray(current.vectors)[np.argsort(current.numbers)]

    def indexed(self) -> tuple[VectorIndex, FloatMatrix]:
        """Return the index of documents, and the (n, d) vectors that are in it, by row."""
        vectors = self.current().vectors
        if self._index is None:
            raise QueryError("there are no documents")
        return self._index, vectors

    def ranker(self) -> Ranker:
        """Return a search that gives ids and scores alone; what it cannot answer is empty."""

        def rank(texts: Sequence[str], topn: int) -> list[list[tuple[str, float]]]:
            return [self._ranked(text, topn) for text in texts]

        return rank

    def _ranked(self, text: str, topn: int) -> list[tuple[str, float]]:
        try:
            query = self.encoder.query(text)
        except (QueryError, UnknownWordError):
            return []
        scores, numbers = self._nearest(query.vector.reshape(1, -1), topn)[0]
        ids = self.store.ids_of(numbers.tolist())
        pairs = zip(numbers.tolist(), scores.tolist(), strict=True)
        return [(ids[number], score) for number, score in pairs if number in ids]

    def current(self) -> DocumentVectors:
        """Return the vectors, brought up to date with the record."""
        vectors = self._vectors.caught_up(self.store, self.encoder)
        if vectors is not self._vectors or self._index is None:
            self._vectors, self._index = vectors, self._index_for(vectors)
        return vectors

    def _own(self, id: str) -> tuple[int, FloatVector]:
        number = self.store.number(id)
        vectors = self.current()
        places = np.flatnonzero(vectors.numbers == number)
        if len(places) == 0:
            raise UnknownDocumentError(id)
        return number, np.asarray(vectors.vectors[places[0]])

    def _nearest(self, Q: FloatMatrix, topn: int) -> list[tuple[FloatVector, FloatVector]]:
        numbers = self.current().numbers
        if self._index is None or len(numbers) == 0:
            empty = np.empty(0, np.float32)
            return [(empty, empty)] * len(Q)
        scores, rows = self._index.search(Q, topn)
        return [(s, numbers[r]) for s, r in zip(scores, rows, strict=True)]

    def _hits(self, numbers: FloatVector, scores: FloatVector, vector: FloatVector) -> list[Hit]:
        documents = self.store.by_number([int(number) for number in numbers])
        return [
            Hit(
                document.id,
                float(score),
                document.title,
                best_passage(document, vector, self.encoder),
                document.metadata,
            )
            for number, score in zip(numbers, scores, strict=True)
            if (document := documents.get(int(number))) is not None
        ]


def check_topn(topn: int) -> None:
    """Raise `ParameterError` unless `topn` is a whole number of 1 or more."""
    if isinstance(topn, bool) or not isinstance(topn, int | np.integer) or topn < 1:
        raise ParameterError("topn", "a whole number of 1 or more", topn)
