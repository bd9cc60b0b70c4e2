"""Exact search: FAISS compares a query with every vector, and what it finds is scored again.

FAISS scores a query in one of several ways, by the size of the batch, and each rounds
differently; for batches it takes Euclidean distances from |x|² + |q|² - 2xq, which loses the
small ones. So FAISS proposes rows, and their scores are computed here, in one way only.
"""

from __future__ import annotations

from functools import cached_property
from math import sqrt
from operator import gt
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric
from embedsearch.index.engine import sorted_hits
from embedsearch.index.faiss_tools import load_faiss, search_one
from embedsearch.index.storage import IndexParts
from embedsearch.index.threads import omp_threads
from embedsearch.vectors.arrays import row_norms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedsearch.index.engine import SingleQuery
    from embedsearch.index.ids import RowFilter
    from embedsearch.index.sources import ArraySource, DiskSource
    from embedsearch.index.tuning import TuningReport

# How many more than asked for FAISS finds, as its order is not quite the true one.
_SPARE = 8
# Up to so many hits are compared in Python, for the reason in `Preprocessing.single_query`.
_FEW = 64
# Multiplications that are worth the start of a thread; the matrix products of FAISS want
# 20 queries or more.
_WORTH_A_THREAD, _PRODUCTS_FROM = 2_000_000, 32
# Numbers that are scored at once: 8 MB in float64.
_BLOCK = 1 << 20
_ROWS_COPIED = 1 << 16
_EPSILON = float(np.finfo(np.float32).eps)
_TINY = float(np.finfo(np.float32).tiny)


_Norms = TypeVar("_Norms", float, "NDArray[np.float64]")


class ExactEngine:
    """Exact search; the same answer, to the last bit, for a query alone and in any batch.

    FAISS finds a few more vectors than were asked for; these are scored again in float64. If
    those that it left out could, by its rounding, belong among the best (many equal or nearly
    equal scores), a second scan collects all that could. So ties are broken by id, at the end
    of the list too, and Euclidean distances are sound far from the origin.
    """

    kind: ClassVar[str] = "flat"
    spec: ClassVar[str] = "flat"
    parameters: ClassVar[Mapping[str, float]] = {}

    def __init__(self, index: Any, metric: Metric) -> None:
        self.index, self._metric = index, metric
        self._refresh()

    def _refresh(self) -> None:
        self._stored = _stored_vectors(self.index)
        self._scorer = ExactScorer(self._stored, self._metric)
        self.__dict__.pop("_longest", None)

    @property
    def queries_per_thread(self) -> int:
        multiplied = max(1, self._stored.size)
        return min(_PRODUCTS_FROM, max(1, _WORTH_A_THREAD // multiplied))

    def nearest(
        self, Q: FloatMatrix, norms: NDArray[np.float64], k: int, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        wide = min(k + _SPARE + k // 16, among.count)
        # Copying so few rows is less work than a scan of all.
        if wide == among.count or among.count * 3 * self.index.d < among.total:
            return self._compare(Q, k, among.positions, among)
        proposed, positions = self.index.search(Q, wide, params=_parameters(among))
        scores, ids = sorted_hits(self._scorer.scores(Q, positions), among.ids_at(positions))
        error = _faiss_error(self._metric, self.index.d, norms, self._longest)
        unseen = _best_unseen(self._metric, proposed[:, -1], error)
        for i in np.flatnonzero(scores[:, k - 1] <= unseen):
            one = slice(i, i + 1)
            places = self._contenders(Q[one], float(scores[i, k - 1]), error[i], k, among)
            scores[one, :k], ids[one, :k] = self._compare(Q[one], k, places, among)
        return scores[:, :k], ids[:, :k]

    def nearest_to_one(
        self, query: SingleQuery, k: int, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        with omp_threads(1):
            return self._nearest_to_one(query, k, among)

    def _nearest_to_one(
        self, query: SingleQuery, k: int, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        wide = k + _SPARE + k // 16
        if not among.is_all or wide > min(_FEW, among.count - 1):
            return self.nearest(query.X, query.norms, k, among)
        proposed, positions = search_one(self.index, query.X, wide)
        scores, ids = self._scorer.few_scores(query.X, positions), among.ids_at(positions)
        values = scores[0].tolist()
        if not all(map(gt, values, values[1:])):
            scores, ids = sorted_hits(scores, ids)
        error = _faiss_error(self._metric, self._stored.shape[1], query.length, self._longest)
        if scores[0, k - 1] <= _best_unseen_of_one(self._metric, proposed[0, -1].item(), error):
            return self.nearest(query.X, query.norms, k, among)
        return scores[:, :k], ids[:, :k]

    def within(
        self, Q: FloatMatrix, norms: NDArray[np.float64], least: np.float32, among: RowFilter
    ) -> list[tuple[FloatVector, IntVector]]:
        error = _faiss_error(self._metric, self.index.d, norms, self._longest)
        found = []
        for i, q in enumerate(Q[:, np.newaxis]):
            positions = np.empty(0, np.int64)
            # Minus a distance is never above 0.
            if self._metric is not Metric.EUCLIDEAN or least <= 0:
                radius = _radius(self._metric, float(least), float(error[i]))
                positions = self.index.range_search(q, radius, params=_parameters(among))[2]
            scores, ids = (side[0] for side in self._compare(q, len(positions), positions, among))
            enough = int(np.count_nonzero(scores >= least))
            found.append((scores[:enough], ids[:enough]))
        return found

    def vectors(self, positions: IntVector) -> FloatMatrix:
        return np.stack([self._stored[position] for position in positions])

    def add(self, X: FloatMatrix) -> None:
        try:
            self.index.add(X)
        finally:
            self._refresh()

    def without_deleted(self, alive: NDArray[np.bool_]) -> ExactEngine:
        flat = load_faiss().IndexFlat(self.index.d, self.index.metric_type)
        for start in range(0, len(alive), _ROWS_COPIED):
            part = slice(start, start + _ROWS_COPIED)
            flat.add(np.ascontiguousarray(self._stored[part][alive[part]]))
        return self.with_index(flat)

    def with_index(self, index: Any) -> ExactEngine:
        return ExactEngine(index, self._metric)

    def _contenders(
        self, q: FloatMatrix, worst: float, error: np.float64, k: int, among: RowFilter
    ) -> IntVector:
        """Collect every position that may score as high as `worst`, for one query `(1, d)`."""
        # Everything scores 0 with a query of zeros, and so everything would be in the range.
        if self._metric is not Metric.EUCLIDEAN and not q.any():
            return among.first(k)
        radius = _radius(self._metric, worst, float(error))
        found: IntVector = self.index.range_search(q, radius, params=_parameters(among))[2]
        return found

    def _compare(
        self, Q: FloatMatrix, k: int, positions: IntVector, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        """Score positions `(m,)` against all queries and return the best k, k of m at most."""
        every = np.broadcast_to(positions, (len(Q), len(positions)))
        scores, ids = sorted_hits(self._scorer.scores(Q, every), among.ids_at(every))
        return scores[:, :k], ids[:, :k]

    @cached_property
    def _longest(self) -> float:
        if self._metric is Metric.COSINE:
            return 1.0
        return float(row_norms(self._stored).max(initial=0))


def build_exact(
    source: ArraySource | DiskSource, metric: Metric, report: TuningReport | None = None
) -> IndexParts:
    """Build an exact index."""
    from embedsearch.index.sources import NormalizedSource

    faiss, vectors = load_faiss(), NormalizedSource.fit(source, metric)
    euclidean = metric is Metric.EUCLIDEAN
    flat = (faiss.IndexFlatL2 if euclidean else faiss.IndexFlatIP)(source.shape[1])
    for block in vectors.blocks():
        flat.add(block.X)
        # Released before the next is made: memory for one is enough.
        del block
    return IndexParts(ExactEngine(flat, metric), vectors.preprocessing, 1.0, report)


class ExactScorer:
    """Scores rows of a matrix against queries, in float64, rounded to float32 at the end.

    `X` may be mapped and not aligned; under the cosine, it and queries have length 1 or 0.
    """

    def __init__(self, X: FloatMatrix, metric: Metric) -> None:
        self._metric = metric
        self._dimension = X.shape[1]
        # Taken as bytes, because NumPy copies the whole of an unaligned array to take rows of it.
        self._bytes = X.view(np.uint8)

    def scores(self, Q: FloatMatrix, rows: IntVector) -> FloatMatrix:
        """Score rows `(nq, k)`, a list for each of the queries `(nq, d)`: `(nq, k)`."""
        nq, k = rows.shape
        step = max(1, _BLOCK // max(1, k * self._dimension))
        if nq <= step and k * self._dimension <= _BLOCK:
            return self._block(Q, rows)
        result = np.empty((nq, k), dtype=np.float32)
        columns = max(1, _BLOCK // self._dimension)
        for top in range(0, nq, step):
            for left in range(0, k, columns):
                place = np.s_[top : top + step, left : left + columns]
                result[place] = self._block(Q[top : top + step], rows[place])
        return result

    def few_scores(self, q: FloatMatrix, rows: IntVector) -> FloatMatrix:
        """Score a few rows `(1, k)` against one query `(1, d)`, as `scores` does, in few steps."""
        # Wide from the start: NumPy would put what it widens on the way into buffers.
        wide = self._bytes.take(rows, axis=0).view(np.float32).astype(np.float64)
        scores: FloatMatrix
        if self._metric is Metric.EUCLIDEAN:
            wide -= q.astype(np.float64)
            scores = -np.sqrt(np.add.reduce(np.square(wide, out=wide), axis=-1)).astype(np.float32)
        else:
            wide *= q.astype(np.float64)
            scores = np.add.reduce(wide, axis=-1).astype(np.float32)
        if self._metric is Metric.COSINE:
            values = scores[0].tolist()
            if max(values) > 1 or min(values) < -1:
                scores.clip(-1, 1, out=scores)
        return scores

    def _block(self, Q: FloatMatrix, rows: IntVector) -> FloatMatrix:
        found = self._bytes.take(rows, axis=0).view(np.float32)
        queries = Q[:, np.newaxis]
        if self._metric is Metric.EUCLIDEAN:
            apart = np.subtract(found, queries, dtype=np.float64)
            scores = -np.sqrt(np.square(apart, out=apart).sum(axis=-1))
        else:
            scores = np.multiply(found, queries, dtype=np.float64).sum(axis=-1)
        if self._metric is Metric.COSINE:
            scores = np.minimum(np.maximum(scores, -1.0), 1.0)
        rounded: FloatMatrix = scores.astype(np.float32)
        return rounded


def _stored_vectors(flat: Any) -> FloatMatrix:
    """View the vectors inside a `faiss.IndexFlat`, `(n, d)`; valid while it lives, unchanged."""
    if not flat.ntotal:
        return np.empty((0, flat.d), dtype=np.float32)
    view: FloatMatrix = load_faiss().rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)
    view.flags.writeable = False
    return view.reshape(flat.ntotal, flat.d)


def _parameters(among: RowFilter) -> Any:
    selector = among.selector
    return None if selector is None else load_faiss().SearchParameters(sel=selector)


def _faiss_error(metric: Metric, dimension: int, query_norms: _Norms, longest: float) -> _Norms:
    """Bound the error of FAISS's float32 scores, whatever the order of its sums.

    A sum of d float32 products is off by at most d·u·|q|·|x|, u = 2⁻²⁴ (Higham, "Accuracy and
    Stability of Numerical Algorithms", section 3.1); twice that is allowed for here.

    For the Euclidean distance, the bound is on its square.
    """
    if metric is Metric.EUCLIDEAN:
        return dimension * _EPSILON * (query_norms + longest) ** 2
    return dimension * _EPSILON * longest * query_norms


def _best_unseen(
    metric: Metric, last: FloatVector, error: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Bound the score of the rows that FAISS left out, from the last that it returned: `(nq,)`."""
    if metric is Metric.EUCLIDEAN:
        nearest: NDArray[np.float32] = np.sqrt(np.maximum(last - error, 0)).astype(np.float32)
        return -nearest
    best: NDArray[np.float32] = (last + error).astype(np.float32)
    return best


def _best_unseen_of_one(metric: Metric, last: float, error: float) -> np.float32:
    # In numbers, as the arrays would take a twentieth of a query among 1,000 vectors.
    euclidean = metric is Metric.EUCLIDEAN
    unseen: np.float32 = np.float32(-sqrt(max(last - error, 0.0)) if euclidean else last + error)
    return unseen


def _radius(metric: Metric, worst: float, error: float) -> float:
    """Return where FAISS's range must end to hold every vector that may score `worst`."""
    if metric is Metric.EUCLIDEAN:
        return worst**2 * (1 + 1e-6) + 2 * error + _TINY
    return worst - 2 * error - abs(worst) * 1e-6 - _TINY
