"""What a vector says, in words: read back through the encoder that made the space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from embedsearch.vectors.arrays import best_first

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.search.words import WordQueries

# Rows of a projection that are floats at a time: it may be bytes, and mapped.
_ROWS_AT_ONCE = 10_000
# Of the greatest weight: what is less is noise of rounding.
_LEAST = 0.01


class WeightedWord(NamedTuple):
    """A word of what a vector says.

    Attributes:
        word: As it is spelled most often.
        weight: How much of it is in the vector; comparable within one answer.
    """

    word: str
    weight: float


class Readout(Protocol):
    """Reads vectors of one space as words."""

    method: str
    """How: "back-projection" or "nearest words"."""

    def words(self, vectors: FloatMatrix, topn: int = 10) -> list[list[WeightedWord]]:
        """Return the words that each of some vectors `(n, d)` says most, strongest first."""


class BackProjection:
    """Reads vectors of a linear encoder: the weights of words that they stand for.

    The encoder makes `w P` of the weights `w` `(V,)` of a text's words; with orthonormal columns
    of `P` `(V, d)`, as those of latent semantic analysis are, `P x` is the shortest `w` that has
    the vector `x`. Of ten words that are read so off the vector of a document, .57 (100 dimensions)
    to .77 (300) are in it, of the ten words nearest to it .34 to .55 (newsgroups).
    """

    method = "back-projection"

    def __init__(self, projection: Any, spell: Callable[[IntVector], Sequence[str]]) -> None:
        """Take the projection `(V, d)`, and what spells the terms of some of its rows."""
        self.projection, self._spell = projection, spell

    def weights(self, vectors: FloatMatrix) -> FloatMatrix:
        """Return the weights of all terms in vectors `(n, d)`: `(n, V)`."""
        n, size = len(vectors), len(self.projection)
        weights = np.empty((n, size), np.float32)
        for start in range(0, size, _ROWS_AT_ONCE):
            block = np.asarray(self.projection[start : start + _ROWS_AT_ONCE])
            weights[:, start : start + len(block)] = vectors @ block.T
        return weights

    def words(self, vectors: FloatMatrix, topn: int = 10) -> list[list[WeightedWord]]:
        """Return the words with the greatest weights, above 1 % of the greatest."""
        return [self.strongest(row, topn) for row in self.weights(vectors)]

    def strongest(self, weights: FloatVector, topn: int) -> list[WeightedWord]:
        """Return the words of the greatest of weights `(V,)`."""
        best = best_first(weights, np.arange(len(weights)), topn)
        best = best[weights[best] > _LEAST * max(weights.max(initial=0), 0)]
        spelled = self._spell(best)
        return list(map(WeightedWord, spelled, weights[best].tolist()))


class NearestWords:
    """Reads vectors in a space that has words in it: those nearest by the evidence there is.

    Rare words are near to many vectors by chance; see `embedsearch.search.evidence`.
    """

    method = "nearest words"

    def __init__(self, words: WordQueries) -> None:
        self._words = words

    def words(self, vectors: FloatMatrix, topn: int = 10) -> list[list[WeightedWord]]:
        """Return the words nearest to each vector, with their cosines; only those above 0."""
        return [
            [
                WeightedWord(near.word, near.score)
                for near in self._words.neighbors(vector, topn=topn)
            ]
            if vector.any()
            else []
            for vector in vectors
        ]
