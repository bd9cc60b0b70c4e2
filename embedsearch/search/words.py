"""Questions about words: what is near, what completes an analogy, how alike words are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import starmap
from typing import TYPE_CHECKING, NamedTuple, Protocol, overload

import numpy as np

from embedsearch._checks import NATURAL, Choice, Optional, as_count, check
from embedsearch._errors import ParameterError, QueryError, UnknownWordError
from embedsearch._types import (
    FloatVector,
    IntVector,
    Metric,
    Neighbor,
    Neighbors,
    WordNeighbor,
    WordNeighbors,
)
from embedsearch.index.engine import as_metric
from embedsearch.index.vector_index import VectorIndex
from embedsearch.search.evidence import Evidence, as_z
from embedsearch.search.options import METHODS
from embedsearch.search.word_terms import (
    Found,
    Query,
    WeightedSum,
    WeightedTerm,
    as_list,
    as_terms,
    cosine,
    expression_terms,
    inferred_of,
    rows_of,
    unit,
)
from embedsearch.vectors.arrays import as_matrix
from embedsearch.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray


class Indexer(Protocol):
    """gensim's protocol of an index of another library."""

    def most_similar(self, vector: FloatVector, num_neighbors: int) -> Iterable[tuple[str, float]]:
        """Return the words nearest to a vector, with their scores."""


class _Best(NamedTuple):
    query: WeightedSum
    rows: IntVector
    scores: FloatVector
    evidence: Evidence | None


class WordQueries(WordVectors):
    """Word queries, with the names, the meaning and the numbers of gensim's `KeyedVectors`.

    What differs: words are looked up as they are, and then treated like the corpus; an unknown word
    raises with suggestions, or gets a vector from its n-grams if the model has them, and the
    answer's `inferred` names it; int keys are not taken.

    `index` is a cosine index of the vocabulary's vectors, exact or not, whose ids are rows, or a
    function that returns one when the first query needs it; None is an exact one. `normalize`
    treats a word like the corpus was; None if nothing is left of it. `stop_words` returns the words
    of the language that say nothing by themselves, where these are known.
    """

    def __init__(
        self,
        vectors: WordVectors,
        index: VectorIndex | Callable[[], VectorIndex] | None = None,
        normalize: Callable[[str], str | None] = str,
        stop_words: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        X, words = vectors.vectors, vectors.index_to_key
        super().__init__(X, words, vectors.counts, vectors.subwords, check=False)
        # Every query needs it, and those who have the vectors alone do too.
        self.key_to_index = vectors.key_to_index
        self._normalize, self._given_index, self._stop_words = normalize, index, stop_words
        # Says why a word has no vector, where that is known; the end of a sentence.
        self.why_missing: Callable[[str], str | None] | None = None

    def __repr__(self) -> str:
        most = ", ".join(self.index_to_key[:3])
        return f"Words({len(self):,} × {self.vector_size}: {most}, ...)"

    def __iter__(self) -> Iterator[str]:
        return iter(self.index_to_key)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._row(word) >= 0

    def __getitem__(self, words: str | Sequence[str]) -> NDArray[np.float32]:
        """Get the vector of a word `(d,)`, or of a list of words `(n, d)`."""
        if isinstance(words, str) or not isinstance(words, Iterable):
            return self.get_vector(words)
        return np.array([self.get_vector(word) for word in words]).reshape(-1, self.vector_size)

    def get_count(self, word: str) -> int | None:
        """Return how often the corpus has a word; None if counts are not known.

        A word that is not in the vocabulary is an `UnknownWordError`.
        """
        row = self._row(word)
        if row < 0:
            raise self._unknown(word)
        return None if self.counts is None else int(self.counts[row])

    def get_vector(self, word: str, norm: bool = False) -> FloatVector:
        """Get the vector of a word, `(d,)`, read-only; at length 1 with `norm`, unless it is zero.

        `UnknownWordError` if it is not in the vocabulary, and has no n-grams to infer a vector
        from.
        """
        vector = self.find(word).vector
        if norm:
            vector = unit(vector)
        vector.flags.writeable = False
        return vector

    def get_mean_vector(
        self,
        keys: Sequence[str | ArrayLike],
        weights: Sequence[float] | None = None,
        pre_normalize: bool = True,
        post_normalize: bool = False,
        ignore_missing: bool = True,
    ) -> FloatVector:
        """Get the weighted mean of words and vectors, as gensim's method of this name.

        Args:
            keys: Words, or vectors `(d,)`, which are taken at the length that they have.
            weights: One for each; 1 by default. The sum is divided by that of their sizes.
            pre_normalize: Scale the words' vectors to length 1 before.
            post_normalize: Scale the mean to length 1 after.
            ignore_missing: Leave unknown words out, rather than raise `UnknownWordError`.

        Raises:
            QueryError: No keys, or another number of weights.
            VectorError: A vector of the wrong dimension, or with NaN or infinity.
        """
        keys = as_list("keys", keys)
        weights = [1.0] * len(keys) if weights is None else as_list("weights", weights)
        if not len(keys) or len(keys) != len(weights):
            raise QueryError(f"a mean needs keys, and as many weights: {len(keys)}, {len(weights)}")
        total, size = np.zeros(self.vector_size), 0.0
        for key, weight in zip(keys, weights, strict=True):
            if ignore_missing and isinstance(key, str) and self._lookup(key) is None:
                continue
            total += weight * self._as_vector(key, pre_normalize)
            size += abs(weight)
        mean: FloatVector = (total / size if size else total).astype(np.float32)
        return unit(mean) if post_normalize else mean

    @overload
    def most_similar(
        self,
        positive: Query = ...,
        negative: Query = ...,
        topn: int = ...,
        clip_start: int = ...,
        clip_end: int | None = ...,
        restrict_vocab: int | None = ...,
        indexer: Indexer | None = ...,
        *,
        metric: Metric | str = ...,
        exact: bool = ...,
        evidence: float | str | None = ...,
    ) -> Neighbors: ...

    @overload
    def most_similar(
        self,
        positive: Query = ...,
        negative: Query = ...,
        *,
        topn: None,
        clip_start: int = ...,
        clip_end: int | None = ...,
        restrict_vocab: int | None = ...,
        indexer: Indexer | None = ...,
        metric: Metric | str = ...,
        exact: bool = ...,
        evidence: float | str | None = ...,
    ) -> FloatVector: ...

    def most_similar(
        self,
        positive: Query = None,
        negative: Query = None,
        topn: int | None = 10,
        clip_start: int = 0,
        clip_end: int | None = None,
        restrict_vocab: int | None = None,
        indexer: Indexer | None = None,
        *,
        metric: Metric | str = Metric.COSINE,
        exact: bool = False,
        evidence: float | str | None = None,
    ) -> Neighbors | FloatVector:
        """Find the words nearest to a weighted mean of words; these are left out of the answer.

        The order is that of the scores, as in gensim; `neighbors` ranks by evidence.

        Args:
            positive: A word, a vector `(d,)`, a pair of either with a weight, or a list of these.
            negative: The same, taken away. A pair's weight is used as it stands, as in gensim:
                write `("man", -0.5)`.
            topn: How many to find; None returns the score of every row, `(V,)`.
            clip_start: Look only among the rows from this one on.
            clip_end: And only up to this one, which is left out; None is the end.
            restrict_vocab: Look among the first rows only, whatever the two above say.
            indexer: What answers in place of our index: an object with gensim's
                `most_similar(vector, topn)`, such as its `AnnoyIndexer`.
            metric: "cosine" compares with the mean of the words' vectors at length 1 (vectors
                that are given keep their length). "euclidean" compares raw vectors; the query
                is their weighted sum, divided by the sum of the weights where that is above
                zero, and the score is minus the distance; that is always exact.
            exact: Compare with every word, where the index would find nearly all of the nearest.
            evidence: Rank as `neighbors` does; None ranks by the score.

        Returns:
            The words and their scores, best first; all of the vocabulary if `topn` is greater.

        Raises:
            UnknownWordError: A word is not in the vocabulary.
            QueryError: Nothing was asked for, or the terms cancel out.
            VectorError: A vector of the wrong dimension, or with NaN or infinity.
            ParameterError: `topn`, `restrict_vocab`, a clip, `metric` or `evidence` out of range.
        """
        terms = as_terms(positive, 1.0) + as_terms(negative, -1.0)
        euclidean = _is_euclidean(metric)
        _check_topn(topn)
        among = self._clipped(clip_start, clip_end, restrict_vocab)
        if evidence is not None and euclidean:
            raise ParameterError("evidence", "left out: it is of cosines", evidence)
        if topn is None:
            return self._all_scores(self._combine(terms, euclidean).vector, among, euclidean)
        if not topn or (among is not None and not among):
            return Neighbors()
        if indexer is not None:
            if not callable(getattr(indexer, "most_similar", None)):
                raise ParameterError("indexer", "an object with most_similar(), or None", indexer)
            vector = unit(self._combine(terms, euclidean).vector)
            return Neighbors(starmap(Neighbor, indexer.most_similar(vector, topn)))
        if not euclidean:
            query, rows, scores, _ = self._best(terms, topn, among, exact, evidence)
            return self._neighbors(rows, scores, topn, query.found)
        query = self._combine(terms, euclidean)
        distances, near = self._euclidean_index.search(query.vector, topn + len(query.rows), among)
        return self._neighbors(near[0], distances[0], topn, query.found)

    def neighbors(
        self,
        positive: Query = None,
        negative: Query = None,
        topn: int = 10,
        *,
        evidence: float | str = "auto",
        restrict_vocab: int | None = None,
        exact: bool = False,
    ) -> WordNeighbors:
        """Find the words that are near to a weighted mean of words for sure.

        The cosine of words that were seen a few times is a rough estimate, and by chance some of
        the many rare words are near to any other. Words are therefore ranked by the lower end of
        the confidence interval of their cosine, see `embedsearch.search.evidence`. Without
        counts, as in many files of vectors, they are ranked by the cosine.

        Stop words of the language of a workspace occur beside all words, and are left out, unless
        one of them was asked for or `evidence` is 0.

        Args:
            positive: See `most_similar`.
            negative: See `most_similar`.
            topn: How many to find.
            evidence: How many standard errors below the cosine the lower end is; "auto" is 1.645,
                a one-sided bound of 95 %. 0 ranks by the cosine: rare words come up, too.
            restrict_vocab: Look among the first rows of the vocabulary only.
            exact: See `most_similar`.

        Returns:
            The words with their cosines, counts and the ends of the intervals, best first. Unless
            `evidence` is 0, only words with a cosine above 0.

        Raises:
            EmbedSearchError: See `most_similar`.
        """
        terms = as_terms(positive, 1.0) + as_terms(negative, -1.0)
        topn, among = as_count("topn", topn), self._clipped(0, None, restrict_vocab)
        best = self._best(terms, topn, among, exact, evidence, self._stop_rows)
        return self._word_neighbors(best, topn)

    @overload
    def similar_by_key(
        self, key: str, topn: int = ..., restrict_vocab: int | None = ..., exact: bool = ...
    ) -> Neighbors: ...

    @overload
    def similar_by_key(
        self, key: str, topn: None, restrict_vocab: int | None = ..., exact: bool = ...
    ) -> FloatVector: ...

    def similar_by_key(
        self,
        key: str,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
        exact: bool = False,
    ) -> Neighbors | FloatVector:
        """Find the words nearest to a word; see `most_similar`."""
        return self.most_similar([key], topn=topn, restrict_vocab=restrict_vocab, exact=exact)

    @overload
    def similar_by_word(
        self, word: str, topn: int = ..., restrict_vocab: int | None = ..., exact: bool = ...
    ) -> Neighbors: ...

    @overload
    def similar_by_word(
        self, word: str, topn: None, restrict_vocab: int | None = ..., exact: bool = ...
    ) -> FloatVector: ...

    def similar_by_word(
        self,
        word: str,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
        exact: bool = False,
    ) -> Neighbors | FloatVector:
        """Find the words nearest to a word; see `most_similar`."""
        return self.similar_by_key(word, topn, restrict_vocab, exact)

    @overload
    def similar_by_vector(
        self,
        vector: ArrayLike,
        topn: int = ...,
        restrict_vocab: int | None = ...,
        exact: bool = ...,
    ) -> Neighbors: ...

    @overload
    def similar_by_vector(
        self, vector: ArrayLike, topn: None, restrict_vocab: int | None = ..., exact: bool = ...
    ) -> FloatVector: ...

    def similar_by_vector(
        self,
        vector: ArrayLike,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
        exact: bool = False,
    ) -> Neighbors | FloatVector:
        """Find the words nearest to a vector `(d,)`; see `most_similar`."""
        given = self._given_vector(vector)
        return self.most_similar([given], topn=topn, restrict_vocab=restrict_vocab, exact=exact)

    def most_similar_batch(
        self, words: Sequence[str], topn: int = 10, exact: bool = False
    ) -> list[Neighbors]:
        """Find the `topn` words nearest to each of many, in one search: faster than one by one.

        The answers are those of `most_similar`, in the order of the words.
        """
        topn = as_count("topn", topn)
        found = self.find_all(words)
        if not found:
            return []
        Q = np.array([one.vector for one in found])
        scores, rows = self._index(exact).search(Q, topn + 1)
        return [self._neighbors(rows[i], scores[i], topn, [one]) for i, one in enumerate(found)]

    @overload
    def most_similar_cosmul(
        self,
        positive: Query = ...,
        negative: Query = ...,
        topn: int = ...,
        restrict_vocab: int | None = ...,
    ) -> Neighbors: ...

    @overload
    def most_similar_cosmul(
        self,
        positive: Query = ...,
        negative: Query = ...,
        *,
        topn: None,
        restrict_vocab: int | None = ...,
    ) -> FloatVector: ...

    def most_similar_cosmul(
        self,
        positive: Query = None,
        negative: Query = None,
        topn: int | None = 10,
        restrict_vocab: int | None = None,
    ) -> Neighbors | FloatVector:
        """Find words by 3CosMul (Levy and Goldberg, CoNLL 2014), less swayed by one big cosine.

        Args:
            positive: As for `most_similar`, at least one; a weight is the power of a word's factor.
                Vectors that are given are scaled to length 1.
            negative: The same; these divide.
            topn: How many to find; None returns the score of every row, `(V,)`.
            restrict_vocab: Give only words of the first rows of the vocabulary.

        Raises:
            EmbedSearchError: See `most_similar`.
        """
        from embedsearch.search.analogy import cosmul_scores

        _check_topn(topn)
        among = self._clipped(0, None, restrict_vocab)
        terms = as_terms(positive, 1.0) + as_terms(negative, -1.0)
        weights = [weight for _, weight in terms]
        if not any(weight > 0 for weight in weights):
            raise QueryError("3CosMul needs at least one word or vector to be near to")
        found = [self._resolve(item) for item, _ in terms]
        units = np.array([unit(one.vector) for one in found])
        stop = len(self) if among is None else len(among)
        scores = cosmul_scores(self.vectors[:stop], self.norms[:stop], units, weights)
        if topn is None:
            return scores
        best = np.argsort(-scores, kind="stable")[: topn + len(found)]
        return self._neighbors(best, scores[best], topn, found)

    def analogy(
        self,
        expression: str | Sequence[str],
        topn: int = 10,
        method: str = "3cosadd",
        exact: bool = False,
        *,
        evidence: float | str = "auto",
    ) -> WordNeighbors:
        """Complete an analogy; the words are ranked by evidence, as by `neighbors`.

        Args:
            expression: A sum of words, `king - man + woman`, with weights and quotes as in
                `embedsearch.search.analogy.parse_expression`; or three words a, b, c for "a is to b
                as c is to what?", which is `b - a + c`. Any other is a `QueryError`.
            topn: How many to find.
            method: "3cosadd", the words nearest to the sum, or "3cosmul", their product form, which
                is always exact, and ranks by its score.
            exact: See `most_similar`.
            evidence: See `neighbors`.
        """
        check("method", method, Choice(METHODS))
        terms = expression_terms(expression)
        positive = [(word, weight) for word, weight in terms if weight > 0]
        negative = [(word, weight) for word, weight in terms if weight < 0]
        if method == "3cosadd":
            return self.neighbors(positive, negative, topn, evidence=evidence, exact=exact)
        topn, _ = as_count("topn", topn), as_z(evidence)
        found = self.most_similar_cosmul(positive, negative, topn)
        counted = (WordNeighbor(word, score, self.get_count(word)) for word, score in found)
        return WordNeighbors(counted, found.inferred)

    def similarity(self, w1: str, w2: str) -> float:
        """Compute the cosine of two words; 0 where a vector is zero."""
        return cosine(self.find(w1).vector, self.find(w2).vector)

    def distance(self, w1: str, w2: str) -> float:
        """Compute 1 less the cosine of two words."""
        return 1 - self.similarity(w1, w2)

    def n_similarity(self, ws1: Sequence[str], ws2: Sequence[str]) -> float:
        """Compute the cosine between the means of two lists of words.

        An unknown word is an `UnknownWordError` (gensim leaves it out), an empty list a
        `QueryError`.
        """
        means = [
            self.get_mean_vector(
                as_list("a list of words", words, lone=True),
                pre_normalize=False,
                ignore_missing=False,
            )
            for words in (ws1, ws2)
        ]
        return cosine(*means)

    def distances(
        self, word_or_vector: str | ArrayLike, other_words: Sequence[str] = ()
    ) -> NDArray[np.float32]:
        """Compute 1 less the cosine of a word, or a vector `(d,)`, with others.

        Returned is a distance for each of the other words, `(n,)`, or for each row of the
        vocabulary if none are given, `(V,)`.
        """
        vector = unit(self._as_vector(word_or_vector, normalize=True))
        other_words = as_list("other_words", other_words)
        if not other_words:
            return 1 - self._cosines(vector)
        others = np.array([self.get_vector(word, norm=True) for word in other_words])
        distances: NDArray[np.float32] = 1 - others @ vector
        return distances

    def most_similar_to_given(self, key1: str, keys_list: Sequence[str]) -> str:
        """Choose the word of a list that is most similar to `key1`; the first, of equals."""
        keys_list = as_list("keys_list", keys_list)
        if not keys_list:
            raise QueryError("the list of words to choose from is empty")
        nearest: str = keys_list[int(np.argmin(self.distances(key1, keys_list)))]
        return nearest

    def rank_by_centrality(
        self, words: Sequence[str], use_norm: bool = True
    ) -> list[tuple[float, str]]:
        """Order words by their cosine with the mean of them all, most central first.

        With `use_norm` their vectors are scaled to length 1 before the mean is taken. An unknown
        word is an `UnknownWordError` (gensim leaves it out), an empty list a `QueryError`.
        """
        words = as_list("words", words)
        if not words:
            raise QueryError("there are no words to compare")
        vectors = np.array([self.get_vector(word, norm=use_norm) for word in words])
        scores = (vectors @ unit(vectors.mean(axis=0))).tolist()
        return sorted(zip(scores, words, strict=True), reverse=True)

    def doesnt_match(self, words: Sequence[str]) -> str:
        """Find the word that fits the others least.

        Of fewer than three words it is a `QueryError`: of two, each is as far from their mean as
        the other. An unknown word is an `UnknownWordError`. gensim leaves it out with a warning;
        but then the answer is to another question.
        """
        if len(words := as_list("words", words)) < 3:
            raise QueryError(f"the odd one out needs a list of three words or more, got {words!r}")
        return self.rank_by_centrality(words)[-1][1]

    def closer_than(self, key1: str, key2: str) -> list[str]:
        """List the words nearer to `key1` by cosine than `key2` is, in the vocabulary's order."""
        return [self.index_to_key[row] for row in self._closer_rows(key1, key2).tolist()]

    def rank(self, key1: str, key2: str) -> int:
        """Return which neighbour of `key1` the word `key2` is: 1 for the nearest."""
        return len(self._closer_rows(key1, key2)) + 1

    def find(self, word: str) -> Found:
        """Look a word up; `UnknownWordError` if there is nothing to infer a vector from, either."""
        found = self._lookup(word)
        if found is None:
            raise self._unknown(word)
        return found

    def find_all(self, words: Iterable[str]) -> list[Found]:
        """Look several words up; a lone string counts as one word."""
        return [self.find(word) for word in as_list("words", words, lone=True)]

    def _lookup(self, word: str) -> Found | None:
        row = self._row(word)
        if row >= 0:
            return Found(word, row, self.vectors[row])
        if not word.strip():
            raise QueryError("a query word is empty")
        subwords = self.subwords
        vector = None if subwords is None else subwords.infer(self._normalize(word) or word)
        return None if vector is None else Found(word, -1, vector)

    def _row(self, word: str) -> int:
        if not isinstance(word, str):
            raise QueryError(f"a word must be a string, got {word!r}")
        rows = self.key_to_index
        row = rows.get(word)
        if row is None:
            treated = self._normalize(word)
            row = None if treated is None else rows.get(treated)
        return -1 if row is None else row

    def _as_vector(self, key: str | ArrayLike, normalize: bool) -> FloatVector:
        if isinstance(key, str):
            return self.get_vector(key, norm=normalize)
        return self._given_vector(key)

    def _given_vector(self, vector: ArrayLike) -> FloatVector:
        matrix = as_matrix(vector, "the vector", self.vector_size)
        if len(matrix) != 1:
            raise QueryError(f"expected one vector, got {len(matrix)}")
        one: FloatVector = matrix[0]
        return one

    def _unknown(self, word: str) -> UnknownWordError:
        if expression := self._split(word):
            return UnknownWordError(word, expression)
        parts = word.split()
        if len(parts) > 1 and all(self._row(part) >= 0 for part in parts):
            return UnknownWordError(word, (), f"is no word; the analogy is {' + '.join(parts)!r}")
        from embedsearch.search.suggestions import suggest

        reason = None if self.why_missing is None else self.why_missing(word)
        return UnknownWordError(word, suggest(word, self), reason)

    def _split(self, word: str) -> list[str]:
        # "king-man+woman" without spaces is one word; say how it was probably meant.
        for sign in "-+":
            parts = word.split(sign)
            if len(parts) > 1 and all(part and self._row(part) >= 0 for part in parts):
                return [f" {sign} ".join(parts)]
        return []

    def _closer_rows(self, key1: str, key2: str) -> IntVector:
        one, two = self.find(key1), self.find(key2)
        cosines = self._cosines(unit(one.vector))
        limit = cosines[two.row] if two.row >= 0 else cosine(one.vector, two.vector)
        rows: IntVector = np.flatnonzero(cosines > limit)
        others: IntVector = rows[rows != one.row]
        return others

    def _cosines(self, vector: FloatVector) -> FloatVector:
        norms = self.norms
        with np.errstate(invalid="ignore", divide="ignore"):
            cosines: FloatVector = (self.vectors @ vector) / norms
        cosines[norms == 0] = 0
        return cosines

    def _best(
        self,
        terms: list[WeightedTerm],
        topn: int,
        among: range | None,
        exact: bool,
        evidence: float | str | None,
        left_out: NDArray[np.bool_] | None = None,
    ) -> _Best:
        """Find enough words for `topn` to be left without those of the query."""
        z = None if evidence is None else as_z(evidence)
        query, counts, index = self._combine(terms), self.counts, self._index(exact)
        most = topn + len(query.rows)
        if left_out is not None and left_out[query.rows].any():
            left_out = None
        ranking = None
        if z is not None and counts is not None:
            ranking = Evidence(counts, query.variance(counts), z, left_out)
        if ranking is not None and z:
            return _Best(query, *ranking.best(index, query.vector, most, among), ranking)
        scores, rows = index.search(query.vector, most, among)
        return _Best(query, rows[0], scores[0], ranking)

    @cached_property
    def _stop_rows(self) -> NDArray[np.bool_]:
        mask = np.zeros(len(self), bool)
        rows = [self.key_to_index.get(word, -1) for word in self._stop_words()]
        mask[[row for row in rows if row >= 0]] = True
        return mask

    def _word_neighbors(self, best: _Best, topn: int) -> WordNeighbors:
        keys, counts, (query, rows, scores, evidence) = self.index_to_key, self.counts, best
        kept = ~np.isin(rows, query.rows)
        rows, scores = rows[kept][:topn], scores[kept][:topn]
        words, cosines = [keys[row] for row in rows.tolist()], scores.tolist()
        if counts is None or evidence is None:
            plain = map(WordNeighbor, words, cosines)
            return WordNeighbors(plain, query.inferred)
        ends = (end.tolist() for end in evidence.interval(scores, rows))
        found = map(WordNeighbor, words, cosines, np.asarray(counts)[rows].tolist(), *ends)
        return WordNeighbors(found, query.inferred)

    def _combine(self, terms: list[WeightedTerm], euclidean: bool = False) -> WeightedSum:
        if not terms:
            raise QueryError("nothing was asked for: give at least one word or vector")
        found = [self._resolve(item) for item, _ in terms]
        weights = [weight for _, weight in terms]
        if len(terms) == 1 and terms[0][1] == 1 and (euclidean or found[0].vector.any()):
            # A cosine index scales its queries itself.
            return WeightedSum(found[0].vector, found, weights)
        vector = np.zeros(self.vector_size)
        for one, (item, weight) in zip(found, terms, strict=True):
            scaled = isinstance(item, str) and not euclidean
            vector += weight * (unit(one.vector) if scaled else one.vector)
        total = sum(weights)
        if euclidean and total > 0:
            vector /= total
        if not euclidean and not vector.any():
            raise QueryError("the terms add up to zero, to which no word is near")
        return WeightedSum(vector.astype(np.float32), found, weights)

    def _resolve(self, item: str | ArrayLike) -> Found:
        return self.find(item) if isinstance(item, str) else Found("", -1, self._given_vector(item))

    def _neighbors(
        self,
        rows: IntVector,
        scores: NDArray[np.float32],
        topn: int,
        asked: list[Found],
    ) -> Neighbors:
        """Name the best rows, but for those that were asked for."""
        keys, left_out = self.index_to_key, rows_of(asked)
        pairs = zip(rows.tolist(), scores.tolist(), strict=True)
        kept = [Neighbor(keys[row], score) for row, score in pairs if row not in left_out]
        return Neighbors(kept[:topn], inferred_of(asked))

    def _clipped(
        self, clip_start: int, clip_end: int | None, restrict_vocab: int | None
    ) -> range | None:
        """Return the rows to look among; None for all of them."""
        if restrict_vocab is not None:
            return range(min(as_count("restrict_vocab", restrict_vocab), len(self)))
        check("clip_start", clip_start, NATURAL)
        check("clip_end", clip_end, Optional(NATURAL))
        # As in gensim, 0 is the end too.
        stop = min(clip_end or len(self), len(self))
        return range(clip_start, stop) if clip_start or stop < len(self) else None

    def _all_scores(self, vector: FloatVector, among: range | None, euclidean: bool) -> FloatVector:
        rows = slice(None) if among is None else slice(among.start, among.stop)
        if not euclidean:
            return self._cosines(unit(vector))[rows]
        distances = np.linalg.norm(self.vectors[rows].astype(np.float64) - vector, axis=1)
        scores: FloatVector = -distances.astype(np.float32)
        return scores

    @cached_property
    def index(self) -> VectorIndex:
        """The cosine index of the vocabulary; opened when first asked for."""
        given = self._exact_index if self._given_index is None else self._given_index
        return given if isinstance(given, VectorIndex) else given()

    def _index(self, exact: bool) -> VectorIndex:
        return self._exact_index if exact and self.index.spec != "flat" else self.index

    @cached_property
    def _exact_index(self) -> VectorIndex:
        return VectorIndex.build(self.vectors, spec="flat")

    @cached_property
    def _euclidean_index(self) -> VectorIndex:
        return VectorIndex.build(self.vectors, Metric.EUCLIDEAN, "flat")


def _check_topn(topn: int | None) -> None:
    check("topn", topn, Optional(NATURAL))


def _is_euclidean(metric: Metric | str) -> bool:
    metric = as_metric(metric)
    if metric is Metric.INNER_PRODUCT:
        raise ParameterError("metric", "cosine or euclidean", metric.value)
    return metric is Metric.EUCLIDEAN
