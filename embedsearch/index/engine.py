"""What every engine of a vector index does, and how vectors and queries come to it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np

from embedsearch._errors import ParameterError, VectorError
from embedsearch._types import FloatMatrix, FloatVector, Metric
from embedsearch.vectors.arrays import as_measured_matrix, row_norms, unit_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from embedsearch._types import IntVector
    from embedsearch.index.ids import RowFilter
# Beyond it the square of a distance overflows float32.
_LONGEST = 1e18
# A quarter of the step between a float32 and the next, at most, relative to it.
_QUARTER_STEP = 2.0**-26


class Engine(Protocol):
    """Finds vectors by FAISS; `VectorIndex` on top of it has the checks, ids, threads and files.

    A position is the place of a vector in the order in which vectors were added. Vectors and
    queries come as `Preprocessing.apply` returns them. Answers have ids, as scores that are
    equal are ordered by them.
    """

    kind: ClassVar[str]
    """Its name in files."""

    @property
    def index(self) -> Any:
        """The FAISS index, which has a vector at each position."""

    @property
    def spec(self) -> str:
        """FAISS's factory string, or "flat"."""

    @property
    def parameters(self) -> Mapping[str, float]:
        """What searches use: `nprobe`, `efSearch`, `k_factor`."""

    @property
    def queries_per_thread(self) -> int:
        """How many queries are worth the start of a thread."""

    def nearest(
        self, Q: FloatMatrix, norms: NDArray[np.float64], k: int, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        """Return scores and ids `(nq, k)`, best first; k is at most `among.count`."""

    def nearest_to_one(
        self, query: SingleQuery, k: int, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        """Return what `nearest` does, with one thread and in as few steps as possible.

        `among` is the whole index.
        """

    def within(
        self, Q: FloatMatrix, norms: NDArray[np.float64], least: np.float32, among: RowFilter
    ) -> list[tuple[FloatVector, IntVector]]:
        """Return for each query the scores, `least` or more, and ids, best first."""

    def vectors(self, positions: IntVector) -> FloatMatrix:
        """Return the vectors at positions as they are stored, `(m, d)`."""

    def add(self, X: FloatMatrix) -> None:
        """Add vectors behind the others; an interruption may leave some of them."""

    def without_deleted(self, alive: NDArray[np.bool_]) -> Engine:
        """Return an engine of the vectors at positions that are `alive`, in the same order."""

    def with_index(self, index: Any) -> Engine:
        """Return the same engine over another copy of its FAISS index."""


def sorted_hits(scores: FloatMatrix, ids: IntVector) -> tuple[FloatMatrix, IntVector]:
    """Sort each list by score, best first, and equal scores by id."""
    places = np.lexsort((ids, -scores))
    lists = np.arange(len(ids))[:, np.newaxis]
    return scores[lists, places], ids[lists, places]


def as_metric(metric: Metric | str) -> Metric:
    """Return the metric of a name."""
    try:
        return Metric(metric)
    except ValueError as error:
        names = ", ".join(known.value for known in Metric)
        raise ParameterError("metric", f"one of {names}", metric) from error


class SingleQuery(NamedTuple):
    """A query that is ready to be compared."""

    X: FloatMatrix  # `(1, d)`, as `Preprocessing.apply` returns it
    length: float

    @property
    def norms(self) -> NDArray[np.float64]:
        """Its length, `(1,)`."""
        return np.array([self.length])


@dataclass(frozen=True)
class Preprocessing:
    """A metric, and what must be done to vectors so that FAISS measures it well."""

    metric: Metric  # How nearness is measured. For the cosine, vectors are scaled to length 1.
    # Subtracted from every vector, `(d,)`, so that float32 does not lose the differences between
    # those that are far from the origin; only for Euclidean distances.
    center: FloatVector | None = None

    def apply(
        self, X: FloatMatrix, norms: NDArray[np.float64], name: str, start: int = 0
    ) -> tuple[FloatMatrix, NDArray[np.float64]]:
        """Return vectors `(m, d)` and their lengths `(m,)` as they are stored and compared.

        `start` is the number of the first row, for messages.
        """
        if self.metric is Metric.COSINE:
            return unit_rows(X, norms), np.ones_like(norms)
        check_lengths(norms, name, start)
        if self.center is None:
            return X, norms
        moved: FloatMatrix = np.subtract(X, self.center, dtype=np.float64).astype(np.float32)
        return moved, row_norms(moved)

    def undo(self, X: FloatMatrix) -> FloatMatrix:
        """Undo `apply`, except for lengths under the cosine."""
        return X if self.center is None else X + self.center

    def single_query(self, Q: Any, dimension: int) -> SingleQuery | None:
        """Check and prepare one query in few steps; None leaves it to the general way.

        After FAISS has gone through all vectors, the processor's caches have nothing else: each
        further function of NumPy is fetched from memory again, and takes ten times as long as
        otherwise.
        """
        if type(Q) is not np.ndarray or Q.dtype != np.float32 or not Q.flags.c_contiguous:
            return None
        if Q.shape == (dimension,):
            Q = Q.reshape(1, dimension)
        elif Q.shape != (1, dimension):
            return None
        # As `row_norms` and `unit_rows` compute it, to the last bit.
        wide = Q.reshape(dimension).astype(np.float64)
        length = sqrt(wide.dot(wide))
        if self.metric is Metric.COSINE:
            if _is_one(length):
                return SingleQuery(Q, 1.0)
            if not 0 < length < inf:
                return None
            wide /= length
            return SingleQuery(wide.astype(np.float32).reshape(1, dimension), 1.0)
        # The general way says what is wrong with a query that is too long.
        if not 0 < length < _LONGEST or self.center is not None:
            return None
        return SingleQuery(Q, length)


def _is_one(length: float) -> bool:
    """Whether to divide by a length changes no float32: it is off by less than half a step."""
    return abs(length - 1) < _QUARTER_STEP


def check_lengths(norms: NDArray[np.float64], name: str, start: int = 0) -> None:
    """Refuse vectors whose inner products or distances float32 could not hold."""
    if not (norms > _LONGEST).any():
        return
    row = int(np.argmax(norms > _LONGEST))
    raise VectorError(
        f"row {start + row} of {name} has the length {norms[row]:.3g}; float32 needs less than "
        f"{_LONGEST:.0e}: scale the vectors down"
    )


def weighted_query(
    V: ArrayLike, weights: ArrayLike | None, metric: Metric, dimension: int
) -> FloatVector:
    """Return the weighted mean of vectors `(m, d)`; see `VectorIndex.search_combined`."""
    V, norms = as_measured_matrix(V, "V", dimension)
    if not len(V):
        raise VectorError("V has no vectors; give at least one")
    weighed = _as_weights(weights, len(V))
    total = 1.0
    if metric is Metric.COSINE:
        V = unit_rows(V, norms)
    elif metric is Metric.EUCLIDEAN:
        # Only distances need a mean: the others order alike whatever the length of the query.
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
