"""How search is fitted to a collection: its terms and its encoders."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._types import FloatMatrix
from embedsearch.search.latent_space import LatentSpace, TermDocuments, Terms
from embedsearch.vectors.lsa import fit_lsa, fit_words
from embedsearch.vectors.sif import zipf_counts
from embedsearch.vectors.sparse import TermStatistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._types import IntVector
    from embedsearch.index.lexical.analysis import LexicalAnalyzer
    from embedsearch.text.stream import TokenStream
    from embedsearch.vectors.encoders import CheckedEncoder
    from embedsearch.vectors.word_vectors import WordVectors

# Dimensions of the two LSA encoders; 200 as well, or 500 for 300, gained nothing on nine beds.
_RANKS = (100, 300)
# The projections of the encoders have a row for each term, and are mapped.
_MOST_TERMS, _MOST_UNSEEN = 100_000, 50_000
# The count of a word that no document has, so that it weighs next to nothing.
_UNSEEN = 1e-3
_BLOCK = 1 << 20
# A decomposition holds the counts of all documents that it is fitted to in memory.
_FITTED_ON = 20_000


class StreamTerms:
    """How the tokens of a stream are cut into terms.

    The stream is neither stemmed nor without accents, as the analyzer does that itself, and a stem
    may have a stem of its own. Of `words`, the most frequent first, that queries and later
    documents may have, 50,000 become terms although no document has them.
    """

    def __init__(
        self,
        stream: TokenStream,
        analyzer: LexicalAnalyzer,
        words: Sequence[str] = (),
        most: int = _MOST_TERMS,
    ) -> None:
        self._stream, known = stream, set(stream.types)
        unseen = islice((word for word in words if word not in known), _MOST_UNSEEN)
        self._types = [*stream.types, *unseen]
        self._counts = np.zeros(len(self._types), np.int64)
        self._counts[: len(stream.types)] = stream.counts
        parts = [analyzer.words(token) if token else [] for token in self._types]
        self._bounds = np.cumsum([0, *map(len, parts)])
        names = list(dict.fromkeys(term for part in parts for term in part))
        number = {name: place for place, name in enumerate(names)}
        flat = np.fromiter((number[t] for part in parts for t in part), np.int64)
        occurrences = np.repeat(self._counts, np.diff(self._bounds))
        totals = np.bincount(flat, weights=occurrences, minlength=len(names))
        chosen = np.argsort(-totals, kind="stable")[:most]
        place = np.full(len(names), -1)
        place[chosen] = np.arange(len(chosen))
        self.terms = Terms([names[i] for i in chosen])
        self._columns: IntVector = place[flat] if len(flat) else flat

    def documents(self) -> TermDocuments:
        """Return all documents as terms."""
        parts, lengths = [np.zeros(0, np.int32)], [np.zeros(1, np.int64)]
        for _, tokens, bounds in self._stream.blocks(_BLOCK):
            columns, ends = self._cut(tokens, bounds)
            parts.append(columns)
            lengths.append(np.diff(ends))
        bounds = np.cumsum(np.concatenate(lengths))
        return TermDocuments(np.concatenate(parts), bounds, len(self.terms))

    def statistics(self, documents: TermDocuments) -> TermStatistics:
        """Return how terms weigh in the documents; a guess if there are none."""
        if len(documents):
            return TermStatistics.of(documents.counts)
        known = self._columns >= 0
        counts = np.repeat(zipf_counts(len(self._types)), np.diff(self._bounds))
        occurrences = np.bincount(self._columns[known], counts[known], len(self.terms))
        return TermStatistics.guessed(occurrences.astype(np.int64))

    def vectors(self, words: WordVectors, normalize: Callable[[str], str | None]) -> FloatMatrix:
        """Return the mean vector of the words that each term stands for, `(V, d)`.

        Words weigh by how often they occur, unseen ones next to nothing; a term none of whose
        words has a vector gets zeros. `normalize` turns a token of the stream into one of the
        words; None if it is none.
        """
        index, lengths = words.key_to_index, np.diff(self._bounds)
        keys = (normalize(token) if token else None for token in self._types)
        rows = np.fromiter((index.get(k or "", -1) for k in keys), np.int64, len(self._types))
        rows, counts = np.repeat(rows, lengths), np.repeat(self._counts + _UNSEEN, lengths)
        known = (rows >= 0) & (self._columns >= 0)
        return self._summed(words, self._columns[known], rows[known], counts[known])

    def _summed(
        self,
        words: WordVectors,
        columns: IntVector,
        rows: IntVector,
        counts: NDArray[np.float64],
    ) -> FloatMatrix:
        from scipy.sparse import csr_matrix

        weights = (counts / np.maximum(words.norms[rows], 1e-9)).astype(np.float32)
        shape = len(self.terms), len(words)
        sums: FloatMatrix = csr_matrix((weights, (columns, rows)), shape=shape) @ words.vectors
        return sums

    def _cut(self, tokens: Any, bounds: IntVector) -> tuple[NDArray[np.int32], IntVector]:
        lengths = np.diff(self._bounds)[tokens]
        ends = np.concatenate(([0], np.cumsum(lengths)))
        starts = np.repeat(self._bounds[tokens] - ends[:-1], lengths)
        columns = self._columns[starts + np.arange(ends[-1])]
        known = columns >= 0
        known_before = np.concatenate(([0], np.cumsum(known)))
        return columns[known].astype(np.int32), known_before[ends[bounds]]


# Documents to the vectors of their terms, `(V, d)`; zeros for terms that have none.
TermVectors = Callable[[TermDocuments], FloatMatrix]


def sampled(documents: TermDocuments, most: int) -> TermDocuments:
    """Return at most so many documents, drawn at random but always the same, in their order."""
    n = len(documents)
    if n <= most:
        return documents
    rows: IntVector = np.sort(np.random.default_rng(0).permutation(n)[:most])
    return documents.take(rows)


def fit_space(
    documents: TermDocuments,
    terms: Terms,
    statistics: TermStatistics,
    term_vectors: TermVectors,
    external: Sequence[CheckedEncoder] = (),
    most: int = _FITTED_ON,
) -> LatentSpace:
    """Fit the linear encoders to a collection, of which a sample of `most` documents is used.

    Without documents there is only the encoder of words. `statistics` are those of all documents.
    """
    some = sampled(documents, most)
    linear = fit_lsa(some.counts, statistics, _RANKS) if some.counts.nnz else []
    vectors = term_vectors(some)
    if vectors.any():
        linear.append(fit_words(some.counts, statistics, vectors))
    return LatentSpace(terms, statistics, linear, external)
