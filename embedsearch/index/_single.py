"""One query, checked and prepared with few steps.

After FAISS has gone through all vectors, nothing else is in the processor's caches: each further
function of NumPy is fetched from memory again, and takes ten times as long as otherwise.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedsearch._types import FloatMatrix, IntVector, Metric
from embedsearch.vectors.arrays import row_norms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch.index._space import Space

# Beyond it the general way says what is wrong.
_LONGEST = 1e18


class Single(NamedTuple):
    """A prepared query.

    Attributes:
        X: `(1, d)`, as `Space.prepare` gives it.
        norms: Its length, `(1,)`.
    """

    X: FloatMatrix
    norms: NDArray[np.float64]


def as_single(Q: Any, dimension: int, space: Space) -> Single | None:
    """Prepare a query that needs no conversion; None leaves it to the general way."""
    if type(Q) is not np.ndarray or Q.dtype != np.float32 or not Q.flags.c_contiguous:
        return None
    if Q.shape not in ((dimension,), (1, dimension)):
        return None
    X = Q.reshape(1, dimension)
    norms = row_norms(X)
    length = norms.item()
    if space.metric is Metric.COSINE:
        if not 0 < length < inf:
            return None
        return Single((X / norms).astype(np.float32), _ONE)
    if not 0 < length < _LONGEST or space.center is not None:
        return None
    return Single(X, norms)


def ranked(scores: list[float], ids: list[int], k: int) -> tuple[FloatMatrix, IntVector]:
    """Sort a short list by score, best first, and equal scores by id; keep k: `(1, k)` each."""
    best = sorted(zip(scores, ids, strict=True), key=_by_score)[:k]
    return (
        np.array([[score for score, _ in best]], np.float32),
        np.array([[id for _, id in best]], np.int64),
    )


def _by_score(pair: tuple[float, int]) -> tuple[float, int]:
    return -pair[0], pair[1]


_ONE = np.ones(1)
