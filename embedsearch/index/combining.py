"""Several vectors with weights as one query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import ParameterError, VectorError
from embedsearch._types import FloatVector, Metric
from embedsearch.vectors.arrays import as_measured_matrix, unit_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def combined(
    V: ArrayLike, weights: ArrayLike | None, metric: Metric, dimension: int
) -> FloatVector:
    """Give the weighted mean of vectors `(m, dimension)`; see `VectorIndex.search_combined`."""
    V, norms = as_measured_matrix(V, "V", dimension)
    if not len(V):
        raise VectorError("V has no vectors; give at least one")
    weighed = _as_weights(weights, len(V))
    total = 1.0
    if metric is Metric.COSINE:
        V = unit_rows(V, norms)
    elif metric is Metric.EUCLIDEAN:
        total = float(weighed.sum())
        if abs(total) <= 1e-9 * float(np.abs(weighed).sum()):
            raise ParameterError("weights", "numbers whose sum is not 0 for a mean", weights)
    query: FloatVector = (weighed @ V.astype(np.float64) / total).astype(np.float32)
    return query


def _as_weights(weights: ArrayLike | None, count: int) -> NDArray[np.float64]:
    if weights is None:
        return np.full(count, 1 / count)
    array = np.asarray(weights)
    numbers = array.dtype.kind in "fiu" and bool(np.isfinite(array).all())
    if array.shape != (count,) or not numbers:
        raise ParameterError("weights", f"{count} finite numbers, one for each vector", weights)
    return array.astype(np.float64)
