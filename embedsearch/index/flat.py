"""The exact index: FAISS compares a query with every vector."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric
from embedsearch.index._exact import ExactScorer, best_unseen, faiss_error, order
from embedsearch.index._faiss import load_faiss
from embedsearch.index._files import read_flat, stored_vectors, write_flat
from embedsearch.index.allowed import Allowed, Rows
from embedsearch.index.base import VectorIndex, as_count, as_metric
from embedsearch.vectors.arrays import as_measured_matrix, row_norms, unit_rows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

# Beyond it the square of a distance overflows float32.
_LONGEST = 1e18
_CHUNK = 1 << 16
_SPARE = 8


class FlatIndex(VectorIndex):
    """Exact search; the same answer, to the last bit, for a query alone and in any batch.

    FAISS finds a few more rows than were asked for; these are scored again in float64. Where
    the rows that it left out could, by its rounding, belong among the best (many equal or nearly
    equal scores), a second scan collects all that could. So ties are broken by row, at the end
    of the list too, and Euclidean distances are sound far from the origin.
    """

    def __init__(self, flat: Any, metric: Metric, center: FloatVector | None = None) -> None:
        """Wrap a `faiss.IndexFlat`; use `build` or `load` instead.

        Args:
            flat: Holds the vectors: at length 1 for the cosine, less `center` if there is one.
            metric: How nearness is measured.
            center: Taken from every vector and query, `(d,)`; for Euclidean distances alone.
        """
        self._flat = flat
        self._metric = metric
        self._center = center
        self._stored = stored_vectors(flat)
        self._scorer = ExactScorer(self._stored, metric)

    @classmethod
    def build(cls, X: ArrayLike, metric: Metric | str = Metric.COSINE) -> FlatIndex:
        """See `VectorIndex.build`; a vector longer than 1e18 is an error but for the cosine."""
        metric = as_metric(metric)
        X, norms = as_measured_matrix(X)
        _check_lengths(norms, metric, "X")
        euclidean = metric is Metric.EUCLIDEAN
        center = _useful_center(X, norms) if euclidean else None
        faiss = load_faiss()
        flat = (faiss.IndexFlatL2 if euclidean else faiss.IndexFlatIP)(X.shape[1])
        for start in range(0, len(X), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            flat.add(_prepare(X[chunk], norms[chunk], metric, center)[0])
        return cls(flat, metric, center)

    @classmethod
    def load(cls, path: str | Path, mapped: bool = True) -> FlatIndex:
        """See `VectorIndex.load`."""
        return cls(*read_flat(path, mapped))

    def save(self, path: str | Path) -> None:
        """See `VectorIndex.save`."""
        write_flat(path, self._flat, self._metric, self._center)

    def __len__(self) -> int:
        return len(self._stored)

    @property
    def dimension(self) -> int:
        """See `VectorIndex.dimension`."""
        return int(self._stored.shape[1])

    @property
    def metric(self) -> Metric:
        """See `VectorIndex.metric`."""
        return self._metric

    def search(
        self, Q: ArrayLike, topn: int = 10, allowed: Rows | None = None
    ) -> tuple[FloatMatrix, IntVector]:
        """See `VectorIndex.search`."""
        Q, norms = as_measured_matrix(Q, "Q", self.dimension)
        _check_lengths(norms, self._metric, "Q")
        among = Allowed(allowed, len(self))
        k = min(as_count("topn", topn), among.count)
        if not k or not len(Q):
            return np.empty((len(Q), k), np.float32), np.empty((len(Q), k), np.int64)
        Q, norms = _prepare(Q, norms, self._metric, self._center)
        error = faiss_error(self._metric, self.dimension, norms, self._longest)
        return self._nearest(Q, error, k, among)

    def _nearest(
        self, Q: FloatMatrix, error: NDArray[np.float64], k: int, among: Allowed
    ) -> tuple[FloatMatrix, IntVector]:
        wide = min(k + _SPARE + k // 16, among.count)
        proposed, rows = self._flat.search(Q, wide, params=among.parameters())
        scores, rows = order(self._scorer.scores(Q, rows), rows)
        if wide < among.count:
            unseen = best_unseen(self._metric, proposed[:, -1], error)
            for i in np.flatnonzero(scores[:, k - 1] <= unseen):
                found = self._all_that_could(Q[i : i + 1], scores[i, k - 1], error[i], k, among)
                scores[i, :k], rows[i, :k] = found[0][0, :k], found[1][0, :k]
        return scores[:, :k], rows[:, :k]

    def _all_that_could(
        self, q: FloatMatrix, worst: np.float32, error: np.float64, k: int, among: Allowed
    ) -> tuple[FloatMatrix, IntVector]:
        """Collect and order every row that may score as high as `worst`, for one query `(1, d)`."""
        if self._metric is not Metric.EUCLIDEAN and not q.any():
            rows = among.first(k)
        else:
            radius = _radius(self._metric, float(worst), float(error))
            rows = self._flat.range_search(q, radius, params=among.parameters())[2]
        rows = rows[np.newaxis]
        return order(self._scorer.scores(q, rows), rows)

    @cached_property
    def _longest(self) -> float:
        return 1.0 if self._metric is Metric.COSINE else float(row_norms(self._stored).max())


def _prepare(
    X: FloatMatrix, norms: NDArray[np.float64], metric: Metric, center: FloatVector | None
) -> tuple[FloatMatrix, NDArray[np.float64]]:
    """Give vectors, and their lengths, as they are stored and compared."""
    if metric is Metric.COSINE:
        return unit_rows(X, norms), np.ones_like(norms)
    if center is None:
        return X, norms
    moved: FloatMatrix = np.subtract(X, center, dtype=np.float64).astype(np.float32)
    return moved, row_norms(moved)


def _check_lengths(norms: NDArray[np.float64], metric: Metric, name: str) -> None:
    if metric is Metric.COSINE or not (norms > _LONGEST).any():
        return
    row = int(np.argmax(norms > _LONGEST))
    raise VectorError(
        f"row {row} of {name} has the length {norms[row]:.3g}; float32 needs less than "
        f"{_LONGEST:.0e}: scale the vectors down"
    )


def _useful_center(X: FloatMatrix, norms: NDArray[np.float64]) -> FloatVector | None:
    """Give the mean of `X` where it lies so far out that float32 would lose the differences."""
    if not len(X):
        return None
    mean = X.mean(axis=0, dtype=np.float64)
    offset = float(mean @ mean)
    spread = float(np.mean(norms**2)) - offset
    return mean.astype(np.float32) if offset > 16 * spread else None


def _radius(metric: Metric, worst: float, error: float) -> float:
    """Where FAISS's range must end so as to hold every row that may score `worst`."""
    tiny = float(np.finfo(np.float32).tiny)
    if metric is Metric.EUCLIDEAN:
        return worst**2 * (1 + 1e-6) + 2 * error + tiny
    return worst - 2 * error - abs(worst) * 1e-6 - tiny
