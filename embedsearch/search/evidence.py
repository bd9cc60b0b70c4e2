"""Ranking by evidence: a cosine of word vectors is an estimate, better the more text it rests on.

The vectors of rare words are mostly noise, and among many of them some are near to any word by
chance. So words are ranked not by the cosine but by the lower end of its confidence interval. By
Fisher's transformation (Fisher 1921) atanh(cos) is about normal; its variance is taken to be
1 / n + 1 / m for words seen n and m times. The default z is that of a one-sided bound of 95 %.
docs/benchmarks.md has what this does to neighbours and analogies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._checks import Interval, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from embedsearch.index.ids import Rows
    from embedsearch.index.vector_index import VectorIndex

    Numbers = NDArray[np.float64]
    Candidates = tuple[NDArray[np.int64], NDArray[np.float32]]

AUTO_Z = 1.645

# Of a cosine: the interval of one that is 1 has no width, and atanh no value.
_LARGEST = 1 - 1e-7
# Candidates at first, and by how much more of them at a time: one search is cheaper than two.
_FIRST, _GROWTH = 512, 8


def as_z(evidence: float | str) -> float:
    """Return the number of standard errors that "auto" or a number stands for."""
    if evidence == "auto":
        return AUTO_Z
    check("evidence", evidence, Interval(0))
    return float(evidence)


def query_variance(counts: Sequence[int | None], weights: Sequence[float]) -> float:
    """Return the variance of a weighted sum of words; None is a vector that is no estimate."""
    squares = np.square(weights)
    parts = [0.0 if n is None else 1 / max(n, 1) for n in counts]
    return float(squares @ parts / squares.sum())


class Evidence:
    """Intervals of the cosines between a query and words.

    Args:
        counts: How often each word was seen, `(V,)`.
        variance: That of the query, see `query_variance`.
        z: How many standard errors an interval reaches down and up.
        left_out: The rows that are not looked for, `(V,)`; None looks for all.
    """

    def __init__(
        self,
        counts: ArrayLike,
        variance: float,
        z: float,
        left_out: NDArray[np.bool_] | None = None,
    ) -> None:
        self._counts, self._variance, self._z = np.asarray(counts), variance, z
        self._left_out = left_out

    def interval(self, cosines: ArrayLike, rows: ArrayLike) -> tuple[Numbers, Numbers]:
        """Return the lower and upper ends for some rows, `(n,)` each, as cosines."""
        middle, reach = self._on_fishers_scale(cosines, rows)
        return np.tanh(middle - reach), np.tanh(middle + reach)

    def best(
        self, index: VectorIndex, query: ArrayLike, topn: int, among: Rows | None
    ) -> Candidates:
        """Return the rows with the highest lower ends, and their cosines, best first.

        Only rows with a cosine above 0 are found.

        The index gives more and more of the nearest, until no word that is left out can have a
        higher lower end, however often it was seen.
        """
        limit, size = len(self._counts), _FIRST + topn
        floor = self._z * np.sqrt(1 / max(float(self._counts.max()), 1.0) + self._variance)
        while True:
            scores, rows = index.search(query, min(size, limit), among)
            found, cosines = rows[0], scores[0]
            middle, reach = self._on_fishers_scale(cosines, found)
            low = middle - reach
            # What is in no way alike is no neighbour, however sure that is.
            low[cosines <= 0] = -np.inf
            if self._left_out is not None:
                low[self._left_out[found]] = -np.inf
            best = np.argsort(-low, kind="stable")[:topn]
            all_seen = size >= limit or len(found) < size
            if all_seen or low[best[-1]] >= middle[-1] - floor:
                best = best[low[best] > -np.inf]
                return found[best], cosines[best]
            size *= _GROWTH

    def _on_fishers_scale(self, cosines: ArrayLike, rows: ArrayLike) -> tuple[Numbers, Numbers]:
        middle = np.arctanh(np.clip(np.asarray(cosines, np.float64), -_LARGEST, _LARGEST))
        counts = np.maximum(self._counts[np.asarray(rows)], 1)
        return middle, self._z * np.sqrt(1 / counts + self._variance)
