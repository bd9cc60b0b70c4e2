"""Documents by their words and by their meaning: candidates of both, their scores added up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch.search.fusion import PLAIN, Fusion
from embedsearch.search.rank_fusion import BM25, RankedLists, fused, scores_in_lists
from embedsearch.search.space import moved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.index.lexical import LexicalIndex, LexicalQuery
    from embedsearch.search.completed_lexical import CompletedLexical
    from embedsearch.search.latent_index import LatentIndex
    from embedsearch.search.model import SearchModel
    from embedsearch.search.passages import PassageVectors

_LEXICAL, _LATENT = 1_000, 200
_TINY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Documents found.

    Attributes:
        numbers: (k,) of the documents, best first.
        scores: (k,) their scores.
        lexical: What the score of the lexical index was multiplied by.
        latent: (D,) what the vectors of documents were multiplied by.
        encoded: (D,) the query before it was moved.
        feedback: Numbers of the documents that it was moved towards.
        towards: (f, D) the vectors of their best passages.
        lists: What the scores come from where they go by ranks. Then `lexical` and `latent` are
            those of the mode "hybrid", by which passages to show are chosen.
    """

    numbers: IntVector
    scores: FloatVector
    lexical: float
    latent: FloatVector
    encoded: FloatVector = field(default_factory=lambda: np.zeros(0, np.float32))
    feedback: IntVector = field(default_factory=lambda: np.zeros(0, np.int64))
    towards: FloatMatrix = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    lists: RankedLists | None = None


class HybridSearch:
    """Searches by BM25 and by all encoders.

    The score is the sum of BM25 and of the weighted cosines, each divided by its standard
    deviation over all documents; so it is a sum over the words of the query, and can be
    explained. A document's cosines are those of the passage whose weighted sum is greatest. Where
    all documents have the same score, 1 takes the place of the deviation. In the mode "rrf" the
    candidates are put in order by their ranks instead; see `RankedLists`.

    Args:
        lexical: The lexical index; None searches by meaning alone, and takes no notice of what
            is required or excluded.
        latent: The documents in the latent space.
        model: How queries are encoded.
        change: The change of the record that all this is of.
    """

    def __init__(
        self,
        lexical: LexicalIndex | CompletedLexical | None,
        latent: LatentIndex,
        model: SearchModel,
        change: int = 0,
    ) -> None:
        self.lexical, self.latent, self.model, self.change = lexical, latent, model, change

    def rank(
        self,
        query: LexicalQuery,
        text: str,
        topn: int,
        mode: str = "auto",
        allowed: IntVector | None = None,
        feedback: int | None = None,
    ) -> Ranking:
        """Find documents.

        Args:
            query: The query as terms.
            text: The query as it was typed, for encoders that are plugged in.
            topn: How many.
            mode: "auto" goes by the learned weights; "hybrid" by those that are usual;
                "lexical" by BM25 alone; "latent" by meaning alone; "rrf" by the ranks in the
                lists of BM25 and of each encoder, all of the same weight.
            allowed: Only documents of these numbers, ascending.
            feedback: Towards how many documents of a first pass the query is moved in meaning;
                None for as many as go with the weights.

        Returns:
            `topn` documents, or all that are allowed where there are fewer. Only documents that
            have a word of the query are found by BM25 alone, and where no encoder that has any
            weight knows any of its words.

        Raises:
            ParameterError: The mode is "lexical", and there is no lexical index.
        """
        if mode == "lexical":
            if self.lexical is None:
                raise ParameterError("mode", "latent, as there is no lexical index", mode)
            scores, numbers = self.lexical.search(query, topn, allowed)
            return Ranking(numbers, scores, 1.0, np.zeros(0, np.float32))
        if mode == "rrf":
            return self._by_ranks(query, text, topn, allowed)
        fusion = self._fusion(mode)
        encoded = vector = self._encoded(query, text)
        first, towards = np.zeros(0, np.int64), np.zeros((0, len(vector)), np.float32)
        found = _Candidates(self, query, max(topn, _LEXICAL), allowed, mode != "latent")
        found.add_lexical()
        weighted = self.weighted(vector, fusion.weights, mean=mode == "latent")
        found.add_latent(weighted, max(topn, _LATENT))
        rows, scores = found.scored(weighted)
        most = fusion.feedback if feedback is None else feedback
        if most and len(rows):
            first = rows[np.lexsort((self.latent.numbers[rows], -scores))[:most]]
            passages = self.latent.take(first)
            towards = passages.at(passages.best(weighted))
            vector = moved(vector, self.model.space.blocks, towards)
            weighted = self.weighted(vector, fusion.weights, mean=mode == "latent")
            rows, scores = found.scored(weighted)
        best = np.lexsort((self.latent.numbers[rows], -scores))[:topn]
        return Ranking(
            self.latent.numbers[rows[best]],
            scores[best],
            found.lexical_factor,
            weighted,
            encoded,
            self.latent.numbers[first],
            towards,
        )

    def _by_ranks(
        self, query: LexicalQuery, text: str, topn: int, allowed: IntVector | None
    ) -> Ranking:
        """Find documents by reciprocal rank fusion."""
        vector = self._encoded(query, text)
        alike = self.weighted(vector, {block.name: 1.0 for block in self.model.space.blocks})
        found = _Candidates(self, query, max(topn, _LEXICAL), allowed, True)
        found.add_lexical()
        found.add_latent(alike, max(topn, _LATENT))
        lists = found.listed(np.where(alike, vector, 0))
        scores = fused(lists.ranks())
        best = np.lexsort((lists.numbers, -scores))[:topn]
        weighted = self.weighted(vector, self._fusion("hybrid").weights)
        return Ranking(
            lists.numbers[best],
            scores[best],
            found.lexical_factor,
            weighted,
            vector,
            towards=np.zeros((0, len(vector)), np.float32),
            lists=lists,
        )

    def weighted(
        self, vector: FloatVector, weights: Mapping[str, float], *, mean: bool = False
    ) -> FloatVector:
        """Scale each block of a query `(D,)` to its weight over the spread of its cosines.

        Args:
            vector: The query.
            weights: Of the encoders by name.
            mean: Let these factors add up to 1, so that a score is a mean of cosines.
        """
        scaled, total = np.zeros_like(vector), 0.0
        blocks, spreads = self.model.space.blocks, self.model.spreads
        deviations = [spreads.latent(vector[b.columns], i) for i, b in enumerate(blocks)]
        if max(deviations, default=0.0) <= _TINY:
            deviations = [1.0] * len(blocks)
        for block, spread in zip(blocks, deviations, strict=True):
            if spread > _TINY:
                factor = weights.get(block.name, 0.0) / spread
                scaled[block.columns] = vector[block.columns] * np.float32(factor)
                total += factor
        return scaled / np.float32(total) if mean and total else scaled

    def spread(self, query: LexicalQuery, scores: FloatVector, complete: bool) -> float:
        """Return the standard deviation of BM25 over all documents.

        Args:
            query: The query.
            scores: The highest scores.
            complete: Whether all other documents have 0.
        """
        found = _deviation(scores.astype(np.float64), max(len(self.latent), 1))
        if complete:
            return found
        columns = self.model.space.terms.columns
        known = {columns[t]: weight for t, weight in query.words.items() if t in columns}
        weights = np.fromiter(known.values(), np.float32, len(known))
        told = self.model.spreads.lexical(list(known), weights)
        all_told = told > _TINY and len(known) == len(query.words) and not query.phrases
        # What the formula does not know makes the spread larger, not smaller.
        return told if all_told else max(told, found)

    def _fusion(self, mode: str) -> Fusion:
        learned = self.model.fusion
        if mode == "auto" or (mode == "latent" and any(learned.weights.values())):
            return learned
        blocks = self.model.space.blocks
        return Fusion(weights={block.name: PLAIN.get(block.name, 1.0) for block in blocks})

    def _encoded(self, query: LexicalQuery, text: str) -> FloatVector:
        space = self.model.space
        vector: FloatVector = space.queries(space.terms.weights(query.meant), [text])[0]
        return vector


class _Candidates:
    """The documents that a query could mean, with their scores by words."""

    def __init__(
        self,
        search: HybridSearch,
        query: LexicalQuery,
        depth: int,
        allowed: IntVector | None,
        by_words: bool,
    ) -> None:
        self._search, self._query = search, query
        self._depth, self._allowed, self._by_words = depth, allowed, by_words
        self._complete = True
        self._rows = np.zeros(0, np.int64)
        self._bm25 = np.zeros(0, np.float32)
        self._passages: PassageVectors | None = None
        self.lexical_factor = 0.0

    def add_lexical(self) -> None:
        """Take what the lexical index finds."""
        lexical = self._search.lexical
        if lexical is None or not self._by_words:
            return
        scores, numbers = lexical.search(self._query, self._depth, self._allowed)
        self._complete = len(numbers) < self._depth
        rows = self._search.latent.rows_of(numbers)
        here = rows >= 0
        self._rows, self._bm25 = rows[here], scores[here]
        everywhere = self._allowed is None and not self._query.constrained
        spread = self._search.spread(self._query, scores, self._complete and everywhere)
        self.lexical_factor = 1 / spread if spread > _TINY else 1.0

    def add_latent(self, weighted: FloatVector, topn: int) -> None:
        """Take what is near in meaning, too."""
        if not weighted.any():
            return
        latent, lexical = self._search.latent, self._search.lexical
        rows = latent.near(weighted, topn, self._allowed_rows())
        fresh = rows[~self._known(rows)]
        bm25 = np.zeros(len(fresh), np.float32)
        if lexical is not None and self._by_words and not self._complete and len(fresh):
            bm25 = lexical.scores_of(self._query, latent.numbers[fresh])
        self._rows = np.concatenate((self._rows, fresh))
        self._bm25 = np.concatenate((self._bm25, bm25))

    def _allowed_rows(self) -> IntVector | None:
        latent, lexical, numbers = self._search.latent, self._search.lexical, self._allowed
        if lexical is not None and self._query.constrained:
            numbers = latent.numbers[latent.rows.alive] if numbers is None else numbers
            numbers = lexical.narrowed(self._query, numbers)
        if numbers is None:
            return None
        rows = latent.rows_of(numbers)
        return np.sort(rows[rows >= 0])

    def _known(self, rows: IntVector) -> NDArray[np.bool_]:
        # np.isin sorts, which takes ten times as long.
        known = np.zeros(self._search.latent.rows.size, bool)
        known[self._rows] = True
        return known[rows]

    def scored(self, weighted: FloatVector) -> tuple[IntVector, FloatVector]:
        """Return the rows of all candidates and their scores."""
        scores = self._taken().scores(weighted)
        return self._rows, scores + np.float32(self.lexical_factor) * self._bm25

    def listed(self, query: FloatVector) -> RankedLists:
        """Return all candidates with their scores by words and by each encoder."""
        blocks, numbers = self._search.model.space.blocks, self._search.latent.numbers[self._rows]
        names = (BM25, *(block.name for block in blocks))
        scores = scores_in_lists(self._bm25, self._taken(), blocks, query)
        return RankedLists(names, numbers, scores, query)

    def _taken(self) -> PassageVectors:
        if self._passages is None:
            self._passages = self._search.latent.take(self._rows)
        return self._passages


def _deviation(scores: NDArray[np.float64], n: int) -> float:
    """Return the standard deviation of n scores, of which those that are not given are 0."""
    mean = scores.sum() / n
    variance = (np.square(scores - mean).sum() + max(n - len(scores), 0) * mean**2) / n
    return float(np.sqrt(variance))
