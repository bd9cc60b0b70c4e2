"""Document queries: search by words and meaning, and documents like a document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from embedsearch._errors import (
    EmbedSearchError,
    ParameterError,
    QueryError,
    UnknownDocumentError,
    UnknownWordError,
)
from embedsearch._types import FloatMatrix, FloatVector, Hit, Hits, IntVector
from embedsearch.index.lexical.query import LexicalQuery, parse_query
from embedsearch.search.completed_lexical import CompletedLexical
from embedsearch.search.document_vectors import latent_vectors
from embedsearch.search.examples import check_apart, gather, listed
from embedsearch.search.expansion import Expander, matches_of, with_words
from embedsearch.search.explaining import PAIRS, Explainer
from embedsearch.search.hybrid import HybridSearch, Ranking
from embedsearch.search.later_documents import LaterDocuments
from embedsearch.search.passages import PassageVectors
from embedsearch.search.related import Related
from embedsearch.search.snippets import SnippetFinder
from embedsearch.vectors.encoders import check_available

if TYPE_CHECKING:
    from embedsearch._types import Document, Explanation
    from embedsearch.index.candidate_index import CandidateIndex
    from embedsearch.index.lexical import LexicalIndex
    from embedsearch.search.document_vectors import DocumentVectors
    from embedsearch.search.encoding import TextEncoder
    from embedsearch.search.examples import Example, Like
    from embedsearch.search.model import SearchModel
    from embedsearch.store.documents import DocumentStore

_TRIED = 3
Answer = TypeVar("Answer")
Read = tuple[HybridSearch, IntVector] | None
"""What an answer was ranked by, and the numbers of the documents that it has read from the record;
None where it has read more, as for a filter."""

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
        reopened: Gives the index that others have brought further than ours; None where nobody
            else does.

    Several threads may search at the same time.
    """

    def __init__(
        self,
        store: DocumentStore,
        encoder: TextEncoder,
        vectors: DocumentVectors,
        model: SearchModel,
        lexical: LexicalIndex | None,
        proposer: Callable[[], CandidateIndex | None],
        reopened: Callable[[LexicalIndex], LexicalIndex] | None = None,
    ) -> None:
        self.store, self.encoder, self.model, self.lexical = store, encoder, model, lexical
        self._vectors, self._load_proposer, self._reopened = vectors, proposer, reopened
        self._hybrid: HybridSearch | None = None
        self._later: LaterDocuments | None = None
        self._applied = -1
        self._lock = RLock()

    def search(
        self,
        texts: Sequence[str],
        topn: int = 10,
        mode: str = "auto",
        where: str | None = None,
        *,
        explain: bool = False,
        expand: bool = False,
        feedback: int | None = None,
    ) -> list[Hits]:
        """Find the documents that answer each text best; see `Workspace.search`."""
        check_topn(topn)

        def answer(text: str) -> tuple[Hits, Read]:
            allowed = None if where is None else self.store.matching(where)
            return self._search(text, topn, mode, allowed, explain, expand, feedback)

        return [self._at_one_change(partial(answer, text)) for text in texts]

    def explain(
        self, text: str, id: str, mode: str = "auto", pairs: int | None = PAIRS
    ) -> Explanation:
        """Explain the score of a document, found or not; see `Workspace.explain`."""

        def answer() -> tuple[Explanation, Read]:
            numbers, document = np.array([self.store.number(id)]), self.store.get(id)
            query, hybrid = self.parse(text), self.hybrid()
            explainer = self._explainer(hybrid, query, hybrid.rank(query, text, 1, mode))
            scores = explainer.scores(numbers)
            found = explainer.explain(numbers, [document], scores, pairs)[0]
            return found, (hybrid, numbers)

        return self._at_one_change(answer)

    def ranker(self, mode: str) -> Ranker:
        """Return a search that gives ids and scores alone; what it cannot answer is empty."""

        def rank(texts: Sequence[str], topn: int) -> list[list[tuple[str, float]]]:
            return [self._ranked(text, topn, mode) for text in texts]

        return rank

    def most_similar(
        self,
        positive: Like | Iterable[Like],
        negative: Like | Iterable[Like] = (),
        topn: int = 10,
        where: str | None = None,
    ) -> Hits:
        """Find the documents that are like some, and unlike others; see `Documents`."""
        check_topn(topn)
        like, unlike = listed(positive, "positive"), listed(negative, "negative")
        check_apart(like, unlike)
        check_available(self.model.space.external)
        return self._at_one_change(lambda: self._related(like, unlike, topn, where))

    def _related(
        self,
        like: list[tuple[Example, float]],
        unlike: list[tuple[Example, float]],
        topn: int,
        where: str | None,
    ) -> tuple[Hits, Read]:
        with self._lock:
            hybrid, vectors = self.hybrid(), self._vectors
        blocks, encode = self.model.space.blocks, self._encoded
        wanted = gather(like, self.store, vectors, hybrid.latent, blocks, encode)
        unwanted = gather(unlike, self.store, vectors, hybrid.latent, blocks, encode)
        allowed = None if where is None else self.store.matching(where)
        related = Related(vectors, hybrid.latent, blocks)
        numbers, scores = related.rank(wanted, unwanted, topn, allowed)
        weighted = hybrid.weighted(wanted.mean, self.model.fusion.weights)
        hits = self._hits(numbers, scores, SnippetFinder(self.model, weighted))
        return Hits(hits), (hybrid, numbers) if where is None else None

    def vector(self, id: str) -> FloatVector:
        """Return the (d,) vector of a document, of unit length."""
        return self._own(id)[1]

    def matrix(self) -> FloatMatrix:
        """Return the (n, d) vectors of all documents, in the order of their numbers."""
        current = self.current()
        return current.vectors.take(current.rows.in_order)

    def current(self) -> DocumentVectors:
        """Return the vectors, brought up to date with the record."""
        with self._lock:
            with self._still():
                vectors = self._vectors.caught_up(self.store, self.encoder, self.model)
            if vectors is not self._vectors:
                self._vectors, self._hybrid = vectors, None
            return vectors

    def hybrid(self) -> HybridSearch:
        """Return the search that ranks documents, up to date with the record."""
        with self._lock:
            change = self.store.change
            current = self._hybrid
            if current and current.change == change and self._applied == self._lexical_change():
                return current
            self._reopen(change)
            # The parts of a search must be of one change.
            with self._still():
                vectors = self.current()
                lexical, index = self._completed(vectors.change), vectors.index(self._proposer)
                self._hybrid = HybridSearch(lexical, index, self.model, vectors.change)
            self._applied = self._lexical_change()
            return self._hybrid

    def _still(self) -> AbstractContextManager[None]:
        """Let the record stand still for what is read in several steps."""
        return nullcontext() if self.store.writable else self.store.snapshot()

    def _at_one_change(self, answer: Callable[[], tuple[Answer, Read]]) -> Answer:
        """Answer from one state of the record, though others may write to it.

        Under a writer that never rests, most answers would be tried in vain if any change were
        a reason to start again: only a change to one of the documents found is.
        """
        if self.store.writable:
            return answer()[0]
        for _ in range(_TRIED):
            change = self.store.change
            try:
                found, read = answer()
            except EmbedSearchError:
                if self.store.change == change:
                    raise
                continue
            if self.store.change == change or self._holds(read):
                return found
        with self._lock, self.store.snapshot():
            return answer()[0]

    def _holds(self, read: Read) -> bool:
        """Tell whether the documents found are still what they were when they were ranked."""
        if read is None:
            return False
        hybrid, numbers = read
        return self.store.count_until(hybrid.change, numbers.tolist()) == len(numbers)

    @cached_property
    def _proposer(self) -> CandidateIndex | None:
        return self._load_proposer()

    def _lexical_change(self) -> int:
        return -1 if self.lexical is None else self.lexical.change

    def _reopen(self, change: int) -> None:
        """Take the lexical index that others have brought further."""
        # In a snapshot, what others have brought further by now may be beyond what is read.
        reopened = None if self.store.in_snapshot else self._reopened
        if self.lexical is not None and reopened and self.lexical.change < change:
            self.lexical = reopened(self.lexical)

    def _completed(self, change: int) -> LexicalIndex | CompletedLexical | None:
        """Return the lexical index, with what changed in the record after it."""
        if self.lexical is None or self.lexical.change >= change:
            self._later = None
            return self.lexical
        if self._later is None or self._later.since != self.lexical.change:
            self._later = LaterDocuments.of(self.lexical, self.model.mean_length)
        self._later = self._later.followed(self.store, self.lexical.analyzer)
        return CompletedLexical(self.lexical, self._later)

    def parse(self, text: str) -> LexicalQuery:
        """Read what a user typed.

        Raises:
            QueryError: It is empty, has no words, or only excludes.
        """
        if self.lexical is not None:
            return self.lexical.parse(text)
        return parse_query(text, self.model.analyzer)

    def _unknown(self, query: LexicalQuery, hybrid: HybridSearch) -> tuple[str, ...]:
        """Return the words of a query that neither the documents nor the vectors have."""
        columns = self.model.space.terms.columns
        absent = [term for term in query.words if term not in columns]
        lexical = hybrid.lexical
        if absent and lexical is not None:
            spelled = [query.spellings.get(term, term) for term in absent]
            counts = lexical.document_frequencies(spelled)
            absent = [term for term, count in zip(absent, counts, strict=True) if not count]
        return tuple(query.spellings.get(term, term) for term in absent)

    def _search(
        self,
        text: str,
        topn: int,
        mode: str,
        allowed: IntVector | None,
        explain: bool,
        expand: bool,
        feedback: int | None,
    ) -> tuple[Hits, Read]:
        query, hybrid = self.parse(text), self.hybrid()
        unknown = self._unknown(query, hybrid)
        expander = Expander(self.model, self.encoder, len(hybrid.latent)) if expand else None
        added = [] if expander is None else expander.expand(query)
        looked_for = with_words(query, added)
        ranking = hybrid.rank(looked_for, text, topn, mode, allowed, feedback)
        if not len(ranking.numbers) and len(unknown) == len(query.words) > 0:
            from embedsearch.search.suggest import suggest

            raise UnknownWordError(unknown[0], suggest(unknown[0], self.encoder.vectors))
        finder = SnippetFinder.of(hybrid, looked_for, ranking, matches_of(added))
        explainer = self._explainer(hybrid, looked_for, ranking) if explain else None
        hits = self._hits(ranking.numbers, ranking.scores, finder, explainer)
        found = Hits(hits, unknown, [word.shown for word in added])
        return found, (hybrid, ranking.numbers) if allowed is None else None

    def _explainer(self, hybrid: HybridSearch, query: LexicalQuery, ranking: Ranking) -> Explainer:
        return Explainer(hybrid, query, ranking, self.store.ids_of(ranking.feedback.tolist()))

    def _ranked(self, text: str, topn: int, mode: str) -> list[tuple[str, float]]:
        try:
            query = self.parse(text)
        except QueryError:
            return []
        ranking = self.hybrid().rank(query, text, topn, mode)
        ids = self.store.ids_of(ranking.numbers.tolist())
        pairs = zip(ranking.numbers.tolist(), ranking.scores.tolist(), strict=True)
        return [(ids[number], score) for number, score in pairs if number in ids]

    def _encoded(self, documents: Sequence[Document]) -> tuple[FloatMatrix, FloatMatrix]:
        blocks = self.model.space.blocks
        parts = [
            PassageVectors(*each).means(blocks) for each in latent_vectors(documents, self.model)
        ]
        return np.concatenate(parts), np.concatenate(list(self.encoder.documents(documents)))

    def _own(self, id: str) -> tuple[int, FloatVector]:
        number = self.store.number(id)
        vectors = self.current()
        rows = vectors.rows.find(np.array([number]))
        if rows[0] < 0:
            raise UnknownDocumentError(id)
        return number, vectors.vectors.take(rows)[0]

    def _hits(
        self,
        numbers: IntVector,
        scores: FloatVector,
        finder: SnippetFinder,
        explainer: Explainer | None = None,
    ) -> list[Hit]:
        documents = self.store.by_number(numbers.tolist())
        here = [place for place, number in enumerate(numbers.tolist()) if number in documents]
        numbers, scores = numbers[here], scores[here]
        found = [documents[number] for number in numbers.tolist()]
        snippets = finder.find([document.text for document in found])
        reasons: Sequence[Explanation | None] = [None] * len(found)
        if explainer is not None:
            reasons = explainer.explain(numbers, found, scores)
        return [
            Hit(document.id, score, document.title, text, document.metadata, marked, reason)
            for document, score, (text, marked), reason in zip(
                found, scores.tolist(), snippets, reasons, strict=True
            )
        ]


def check_topn(topn: int) -> None:
    """Raise `ParameterError` unless `topn` is a whole number of 1 or more."""
    if isinstance(topn, bool) or not isinstance(topn, int | np.integer) or topn < 1:
        raise ParameterError("topn", "a whole number of 1 or more", topn)
