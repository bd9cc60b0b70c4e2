"""How search is fitted to a collection: its terms, its encoders, and the weights of their scores.

The weights are learned without anyone's judgements. From some documents a window of words is cut
out and becomes a query for its document, and half of the window's words are removed from the rest,
so that exact words alone cannot find it. The encoders are fitted again to what remains. The
weights that find the sources best are taken, drawn towards BM25 alone, as what is good for windows
is not quite what is good for people's queries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._types import FloatMatrix
from embedsearch.index.lexical.analysis import GAP
from embedsearch.search.document_index import best_scores, passages_of
from embedsearch.search.latent_space import (
    Block,
    LatentSpace,
    TermDocuments,
    Terms,
    all_pieces,
    split,
)
from embedsearch.search.model import PLAIN, Fusion
from embedsearch.vectors.lsa import WORDS, fit_lsa, fit_words
from embedsearch.vectors.sif import zipf_counts
from embedsearch.vectors.sparse import TermStatistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from embedsearch._types import IntVector
    from embedsearch.index.lexical.analysis import LexicalAnalyzer, Term
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
_DOCUMENTS, _PASSAGES, _QUERIES = 5_000, 20_000, 400
# Of fewer queries the best weights are noise.
_FEWEST = 20
# Of windows, in terms: from typed queries to pasted sentences.
_LENGTHS = (3, 6, 12, 24)
# In terms. Longer documents are not cut: they would have to be taken apart in memory.
_SHORTEST, _LONGEST = 4, 10_000
# With more encoders than four, fewer weights of each are tried.
_GRIDS = ((0.0, 0.25, 0.5, 1.0, 2.0), (0.0, 0.5, 2.0), (0.0, 1.0), (1.0,))
_MOST_TRIED = 1_000
# The weights are means over so many bootstrap samples of the windows, then drawn towards 0.
_RESAMPLED = 200
_SHRUNK = 0.75
# Windows say nothing about titles, from which no window can be cut.
_LEAST_WORDS = 1.0
# Other numbers gained nothing; of a small collection three documents are a large part.
_FEEDBACK, _FEEDBACK_FROM = 3, 100


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


@dataclass(frozen=True, slots=True)
class Cut:
    """A document with a window cut out of it."""

    query: list[str]
    rest: list[str]
    query_text: str
    rest_text: str


def cut_window(terms: Sequence[Term], length: int, rng: np.random.Generator) -> Cut:
    """Cut a window of about `length` scored terms, and half of its words from what remains."""
    scored = [place for place, term in enumerate(terms) if not term.stop]
    length = max(2, min(length, len(scored) // 2))
    first = int(rng.integers(0, len(scored) - length + 1))
    start, stop = scored[first], scored[first + length - 1] + 1
    window = terms[start:stop]
    words = sorted({term.text for term in window if not term.stop})
    gone = set(rng.permutation(words)[: round(len(words) / 2)].tolist())
    rest = [t for t in (*terms[:start], *terms[stop:]) if t.text not in gone]
    return Cut(
        [term.text for term in window if not term.stop],
        [term.text for term in rest if not term.stop],
        " ".join(term.spelling for term in window),
        " ".join(term.spelling for term in rest),
    )


def learn_weights(
    documents: TermDocuments,
    space: LatentSpace,
    term_vectors: TermVectors,
    analyzer: LexicalAnalyzer,
    texts_of: Callable[[IntVector], list[str]],
    external: FloatMatrix,
) -> Fusion:
    """Find the weights with which a collection finds its own documents best.

    `external` `(p, d)` are the vectors of their passages by the user's own encoders.
    """
    rng = np.random.default_rng(0)
    n = len(documents)
    bounds = split(documents)[1]
    rows = _draw(bounds, rng)
    sources, cuts = _cuts(rows, documents, analyzer, texts_of, rng)
    feedback = _FEEDBACK if n >= _FEEDBACK_FROM else 0
    if len(cuts) < _FEWEST:
        evidence = {"method": "usual weights", "reason": "too few documents to try any"}
        usual = {block.name: PLAIN.get(block.name, 1.0) for block in space.blocks}
        return Fusion(weights=usual, feedback=feedback, evidence=evidence)
    others = np.setdiff1d(rows, sources)
    remains = documents.take(others).concatenated(space.terms.documents(c.rest for c in cuts))
    scores = _scores(remains, cuts, space, term_vectors)
    if space.external:
        scores += _external_scores(space, cuts, remains, external[passages_of(others, bounds)[0]])
    return _learned_weights(space.blocks, scores, feedback)


def _draw(bounds: IntVector, rng: np.random.Generator) -> IntVector:
    """Draw documents, 5,000 at most, and not more than have 20,000 passages; ascending."""
    rows = rng.permutation(len(bounds) - 1)[:_DOCUMENTS]
    passages = np.cumsum(np.diff(bounds)[rows])
    some = max(int(np.searchsorted(passages, _PASSAGES, "right")), min(_QUERIES, len(rows)))
    return np.sort(rows[:some])


def _cuts(
    rows: IntVector,
    documents: TermDocuments,
    analyzer: LexicalAnalyzer,
    texts_of: Callable[[IntVector], list[str]],
    rng: np.random.Generator,
) -> tuple[IntVector, list[Cut]]:
    lengths = np.diff(documents.bounds)[rows]
    able = rows[(lengths >= _SHORTEST) & (lengths <= _LONGEST)]
    drawn = np.sort(rng.permutation(able)[:_QUERIES])
    cuts, sources = list[Cut](), list[int]()
    for row, text in zip(drawn.tolist(), texts_of(drawn), strict=True):
        terms = [term for term in analyzer.terms(text) if term.text != GAP]
        if sum(not term.stop for term in terms) >= _SHORTEST:
            sources.append(row)
            cuts.append(cut_window(terms, _LENGTHS[len(cuts) % len(_LENGTHS)], rng))
    return np.asarray(sources, np.int64), cuts


def _scores(
    remains: TermDocuments,
    cuts: list[Cut],
    space: LatentSpace,
    term_vectors: TermVectors,
) -> list[FloatMatrix]:
    """Score all documents for all windows, by BM25 and by our encoders: z-scores `(nq, n)`."""
    statistics, (passages, bounds) = TermStatistics.of(remains.counts), split(remains)
    queries = space.terms.documents(cut.query for cut in cuts).counts
    bm25 = np.asarray((queries @ statistics.bm25(remains.counts).T.tocsr()).todense(), np.float32)
    scores = [_z(bm25, np.arange(len(remains) + 1))]
    statistics = statistics.of_parts(len(passages) / max(len(remains), 1))
    learned = fit_space(passages, space.terms, statistics, term_vectors)
    X, Q = learned.linear_documents(passages.counts), learned.linear_queries(queries)
    place = {block.name: block.columns for block in learned.blocks}
    for encoder in space.linear:
        columns = place.get(encoder.name, slice(0, 0))
        scores.append(_z(Q[:, columns] @ X[:, columns].T, bounds))
    return scores


def _external_scores(
    space: LatentSpace, cuts: list[Cut], remains: TermDocuments, others: FloatMatrix
) -> list[FloatMatrix]:
    """Score them by external encoders; `others` are the passages of documents without windows."""
    scores, start = [], 0
    bounds = split(remains)[1]
    pieces = all_pieces([cut.rest_text for cut in cuts], bounds[-len(cuts) - 1 :])
    for encoder in space.external:
        part = others[:, start : start + encoder.vector_size]
        start += encoder.vector_size
        D = np.concatenate((part, encoder.encode_documents(pieces)))
        found = encoder.encode_queries([cut.query_text for cut in cuts]) @ D.T
        scores.append(_z(found, bounds))
    return scores


def _learned_weights(blocks: list[Block], scores: list[FloatMatrix], feedback: int) -> Fusion:
    grid = _grid(len(blocks))
    gains = np.array([_gains(scores, weights) for weights in grid])
    rng = np.random.default_rng(0)
    size = gains.shape[1]
    samples = rng.multinomial(size, np.full(size, 1 / size), _RESAMPLED)
    winners = (gains @ samples.T).argmax(axis=0)
    found = _SHRUNK * grid[winners].mean(axis=0)
    weights = {block.name: float(w) for block, w in zip(blocks, found, strict=True)}
    if WORDS in weights:
        weights[WORDS] = max(weights[WORDS], _LEAST_WORDS)
    taken = np.array(list(weights.values()), np.float32)
    evidence = {
        "method": "windows cut out of documents find their source",
        "queries": size,
        "ndcg@10 lexical": round(float(_gains(scores, np.zeros_like(taken)).mean()), 4),
        "ndcg@10 chosen": round(float(_gains(scores, taken).mean()), 4),
    }
    return Fusion(weights=weights, feedback=feedback, evidence=evidence)


def _grid(encoders: int) -> FloatMatrix:
    """Return the weights to try, `(m, encoders)`."""
    tried = next(some for some in _GRIDS if len(some) ** encoders <= _MOST_TRIED)
    # The first of equals is taken: no weight at all.
    zeros = (0.0,) * encoders
    return np.array([zeros, *product(tried, repeat=encoders)], np.float32)


def _gains(scores: list[FloatMatrix], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the nDCG@10 of each window: its source is the only relevant document."""
    total = scores[0].copy()
    for score, weight in zip(scores[1:], weights, strict=True):
        if weight:
            total += weight * score
    nq, n = total.shape
    own = total[np.arange(nq), np.arange(n - nq, n)]
    above = (total > own[:, np.newaxis]).sum(axis=1)
    gains: NDArray[np.float64] = np.where(above < 10, 1 / np.log2(above + 2), 0.0)
    return gains


def _z(scores: FloatMatrix, bounds: IntVector) -> FloatMatrix:
    """Return the scores `(nq, n)` of best passages, in deviations of those of all passages."""
    deviations = scores.std(axis=1, keepdims=True)
    best = best_scores(scores, bounds)
    centred = best - best.mean(axis=1, keepdims=True)
    z: FloatMatrix = centred / np.where(deviations < 1e-9, 1, deviations)
    return z
