"""Questions about words: what is near, what completes an analogy."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedsearch._checks import as_count
from embedsearch._errors import ParameterError, QueryError
from embedsearch._types import FloatVector, IntVector, Metric, Neighbor, Neighbors
from embedsearch.index.preprocessing import as_metric
from embedsearch.index.vector_index import VectorIndex
from embedsearch.search._terms import Query, WeightedTerm, as_terms
from embedsearch.search.analogy import cosmul_scores, parse_expression
from embedsearch.search.compare import WordComparisons
from embedsearch.search.lookup import Found, unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedsearch.vectors.word_vectors import WordVectors

METHODS = ("3cosadd", "3cosmul")


class _Combined(NamedTuple):
    vector: FloatVector
    rows: list[int]
    inferred: tuple[str, ...]


class Words(WordComparisons):
    """Word queries, with the names, the meaning and the numbers of gensim's `KeyedVectors`.

    What differs: words are treated like the corpus before they are given up; an unknown word
    raises with suggestions, or gets a vector from its n-grams where the model has them, and the
    answer's `inferred` names it; `topn` must be 1 or more; int keys are not taken.

    Args:
        vectors: The vocabulary.
        index: A cosine index of the vocabulary's vectors, exact or not, whose ids are rows; or
            a function that gives one when the first query needs it.
        normalize: Treats a word like the corpus was; None where nothing is left of it.
    """

    def __init__(
        self,
        vectors: WordVectors,
        index: VectorIndex | Callable[[], VectorIndex],
        normalize: Callable[[str], str | None],
    ) -> None:
        super().__init__(vectors, normalize)
        self._given_index = index

    def __repr__(self) -> str:
        most = ", ".join(self.index_to_key[:3])
        return f"Words({len(self):,} × {self.vector_size}: {most}, ...)"

    def most_similar(
        self,
        positive: Query = None,
        negative: Query = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
        metric: Metric | str = Metric.COSINE,
        exact: bool = False,
    ) -> Neighbors:
        """Find the words nearest to a weighted mean of words; these are left out of the answer.

        Args:
            positive: A word, a vector `(d,)`, a pair of either with a weight, or a list of these.
            negative: The same, taken away. A pair's weight is used as it stands, as in gensim:
                write `("man", -0.5)`.
            topn: How many to find.
            restrict_vocab: Look among the first rows of the vocabulary only.
            metric: "cosine" compares with the mean of the words' vectors at length 1 (vectors
                that are given keep their length). "euclidean" compares raw vectors; the query
                is their weighted sum, divided by the sum of the weights where that is above
                zero, and the score is minus the distance; that is always exact.
            exact: Compare with every word, where the index would find nearly all of the nearest.

        Returns:
            The words and their scores, best first; all of the vocabulary if `topn` is greater.

        Raises:
            UnknownWordError: A word is not in the vocabulary.
            QueryError: Nothing was asked for, or the terms cancel out.
            VectorError: A vector of the wrong dimension, or with NaN or infinity.
            ParameterError: `topn`, `restrict_vocab` or `metric` out of range.
        """
        terms = as_terms(positive, 1.0) + as_terms(negative, -1.0)
        euclidean = _is_euclidean(metric)
        query = self._combine(terms, euclidean)
        index = self._euclidean_index if euclidean else self._index(exact)
        topn = as_count("topn", topn)
        among = self._first_rows(restrict_vocab)
        scores, rows = index.search(query.vector, topn + len(query.rows), among)
        return self._neighbors(rows[0], scores[0], topn, query.rows, query.inferred)

    def similar_by_word(
        self,
        word: str,
        topn: int = 10,
        restrict_vocab: int | None = None,
        exact: bool = False,
    ) -> Neighbors:
        """Find the words nearest to a word; see `most_similar`."""
        return self.most_similar([word], None, topn, restrict_vocab, exact=exact)

    def similar_by_vector(
        self,
        vector: ArrayLike,
        topn: int = 10,
        restrict_vocab: int | None = None,
        exact: bool = False,
    ) -> Neighbors:
        """Find the words nearest to a vector `(d,)`; see `most_similar`."""
        given = self._given_vector(vector)
        return self.most_similar([given], None, topn, restrict_vocab, exact=exact)

    def most_similar_batch(
        self, words: Sequence[str], topn: int = 10, exact: bool = False
    ) -> list[Neighbors]:
        """Find the words nearest to each of many, in one search: faster than one by one.

        Args:
            words: The words.
            topn: How many to find for each.
            exact: See `most_similar`.

        Returns:
            What `most_similar` gives for each word, in their order.

        Raises:
            UnknownWordError: A word is not in the vocabulary.
            ParameterError: `topn` is not a whole number of 1 or more.
        """
        topn = as_count("topn", topn)
        found = self.find_all(words)
        if not found:
            return []
        Q = np.array([one.vector for one in found])
        scores, rows = self._index(exact).search(Q, topn + 1)
        return [
            self._neighbors(rows[i], scores[i], topn, _rows([one]), _inferred([one]))
            for i, one in enumerate(found)
        ]

    def most_similar_cosmul(
        self,
        positive: Query = None,
        negative: Query = None,
        topn: int = 10,
        restrict_vocab: int | None = None,
    ) -> Neighbors:
        """Find words by 3CosMul (Levy and Goldberg, CoNLL 2014), less swayed by one big cosine.

        Args:
            positive: As for `most_similar`; a weight is the power of a word's factor. Vectors
                that are given are scaled to length 1.
            negative: The same; these divide.
            topn: How many to find.
            restrict_vocab: Give only words of the first rows of the vocabulary.

        Raises:
            UnknownWordError: A word is not in the vocabulary.
            QueryError: Nothing positive was asked for.
            VectorError: A vector of the wrong dimension, or with NaN or infinity.
            ParameterError: `topn` or `restrict_vocab` out of range.
        """
        topn, among = as_count("topn", topn), self._first_rows(restrict_vocab)
        terms = as_terms(positive, 1.0) + as_terms(negative, -1.0)
        weights = [weight for _, weight in terms]
        if not any(weight > 0 for weight in weights):
            raise QueryError("3CosMul needs at least one word or vector to be near to")
        found = [self._resolve(item) for item, _ in terms]
        units = np.array([unit(one.vector) for one in found])
        stop = len(self) if among is None else len(among)
        scores = cosmul_scores(self.vectors[:stop], self._words.norms[:stop], units, weights)
        best = np.argsort(-scores, kind="stable")[: topn + len(found)]
        return self._neighbors(best, scores[best], topn, _rows(found), _inferred(found))

    def analogy(
        self,
        expression: str | Sequence[str],
        topn: int = 10,
        method: str = "3cosadd",
        exact: bool = False,
    ) -> Neighbors:
        """Complete an analogy.

        Args:
            expression: A sum of words, `king - man + woman`, with weights and quotes as in
                `embedsearch.search.analogy.parse_expression`; or three words a, b, c for
                "a is to b as c is to what?", which is `b - a + c`.
            topn: How many to find.
            method: "3cosadd", the words nearest to the sum, or "3cosmul", their product form,
                which is always exact.
            exact: See `most_similar`.

        Raises:
            QueryError: The expression does not parse, or the list is not of three words.
            UnknownWordError: A word is not in the vocabulary.
            ParameterError: No such method, or `topn` out of range.
        """
        if method not in METHODS:
            raise ParameterError("method", f"one of {', '.join(METHODS)}", method)
        terms = _expression_terms(expression)
        positive = [(word, weight) for word, weight in terms if weight > 0]
        negative = [(word, weight) for word, weight in terms if weight < 0]
        if method == "3cosmul":
            return self.most_similar_cosmul(positive, negative, topn)
        return self.most_similar(positive, negative, topn, exact=exact)

    def _combine(self, terms: list[WeightedTerm], euclidean: bool) -> _Combined:
        if not terms:
            raise QueryError("nothing was asked for: give at least one word or vector")
        found = [self._resolve(item) for item, _ in terms]
        if len(terms) == 1 and terms[0][1] == 1 and (euclidean or found[0].vector.any()):
            # A cosine index scales its queries itself.
            return _Combined(found[0].vector, _rows(found), _inferred(found))
        vector = np.zeros(self.vector_size)
        for one, (item, weight) in zip(found, terms, strict=True):
            scaled = isinstance(item, str) and not euclidean
            vector += weight * (unit(one.vector) if scaled else one.vector)
        total = sum(weight for _, weight in terms)
        if euclidean and total > 0:
            vector /= total
        if not euclidean and not vector.any():
            raise QueryError("the terms add up to zero, to which no word is near")
        return _Combined(vector.astype(np.float32), _rows(found), _inferred(found))

    def _resolve(self, item: str | ArrayLike) -> Found:
        return self.find(item) if isinstance(item, str) else Found("", -1, self._given_vector(item))

    def _neighbors(
        self,
        rows: IntVector,
        scores: NDArray[np.float32],
        topn: int,
        left_out: list[int],
        inferred: tuple[str, ...],
    ) -> Neighbors:
        keys = self.index_to_key
        pairs = zip(rows.tolist(), scores.tolist(), strict=True)
        kept = [Neighbor(keys[row], score) for row, score in pairs if row not in left_out]
        return Neighbors(kept[:topn], inferred)

    def _first_rows(self, restrict_vocab: int | None) -> range | None:
        if restrict_vocab is None:
            return None
        return range(min(as_count("restrict_vocab", restrict_vocab), len(self)))

    @cached_property
    def index(self) -> VectorIndex:
        """The cosine index of the vocabulary; opened when first asked for."""
        given = self._given_index
        return given if isinstance(given, VectorIndex) else given()

    def _index(self, exact: bool) -> VectorIndex:
        return self._exact_index if exact and self.index.spec != "flat" else self.index

    @cached_property
    def _exact_index(self) -> VectorIndex:
        return VectorIndex.build(self.vectors, spec="flat")

    @cached_property
    def _euclidean_index(self) -> VectorIndex:
        return VectorIndex.build(self.vectors, Metric.EUCLIDEAN, "flat")


def _is_euclidean(metric: Metric | str) -> bool:
    metric = as_metric(metric)
    if metric is Metric.INNER_PRODUCT:
        raise ParameterError("metric", "cosine or euclidean", metric.value)
    return metric is Metric.EUCLIDEAN


def _rows(found: list[Found]) -> list[int]:
    return [one.row for one in found if one.row >= 0]


def _inferred(found: list[Found]) -> tuple[str, ...]:
    return tuple(one.word for one in found if one.row < 0 and one.word)


def _expression_terms(expression: str | Sequence[str]) -> list[tuple[str, float]]:
    if isinstance(expression, str):
        return [(word, weight) for word, weight in parse_expression(expression)]
    if len(expression) != 3:
        raise QueryError(f"an analogy is an expression or three words, got {len(expression)}")
    one, two, three = expression
    return [(two, 1.0), (one, -1.0), (three, 1.0)]
