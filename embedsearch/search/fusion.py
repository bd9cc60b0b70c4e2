"""How the scores of several searches become one: by weights, or by ranks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._types import Part
from embedsearch.search.passages import best_scores, products

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.search.passages import Block, PassageVectors

# Weights if none were learned: those that are good on average.
PLAIN = {"lsa-100": 0.5, "lsa-300": 0.5, "words": 0.5}

# What is added to every rank, so that the first places do not decide alone (Cormack 2009).
SMOOTHING = 60

# The name of the list of the lexical index.
BM25 = "BM25"

# Equal documents may differ by the order in which float32 was added up.
_EQUAL = 2e-6
# The cosine of texts that have nothing in common may be a rounding error.
_NOTHING = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Fusion:
    """What each search adds to a score, in standard deviations of its scores over all documents."""

    # BM25 has 1.
    weights: Mapping[str, float] = field(default_factory=lambda: dict(PLAIN))
    feedback: int = 0  # how many documents of a first pass move the latent query towards them
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Fusion:
        """Read what `to_json` wrote."""
        weights = {str(name): float(weight) for name, weight in values["weights"].items()}
        evidence = dict(values.get("evidence", {}))
        return cls(weights=weights, feedback=int(values["feedback"]), evidence=evidence)


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
