"""Topics: what a collection is about, each a cluster of documents and the words that mark it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from embedsearch._checks import COUNT, Choice, Interval, Optional, as_count, check
from embedsearch._errors import InputError, ParameterError, QueryError, VectorError
from embedsearch.space.base import SpaceTransformer
from embedsearch.space.clusters import (
    SphericalKMeans,
    fences,
    own_cosines,
    posterior,
    seed_of,
    summed,
    ward,
)
from embedsearch.space.options import CLUSTERS, TOPIC_METHODS
from embedsearch.space.plsa import checked_counts
from embedsearch.space.topic_methods import topic_components, topic_shares
from embedsearch.vectors.arrays import as_matrix, best_first, unit_rows
from embedsearch.vectors.lsa import truncated_svd
from embedsearch.vectors.sparse import TermStatistics, scaled_columns, unit_sparse, with_data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from embedsearch._types import FloatMatrix, FloatVector, IntVector

_MOST_DIMENSIONS = 100
# How labels weigh a document and a term: the cosine of the document with its topic, squared, so
# that those at the border count little, and a power of idf. Chosen on newsgroups; see `_masses`.
_CLOSENESS, _IDF_POWER = 2, 0.75
_TINY = 1e-12


class TopicModel(SpaceTransformer):
    """Topics of documents that are given as counts of terms and, if there are any, as vectors.

    "clusters" are spherical k-means on the vectors, and the words of each are those with the
    greatest share of the Kullback-Leibler divergence between the mean weights of terms in its
    documents and in all. The others are there to compare: "plsa" (Hofmann 1999), "lda" (Blei, Ng
    and Jordan 2003, by gensim), "nmf" (Lee and Seung 1999, on tf-idf, by scikit-learn) and "lsa"
    (Deerwester et al. 1990). Every document has a membership in every topic.

    Args:
        n_topics: How many, k; None takes as many as halves of the documents agree on best (only
            "clusters").
        method: "clusters", "plsa", "lda", "nmf" or "lsa".
        random_state: A seed, for the same topics to the bit; None draws one from numpy.

    Attributes:
        topic_terms_: (k, V) float32, how much each term marks each topic.
        labels_: (n) the topic of each document.
        sizes_: (k) how many documents each has; with "clusters" the largest topic comes first.
        fits_: (n) bool, whether a document fits its topic. With "clusters" one does not whose
            cosine lies below Tukey's fence, 1.5 interquartile ranges below the lower quartile of
            the differences from the medians of the topics: mostly one in a hundred, never a
            quarter. Otherwise only empty ones do not.
        sums_, masses_, centers_, fences_, concentration_: Of "clusters": sums of vectors (k, d)
            and of weights of terms (k, V), directions (k, d), the least cosine (k), and κ.
        components_: (k, V) Of the others.
        background_: (V) the sum of the weights of terms.
        projection_: (V, d) What made vectors of counts, if none were given.
    """

    def __init__(
        self, n_topics: int | None = 8, *, method: str = CLUSTERS, random_state: Any = None
    ) -> None:
        self.n_topics = n_topics
        self.method = method
        self.random_state = random_state

    def fit(self, X: Any, y: object = None, *, vectors: ArrayLike | None = None) -> Self:  # noqa: ARG002
        """Find the topics of documents.

        Args:
            X: (n, V) counts of terms, sparse or dense.
            y: Not used.
            vectors: (n, d) of the same documents; by default those of LSA, see `sensible_rank`.
                Only "clusters" uses them.

        Raises:
            ParameterError: A parameter is out of range, or `n_topics` is None where it must not.
            VectorError: X or vectors hold NaN, infinity, or counts below 0; or not as many rows.
            InputError: There are fewer documents than topics.
        """
        check("n_topics", self.n_topics, Optional(COUNT))
        check("method", self.method, Choice(TOPIC_METHODS))
        counts = checked_counts(self, X, reset=True).astype(np.float32)
        for name in ("projection_", "centers_", "components_"):
            self.__dict__.pop(name, None)
        self.idf_ = TermStatistics.of(with_data(counts, np.ones_like(counts.data))).idf
        if self.method == CLUSTERS:
            self._fit_clusters(counts, vectors)
            return self
        if self.n_topics is None:
            raise ParameterError("n_topics", f"given, with method={self.method!r}", None)
        if counts.shape[0] < self.n_topics:
            raise InputError(
                f"there are n_samples={counts.shape[0]} documents, fewer than "
                f"n_topics={self.n_topics}"
            )
        seed, weights = seed_of(self.random_state), self._tfidf(counts)
        self.components_ = topic_components(
            self.method, counts, weights, self.n_topics, seed, self._progress
        )
        self.topic_terms_ = self.components_.astype(np.float32)
        shares = self._shares(counts)
        self.labels_ = np.argmax(shares, axis=1)
        self.sizes_ = np.bincount(self.labels_, minlength=self.n_topics)
        self.fits_ = np.diff(counts.indptr) > 0
        return self

    def transform(self, X: Any, *, vectors: ArrayLike | None = None) -> FloatMatrix:
        """Return the memberships of documents in the topics: (n, k), rows that add up to 1.

        `vectors` (n, d) must be given if they were to `fit`.
        """
        check_is_fitted(self)
        counts = checked_counts(self, X, reset=False)
        if self.method != CLUSTERS:
            return self._shares(counts)
        return posterior(self._cosines(counts, vectors), self.concentration_, self.sizes_)

    def predict(self, X: Any, *, vectors: ArrayLike | None = None) -> IntVector:
        """Return the nearest topic of each document: (n)."""
        check_is_fitted(self)
        counts = checked_counts(self, X, reset=False)
        found = self._shares(counts) if self.method != CLUSTERS else self._cosines(counts, vectors)
        labels: IntVector = np.argmax(found, axis=1)
        return labels

    def fits(self, X: Any, *, vectors: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return whether each document fits its nearest topic, as `fits_`: (n)."""
        check_is_fitted(self)
        counts = checked_counts(self, X, reset=False)
        if self.method != CLUSTERS:
            return np.asarray(np.diff(counts.indptr) > 0)
        cosines = self._cosines(counts, vectors)
        labels = cosines.argmax(axis=1)
        own = cosines[np.arange(len(labels)), labels]
        fitting: NDArray[np.bool_] = (own >= self.fences_[labels]) & (own > 0)
        return fitting

    def top_terms(self, topn: int = 10) -> list[list[tuple[int, float]]]:
        """Return the terms that mark each topic most, strongest first: columns and weights.

        The weights are shares of the divergence ("clusters") or of the topic; only those above 0.
        """
        check_is_fitted(self)
        topn = as_count("topn", topn)
        topics = []
        for weights in self.topic_terms_:
            best = best_first(weights, np.arange(len(weights)), topn)
            best = best[weights[best] > 0]
            topics.append(list(zip(best.tolist(), weights[best].tolist(), strict=True)))
        return topics

    def merge(self, groups: Sequence[Sequence[int]]) -> Self:
        """Make one topic of each group of topics; nothing is fitted again.

        Raises:
            ParameterError: There is no such topic, or one is in two groups.
            QueryError: The topics are no clusters.
        """
        self._check_clusters("merged")
        k = len(self.sizes_)
        target = np.arange(k)
        seen: set[int] = set()
        for place, group in enumerate(groups):
            members = [self._topic(f"groups[{place}]", topic) for topic in group]
            if seen & set(members) or len(set(members)) < len(members):
                raise ParameterError("groups", "topics that are each in one group", list(groups))
            seen |= set(members)
            if members:
                target[members] = min(members)
        return self._regrouped(np.unique(target, return_inverse=True)[1].reshape(-1))

    def reduce(self, n_topics: int) -> Self:
        """Merge the topics that are nearest to each other, by Ward's method, until n are left.

        Raises:
            ParameterError: n is not 1 to the number of topics.
            QueryError: The topics are no clusters.
        """
        self._check_clusters("reduced")
        k = len(self.sizes_)
        if as_count("n_topics", n_topics) > k:
            raise ParameterError("n_topics", f"at most {k}, the topics there are", n_topics)
        sizes = np.maximum(self.sizes_, 1)
        children, _ = ward(self.centers_.astype(np.float64) * sizes[:, np.newaxis], sizes)
        node = np.arange(2 * k - 1)
        for step in range(k - n_topics - 1, -1, -1):
            node[children[step]] = node[k + step]
        return self._regrouped(np.unique(node[:k], return_inverse=True)[1].reshape(-1))

    def split(
        self, topic: int, X: Any, n_topics: int = 2, *, vectors: ArrayLike | None = None
    ) -> Self:
        """Make several topics of one; the others stay as they are.

        X (n, V) and `vectors` (n, d) are those of `fit`.

        Raises:
            ParameterError: There is no such topic, or `n_topics` is below 2.
            InputError: It has fewer documents than that, or these are not the documents of `fit`.
            QueryError: The topics are no clusters.
        """
        self._check_clusters("split")
        topic, parts = self._topic("topic", topic), as_count("n_topics", n_topics)
        if parts < 2:
            raise ParameterError("n_topics", "2 or more", n_topics)
        counts = checked_counts(self, X, reset=False).astype(np.float32)
        units = self._units(counts, vectors)
        if len(units) != len(self.labels_):
            raise InputError(
                f"the model was fitted on {len(self.labels_):,} documents, got {len(units):,}"
            )
        rows = np.flatnonzero(self.labels_ == topic)
        seed = seed_of(self.random_state)
        found = SphericalKMeans(parts, random_state=seed).fit(units[rows])
        labels, k = self.labels_.copy(), len(self.sizes_)
        # The largest part keeps the place.
        labels[rows] = np.where(found.labels_ == 0, topic, k + found.labels_ - 1)
        made = self._copy()
        return made._describe(counts, units, labels, k + parts - 1)  # noqa: SLF001 - of its own kind

    def over(self, values: Sequence[Any]) -> tuple[list[Any], NDArray[np.float64]]:
        """Return the shares of the topics at each value, such as a year: values, and (t, k).

        Documents whose value is None are left out. Rows add up to 1.

        Raises:
            InputError: There are not as many values as documents, or they cannot be sorted.
        """
        check_is_fitted(self)
        given = list(values)
        if len(given) != len(self.labels_):
            raise InputError(
                f"there are {len(self.labels_):,} documents, got {len(given):,} values"
            )
        known = [place for place, value in enumerate(given) if value is not None]
        try:
            distinct = sorted({given[place] for place in known})
        except TypeError as error:
            raise InputError(f"values must be of one kind that can be sorted: {error}") from error
        row = {value: place for place, value in enumerate(distinct)}
        table = np.zeros((len(distinct), len(self.sizes_)))
        where = np.array([row[given[place]] for place in known], np.int64)
        np.add.at(table, (where, self.labels_[np.array(known, np.int64)]), 1)
        return distinct, table / np.maximum(table.sum(axis=1, keepdims=True), 1)

    @property
    def _n_features_out(self) -> int:
        return len(self.topic_terms_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.positive_only = True
        return tags

    def _fit_clusters(self, counts: Any, vectors: ArrayLike | None) -> None:
        if vectors is None:
            seed = seed_of(self.random_state)
            self.mean_length_ = float(counts.sum()) / counts.shape[0]
            rank = sensible_rank(counts.shape[0])
            found = truncated_svd(unit_sparse(self._bm25(counts)), rank, seed)[1]
            # Without any term there is one direction, in which nothing lies.
            self.projection_ = found if found.size else np.zeros((counts.shape[1], 1), np.float32)
        units = self._units(counts, vectors)
        clusters = SphericalKMeans(self.n_topics, random_state=self.random_state).fit(units)
        self.concentration_ = clusters.concentration_
        self._describe(counts, units, clusters.labels_, len(clusters.sizes_))

    def _describe(self, counts: Any, units: FloatMatrix, labels: IntVector, k: int) -> Self:
        """Learn what a division of the documents into k topics means."""
        self.labels_ = labels
        self.sums_ = summed(units, labels, k)
        self.sizes_ = np.bincount(labels, minlength=k)
        self.centers_ = unit_rows(self.sums_)
        cosines = own_cosines(units, self.centers_, labels)
        self.fences_ = fences(cosines, labels, k)
        self.fits_ = (cosines >= self.fences_[labels]) & (cosines > 0)
        self.masses_, self.background_ = _masses(counts, self.idf_, labels, cosines, k)
        self.topic_terms_ = _divergence(self.masses_, self.background_)
        return self

    def _regrouped(self, target: IntVector) -> Self:
        """Return the model with topics joined: topic i becomes `target[i]`, `(k)`."""
        k = int(target.max()) + 1
        made = self._copy()
        made.sums_ = summed(self.sums_, target, k)
        made.masses_ = summed(self.masses_, target, k)
        sizes = np.bincount(target, weights=self.sizes_, minlength=k).astype(np.int64)
        lowest = np.full(k, np.inf)
        np.minimum.at(lowest, target, self.fences_)
        order = np.argsort(-sizes, kind="stable")
        made.sums_, made.masses_ = made.sums_[order], made.masses_[order]
        made.sizes_, made.fences_ = sizes[order], lowest[order]
        made.centers_ = unit_rows(made.sums_)
        made.labels_ = np.argsort(order)[target[self.labels_]]
        made.topic_terms_ = _divergence(made.masses_, made.background_)
        return made

    def _copy(self) -> Self:
        return type(self).restore(*self.state())

    def _check_clusters(self, what: str) -> None:
        check_is_fitted(self)
        if self.method != CLUSTERS:
            raise QueryError(f"topics by {self.method} cannot be {what}: only clusters can")

    def _topic(self, name: str, topic: Any) -> int:
        k = len(self.sizes_)
        check(name, topic, Interval(0, k - 1, whole=True))
        return int(topic)

    def _units(self, counts: Any, vectors: ArrayLike | None) -> FloatMatrix:
        """Return the documents as vectors of length 1."""
        if vectors is None:
            if not hasattr(self, "projection_"):
                raise ParameterError("vectors", "given, as they were to `fit`", None)
            return unit_rows(self._bm25(counts) @ self.projection_)
        units = unit_rows(as_matrix(vectors, "vectors"))
        if len(units) != counts.shape[0]:
            raise VectorError(
                f"there are {counts.shape[0]:,} documents, got {len(units):,} vectors"
            )
        return units

    def _bm25(self, counts: Any) -> Any:
        return TermStatistics(self.idf_, self.mean_length_).bm25(counts)

    def _cosines(self, counts: Any, vectors: ArrayLike | None) -> FloatMatrix:
        units = self._units(counts, vectors)
        if units.shape[1] != self.centers_.shape[1]:
            dimension = self.centers_.shape[1]
            raise VectorError(f"vectors must have {dimension} dimensions, got {units.shape[1]}")
        cosines: FloatMatrix = units @ self.centers_.T
        return cosines

    def _shares(self, counts: Any) -> FloatMatrix:
        return topic_shares(self.method, counts, self._tfidf(counts), self.components_)

    def _tfidf(self, counts: Any) -> Any:
        logs = with_data(counts, 1 + np.log(np.maximum(counts.data, 1)))
        return unit_sparse(scaled_columns(logs, self.idf_))


def sensible_rank(n: int) -> int:
    """Return how many dimensions of LSA n documents are clustered in: 2 √n, 100 at most.

    In more, all but a few of them are at right angles: 106 articles came as one cluster of 67 and
    small ones, in 20 dimensions as clusters of 22, 18, 16, ...
    """
    return min(_MOST_DIMENSIONS, max(2, int(2 * np.sqrt(n))))


def _masses(
    counts: Any, idf: FloatVector, labels: IntVector, cosines: FloatVector, k: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sums of the weights of terms in topics `(k, V)` and in all documents `(V,)`.

    A document has its terms once each, whatever their number, weighed by idf to the power of 0.75
    and at length 1; and it counts in its topic as the square of its cosine with it. On newsgroups
    that raises C_V to .78 from .69 for the mean of tf-idf.
    """
    from scipy.sparse import csr_matrix

    n = len(labels)
    # Words of one or two documents say nothing about a topic.
    least = 1 + int(np.log10(max(n, 1)))
    df = np.bincount(counts.indices, minlength=counts.shape[1])
    own = np.where(df >= least, idf**_IDF_POWER, 0).astype(np.float32)
    present = with_data(counts, np.ones_like(counts.data))
    weights = unit_sparse(scaled_columns(present, own))
    closeness = np.maximum(cosines, 0) ** _CLOSENESS
    chosen = csr_matrix((closeness, (labels, np.arange(n))), shape=(k, n))
    background = np.asarray(weights.sum(axis=0), np.float64).ravel()
    return (chosen @ weights).toarray().astype(np.float64), background


def _divergence(masses: NDArray[np.float64], background: NDArray[np.float64]) -> FloatMatrix:
    """Return what each term adds to the divergence of a topic from all documents: (k, V).

    The terms p ln(p / q) of Kullback and Leibler (1951), as shares of the positive ones.
    """
    p = masses / np.maximum(masses.sum(axis=1, keepdims=True), _TINY)
    q = background / max(float(background.sum()), _TINY)
    more = p > q
    ratio = np.divide(p, q, out=np.ones_like(p), where=more & (q > 0))
    terms = p * np.log(ratio)
    shares: FloatMatrix = terms / np.maximum(terms.sum(axis=1, keepdims=True), _TINY)
    return shares.astype(np.float32)
