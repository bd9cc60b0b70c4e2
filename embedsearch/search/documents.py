"""Document queries: search by words and meaning, and documents like a document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError, QueryError, UnknownDocumentError, UnknownWordError
from embedsearch._types import FloatMatrix, FloatVector, Hit, Hits, IntVector
from embedsearch.index.lexical.query import LexicalQuery, parse_query
from embedsearch.search.hybrid import HybridSearch, Ranking
from embedsearch.search.snippets import best_passage

if TYPE_CHECKING:
    from embedsearch.index.lexical import LexicalIndex
    from embedsearch.index.proposing import Proposer
    from embedsearch.search.document_vectors import DocumentVectors
    from embedsearch.search.encoding import TextEncoder
    from embedsearch.search.model import SearchModel
    from embedsearch.store.documents import DocumentStore

Ranker = Callable[[Sequence[str], int], list[list[tuple[str, float]]]]
"""Texts and `topn` to the (id, score) of each one's documents, best first."""


class DocumentSearch:
    """Finds documents of the record.

    Args:
        store: The record.
        encoder: Encodes texts in the space of the words.
        vectors: Document vectors, perhaps behind the record: they are caught up when asked.
        model: Encodes texts in the space of search.
        lexical: The lexical index; None searches by meaning alone.
        proposer: Gives the proposer of the stored vectors, where there are many.
    """

    def __init__(
        self,
        store: DocumentStore,
        encoder: TextEncoder,
        vectors: DocumentVectors,
        model: SearchModel,
        lexical: LexicalIndex | None,
        proposer: Callable[[], Proposer | None],
    ) -> None:
        self.store, self.encoder, self.model, self.lexical = store, encoder, model, lexical
        self._vectors, self._proposer = vectors, proposer
        self._hybrid: HybridSearch | None = None

    def search(
        self, texts: Sequence[str], topn: int = 10, mode: str = "auto", where: str | None = None
    ) -> list[Hits]:
        """Find the documents that answer each text best; see `Workspace.search`."""
        check_topn(topn)
        allowed = None if where is None else self.store.matching(where)
        return [self._search(text, topn, mode, allowed) for text in texts]

    def ranker(self, mode: str) -> Ranker:
        """Return a search that gives ids and scores alone; what it cannot answer is empty."""

        def rank(texts: Sequence[str], topn: int) -> list[list[tuple[str, float]]]:
            return [self._ranked(text, topn, mode) for text in texts]

        return rank

    def most_similar(self, id: str, topn: int = 10) -> Hits:
        """Find the documents nearest to a document, without itself.

        Raises:
            UnknownDocumentError: There is none of this id.
        """
        check_topn(topn)
        number, vector = self._own(id)
        current = self.current()
        scores = current.vectors @ vector
        scores[current.numbers == number] = -np.inf
        best = np.argsort(-scores, kind="stable")[: min(topn, len(scores) - 1)]
        return Hits(self._hits(current.numbers[best], scores[best], vector))

    def vector(self, id: str) -> FloatVector:
        """Return the (d,) vector of a document, of unit length."""
        return self._own(id)[1]

    def matrix(self) -> FloatMatrix:
        """Return the (n, d) vectors of all documents, in the order of their numbers."""
        current = self.current()
        return np.asarray(current.vectors)[np.argsort(current.numbers)]

    def current(self) -> DocumentVectors:
        """Return the vectors, brought up to date with the record."""
        vectors = self._vectors.caught_up(self.store, self.encoder, self.model)
        if vectors is not self._vectors:
            self._vectors, self._hybrid = vectors, None
        return vectors

    def hybrid(self) -> HybridSearch:
        """Return the search that ranks documents, up to date with the record."""
        vectors = self.current()
        if self._hybrid is None:
            index = vectors.index(self._proposer())
            self._hybrid = HybridSearch(self.lexical, index, self.model)
        return self._hybrid

    def parse(self, text: str) -> LexicalQuery:
        """Read what a user typed.

        Raises:
            QueryError: It is empty, has no words, or only excludes.
        """
        if self.lexical is not None:
            return self.lexical.parse(text)
        return parse_query(text, self.model.analyzer)

    def unknown(self, query: LexicalQuery) -> tuple[str, ...]:
        """Return the words of a query that neither the documents nor the vectors have."""
        columns = self.model.space.terms.columns
        absent = [term for term in query.words if term not in columns]
        if self.lexical is not None and absent:
            spelled = [query.spellings.get(term, term) for term in absent]
            counts = self.lexical.document_frequencies(spelled)
            absent = [term for term, count in zip(absent, counts, strict=True) if not count]
        return tuple(query.spellings.get(term, term) for term in absent)

    def _search(self, text: str, topn: int, mode: str, allowed: IntVector | None) -> Hits:
        query = self.parse(text)
        ranking = self.hybrid().rank(query, text, topn, mode, allowed)
        unknown = self.unknown(query)
        if not len(ranking.numbers) and len(unknown) == len(query.words) > 0:
            from embedsearch.search.suggest import suggest

            raise UnknownWordError(unknown[0], suggest(unknown[0], self.encoder.vectors))
        return Hits(self._shown(ranking, text), unknown)

    def _ranked(self, text: str, topn: int, mode: str) -> list[tuple[str, float]]:
        try:
            query = self.parse(text)
        except QueryError:
            return []
        ranking = self.hybrid().rank(query, text, topn, mode)
        ids = self.store.ids_of(ranking.numbers.tolist())
        pairs = zip(ranking.numbers.tolist(), ranking.scores.tolist(), strict=True)
        return [(ids[number], score) for number, score in pairs if number in ids]

    def _own(self, id: str) -> tuple[int, FloatVector]:
        number = self.store.number(id)
        vectors = self.current()
        places = np.flatnonzero(vectors.numbers == number)
        if len(places) == 0:
            raise UnknownDocumentError(id)
        return number, np.asarray(vectors.vectors[places[0]])

    def _shown(self, ranking: Ranking, text: str) -> list[Hit]:
        try:
            vector = self.encoder.query(text).vector
        except (QueryError, UnknownWordError):
            vector = np.zeros(self.encoder.vectors.vector_size, np.float32)
        return self._hits(ranking.numbers, ranking.scores, vector)

    def _hits(self, numbers: IntVector, scores: FloatVector, vector: FloatVector) -> list[Hit]:
        documents = self.store.by_number(numbers.tolist())
        return [
            Hit(
                document.id,
                float(score),
                document.title,
                best_passage(document, vector, self.encoder),
                document.metadata,
            )
            for number, score in zip(numbers.tolist(), scores, strict=True)
            if (document := documents.get(number)) is not None
        ]


def check_topn(topn: int) -> None:
    """Raise `ParameterError` unless `topn` is a whole number of 1 or more."""
    if isinstance(topn, bool) or not isinstance(topn, int | np.integer) or topn < 1:
        raise ParameterError("topn", "a whole number of 1 or more", topn)
