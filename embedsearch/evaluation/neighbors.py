"""The nearest of a vector among others, where it is one of them itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.index.vector_index import VectorIndex


def nearest(
    index: VectorIndex, Q: FloatMatrix, own: IntVector | None, k: int
) -> tuple[FloatMatrix, IntVector]:
    """Search an index, leaving out of each answer the row that the query is.

    Args:
        index: Where to search.
        Q: Queries `(nq, d)`.
        own: The row of the index that each query is, `(nq,)`; None where they are no rows of it.
        k: How many to find; less than the number of rows if there are `own` ones.

    Returns:
        Scores and rows, `(nq, k)` each, best first.
    """
    if own is None:
        return index.search(Q, k)
    scores, rows = index.search(Q, k + 1)
    # Own rows go last; where one was not found, the row too many is dropped.
    order = np.argsort(rows == own[:, np.newaxis], axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)
