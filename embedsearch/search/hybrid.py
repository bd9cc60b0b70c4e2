"""Documents by their words and by their meaning: candidates of both, their scores added up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch.index.lexical.analysis import TEXT
from embedsearch.index.lexical.query import LexicalQuery
from embedsearch.search.latent_space import rocchio
from embedsearch.vectors.arrays import best_first
from embedsearch.vectors.sparse import length_norm, saturated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.index.lexical.index import LexicalSnapshot
    from embedsearch.search.document_expansion import ExpandedDocuments
    from embedsearch.search.document_index import LatentIndex, PassageVectors
    from embedsearch.search.model import Fusion, SearchModel
    from embedsearch.search.options import SearchOptions
    from embedsearch.search.pending import MergedLexicalIndex

# Less spread than this is the rounding error of equal scores.
_TINY = 1e-6


class Depth(NamedTuple):
    """How many candidates BM25 gives, and how many the latent index, if `topn` is not more."""

    lexical: int = 200
    latent: int = 100


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Hits, and what their scores are made of."""

    numbers: IntVector  # (k,) of the documents, best first
    scores: FloatVector  # (k,) theirs
    lexical: float  # the factor of BM25
    expanded: float  # that of the BM25 of expanded documents
    latent: FloatVector  # (D,) the query by which the vectors of documents are multiplied
    # (D,) the query before it was moved.
    encoded: FloatVector = field(default_factory=lambda: np.zeros(0, np.float32))
    # Numbers of the documents that it was moved towards, and (f, D) their best passages.
    feedback: IntVector = field(default_factory=lambda: np.zeros(0, np.int64))
    towards: FloatMatrix = field(default_factory=lambda: np.zeros((0, 0), np.float32))


class HybridSearch:
    """Searches by BM25 and by all encoders.

    The score is the weighted sum of BM25, of BM25 of the expanded documents (both divided by the
    standard deviation of BM25 over all documents), and of the cosines of all encoders, each divided
    by its own deviation (1 if all have the same score); so it is a sum over the words of the query,
    and can be explained. Cosines are shrunk if a passage is short (see `shrinks`); a document's are
    those of the passage whose weighted sum is greatest. In the mode "latent" it is a weighted mean
    of the cosines.

    Without a lexical index it searches by meaning alone, and ignores what is required or excluded.
    `change` is the change of the store that all this is of.
    """

    def __init__(
        self,
        lexical: LexicalSnapshot | MergedLexicalIndex | None,
        latent: LatentIndex,
        model: SearchModel,
        change: int = 0,
        depth: Depth = Depth(),  # noqa: B008 - a constant
        expanded: ExpandedDocuments | None = None,
    ) -> None:
        self.lexical, self.latent, self.model = lexical, latent, model
        self.change, self.depth, self.expanded = change, depth, expanded

    def rank(
        self,
        query: LexicalQuery,
        text: str,
        options: SearchOptions,
        allowed: IntVector | None = None,
        fusion: Fusion | None = None,
    ) -> Ranking:
        """Find `topn` documents, or all that are allowed if there are fewer.

        The mode "lexical" goes by BM25 alone, "latent" by meaning alone, the others by both. Only
        documents that have a word of the query are found by BM25 alone, and if no encoder that has
        any weight knows any of its words.

        `text` is the query as it was typed, for encoders that are plugged in; `allowed` are numbers
        of documents, ascending; `fusion` are weights in place of the model's.
        """
        mode, topn = options.mode, options.topn
        if mode == "lexical":
            if self.lexical is None:
                raise ParameterError("mode", "latent, as there is no lexical index", mode)
            scores, numbers = self.lexical.search(query, topn, allowed)
            return Ranking(numbers, scores, 1.0, 0.0, np.zeros(0, np.float32))
        fusion = self.model.fusion if fusion is None else fusion
        vector = self._encoded(query, text)
        found = _Candidates(self, query, allowed)
        if mode != "latent":
            found.add_lexical(max(topn, self.depth.lexical), fusion)
        return self._by_scores(vector, found, options, fusion)

    def _by_scores(
        self, vector: FloatVector, found: _Candidates, options: SearchOptions, fusion: Fusion
    ) -> Ranking:
        mean = options.mode == "latent"
        numbers, encoded = self.latent.numbers, vector
        first, towards = np.zeros(0, np.int64), np.zeros((0, len(vector)), np.float32)
        weighted = self.weighted(vector, fusion, mean=mean)
        found.add_latent(weighted, max(options.topn, self.depth.latent))
        most = fusion.feedback if options.feedback is None else options.feedback
        rows, scores = found.scored(weighted, max(options.topn, most))
        if most and len(rows):
            first = rows[best_first(scores, numbers[rows], most)]
            passages = self.latent.take(first)
            towards, _ = passages.at(passages.best(weighted))
            vector = rocchio(vector, self.model.space.blocks, towards)
            weighted = self.weighted(vector, fusion, mean=mean)
            rows, scores = found.scored(weighted, options.topn)
        best = best_first(scores, numbers[rows], options.topn)
        hits = numbers[rows[best]], scores[best]
        factors = found.lexical_factor, found.expanded_factor
        return Ranking(*hits, *factors, weighted, encoded, numbers[first], towards)

    def weighted(self, vector: FloatVector, fusion: Fusion, *, mean: bool = False) -> FloatVector:
        """Scale each block of a query `(D,)` to its weight over the spread of its cosines.

        With `mean` these factors add up to 1, so that a score is a mean of cosines.
        """
        scaled, total = np.zeros_like(vector), 0.0
        blocks, spreads = self.model.space.blocks, self.model.spreads
        deviations = [spreads.latent(vector[b.columns], i) for i, b in enumerate(blocks)]
        if max(deviations, default=0.0) <= _TINY:
            deviations = [1.0] * len(blocks)
        ours = len(self.model.space.linear)
        for place, (block, spread) in enumerate(zip(blocks, deviations, strict=True)):
            if spread > _TINY:
                factor = (fusion.latent if place < ours else fusion.plugged) / spread
                scaled[block.columns] = vector[block.columns] * np.float32(factor)
                total += factor
        return scaled / np.float32(total) if mean and total else scaled

    def expanded_parts(self, query: LexicalQuery, rows: IntVector) -> tuple[list[str], FloatMatrix]:
        """Return the terms of a query, and what each adds to the BM25 of expanded documents.

        The scores are `(k, q)`. Of terms that came later than the model they are those of BM25, or
        documents that lack such a word would be above those that have it.
        """
        columns, statistics = self.model.space.terms.columns, self.model.space.statistics
        if self.expanded is None:
            return [], np.zeros((len(rows), 0), np.float32)
        known = [term for term in query.words if term in columns]
        later, lexical, numbers = {}, self.lexical, self.latent.numbers[rows]
        for term, weight in query.words.items():
            if term not in columns and lexical is not None and lexical.frequency(TEXT, term):
                later[term] = lexical.scores_of(LexicalQuery({term: weight}), numbers)
        places = [columns[term] for term in known]
        weights = np.array([query.words[term] for term in known], np.float32)
        frequencies = self.expanded.frequencies(places, rows, self.latent.rows.live)
        lengths = self.expanded.lengths.rows[rows]
        norms = length_norm(lengths, self.model.mean_length).astype(np.float32)
        scores = saturated(frequencies, norms[:, np.newaxis])
        scores *= weights * statistics.idf[places]
        return [*known, *later], np.column_stack([scores, *later.values()])

    def expanded_scores(self, query: LexicalQuery, rows: IntVector) -> FloatVector:
        """Return the BM25 of expanded documents: `(k,)`."""
        scores: FloatVector = self.expanded_parts(query, rows)[1].sum(axis=1)
        return scores

    def spread(self, query: LexicalQuery, scores: FloatVector) -> float:
        """Return the standard deviation of BM25 over all documents, without phrases.

        As if words were independent. Of words that the model does not know, that of the highest
        scores `(k,)` is taken, if it is larger.
        """
        columns = self.model.space.terms.columns
        known = {columns[t]: weight for t, weight in query.words.items() if t in columns}
        weights = np.fromiter(known.values(), np.float32, len(known))
        estimated = self.model.spreads.lexical(list(known), weights)
        if estimated > _TINY and len(known) == len(query.words):
            return estimated
        return max(estimated, _deviation(scores.astype(np.float64), max(len(self.latent), 1)))

    def _encoded(self, query: LexicalQuery, text: str) -> FloatVector:
        space = self.model.space
        vector: FloatVector = space.queries(space.terms.weights([query.words]), [text])[0]
        return vector


class _Candidates:
    """The documents that may be hits, with their scores by words."""

    def __init__(
        self, search: HybridSearch, query: LexicalQuery, allowed: IntVector | None
    ) -> None:
        self._search, self._query, self._allowed = search, query, allowed
        self._rows, self._bm25 = np.zeros(0, np.int64), np.zeros(0, np.float32)
        # Whether all documents that are not here have no score by words.
        self._complete = True
        self._passages: PassageVectors | None = None
        self._expanded: FloatVector | None = None
        # Places of candidates of which BM25 is not known; it is `_most` at most.
        self._unscored, self._most = np.zeros(0, np.int64), 0.0
        self.lexical_factor = self.expanded_factor = 0.0

    def add_lexical(self, depth: int, fusion: Fusion) -> None:
        """Add what the lexical index finds."""
        lexical = self._search.lexical
        if lexical is None:
            return
        scores, numbers = lexical.search(self._query, depth, self._allowed)
        self._complete, self._most = len(numbers) < depth, float(scores.min(initial=np.inf))
        rows = self._search.latent.rows.find(numbers)
        here = rows >= 0
        self._rows, self._bm25 = rows[here], scores[here]
        spread = self._search.spread(self._query, scores)
        spread = spread if spread > _TINY else 1.0
        self.lexical_factor = fusion.lexical / spread
        if self._search.expanded is not None:
            self.expanded_factor = fusion.expanded / spread

    def add_latent(self, weighted: FloatVector, depth: int) -> None:
        """Add what is near in meaning."""
        if not weighted.any():
            return
        latent = self._search.latent
        rows = latent.near(weighted, depth, self._allowed_rows())
        # np.isin sorts, which takes ten times as long.
        known = np.zeros(latent.rows.size, bool)
        known[self._rows] = True
        fresh = rows[~known[rows]]
        self._rows = np.concatenate((self._rows, fresh))
        if not self._complete:
            self._unscored = np.arange(len(self._bm25), len(self._rows))
        self._bm25 = np.concatenate((self._bm25, np.zeros(len(fresh), np.float32)))

    def _allowed_rows(self) -> IntVector | None:
        latent, lexical, numbers = self._search.latent, self._search.lexical, self._allowed
        if lexical is not None and self._query.constrained:
            numbers = latent.numbers[latent.rows.alive] if numbers is None else numbers
            numbers = numbers[lexical.admits(self._query, numbers)]
        if numbers is None:
            return None
        rows = latent.rows.find(numbers)
        return np.sort(rows[rows >= 0])

    def scored(self, weighted: FloatVector, topn: int) -> tuple[IntVector, FloatVector]:
        """Return the rows of all candidates and their scores.

        Those by words are looked up only of what may be among the `topn` best.
        """
        scores = self._vectors().scores(weighted) + np.float32(self.lexical_factor) * self._bm25
        if self.expanded_factor:
            if self._expanded is None:
                self._expanded = self._search.expanded_scores(self._query, self._rows)
            scores += np.float32(self.expanded_factor) * self._expanded
        lexical = self._search.lexical
        if lexical is not None and len(self._unscored):
            self._look_up(lexical, scores, topn)
        return self._rows, scores

    def _look_up(
        self, lexical: LexicalSnapshot | MergedLexicalIndex, scores: FloatVector, topn: int
    ) -> None:
        """Add the scores by words of the candidates that are still without, if they matter."""
        border = -np.inf if topn >= len(scores) else np.partition(scores, -topn)[-topn]
        matter = scores[self._unscored] + self.lexical_factor * self._most >= border
        rows, self._unscored = self._unscored[matter], self._unscored[~matter]
        if len(rows):
            numbers = self._search.latent.numbers[self._rows[rows]]
            self._bm25[rows] = lexical.scores_of(self._query, numbers)
            scores[rows] += np.float32(self.lexical_factor) * self._bm25[rows]

    def _vectors(self) -> PassageVectors:
        if self._passages is None:
            self._passages = self._search.latent.take(self._rows)
        return self._passages


def _deviation(scores: NDArray[np.float64], n: int) -> float:
    """Return the standard deviation of n scores, of which those that are not given are 0."""
    mean = scores.sum() / n
    variance = (np.square(scores - mean).sum() + max(n - len(scores), 0) * mean**2) / n
    return float(np.sqrt(variance))
