"""Query expansion: near words are looked for besides the rare words of a query.

Few documents have a rare word, so that what is about the same thing in other words is missed. The
words added come from word vectors alone and are often beside the point: this is an option.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._messages import counted, first_few
from embedsearch._types import ExpandedWord
from embedsearch.search.evidence import AUTO_Z, Evidence
from embedsearch.search.snippets import FEWEST_DOCUMENTS, Match
from embedsearch.vectors.arrays import unit_rows
from embedsearch.vectors.lsa import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from embedsearch._types import FloatVector
    from embedsearch.index.lexical import LexicalQuery
    from embedsearch.search.latent_space import TextEncoder
    from embedsearch.search.model import SearchModel
    from embedsearch.vectors.lsa import LinearEncoder

# A word is rare if at most this share of the documents has it, and at most so many.
RARE, MOST_RARE = 0.01, 100

# How many words are added for one; what they weigh, times the cosine; the least cosine.
EACH, FACTOR, NEAR = 3, 0.3, 0.5

# The nearest terms of each are found among all, which takes some milliseconds.
_MOST_WORDS = 16
# Of the nearest, those that are in the query already are passed over.
_NEAREST = 30


class Expansion(NamedTuple):
    """A word to look for, too: the term of the lexical index, and the word for people."""

    term: str
    expanded: ExpandedWord


class Expander:
    """Finds the words nearest to rare words.

    For a word that documents have these are the terms nearest in the encoder of words, among those
    of three documents or more; for one that none has, the words of the vocabulary nearest to it,
    if it has a vector: words that were imported, or that n-grams make up. `spelling` finds a word
    of a term that is that of no word of the vocabulary; a term without a word is not added.
    """

    def __init__(
        self,
        model: SearchModel,
        encoder: TextEncoder,
        documents: int,
        spelling: Callable[[str], str | None] = lambda _: None,
        rare: float = RARE,
    ) -> None:
        self._model, self._encoder, self._spelling = model, encoder, spelling
        self._documents, self._rare = documents, rare
        idf = model.space.statistics.idf
        # idf is ln((N + 1) / (df + 1/2)).
        self._frequencies = np.exp(-idf) * (documents + 1) - 0.5

    def expand(self, query: LexicalQuery) -> list[Expansion]:
        """Return the words to add to a query, by the words that they are added for."""
        taken = {*query.words, *(t for phrase in query.excluded for _, t in phrase.terms)}
        added = list[tuple[str, str, float]]()
        for term in self._rare_terms(query):
            near = [pair for pair in self._near(term, query) if pair[0] not in taken][:EACH]
            for other, score in near:
                taken.add(other)
                added.append((term, other, score))
        terms = {other for _, other, _ in added}
        words = self._words_of(terms)
        words |= {term: word for term in terms - words.keys() if (word := self._spelling(term))}
        return [
            Expansion(
                other,
                ExpandedWord(
                    query.spellings.get(term, term),
                    words[other],
                    score,
                    FACTOR * score * query.words[term],
                ),
            )
            for term, other, score in added
            if other in words
        ]

    def reason(self, query: LexicalQuery) -> str:
        """Say why `expand` has added nothing to a query."""
        rare = [query.spellings.get(term, term) for term in self._rare_terms(query)]
        if not rare:
            most = max(int(self._most()), 1)
            return f"each of its words is in more than {counted(most, 'document')}"
        return f"no word is close enough to {first_few(rare)}"

    def _rare_terms(self, query: LexicalQuery) -> list[str]:
        """Return the rare words of a query, at most 16, in the order in which they were typed."""
        counts = {term: self._frequency(term) for term in query.words}
        rarest = sorted(counts, key=counts.__getitem__)[:_MOST_WORDS]
        return [term for term in query.words if term in rarest and counts[term] <= self._most()]

    def _most(self) -> float:
        """How many documents may have a rare word."""
        return max(min(self._rare * self._documents, MOST_RARE), FEWEST_DOCUMENTS - 1)

    def _frequency(self, term: str) -> float:
        column = self._model.space.terms.columns.get(term)
        return 0.0 if column is None else float(self._frequencies[column])

    def _is_used(self, term: str) -> bool:
        # Encoders may know terms that no document has.
        return self._frequency(term) > 0.5

    def _near(self, term: str, query: LexicalQuery) -> Iterator[tuple[str, float]]:
        space = self._model.space
        column = space.terms.columns.get(term)
        encoders = [encoder for encoder in space.linear if encoder.name == WORDS]
        if column is not None and encoders and self._is_used(term):
            return self._near_terms(encoders[0], column)
        return self._near_words(query.spellings.get(term, term))

    def _near_terms(self, encoder: LinearEncoder, column: int) -> Iterator[tuple[str, float]]:
        own = unit_rows(encoder.cleared(encoder.projection[column : column + 1]))[0]
        # Rows have length 1 until the directions are removed: each is read only once.
        products = encoder.projection @ np.vstack((own, *encoder.removed)).T
        lengths = 1 - np.square(products[:, 1:]).sum(axis=1)
        scores = products[:, 0] / np.sqrt(np.maximum(lengths, 1e-6))
        scores[self._frequencies < FEWEST_DOCUMENTS - 0.01] = -1
        scores[column] = -1
        for place in _best(scores, self._frequencies, self._frequencies[column]):
            yield self._model.space.terms.terms[place], float(scores[place])

    def _near_words(self, spelling: str) -> Iterator[tuple[str, float]]:
        vectors, own = self._encoder.vectors, self._encoder.vector_of(spelling)
        if own is None:
            return
        scores = (
            vectors.vectors @ unit_rows(own.reshape(1, -1))[0] / np.maximum(vectors.norms, 1e-9)
        )
        row = vectors.key_to_index.get(spelling)
        count = 1 if row is None or vectors.counts is None else vectors.counts[row]
        for place in _best(scores, vectors.counts, count):
            for term in self._model.analyzer.words(vectors.index_to_key[place]):
                if self._is_used(term):
                    yield term, float(scores[place])

    def _words_of(self, terms: set[str]) -> dict[str, str]:
        """Return the most frequent word of each term that is the stem of any."""
        words, found = self._model.analyzer.words, dict[str, str]()
        # A stem differs from its words at most from the last letter on. The most frequent words
        # come first: the vocabulary is read once, to where all are found.
        left = {term: term[:-1] for term in terms}
        beginnings = tuple(left.values())
        for key in self._encoder.vectors.index_to_key:
            if not left:
                break
            if not key.startswith(beginnings):
                continue
            stems = words(key)
            if len(stems) == 1 and key.startswith(left.get(stems[0], key + " ")):
                found[stems[0]] = key
                del left[stems[0]]
                beginnings = tuple(left.values())
        return found


def with_words(query: LexicalQuery, added: Sequence[Expansion]) -> LexicalQuery:
    """Return a query with the added words."""
    weights = {word.term: word.expanded.weight for word in added}
    spellings = {word.term: word.expanded.word for word in added}
    return replace(
        query, words={**query.words, **weights}, spellings={**query.spellings, **spellings}
    )


def instead(
    query: LexicalQuery, unknown: Container[str], added: Iterable[Expansion]
) -> tuple[LexicalQuery, dict[str, float]]:
    """Return a query with the words that were added for unknown ones in place of these.

    Also the cosines of the terms that stand for them.
    """
    stand = [word for word in added if word.expanded.query_word in unknown]
    gone = {word.expanded.query_word for word in stand}
    kept = {t: w for t, w in query.words.items() if query.spellings.get(t, t) not in gone}
    return (
        with_words(replace(query, words=kept), stand),
        {word.term: word.expanded.score for word in stand},
    )


def matches_of(added: Iterable[Expansion]) -> dict[str, Match]:
    """Return the words of the query that the added terms stand for."""
    return {word.term: Match(word.expanded.query_word, word.expanded.score) for word in added}


def _best(scores: FloatVector, counts: NDArray[Any] | None, count: float) -> list[int]:
    """Return the places of scores of at least `NEAR`, the surest first; see `search.evidence`.

    `counts` are those behind the scores, `count` that of the word that was asked for.
    """
    near = np.flatnonzero(scores >= NEAR)
    low: NDArray[Any] = scores[near]
    if counts is not None and len(near):
        low, _ = Evidence(counts, 1 / max(count, 1), AUTO_Z).interval(low, near)
    best: list[int] = near[np.argsort(-low, kind="stable")[:_NEAREST]].tolist()
    return best
