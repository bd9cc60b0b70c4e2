"""The passages of documents that answer a query best."""

from __future__ import annotations

from collections import Counter
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch.search.highlighting import Match, highlights, near_terms
from embedsearch.search.narrowed import counts_of, narrowed
from embedsearch.search.passages import products
from embedsearch.search.sentences import SHORT, promising, runs
from embedsearch.vectors.sparse import K1, B

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch._types import FloatVector, Highlight
    from embedsearch.index.lexical import LexicalQuery
    from embedsearch.search.hybrid import HybridSearch, Ranking
    from embedsearch.search.model import SearchModel
    from embedsearch.search.space import LatentSpace

_FREQUENT, _RELATED = 20_000, 10
_SHORTEST_NEEDLE = 3


class Snippet(NamedTuple):
    """A passage of a document.

    Attributes:
        text: About 240 characters of whole sentences, with single blanks.
        highlights: Its words that answer words of the query.
    """

    text: str
    highlights: tuple[Highlight, ...]


class _Passages(NamedTuple):
    """Runs of sentences of several documents.

    Attributes:
        texts: The text of each sentence.
        terms: Its terms and their counts.
        runs: (start, stop) of each run among the sentences.
        bounds: Where those of each document begin and end among the runs.
    """

    texts: list[str]
    terms: list[Counter[str]]
    runs: list[tuple[int, int]]
    bounds: list[int]


class SnippetFinder:
    """Finds in documents the passage that a search would have put first.

    A passage scores as a document does: BM25 of the query's words, plus the weighted cosines of
    the linear encoders.

    Args:
        model: How texts are encoded.
        latent: (D,) what document vectors are multiplied by; empty to go by words alone.
        lexical: What BM25 is multiplied by.
        query: The words looked for; None where the query is not made of words.
        expanded: Words of the query that others were added for, by the terms of these.
        documents: How many documents there are.
    """

    def __init__(
        self,
        model: SearchModel,
        latent: FloatVector,
        lexical: float = 0.0,
        query: LexicalQuery | None = None,
        expanded: Mapping[str, Match] | None = None,
        documents: int = 0,
    ) -> None:
        self._model, self._latent, self._lexical = model, latent, lexical
        self._expanded, self._documents = expanded or {}, documents
        self._words = {} if query is None else query.meant or dict(query.stops)
        self._spellings = {} if query is None else query.spellings

    @classmethod
    def of(
        cls,
        search: HybridSearch,
        query: LexicalQuery,
        ranking: Ranking,
        expanded: Mapping[str, Match] | None = None,
    ) -> SnippetFinder:
        """Make one for what a search has found."""
        documents = len(search.latent)
        return cls(search.model, ranking.latent, ranking.lexical, query, expanded, documents)

    def find(self, texts: Sequence[str]) -> list[Snippet]:
        """Return the best passage of each text; an empty one for a text without words."""
        passages = self._cut(texts)
        terms = {term for counted in passages.terms for term in counted}
        space = narrowed(self._model.space, [*terms, *self._words])
        scores = self._scores(passages, space)
        best = [
            passages.runs[start + int(scores[start:stop].argmax())] if stop > start else (0, 0)
            for start, stop in zip(passages.bounds, passages.bounds[1:], strict=False)
        ]
        matches = self._matches(space, passages, best)
        chosen = [" ".join(passages.texts[start:stop]) for start, stop in best]
        analyzer = self._model.analyzer
        return [Snippet(text, highlights(text, analyzer, matches)) for text in chosen]

    def _cut(self, texts: Sequence[str]) -> _Passages:
        long = any(len(text) > SHORT for text in texts)
        needles, near = (self._needles(), self._near()) if long else ({}, {})
        fields = self._model.analyzer.fields
        found = _Passages([], [], [], [0])
        for text in texts:
            for part in promising(text, needles, near):
                first = len(found.texts)
                found.texts.extend(part)
                found.terms.extend(Counter(fields(piece).words.split(" ")) for piece in part)
                found.runs.extend((first + start, first + stop) for start, stop in runs(part))
            found.bounds.append(len(found.runs))
        return found

    def _scores(self, passages: _Passages, space: LatentSpace) -> FloatVector:
        """Score all runs: `(r,)`."""
        adding = _adding(passages.runs, len(passages.texts))
        scores = self._lexical * self._bm25(passages, adding, space)
        if len(self._latent) and space.linear:
            X = space.linear_documents(adding @ counts_of(passages.terms, space.terms))
            scores += products(X, self._latent[: X.shape[1]])
        return scores

    def _bm25(self, passages: _Passages, adding: Any, space: LatentSpace) -> FloatVector:
        counts = np.array([[c[t] for t in self._words] for c in passages.terms], np.float32)
        lengths = np.array([c.total() for c in passages.terms], np.float32)
        frequencies = adding @ counts.reshape(len(passages.terms), len(self._words))
        norms = K1 * (1 - B + B * (adding @ lengths) / max(space.statistics.mean_length, 1e-9))
        saturated = frequencies * (K1 + 1) / (frequencies + norms[:, np.newaxis])
        scores: FloatVector = saturated @ self._weights(space)
        return scores

    def _weights(self, space: LatentSpace) -> FloatVector:
        """Return what each word weighs; one that no encoder knows is as rare as can be."""
        idf, columns = space.statistics.idf, space.terms.columns
        most = float(self._model.space.statistics.idf.max(initial=0.0))
        weights = [w * (idf[columns[t]] if t in columns else most) for t, w in self._words.items()]
        return np.array(weights, np.float32)

    def _matches(
        self, space: LatentSpace, passages: _Passages, best: list[tuple[int, int]]
    ) -> dict[str, Match]:
        asked = {term: self._spellings.get(term, term) for term in self._words}
        matches = {term: Match(word, 1.0) for term, word in asked.items()} | dict(self._expanded)
        if not len(self._latent):
            return matches
        shown = {t for start, stop in best for c in passages.terms[start:stop] for t in c}
        typed = {term: word for term, word in asked.items() if term not in self._expanded}
        near = near_terms(space, sorted(shown - asked.keys()), typed, self._documents)
        return near | matches

    def _needles(self) -> dict[str, float]:
        """Return how the words of the query begin, and how rare they are."""
        space = self._model.space
        columns, idf = space.terms.columns, space.statistics.idf
        needles = dict[str, float]()
        for term, weight in self._words.items():
            rarity = float(idf[columns[term]]) if term in columns else 1.0
            spelling = self._spellings.get(term, term).lower()
            needles[_beginning(term, spelling)] = weight * rarity
        return needles

    def _near(self) -> dict[str, float]:
        """Return frequent terms that are nearest to the query in the last encoder."""
        space = self._model.space
        if not len(self._latent) or not space.linear:
            return {}
        encoder, block = space.linear[-1], space.blocks[len(space.linear) - 1]
        scores = products(encoder.projection[:_FREQUENT], self._latent[block.columns])
        best = np.argsort(-scores)[: min(_RELATED, len(scores))]
        return {
            space.terms.terms[column]: float(space.statistics.idf[column]) / 2
            for column in best.tolist()
            if scores[column] > 0 and space.terms.terms[column] not in self._words
        }


def _beginning(term: str, spelling: str) -> str:
    """Return what a stem and the word that it was made of begin with alike."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(term, spelling, strict=False))
    shared = "".join(character for character, _ in alike)
    return shared if len(shared) >= _SHORTEST_NEEDLE else spelling


def _adding(runs: Sequence[tuple[int, int]], size: int) -> Any:
    """Return the sparse matrix that adds up what the sentences of each run have: `(r, size)`."""
    from scipy.sparse import csr_matrix

    columns = [place for start, stop in runs for place in range(start, stop)]
    ends = np.cumsum([0, *(stop - start for start, stop in runs)])
    return csr_matrix((np.ones(len(columns), np.float32), columns, ends), shape=(len(runs), size))
