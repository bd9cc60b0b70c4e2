"""What each word of a query shares with each word of a document, in a linear encoder.

The vector of a text is `P Σ wᵢ vᵢ / norm`: of its words i the weight and the vector, less what
P removes. The vector that documents are multiplied by is a scaled sum as well: of the words of the
query, and of the documents that the query was moved towards. So their inner product is a sum over
pairs, `Σ wᵢ vᵢ · P Σ uⱼ vⱼ`, in which every pair has its own term.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.search.space import MOVED_BY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch._types import FloatMatrix, FloatVector
    from embedsearch.search.hybrid import Ranking
    from embedsearch.search.space import Block
    from embedsearch.vectors.lsa import LinearEncoder
    from embedsearch.vectors.sparse import TermStatistics

_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class MovedQuery:
    """The vector that documents are multiplied by, as the sum of where it comes from.

    Attributes:
        own: `(D,)` what the query itself gives.
        others: `(k, D)` what each document gives that it was moved towards.
    """

    own: FloatVector
    others: FloatMatrix

    @classmethod
    def of(cls, ranking: Ranking, blocks: Sequence[Block], X: FloatMatrix) -> MovedQuery:
        """Take a ranking apart.

        Args:
            ranking: What was found.
            blocks: The parts of the space.
            X: `(k, D)`, the documents that its query was moved towards.
        """
        own, others = np.zeros_like(ranking.latent), np.zeros((len(X), len(ranking.latent)))
        for block in blocks:
            place = block.columns
            moved = ranking.encoded[place].astype(np.float64)
            if len(X):
                moved = moved + MOVED_BY * X[:, place].mean(axis=0)
            norm = float(np.linalg.norm(moved))
            if norm > _TINY:
                factor = float(np.linalg.norm(ranking.latent[place])) / norm
                own[place] = ranking.encoded[place] * factor
                others[:, place] = X[:, place] * (factor * MOVED_BY / max(len(X), 1))
        return cls(own, others.astype(np.float32))


def shared(
    encoder: LinearEncoder,
    statistics: TermStatistics,
    counts: Any,
    query: Mapping[int, float],
    own: FloatVector,
) -> FloatMatrix:
    """Return what each word of each document shares with each word of the query.

    Args:
        encoder: The encoder.
        statistics: How terms weigh.
        counts: Of the documents: sparse, `(n, V)`.
        query: The weights of its terms, by their columns; S of them.
        own: `(d,)` the vector of the query, scaled; see `MovedQuery`.

    Returns:
        `(nnz, S)`, in the order of the entries of `counts`. The rows of a document add up to its
        inner product with `own`.
    """
    weights = encoder.document_weights(counts, statistics)
    scales = encoder.scales(weights @ encoder.projection)
    scaled = weights.data * np.repeat(scales, np.diff(counts.indptr))
    products = encoder.projection @ _directions(encoder, statistics, query, own).T
    found: FloatMatrix = scaled[:, np.newaxis] * products[counts.indices]
    return found


def _directions(
    encoder: LinearEncoder,
    statistics: TermStatistics,
    query: Mapping[int, float],
    own: FloatVector,
) -> FloatMatrix:
    """Return what each word of the query gives of its vector: `(S, d)`, adding up to `own`."""
    terms = np.fromiter(query, np.int64, len(query))
    weights = np.fromiter(query.values(), np.float32, len(query)) * statistics.idf[terms]
    parts = weights[:, np.newaxis] * encoder.projection[terms]
    (scale,) = encoder.scales(parts.sum(axis=0, keepdims=True)) * np.linalg.norm(own)
    directions: FloatMatrix = encoder.cleared(parts) * scale
    return directions
