"""Search by any index of FAISS that is trained, compressed or finds most and not all."""

from __future__ import annotations

from functools import cached_property
from math import ceil, sqrt
from operator import gt
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embedsearch._errors import VectorError
from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric
from embedsearch.index.engine import sorted_hits
from embedsearch.index.faiss_tools import (
    innermost,
    load_faiss,
    reason,
    search_one,
    search_parameters,
    takes_selector,
    without_deleted,
)
from embedsearch.index.threads import omp_threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedsearch.index.engine import SingleQuery
    from embedsearch.index.ids import RowFilter

# Up to so many results, the parameters are as they were tuned.
_USUAL = 10
# How many times as wide each further look is.
_WIDER = 4
_BLOCK = 1 << 14
# A step through a graph compares with about so many neighbours.
_COMPARED_PER_STEP = 16
# Asked for first where a range is searched, then four times as many.
_FIRST_IN_RANGE = 128


class FaissEngine:
    """A trained FAISS index; answers have as many results as there are, whatever it finds.

    If the lists or the graph that FAISS looks into have too few of what is allowed and not
    deleted, it looks wider, and at last everywhere. Scores are those of the vectors as they are
    stored, compressed or not; codes of 4 bits and RaBitQ only estimate them.

    For the cosine, the metric of the FAISS index is the inner product.
    """

    kind: ClassVar[str] = "approximate"
    queries_per_thread: ClassVar[int] = 8

    def __init__(
        self, index: Any, metric: Metric, spec: str, parameters: Mapping[str, float]
    ) -> None:
        self.index, self._metric = index, metric
        self.spec, self.parameters = spec, dict(parameters)

    @cached_property
    def _inner(self) -> Any:
        return innermost(self.index)

    @cached_property
    def _lists(self) -> int:
        """How many lists there are; 0 for other kinds."""
        return int(getattr(self._inner, "nlist", 0))

    @cached_property
    def _is_graph(self) -> bool:
        faiss = load_faiss()
        return isinstance(self._inner, faiss.IndexHNSW | faiss.IndexNSG)

    @cached_property
    def _takes_one_thread(self) -> bool:
        """Whether FAISS starts no threads for one query: for a graph that nothing refines."""
        faiss = load_faiss()
        refined = isinstance(faiss.downcast_index(self.index), faiss.IndexRefine)
        return isinstance(self._inner, faiss.IndexHNSW) and not refined

    @cached_property
    def _estimates(self) -> bool:
        return "FastScan" in type(self._inner).__name__

    @cached_property
    def takes_selector(self) -> bool:
        """Whether FAISS takes a filter."""
        return takes_selector(self.index)

    @cached_property
    def _usual_parameters(self) -> Any:
        """FAISS's parameters if nothing is left out and k is about 10."""
        settings = self._settings(_USUAL, int(self.index.ntotal), 1.0, 1)
        return search_parameters(self.index, settings)

    def _is_usual(self, k: int) -> bool:
        return k == _USUAL or (k < _USUAL and "k_factor" not in self.parameters)

    def nearest(
        self, Q: FloatMatrix, norms: NDArray[np.float64], k: int, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        del norms  # only exact search bounds what FAISS rounds
        if self._is_better_compared(k, among):
            return self._compare_all(Q, k, among)
        found, positions = self._search(Q, k, among, 1)
        if self._estimates and np.isnan(found).any():
            # Tables of 4-bit codes are divided by 0 if all vectors are the same.
            return self._compare_all(Q, k, among)
        if positions.shape[1] == k and positions.min() >= 0:
            return self._hits(found, positions, among)
        return self._search_wider(Q, found, positions, k, among)

    def nearest_to_one(
        self, query: SingleQuery, k: int, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        if not self._is_usual(k) or not among.is_all:
            return self._nearest_alone(query, k, among)
        parameters = self._usual_parameters
        if self._takes_one_thread:
            found, positions = search_one(self.index, query.X, k, parameters)
        else:
            with omp_threads(1):
                found, positions = search_one(self.index, query.X, k, parameters)
        if positions[0, -1] < 0 or (self._estimates and np.isnan(found).any()):
            return self._nearest_alone(query, k, among)
        scores = self._scores(found)
        values = scores[0].tolist()
        if not all(map(gt, values, values[1:])):
            return self._hits(found, positions, among)
        if values[0] > 1 or values[-1] < -1:
            scores = self._bounded(scores)
        return scores, among.ids_at(positions)

    def _nearest_alone(
        self, query: SingleQuery, k: int, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        with omp_threads(1):
            return self.nearest(query.X, query.norms, k, among)

    def within(
        self, Q: FloatMatrix, norms: NDArray[np.float64], least: np.float32, among: RowFilter
    ) -> list[tuple[FloatVector, IntVector]]:
        # Few kinds of FAISS have a range: more and more of the nearest are asked for.
        found: list[tuple[FloatVector, IntVector]] = [_NOTHING] * len(Q)
        left, k = np.arange(len(Q)), _FIRST_IN_RANGE
        while len(left):
            k = min(k, among.count)
            scores, ids = self.nearest(Q[left], norms[left], k, among)
            inside = scores >= least
            for i, row in enumerate(left):
                found[row] = scores[i, inside[i]], ids[i, inside[i]]
            left, k = left[inside[:, -1] & (k < among.count)], 4 * k
        return found

    def vectors(self, positions: IntVector) -> FloatMatrix:
        if self._lists and self._inner.direct_map.type == load_faiss().DirectMap.NoMap:
            self._inner.make_direct_map()
        try:
            vectors: FloatMatrix = self.index.reconstruct_batch(positions)
        except RuntimeError as error:
            raise VectorError(f"{self.spec} cannot return vectors ({reason(error)})") from error
        return vectors

    def add(self, X: FloatMatrix) -> None:
        try:
            self.index.add(X)
        except RuntimeError as error:
            raise VectorError(
                f"{self.spec} takes no more vectors ({reason(error)}); build the index again"
            ) from error
        finally:
            # efSearch and nprobe follow from the number of vectors.
            self.__dict__.pop("_usual_parameters", None)

    def without_deleted(self, alive: NDArray[np.bool_]) -> FaissEngine:
        return self.with_index(without_deleted(self.index, alive, self.spec))

    def with_index(self, index: Any) -> FaissEngine:
        return FaissEngine(index, self._metric, self.spec, self.parameters)

    def _search(
        self, Q: FloatMatrix, k: int, among: RowFilter, width: int
    ) -> tuple[FloatMatrix, IntVector]:
        """Ask FAISS for k vectors of a set, or more if it takes no filter."""
        if among.is_all and width == 1 and self._is_usual(k):
            found = self.index.search(Q, k, params=self._usual_parameters)
            return found[0], found[1]
        settings, asked = self._settings(k, among.count, among.share, width), k
        selector = among.selector
        if selector is not None and not self.takes_selector:
            selector = None
            # The mean number of all that k of the set are among, and three deviations of it.
            asked = min(among.total, width * int(k / among.share + 3 * sqrt(k) + 8))
        parameters = search_parameters(self.index, settings, selector)
        scores, positions = self.index.search(Q, asked, params=parameters)
        if asked > k:
            positions = np.where(among.contains(positions), positions, -1)
        return scores, positions

    def _settings(self, k: int, count: int, share: float, width: int) -> dict[str, float]:
        """Widen the parameters for a set that is only a share of all, and for many results.

        The k nearest of a share s are among about the k / s nearest of all. In a graph these
        take so many more steps. In lists they are in more lists, but not so many: the nearest
        lie together.
        """
        settings = dict(self.parameters)
        if hasattr(self._inner, "hnsw"):
            steps = settings.get("efSearch", self._inner.hnsw.efSearch)
            if k > _USUAL:
                steps = max(steps, 1.5 * k)
            settings["efSearch"] = ceil(steps / share) if share else 1
        if "k_factor" in settings and k < _USUAL:
            # As many are refined as for ten: the first by its code is often not the nearest.
            settings["k_factor"] *= _USUAL / k
        if self._lists:
            usual = settings.get("nprobe", self._inner.nprobe)
            # Lists that have four times as many as are wanted.
            enough = 4 * k * self._lists / max(1, count)
            probed = width * max(usual / sqrt(share or 1), enough)
            settings["nprobe"] = min(self._lists, ceil(probed))
        return settings

    def _is_better_compared(self, k: int, among: RowFilter) -> bool:
        """Whether comparing with all of a small set is less work than a way through a graph."""
        if not self._is_graph or among.is_all:
            return False
        steps = self._settings(k, among.count, among.share, 1).get("efSearch", 64)
        return among.count <= _COMPARED_PER_STEP * steps

    def _search_wider(
        self, Q: FloatMatrix, found: FloatMatrix, positions: IntVector, k: int, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        """Look wider for queries with fewer than k results, and cut the others to k."""
        scores, ids = np.empty((len(Q), k), np.float32), np.empty((len(Q), k), np.int64)
        left, width = np.arange(len(Q)), 1
        while True:
            enough = (positions >= 0).sum(axis=1) >= k
            some = self._hits(found[enough], positions[enough], among)
            scores[left[enough]], ids[left[enough]] = (side[:, :k] for side in some)
            left = left[~enough]
            if not len(left):
                return scores, ids
            if not self._may_widen(k, among, width):
                scores[left], ids[left] = self._compare_all(Q[left], k, among)
                return scores, ids
            width *= _WIDER
            found, positions = self._search(Q[left], k, among, width)

    def _may_widen(self, k: int, among: RowFilter, width: int) -> bool:
        if self._lists:
            settings = self._settings(k, among.count, among.share, width)
            return settings["nprobe"] < self._lists
        blind = not self.takes_selector and not among.is_all
        return blind and not self._is_graph and width * k < among.count

    def _compare_all(
        self, Q: FloatMatrix, k: int, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        """Compare queries with everything in a set, as it is stored."""
        faiss = load_faiss()
        positions = among.positions
        kind = self.index.metric_type
        heap = faiss.ResultHeap(len(Q), k, keep_max=kind == faiss.METRIC_INNER_PRODUCT)
        for start in range(0, len(positions), _BLOCK):
            block = positions[start : start + _BLOCK]
            found = faiss.knn(Q, self.vectors(block), min(k, len(block)), metric=kind)
            heap.add_result(found[0], block[found[1]])
        heap.finalize()
        return self._hits(heap.D, heap.I, among)

    def _hits(
        self, found: FloatMatrix, positions: IntVector, among: RowFilter
    ) -> tuple[FloatMatrix, IntVector]:
        """Turn what FAISS found into scores and ids, best first, absent ones last."""
        scores = self._scores(found)
        ids = among.ids_at(positions)
        absent = positions < 0
        if absent.any():
            scores = np.where(absent, -np.inf, scores)
        elif not (scores[:, 1:] >= scores[:, :-1]).any():
            return self._bounded(scores), ids
        scores, ids = sorted_hits(scores, ids)
        return self._bounded(scores), ids

    def _scores(self, found: FloatMatrix) -> FloatMatrix:
        if self._metric is Metric.EUCLIDEAN:
            return -np.sqrt(np.maximum(found, 0))
        return found

    def _bounded(self, scores: FloatMatrix) -> FloatMatrix:
        # Rounding and compression may take a cosine beyond 1.
        return scores.clip(-1, 1) if self._metric is Metric.COSINE else scores


_NOTHING = (np.empty(0, np.float32), np.empty(0, np.int64))
