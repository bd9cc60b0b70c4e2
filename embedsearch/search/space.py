"""The space in which documents are searched by meaning: several encoders side by side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.search.passages import products
from embedsearch.search.term_vectors import sampled
from embedsearch.vectors.arrays import unit_rows
from embedsearch.vectors.lsa import fit_lsa, fit_words
from embedsearch.vectors.svd import gram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.search.term_vectors import TermVectors
    from embedsearch.search.terms import TermDocuments, Terms
    from embedsearch.vectors.encoders import CheckedEncoder
    from embedsearch.vectors.lsa import LinearEncoder
    from embedsearch.vectors.sparse import TermStatistics

RANKS = (100, 300)
_FITTED_ON = 20_000
_BLOCK = 10_000
MOVED_BY = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The place of one encoder in the space.

    Attributes:
        name: Of the encoder.
        columns: Its dimensions among all.
    """

    name: str
    columns: slice


class LatentSpace:
    """Encodes documents and queries by all its encoders, their unit vectors side by side.

    Args:
        terms: The terms that the linear encoders know.
        statistics: How terms weigh.
        linear: Encoders that were learned from the collection.
        external: Encoders that the user has plugged in.
    """

    def __init__(
        self,
        terms: Terms,
        statistics: TermStatistics,
        linear: Sequence[LinearEncoder],
        external: Sequence[CheckedEncoder] = (),
    ) -> None:
        self.terms, self.statistics = terms, statistics
        self.linear, self.external = tuple(linear), tuple(external)

    @cached_property
    def blocks(self) -> list[Block]:
        """The place of each encoder."""
        sizes = [encoder.dimension for encoder in self.linear]
        sizes += [encoder.vector_size for encoder in self.external]
        names = [encoder.name for encoder in self.linear]
        names += [encoder.name for encoder in self.external]
        places = _side_by_side(sizes)
        return [Block(name, columns) for name, columns in zip(names, places, strict=True)]

    def documents(self, counts: Any, texts: Sequence[str] | None = None) -> FloatMatrix:
        """Encode documents.

        Args:
            counts: `(n, V)`, their terms.
            texts: The documents themselves; needed where encoders are plugged in.

        Returns:
            `(n, D)` float32: in each block rows of length 1, or zeros.
        """
        parts = [encoder.encode_documents(texts or ()) for encoder in self.external]
        linear = self.linear_documents(counts)
        return np.concatenate((linear, *parts), axis=1) if parts else linear

    def linear_documents(self, counts: Any) -> FloatMatrix:
        """Encode documents by the linear encoders alone."""
        places = _side_by_side([encoder.dimension for encoder in self.linear])
        X = np.empty((counts.shape[0], places[-1].stop if places else 0), np.float32)
        for start in range(0, len(X), _BLOCK):
            some = counts[start : start + _BLOCK]
            for encoder, columns in zip(self.linear, places, strict=True):
                X[start : start + _BLOCK, columns] = encoder.documents(some, self.statistics)
        return X

    def queries(self, weights: Any, texts: Sequence[str]) -> FloatMatrix:
        """Encode queries given as terms with weights `(nq, V)` and as texts; see `documents`."""
        parts = [encoder.encode_queries(texts) for encoder in self.external]
        return np.concatenate((self.linear_queries(weights), *parts), axis=1)

    def linear_queries(self, weights: Any) -> FloatMatrix:
        """Encode queries by the linear encoders alone."""
        parts = [encoder.queries(weights, self.statistics) for encoder in self.linear]
        return np.concatenate([np.zeros((weights.shape[0], 0), np.float32), *parts], axis=1)


def fit_space(
    documents: TermDocuments,
    terms: Terms,
    statistics: TermStatistics,
    term_vectors: TermVectors,
    external: Sequence[CheckedEncoder] = (),
    seed: int = 0,
) -> LatentSpace:
    """Learn the linear encoders from a collection.

    Args:
        documents: Of many, a sample of 20,000 is learned from; without any, there is an encoder
            of words alone.
        terms: The V terms.
        statistics: Of all documents.
        term_vectors: Gives the vectors of terms.
        external: Encoders that the user has plugged in.
        seed: Of the sample and of the decomposition.
    """
    some = sampled(documents, _FITTED_ON, seed)
    linear = fit_lsa(some.counts, statistics, RANKS, seed) if some.counts.nnz else []
    vectors = term_vectors(some)
    if vectors.any():
        linear.append(fit_words(some.counts, statistics, vectors))
    return LatentSpace(terms, statistics, linear, external)


@dataclass(frozen=True, slots=True, eq=False)
class Spreads:
    """How far the scores of documents are apart, for any query, without scoring them all.

    Attributes:
        covariances: For each block `(d, d)`: that of the document vectors.
        first: `(V,)` the mean BM25 weight of each term over all documents.
        second: `(V,)` the mean of its square.
    """

    covariances: tuple[FloatMatrix, ...]
    first: FloatVector
    second: FloatVector

    @classmethod
    def of(cls, X: FloatMatrix, blocks: Sequence[Block], bm25: Any) -> Spreads:
        """Measure them.

        Args:
            X: `(p, D)`, the passages of all documents.
            blocks: The parts of the space.
            bm25: `(n, V)` sparse, the weights of terms in documents.
        """
        n = max(bm25.shape[0], 1)
        covariances = tuple(_covariance(X[:, block.columns]) for block in blocks)
        columns, size = bm25.indices, bm25.shape[1]
        first, second = (
            np.bincount(columns, weights, size) / n for weights in (bm25.data, bm25.data**2)
        )
        return cls(covariances, first.astype(np.float32), second.astype(np.float32))

    def lexical(self, columns: Any, weights: FloatVector) -> float:
        """Return the standard deviation of BM25 over all documents, as if terms came alone.

        Args:
            columns: The terms of the query.
            weights: `(k,)` their weights in it.
        """
        variances = self.second[columns] - np.square(self.first[columns])
        return float(np.sqrt(max(float(np.square(weights) @ variances), 0.0)))

    def latent(self, query: FloatMatrix, block: int) -> float:
        """Return the standard deviation of the cosines with a query `(d,)` over all documents."""
        spread = products(self.covariances[block], query) @ query
        return float(np.sqrt(max(float(spread), 0.0)))


def moved(query: FloatVector, blocks: Sequence[Block], X: FloatMatrix) -> FloatVector:
    """Move a query `(D,)` towards documents `(k, D)`, block by block.

    Rocchio 1971; the query weighs 1, what is taken to be relevant 0.7.
    """
    towards = query + MOVED_BY * X.mean(axis=0)
    parts = [unit_rows(towards[block.columns].reshape(1, -1))[0] for block in blocks]
    return np.concatenate(parts) if parts else query


def _side_by_side(sizes: Sequence[int]) -> list[slice]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [slice(start, stop) for start, stop in pairwise(ends)]


def _covariance(X: FloatMatrix) -> FloatMatrix:
    if not len(X):
        return np.zeros((X.shape[1], X.shape[1]), np.float32)
    # Centred first: a difference of two large matrices would leave spreads where there are none.
    mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
    return np.asarray(gram(X, mean) / len(X), np.float32)
