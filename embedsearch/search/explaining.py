"""Why documents were found: scores as sums over words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._types import Explanation, Part
from embedsearch.search.contributions import MovedQuery, shared
from embedsearch.search.encoding import full_text
from embedsearch.search.narrowed import counts_of, narrowed
from embedsearch.search.passages import split
from embedsearch.search.rank_fusion import fused
from embedsearch.search.strongest import DocumentParts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch._types import Document, FloatMatrix, FloatVector, IntVector
    from embedsearch.index.lexical import LexicalQuery
    from embedsearch.search.hybrid import HybridSearch, Ranking

_FIELDS = {"text": "BM25", "title": "BM25 title", "stops": "BM25 stop words"}
PAIRS = 20
"""Of how many pairs of words the parts are listed, unless all are asked for."""

_AT_ONCE = 5_000_000

Counted = dict[str, tuple[int, str]]
"""The terms of a text, with their counts and first spellings."""


class Explainer:
    """Explains the scores that a search gave.

    Args:
        search: What has searched.
        query: The query, as it was asked.
        ranking: What it found.
        names: The ids of the documents that the query was moved towards, by their numbers.
    """

    def __init__(
        self,
        search: HybridSearch,
        query: LexicalQuery,
        ranking: Ranking,
        names: Mapping[int, str],
    ) -> None:
        self._search, self._query, self._ranking = search, query, ranking
        self._blocks = search.model.space.blocks if len(ranking.latent) else []
        self._moved = MovedQuery.of(ranking, self._blocks, ranking.towards)
        self._names = [names.get(number, "") for number in ranking.feedback.tolist()]

    def explain(
        self,
        numbers: IntVector,
        documents: Sequence[Document],
        scores: FloatVector,
        pairs: int | None = PAIRS,
    ) -> list[Explanation]:
        """Explain the scores of documents.

        Args:
            numbers: Of the documents, n.
            documents: Themselves.
            scores: `(n,)` to explain.
            pairs: List the parts of so many pairs of words, the strongest; None lists all.
        """
        if self._ranking.lists is not None:
            ranks = self._ranking.lists.ranks_of(numbers, self._search, self._query)
            each = [DocumentParts((), (), (), parts) for parts in self._ranking.lists.parts(ranks)]
            return _explained(each, scores, pairs)
        texts, X = self._passages(numbers, documents)
        # What all words share with all words is held in memory at once.
        size = sum(map(len, texts)) * len(self._query.meant)
        step = 1 if size > _AT_ONCE else max(len(texts), 1)
        found = list[Explanation]()
        for start in range(0, len(texts), step):
            some = slice(start, start + step)
            each = self._parts(numbers[some], texts[some], X[some])
            found += _explained(each, scores[some], pairs)
        return found

    def scores(self, numbers: IntVector) -> FloatVector:
        """Return the scores of documents `(n,)`, whether they were found or not."""
        search, ranking = self._search, self._ranking
        if ranking.lists is not None:
            return fused(ranking.lists.ranks_of(numbers, search, self._query))
        scores = np.zeros(len(numbers), np.float32)
        if search.lexical is not None and ranking.lexical:
            scores += np.float32(ranking.lexical) * search.lexical.scores_of(self._query, numbers)
        if self._blocks:
            scores += search.latent.scores(ranking.latent, search.latent.rows_of(numbers))
        return scores

    def _passages(
        self, numbers: IntVector, documents: Sequence[Document]
    ) -> tuple[list[Counted], FloatMatrix]:
        """Return the words and the vector of the passage by which each document was scored."""
        counted, latent = self._search.model.analyzer.counted, self._search.latent
        texts = [full_text(document) for document in documents]
        words = [counted(text) for text in texts]
        if not self._blocks:
            return words, np.zeros((len(texts), 0), np.float32)
        rows = latent.rows_of(numbers)
        passages = latent.take(rows)
        best = passages.best(self._ranking.latent)
        for place in np.flatnonzero(np.diff(passages.bounds) > 1).tolist():
            words[place] = self._within(texts[place], words[place], int(best[place]))
        return words, passages.at(best)

    def _within(self, text: str, words: Counted, place: int) -> Counted:
        """Return the words of one passage of a text that has several."""
        terms = self._search.model.space.terms
        passages, _ = split(terms.documents([self._search.model.analyzer.words(text)]))
        start, stop = passages.bounds[place : place + 2]
        counts = Counter(passages.ids[start:stop].tolist())
        names = [(terms.terms[column], count) for column, count in counts.items()]
        return {term: (count, words[term][1]) for term, count in names}

    def _parts(
        self, numbers: IntVector, texts: Sequence[Counted], X: FloatMatrix
    ) -> list[DocumentParts]:
        query, model, meant = self._query, self._search.model, self._query.meant
        terms = [*meant, *(term for text in texts for term in text)]
        space = narrowed(model.space, terms if self._blocks else ())
        columns = space.terms.columns
        known = {term: weight for term, weight in meant.items() if term in columns}
        weights = {columns[term]: weight for term, weight in known.items()}
        counts = counts_of([{t: n for t, (n, _) in text.items()} for text in texts], space.terms)
        own = [self._moved.own[block.columns] for block in self._blocks]
        linear = [
            (encoder.name, shared(encoder, space.statistics, counts, weights, vector))
            for encoder, vector in zip(space.linear, own, strict=False)
        ]
        spelled = [query.spellings.get(term, term) for term in known]
        words = [
            [query.spellings.get(t, as_is) for t, (_, as_is) in text.items() if t in columns]
            for text in texts
        ]
        places = map(slice, counts.indptr[:-1], counts.indptr[1:])
        return [
            DocumentParts(spelled, own_words, [(name, added[p]) for name, added in linear], others)
            for own_words, p, others in zip(words, places, self._others(numbers, X), strict=True)
        ]

    def _others(self, numbers: IntVector, X: FloatMatrix) -> list[list[Part]]:
        """Return the parts of BM25, of encoders that are plugged in, and of feedback."""
        found = self._lexical(numbers)
        if not self._blocks:
            return found
        external = self._search.model.space.external
        plugged = self._blocks[len(self._blocks) - len(external) :]
        for parts, x in zip(found, X, strict=True):
            for block in plugged:
                place = block.columns
                parts.append(Part(block.name, "", "", float(x[place] @ self._moved.own[place])))
            for other, name in zip(self._moved.others, self._names, strict=True):
                for block in self._blocks:
                    added = float(x[block.columns] @ other[block.columns])
                    parts.append(Part(block.name, "", "", added, name))
        return found

    def _lexical(self, numbers: IntVector) -> list[list[Part]]:
        lexical, factor = self._search.lexical, self._ranking.lexical
        if lexical is None or not factor:
            return [[] for _ in numbers]
        return [
            [Part(_FIELDS[part.field], part.word, part.word, factor * part.score) for part in parts]
            for parts in lexical.explain(self._query, numbers)
        ]


def _explained(
    each: Sequence[DocumentParts], scores: FloatVector, pairs: int | None
) -> list[Explanation]:
    told = zip(each, scores.tolist(), strict=True)
    return [parts.explanation(score, pairs) for parts, score in told]
