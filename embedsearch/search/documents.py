"""Document queries: search by words and meaning, and documents like documents."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from threading import RLock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from embedsearch._checks import NATURAL, STRING, Optional, as_count, check
from embedsearch._errors import (
    EmbedSearchError,
    QueryError,
    UnknownDocumentError,
    UnknownWordError,
)
from embedsearch._messages import quoted
from embedsearch._types import Hit, Hits
from embedsearch.index.lexical.analysis import TEXT
from embedsearch.index.lexical.query import LexicalQuery, limited_phrases, parse_query
from embedsearch.search.document_index import DocumentVectors
from embedsearch.search.expansion import Expander, Expansion, instead, matches_of, with_words
from embedsearch.search.explain import PAIRS, Explainer
from embedsearch.search.hybrid import HybridSearch
from embedsearch.search.latent_space import full_text
from embedsearch.search.options import SearchOptions
from embedsearch.search.pending import MergedLexicalIndex, PendingDocuments
from embedsearch.search.related import Related, as_examples, check_apart
from embedsearch.search.relevance import relevances
from embedsearch.search.snippets import Match, Snippet, SnippetFinder
from embedsearch.vectors.encoders import check_available

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from embedsearch._types import Explanation, FloatMatrix, FloatVector, IntVector
    from embedsearch.index.candidate_index import CandidateIndex
    from embedsearch.index.lexical.index import LexicalIndex, LexicalSnapshot
    from embedsearch.search.hybrid import Ranking
    from embedsearch.search.latent_space import TextEncoder
    from embedsearch.search.model import Fusion, SearchModel
    from embedsearch.search.related import Like
    from embedsearch.store.documents import DocumentStore

    Read = tuple[HybridSearch, IntVector] | None
    """What an answer was ranked by, and the numbers of the documents that it has read from the
    store; None if it has read more, as for a filter."""

    Ranker = Callable[[Sequence[str], int], list[list[tuple[str, float]]]]
    """Texts and `topn` to the (id, score) of each one's documents, best first."""

Answer = TypeVar("Answer")

# Unknown words for which others are suggested: each is compared with the whole vocabulary.
_MOST_SUGGESTED = 10
_SHORTEST = 3


class DocumentSearch:
    """Finds documents of the store; several threads may search at the same time.

    `vectors` may be behind the store: they are updated for each query. `encoder` returns that of
    the space of the words, which only later documents and some questions need; without one there
    are no vectors, and only the mode "lexical" can be used. Without a lexical index it searches by
    meaning alone. `candidates` returns the index of the stored vectors, if there are many; `reopen`
    the lexical index that others have updated since, if anybody else may.
    """

    def __init__(
        self,
        store: DocumentStore,
        encoder: Callable[[], TextEncoder] | None,
        vectors: DocumentVectors,
        model: SearchModel,
        lexical: LexicalIndex | None,
        candidates: Callable[[], CandidateIndex | None],
        reopen: Callable[[LexicalIndex], LexicalIndex] | None = None,
    ) -> None:
        self.store, self.model, self.lexical, self._encoder = store, model, lexical, encoder
        self._vectors, self._candidates, self._reopen = vectors, cache(candidates), reopen
        self._hybrid: HybridSearch | None = None
        self._words_alone: HybridSearch | None = None
        self._pending: PendingDocuments | None = None
        self._lexical_change = -1
        self._lock = RLock()
        self.attempts = 3
        # What every answer says besides what is wrong with its query.
        self.warnings: tuple[str, ...] = ()

    @property
    def encoder(self) -> TextEncoder:
        """Encodes texts in the space of the words."""
        if self._encoder is None:
            raise QueryError("there are no word vectors: search in the mode 'lexical'")
        return self._encoder()

    def answer(self, text: str, options: SearchOptions) -> Hits:
        """Find the documents that answer a text best; see `Workspace.search`."""
        check("text", text, STRING)
        return self._at_one_change(partial(self._answer, text, options))

    def answers(
        self, texts: Sequence[str], options: SearchOptions, advance: Callable[[int], object]
    ) -> list[Hits]:
        """Answer several texts; one that has no answer has no hits, and a warning that says why."""
        if options.where is not None:
            # What is wrong with a condition is wrong for all.
            self.store.matching(options.where)
        found = list[Hits]()
        for text in texts:
            try:
                found.append(self.answer(text, options))
            except (QueryError, UnknownWordError) as error:
                hits = Hits(mode=options.mode, warnings=[str(error)])
                if isinstance(error, UnknownWordError):
                    hits.unknown, hits.suggestions = (error.word,), {error.word: error.suggestions}
                found.append(hits)
            advance(1)
        return found

    def explain(
        self, text: str, id: str, options: SearchOptions, pairs: int | None = PAIRS
    ) -> Explanation:
        """Explain the score of a document, found or not; see `Workspace.explain`."""
        check("text", text, STRING)
        check("pairs", pairs, Optional(NATURAL))
        fusion = self.model.fusion.leaning(options.lean)

        def answer() -> tuple[Explanation, Read]:
            numbers, document = np.array([self.store.number(id)]), self.store.get(id)
            query, hybrid = self.parse(text), self.hybrid()
            ranking = hybrid.rank(query, text, options, fusion=fusion)
            explainer = self._explainer(hybrid, query, ranking, fusion.used(options))
            scores = explainer.scores(numbers)
            return explainer.explain(numbers, [document], scores, pairs)[0], (hybrid, numbers)

        return self._at_one_change(answer)

    def ranker(
        self,
        mode: str,
        feedback: int | None = None,
        lean: int = 0,
        fusion: Fusion | None = None,
    ) -> Ranker:
        """Return a search that finds ids and scores alone; none for what it cannot answer."""
        options = SearchOptions(mode=mode, feedback=feedback, lean=lean).settled
        weights = (fusion or self.model.fusion).leaning(options.lean)

        def rank(text: str, topn: int) -> list[tuple[str, float]]:
            try:
                query = self.parse(text)
            except QueryError:
                return []
            ranking = self.hybrid().rank(query, text, replace(options, topn=topn), fusion=weights)
            ids = self.store.ids_of(ranking.numbers.tolist())
            pairs = zip(ranking.numbers.tolist(), ranking.scores.tolist(), strict=True)
            return [(ids[number], score) for number, score in pairs if number in ids]

        return lambda texts, topn: [rank(text, topn) for text in texts]

    def most_similar(
        self,
        positive: Like | Iterable[Like],
        negative: Like | Iterable[Like] = (),
        topn: int = 10,
        where: str | None = None,
    ) -> Hits:
        """Find the documents that are like some, and unlike others; see `Documents`."""
        topn = as_count("topn", topn)
        like, unlike = as_examples(positive, "positive"), as_examples(negative, "negative")
        check_apart(like, unlike)
        check_available(self.model.space.external)

        def answer() -> tuple[Hits, Read]:
            with self._lock:
                hybrid, vectors = self.hybrid(), self._vectors
            related = Related(vectors, hybrid.latent, self.model, self.encoder)
            wanted = related.examples(like, self.store)
            unwanted = related.examples(unlike, self.store)
            allowed = None if where is None else self.store.matching(where)
            numbers, scores = related.rank(wanted, unwanted, topn, allowed)
            weighted = hybrid.weighted(wanted.mean, self.model.fusion)
            hits = self._hits(numbers, scores, SnippetFinder(self.model, weighted))
            return Hits(hits), (hybrid, numbers) if where is None else None

        return self._at_one_change(answer)

    def vector(self, id: str) -> FloatVector:
        """Return the (d,) vector of a document, of unit length."""
        number = self.store.number(id)
        vectors = self.current()
        rows = vectors.rows.find(np.array([number]))
        if rows[0] < 0:
            raise UnknownDocumentError(id)
        vector: FloatVector = vectors.vectors.take(rows)[0]
        return vector

    def matrix(self) -> FloatMatrix:
        """Return the (n, d) vectors of all documents, in the order of their numbers."""
        current = self.current()
        return current.vectors.take(current.rows.in_order)

    def current(self) -> DocumentVectors:
        """Return the vectors, up to date with the store."""
        with self._lock:
            with self.store.snapshot():
                vectors = self._vectors
                if vectors.change == self.store.change:
                    pass
                elif self._encoder is not None:
                    vectors = vectors.updated(
                        self.store, self.encoder, self.model, candidates=self._candidates
                    )
                else:
                    vectors = DocumentVectors.empty(self.store.change)
            if vectors is not self._vectors:
                self._vectors, self._hybrid = vectors, None
            return vectors

    def hybrid(self) -> HybridSearch:
        """Return the search that ranks documents, up to date with the store."""
        with self._lock:
            change, current = self.store.change, self._hybrid
            if current and current.change == change and self._lexical_change == self._change():
                return current
            self._reopen_lexical(change)
            # The parts of a search must be of one change.
            with self.store.snapshot():
                vectors = self.current()
                lexical = self._merged(vectors.change)
                # Words alone are searched without the candidates, and so without FAISS.
                index = vectors.index(self._candidates)
                self._hybrid = HybridSearch(
                    lexical, index, self.model, vectors.change, expanded=vectors.expanded
                )
            # It has the lexical index and the vectors of an older change.
            self._words_alone = None
            self._lexical_change = self._change()
            return self._hybrid

    def _by_words(self) -> HybridSearch:
        """Return what `hybrid` does, but for the vectors of documents that were added since.

        To search by words alone, these need not be encoded.
        """
        with self._lock:
            found = self._words_alone
            if self._encoder is None or self._vectors.change == self.store.change:
                return self.hybrid()
            if (
                found
                and found.change == self.store.change
                and self._lexical_change == self._change()
            ):
                return found
            self._reopen_lexical(self.store.change)
            with self.store.snapshot():
                change = self.store.change
                index = self._vectors.index(self._candidates)
                found = HybridSearch(self._merged(change), index, self.model, change)
            self._words_alone, self._hybrid = found, None
            self._lexical_change = self._change()
            return found

    def containing(self, phrase: str) -> IntVector | None:
        """Return the numbers of all documents that may have a phrase, ascending.

        A stop word in it stands for any word. None if there is no index of words.
        """
        lexical = self.hybrid().lexical
        if lexical is None:
            return None
        query = self.parse(f'+"{phrase.replace(chr(34), " ")}"')
        return np.sort(lexical.search(query, max(len(self.store), 1))[1])

    def parse(self, text: str) -> LexicalQuery:
        """Read what a user typed; `QueryError` if it is empty, has no words, or only excludes."""
        if self.lexical is not None:
            return self.lexical.snapshot.parse(text)
        return parse_query(text, self.model.analyzer)

    def _answer(self, text: str, options: SearchOptions) -> tuple[Hits, Read]:
        allowed = None if options.where is None else self.store.matching(options.where)
        by_words = options.mode == "lexical" and not (options.explain or options.expand)
        query, hybrid = self.parse(text), self._by_words() if by_words else self.hybrid()
        frequencies = self._frequencies(query, hybrid)
        unknown = self._unknown(query, hybrid, frequencies)
        expanded, matches, added, unexpanded = query, dict[str, Match](), list[Expansion](), ""
        if options.expand:
            spelling = partial(self._spelling, hybrid)
            expander = Expander(self.model, self.encoder, len(hybrid.latent), spelling)
            added = expander.expand(query)
            expanded, matches = with_words(query, added), matches_of(added)
            unexpanded = "" if added else expander.reason(query)
        fusion = self.model.fusion.leaning(options.lean)
        ranking = hybrid.rank(expanded, text, options, allowed, fusion)
        if not len(ranking.numbers) and len(unknown) == len(query.words) > 0:
            raise self._unknown_words(unknown, hybrid)
        finder = None
        if options.snippets:
            finder = SnippetFinder.of(hybrid, expanded, ranking, matches)
        explainer = None
        if options.explain:
            explainer = self._explainer(hybrid, expanded, ranking, fusion.used(options))
        relevant, kept = None, 0 if options.min_relevance else len(ranking.numbers)
        if query.words:
            documents = len(hybrid.latent if hybrid.lexical is None else hybrid.lexical)
            blocks, columns = self.model.space.blocks, self.model.space.terms.columns
            asked, cosines = query, None
            if added:
                asked, cosines = instead(query, unknown, added)
                frequencies = self._frequencies(asked, hybrid)
            relevant = relevances(ranking, asked, blocks, frequencies, documents, columns, cosines)
            kept = int((relevant >= options.min_relevance).sum())
        numbers, scores = ranking.numbers[:kept], ranking.scores[:kept]
        hits = self._hits(numbers, scores, finder, explainer, relevant)
        suggestions = {word: self._suggested(word, hybrid) for word in unknown[:_MOST_SUGGESTED]}
        words = [word.expanded for word in added]
        best = None if relevant is None or not len(relevant) else float(relevant[0])
        warnings = [*self.warnings, *_faults(query, hybrid.lexical)]
        found = Hits(hits, unknown, words, options.mode, suggestions, unexpanded, best, warnings)
        return found, (hybrid, ranking.numbers) if allowed is None else None

    def _frequencies(self, query: LexicalQuery, hybrid: HybridSearch) -> dict[str, int]:
        """Count the documents that have each term of a query, deleted ones until merged."""
        if hybrid.lexical is None:
            return {term: int(term in self.model.space.terms.columns) for term in query.words}
        return {term: hybrid.lexical.frequency(TEXT, term) for term in query.words}

    def _unknown(
        self, query: LexicalQuery, hybrid: HybridSearch, frequencies: Mapping[str, int]
    ) -> tuple[str, ...]:
        """Return the words of a query that no document has; without an index, no vector."""
        # Deleted documents count until they are merged; each was a change more than there are
        # documents, so that few words have to be looked for.
        indexed = hybrid.latent if hybrid.lexical is None else hybrid.lexical
        deleted = self.store.change - len(indexed)
        return tuple(
            query.spellings.get(term, term)
            for term in query.words
            if not frequencies[term]
            or (frequencies[term] <= deleted and not self._with_term(term, hybrid))
        )

    def _with_term(self, term: str, hybrid: HybridSearch) -> list[int]:
        """Return the number of one document that has a term, if any has."""
        if hybrid.lexical is None:
            return [-1]
        found: list[int] = hybrid.lexical.search(LexicalQuery({term: 1.0}), 1)[1].tolist()
        return found

    def _spelling(self, hybrid: HybridSearch, term: str) -> str | None:
        """Return a term as a document has it."""
        for document in self.store.by_number(self._with_term(term, hybrid)).values():
            return self.model.analyzer.term_counts(full_text(document)).get(term, (0, None))[1]
        return None

    def _suggested(self, word: str, hybrid: HybridSearch) -> list[str]:
        """List words that are spelled like one and that documents have, best first."""
        # Anything is near to a word of one or two letters.
        if self._encoder is None or hybrid.lexical is None or len(word) < _SHORTEST:
            return []
        from embedsearch.search.suggestions import suggest

        near = suggest(word, self.encoder.vectors)
        counts = hybrid.lexical.document_frequencies(near)
        return [other for other, count in zip(near, counts, strict=True) if count and other != word]

    def _unknown_words(self, unknown: Sequence[str], hybrid: HybridSearch) -> UnknownWordError:
        word, *others = unknown
        reason = "is not in the vocabulary" if hybrid.lexical is None else "is in no document"
        if others:
            reason += f", and neither is {', '.join(map(repr, others[:_MOST_SUGGESTED]))}"
        return UnknownWordError(word, self._suggested(word, hybrid), reason)

    def _explainer(
        self,
        hybrid: HybridSearch,
        query: LexicalQuery,
        ranking: Ranking,
        weights: Mapping[str, float],
    ) -> Explainer:
        names = self.store.ids_of(ranking.feedback.tolist())
        return Explainer(hybrid, query, ranking, names, weights)

    def _hits(
        self,
        numbers: IntVector,
        scores: FloatVector,
        finder: SnippetFinder | None,
        explainer: Explainer | None = None,
        relevant: FloatVector | None = None,
    ) -> list[Hit]:
        documents = self.store.by_number(numbers.tolist())
        here = [place for place, number in enumerate(numbers.tolist()) if number in documents]
        numbers, scores = numbers[here], scores[here]
        relevance = [None] * len(here) if relevant is None else relevant[here].tolist()
        found = [documents[number] for number in numbers.tolist()]
        snippets = [Snippet("", ())] * len(found)
        if finder is not None:
            snippets = finder.find([document.text for document in found])
        sources = self.store.sources_of([document.id for document in found])
        reasons: Sequence[Explanation | None] = [None] * len(found)
        if explainer is not None:
            reasons = explainer.explain(numbers, found, scores)
        return [
            Hit(
                document.id,
                score,
                document.title,
                text,
                document.metadata,
                marked,
                reason,
                sources.get(document.id),
                share,
            )
            for document, score, (text, marked), reason, share in zip(
                found, scores.tolist(), snippets, reasons, relevance, strict=True
            )
        ]

    def _at_one_change(self, answer: Callable[[], tuple[Answer, Read]]) -> Answer:
        """Answer from one state of the store, though others may write to it."""
        if self.store.writable:
            return answer()[0]
        # Under a writer that never rests, most answers would be tried in vain if any change were
        # a reason to start again: only a change to one of the documents found is.
        for _ in range(self.attempts):
            change = self.store.change
            try:
                found, read = answer()
            except EmbedSearchError:
                if self.store.change == change:
                    raise
                continue
            if self.store.change == change or self._is_valid(read):
                return found
        with self._lock, self.store.snapshot():
            return answer()[0]

    def _is_valid(self, read: Read) -> bool:
        """Whether the documents found are still what they were when they were ranked."""
        if read is None:
            return False
        hybrid, numbers = read
        return self.store.count_until(hybrid.change, numbers.tolist()) == len(numbers)

    def _change(self) -> int:
        return -1 if self.lexical is None else self.lexical.change

    def _reopen_lexical(self, change: int) -> None:
        """Take the lexical index that others have updated."""
        # In a snapshot, what others have written by now may be newer than what is read.
        reopen = None if self.store.in_snapshot else self._reopen
        if self.lexical is not None and reopen and self.lexical.change < change:
            self.lexical = reopen(self.lexical)

    def _merged(self, change: int) -> LexicalSnapshot | MergedLexicalIndex | None:
        """Return the lexical index, with what changed in the store after it."""
        index = self.lexical
        if index is None or index.change >= change:
            self._pending = None
            return None if index is None else index.snapshot
        if self._pending is None or self._pending.since != index.change:
            self._pending = PendingDocuments.after(index, self.model.mean_length)
        self._pending = self._pending.updated(self.store, index.analyzer)
        return MergedLexicalIndex(index.snapshot, self._pending)


def _faults(
    query: LexicalQuery, lexical: LexicalSnapshot | MergedLexicalIndex | None
) -> Iterator[str]:
    """Say what a person would want to know of a query that was answered nevertheless."""
    if query.open_quote:
        yield "a quote is not closed, so it means nothing"
    if lexical is not None:
        for phrase in limited_phrases(query.phrases):
            if not len(lexical.search(LexicalQuery({}, {phrase: 1.0}), 1)[1]):
                yield f"no document has the phrase {quoted(phrase.spelling)}"
    if not query.words:
        yield "the query has stop words alone, so there is no relevance"
