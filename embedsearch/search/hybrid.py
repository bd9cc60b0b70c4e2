"""Documents by their words and by their meaning: candidates of both, their scores fused.

They are added up by weights, or by the ranks in the list of each (reciprocal rank fusion).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch._types import Part
from embedsearch.search.document_index import best_scores
from embedsearch.search.latent_space import products, rocchio
from embedsearch.search.model import PLAIN, Fusion
from embedsearch.vectors.arrays import best_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.index.lexical.index import LexicalSnapshot
    from embedsearch.index.lexical.query import LexicalQuery
    from embedsearch.search.document_index import LatentIndex, PassageVectors
    from embedsearch.search.latent_space import Block
    from embedsearch.search.model import SearchModel
    from embedsearch.search.options import SearchOptions
    from embedsearch.search.pending import MergedLexicalIndex

# What is added to every rank, so that the first places do not decide alone (Cormack 2009).
SMOOTHING = 60

# The name of the list of the lexical index.
BM25 = "BM25"

# Equal documents may differ by the order in which float32 was added up.
_EQUAL = 2e-6
# The cosine of texts that have nothing in common may be a rounding error.
_NOTHING = 1e-6
# Less spread than this is the rounding error of equal scores.
_TINY = 1e-6


class Depth(NamedTuple):
    """How many candidates BM25 gives, and how many the latent index, if `topn` is not more."""

    lexical: int = 1_000
    latent: int = 200


@dataclass(frozen=True, slots=True, eq=False)
class RankedLists:
    """Documents in L lists, each of which has some.

    A document's score is the sum of `1 / (60 + rank)` over the lists that have it: reciprocal rank
    fusion (Cormack, Clarke and Büttcher 2009). Its rank in a list is 1 and the number of documents
    with greater scores; scores that differ by less than two millionths, of themselves if they are
    above 1, are equal.
    """

    names: tuple[str, ...]  # of the lists: "BM25", and the encoders
    numbers: IntVector  # `(m,)`
    scores: FloatMatrix  # (L, m) theirs in each list, BM25 or cosines; a list has those above 0
    # (D,) the query in the space; 0 for encoders that cannot distinguish documents.
    query: FloatVector

    def ranks(self, scores: FloatMatrix) -> IntVector:
        """Return the ranks of documents from 1, 0 if a list does not have one: `(L, k)`.

        Documents of any scores `(L, k)` have ranks: each as if it alone were added to the lists.
        """
        exact = scores.astype(np.float64)
        ranks = np.zeros(exact.shape, np.int64)
        for place, (own, listed) in enumerate(zip(exact, self.scores, strict=True)):
            ordered = np.sort(listed[listed > 0]).astype(np.float64)
            greater = np.searchsorted(ordered, own + _EQUAL * np.maximum(own, 1), "right")
            ranks[place] = np.where(own > 0, 1 + len(ordered) - greater, 0)
        return ranks

    def parts(self, ranks: IntVector) -> list[list[Part]]:
        """Return what each list adds to the scores of documents of these ranks `(L, n)`."""
        return [
            [
                Part(name, "", "", 1 / (SMOOTHING + rank), rank=rank)
                for name, rank in zip(self.names, own, strict=True)
                if rank
            ]
            for own in ranks.T.tolist()
        ]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Hits, and what their scores are made of."""

    numbers: IntVector  # (k,) of the documents, best first
    scores: FloatVector  # (k,) theirs
    lexical: float  # the factor of BM25
    latent: FloatVector  # (D,) the query by which the vectors of documents are multiplied
    # (D,) the query before it was moved.
    encoded: FloatVector = field(default_factory=lambda: np.zeros(0, np.float32))
    # Numbers of the documents that it was moved towards, and (f, D) their best passages.
    feedback: IntVector = field(default_factory=lambda: np.zeros(0, np.int64))
    towards: FloatMatrix = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    # What the scores come from if they go by ranks. Then `lexical` and `latent` are those of the
    # mode "hybrid", by which passages to show are chosen.
    lists: RankedLists | None = None


class HybridSearch:
    """Searches by BM25 and by all encoders.

    The score is the sum of BM25 and of the weighted cosines, each divided by its standard deviation
    over all documents (1 if all have the same score); so it is a sum over the words of the query,
    and can be explained. A document's cosines are those of the passage whose weighted sum is
    greatest. In the mode "rrf" the candidates are ordered by their ranks; see `RankedLists`.

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
    ) -> None:
        self.lexical, self.latent, self.model = lexical, latent, model
        self.change, self.depth = change, depth

    def rank(
        self,
        query: LexicalQuery,
        text: str,
        options: SearchOptions,
        allowed: IntVector | None = None,
    ) -> Ranking:
        """Find `topn` documents, or all that are allowed if there are fewer.

        The mode "auto" goes by the learned weights, "hybrid" by those that are usual, "lexical" by
        BM25 alone, "latent" by meaning alone, "rrf" by the ranks in the lists of BM25 and of each
        encoder. Only documents that have a word of the query are found by BM25 alone, and if no
        encoder that has any weight knows any of its words.

        `text` is the query as it was typed, for encoders that are plugged in; `allowed` are numbers
        of documents, ascending.
        """
        mode, topn = options.mode, options.topn
        if mode == "lexical":
            if self.lexical is None:
                raise ParameterError("mode", "latent, as there is no lexical index", mode)
            scores, numbers = self.lexical.search(query, topn, allowed)
            return Ranking(numbers, scores, 1.0, np.zeros(0, np.float32))
        vector = self._encoded(query, text)
        found = _Candidates(self, query, allowed)
        if mode != "latent":
            found.add_lexical(max(topn, self.depth.lexical))
        if mode == "rrf":
            return self._by_ranks(vector, found, topn)
        return self._by_scores(vector, found, options)

    def _by_scores(
        self, vector: FloatVector, found: _Candidates, options: SearchOptions
    ) -> Ranking:
        fusion, mean = self._fusion(options.mode), options.mode == "latent"
        numbers, encoded = self.latent.numbers, vector
        first, towards = np.zeros(0, np.int64), np.zeros((0, len(vector)), np.float32)
        weighted = self.weighted(vector, fusion.weights, mean=mean)
        found.add_latent(weighted, max(options.topn, self.depth.latent))
        rows, scores = found.scored(weighted)
        most = fusion.feedback if options.feedback is None else options.feedback
        if most and len(rows):
            first = rows[best_first(scores, numbers[rows], most)]
            passages = self.latent.take(first)
            towards = passages.at(passages.best(weighted))
            vector = rocchio(vector, self.model.space.blocks, towards)
            weighted = self.weighted(vector, fusion.weights, mean=mean)
            rows, scores = found.scored(weighted)
        best = best_first(scores, numbers[rows], options.topn)
        hits = numbers[rows[best]], scores[best]
        return Ranking(*hits, found.lexical_factor, weighted, encoded, numbers[first], towards)

    def _by_ranks(self, vector: FloatVector, found: _Candidates, topn: int) -> Ranking:
        equal = self.weighted(vector, {block.name: 1.0 for block in self.model.space.blocks})
        found.add_latent(equal, max(topn, self.depth.latent))
        lists = found.listed(np.where(equal, vector, 0))
        scores = fused(lists.ranks(lists.scores))
        best = best_first(scores, lists.numbers, topn)
        hits = lists.numbers[best], scores[best]
        weighted = self.weighted(vector, self._fusion("hybrid").weights)
        towards = np.zeros((0, len(vector)), np.float32)
        return Ranking(*hits, found.lexical_factor, weighted, vector, towards=towards, lists=lists)

    def ranks_of(self, lists: RankedLists, query: LexicalQuery, numbers: IntVector) -> IntVector:
        """Return the ranks of any documents `(n,)` in lists that `rank` has made: `(L, n)`."""
        row = {number: place for place, number in enumerate(lists.numbers.tolist())}
        places = np.array([row.get(number, -1) for number in numbers.tolist()], np.int64)
        listed = places >= 0
        scores = np.zeros((len(lists.names), len(numbers)), np.float32)
        scores[:, listed] = lists.scores[:, places[listed]]
        scores[:, ~listed] = self._scores_in_lists(lists.query, query, numbers[~listed])
        return lists.ranks(scores)

    def _scores_in_lists(
        self, vector: FloatVector, query: LexicalQuery, numbers: IntVector
    ) -> FloatMatrix:
        passages = self.latent.take(self.latent.rows.find(numbers))
        blocks = self.model.space.blocks
        if self.lexical is None:
            return scores_in_lists(np.zeros(len(numbers), np.float32), passages, blocks, vector)
        bm25 = self.lexical.scores_of(query, numbers)
        scores = scores_in_lists(bm25, passages, blocks, vector)
        scores[:, ~self.lexical.admits(query, numbers)] = 0
        return scores

    def weighted(
        self, vector: FloatVector, weights: Mapping[str, float], *, mean: bool = False
    ) -> FloatVector:
        """Scale each block of a query `(D,)` to its weight over the spread of its cosines.

        With `mean` these factors add up to 1, so that a score is a mean of cosines.
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

        `scores` are the highest; `complete` is whether all other documents have 0.
        """
        measured = _deviation(scores.astype(np.float64), max(len(self.latent), 1))
        if complete:
            return measured
        columns = self.model.space.terms.columns
        known = {columns[t]: weight for t, weight in query.words.items() if t in columns}
        weights = np.fromiter(known.values(), np.float32, len(known))
        estimated = self.model.spreads.lexical(list(known), weights)
        covered = estimated > _TINY and len(known) == len(query.words) and not query.phrases
        # What the formula does not know makes the spread larger, not smaller.
        return estimated if covered else max(estimated, measured)

    def _fusion(self, mode: str) -> Fusion:
        learned = self.model.fusion
        if mode == "auto" or (mode == "latent" and any(learned.weights.values())):
            return learned
        blocks = self.model.space.blocks
        return Fusion(weights={block.name: PLAIN.get(block.name, 1.0) for block in blocks})

    def _encoded(self, query: LexicalQuery, text: str) -> FloatVector:
        space = self.model.space
        vector: FloatVector = space.queries(space.terms.weights([query.meant]), [text])[0]
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
        self.lexical_factor = 0.0

    def add_lexical(self, depth: int) -> None:
        """Add what the lexical index finds."""
        lexical = self._search.lexical
        if lexical is None:
            return
        scores, numbers = lexical.search(self._query, depth, self._allowed)
        self._complete = len(numbers) < depth
        rows = self._search.latent.rows.find(numbers)
        here = rows >= 0
        self._rows, self._bm25 = rows[here], scores[here]
        everywhere = self._allowed is None and not self._query.constrained
        spread = self._search.spread(self._query, scores, self._complete and everywhere)
        self.lexical_factor = 1 / spread if spread > _TINY else 1.0

    def add_latent(self, weighted: FloatVector, depth: int) -> None:
        """Add what is near in meaning."""
        if not weighted.any():
            return
        latent, lexical = self._search.latent, self._search.lexical
        rows = latent.near(weighted, depth, self._allowed_rows())
        # np.isin sorts, which takes ten times as long.
        known = np.zeros(latent.rows.size, bool)
        known[self._rows] = True
        fresh = rows[~known[rows]]
        bm25 = np.zeros(len(fresh), np.float32)
        if lexical is not None and not self._complete and len(fresh):
            bm25 = lexical.scores_of(self._query, latent.numbers[fresh])
        self._rows = np.concatenate((self._rows, fresh))
        self._bm25 = np.concatenate((self._bm25, bm25))

    def _allowed_rows(self) -> IntVector | None:
        latent, lexical, numbers = self._search.latent, self._search.lexical, self._allowed
        if lexical is not None and self._query.constrained:
            numbers = latent.numbers[latent.rows.alive] if numbers is None else numbers
            numbers = numbers[lexical.admits(self._query, numbers)]
        if numbers is None:
            return None
        rows = latent.rows.find(numbers)
        return np.sort(rows[rows >= 0])

    def scored(self, weighted: FloatVector) -> tuple[IntVector, FloatVector]:
        """Return the rows of all candidates and their scores."""
        scores = self._vectors().scores(weighted)
        return self._rows, scores + np.float32(self.lexical_factor) * self._bm25

    def listed(self, query: FloatVector) -> RankedLists:
        """Return all candidates with their scores by words and by each encoder."""
        blocks, numbers = self._search.model.space.blocks, self._search.latent.numbers[self._rows]
        names = (BM25, *(block.name for block in blocks))
        scores = scores_in_lists(self._bm25, self._vectors(), blocks, query)
        return RankedLists(names, numbers, scores, query)

    def _vectors(self) -> PassageVectors:
        if self._passages is None:
            self._passages = self._search.latent.take(self._rows)
        return self._passages


def _deviation(scores: NDArray[np.float64], n: int) -> float:
    """Return the standard deviation of n scores, of which those that are not given are 0."""
    mean = scores.sum() / n
    variance = (np.square(scores - mean).sum() + max(n - len(scores), 0) * mean**2) / n
    return float(np.sqrt(variance))


def fused(ranks: IntVector) -> FloatVector:
    """Return the scores `(n,)` of documents with these ranks in lists: `(L, n)`, 0 for none."""
    added = np.where(ranks > 0, 1 / (SMOOTHING + ranks), 0.0)
    # In one order, so that the same ranks in other lists have the same sum.
    scores: FloatVector = np.sort(added, axis=0).sum(axis=0).astype(np.float32)
    return scores


def scores_in_lists(
    bm25: FloatVector, passages: PassageVectors, blocks: Sequence[Block], query: FloatVector
) -> FloatMatrix:
    """Score k documents by BM25 `(k,)` and by each encoder's best passage: `(1 + blocks, k)`.

    Cosines that are not above 0 are 0.
    """
    each = [products(passages.X[:, b.columns], query[b.columns]) for b in blocks]
    cosines = [best_scores(scores, passages.bounds) for scores in each]
    return np.stack([bm25, *(np.where(own > _NOTHING, own, 0) for own in cosines)])
