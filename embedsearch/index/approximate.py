"""Any index of FAISS that is trained, compressed or finds most and not all."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embedsearch._errors import VectorError
from embedsearch._types import Metric
from embedsearch.index._exact import order
from embedsearch.index._faiss import load_faiss, reason, scans_residuals_soundly
from embedsearch.index._opened import MappedPart, read_faiss, unwrap
from embedsearch.index.compacting import without_deleted
from embedsearch.index.described import names_of, space_of
from embedsearch.index.identified import Identified
from embedsearch.index.kept import KeptIndex
from embedsearch.index.selecting import (
    innermost,
    scans_residuals,
    search_parameters,
    takes_selector,
)
from embedsearch.index.threads import omp_threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, IntVector
    from embedsearch.index._files import IndexFile
    from embedsearch.index._single import Single
    from embedsearch.index._space import Space
    from embedsearch.index.allowed import Allowed

_USUAL = 10
_WIDER = 4
_BLOCK = 1 << 14
# A step through a graph compares with about so many neighbours.
_COMPARED_PER_STEP = 16


class ApproximateIndex(KeptIndex):
    """A trained FAISS index; answers have as many results as there are, whatever it finds.

    Where the lists or the graph that FAISS looks into hold too few of what is allowed and not
    deleted, it looks wider, and at last everywhere. Scores are those of the vectors as the
    index holds them, compressed or not; codes of 4 bits and RaBitQ only estimate them.

    Args:
        index: A FAISS index; position i of it is the i-th vector that was added. Vectors are
            there at length 1 for the cosine (FAISS's metric is then the inner product), less
            the centre if there is one.
        space: The metric and the centre.
        spec: FAISS's factory string.
        parameters: `nprobe`, `efSearch`, `k_factor` for searches.
        recall: The measured share of the 10 nearest that are found.
        choice: A `Choice`.
        ids: Of the positions, `(n,)`; None where they are the positions.
        names: The same, and what is deleted; None for nothing.
        mapped: The open file, where the index is not in memory.
    """

    kind: ClassVar[str] = "approximate"

    def __init__(
        self,
        index: Any,
        space: Space,
        spec: str,
        parameters: Mapping[str, float] | None = None,
        recall: float | None = None,
        choice: Any = None,
        ids: IntVector | None = None,
        *,
        names: Identified | None = None,
        mapped: MappedPart | None = None,
    ) -> None:
        names = names or Identified.of(int(index.ntotal), ids)
        super().__init__(index, space, names, mapped)
        self._spec, self._parameters = spec, dict(parameters or {})
        self._recall, self._choice = recall, choice

    @property
    def spec(self) -> str:
        """See `VectorIndex.spec`."""
        return self._spec

    @property
    def parameters(self) -> dict[str, float]:
        """See `VectorIndex.parameters`."""
        return dict(self._parameters)

    @property
    def recall(self) -> float | None:
        """See `VectorIndex.recall`; measured when the index was built."""
        return self._recall

    @property
    def choice(self) -> Any:
        """See `VectorIndex.choice`."""
        return self._choice

    def __repr__(self) -> str:
        size = f"{len(self):,} × {self.dimension}, {self.metric.value}"
        settings = "".join(f", {name} {value:g}" for name, value in self._parameters.items())
        return f"{type(self).__name__}({size}, {self._spec}{settings})"

    @cached_property
    def _inner(self) -> Any:
        return innermost(self._index)

    @cached_property
    def _lists(self) -> int:
        """How many lists there are; 0 for other kinds."""
        return int(getattr(self._inner, "nlist", 0))

    @cached_property
    def _graph(self) -> bool:
        faiss = load_faiss()
        return isinstance(self._inner, faiss.IndexHNSW | faiss.IndexNSG)

    @cached_property
    def _estimates(self) -> bool:
        return "FastScan" in type(self._inner).__name__

    @cached_property
    def _selects(self) -> bool:
        return takes_selector(self._index)

    @cached_property
    def _usual_parameters(self) -> Any:
        """FAISS's parameters where nothing is left out and k is about 10."""
        return search_parameters(self._index, self._settings(_USUAL, self._all, 1))

    def _changed(self) -> None:
        super()._changed()
        for name in ("_inner", "_usual_parameters", "_selects"):
            self.__dict__.pop(name, None)

    def _nearest(
        self, Q: FloatMatrix, norms: NDArray[np.float64], k: int, among: Allowed
    ) -> tuple[FloatMatrix, IntVector]:
        del norms  # only exact search bounds what FAISS rounds
        if self._better_compared(k, among):
            return self._all_compared(Q, k, among)
        found, positions = self._asked(Q, k, among, 1)
        if self._estimates and np.isnan(found).any():
            # Tables of 4-bit codes are divided by 0 where all vectors are the same.
            return self._all_compared(Q, k, among)
        if positions.shape[1] == k and positions.min() >= 0:
            return self._ordered(found, positions)
        return self._completed(Q, found, positions, k, among)

    def _alone(self, single: Single, k: int) -> tuple[FloatMatrix, IntVector]:
        if self._estimates:
            # Of all kinds only fast scans take several threads for one query.
            with omp_threads(1):
                return super()._alone(single, k)
        if k > _USUAL or not self._all.all:
            return super()._alone(single, k)
        found, positions = self._index.search(single.X, k, params=self._usual_parameters)
        scores = self._space.scores(found)
        values = scores[0].tolist()
        in_order = all(one > other for one, other in pairwise(values))
        bounded = self._space.metric is not Metric.COSINE or values[0] <= 1
        if not (in_order and bounded and positions[0, -1] >= 0):
            return super()._alone(single, k)
        return scores, self._names.names(positions)

    def _asked(
        self, Q: FloatMatrix, k: int, among: Allowed, width: int
    ) -> tuple[FloatMatrix, IntVector]:
        """Ask FAISS for k vectors of a set, or more where it cannot be told of the set."""
        if among.all and width == 1 and k <= _USUAL:
            found = self._index.search(Q, k, params=self._usual_parameters)
            return found[0], found[1]
        settings, asked, selector = self._settings(k, among, width), k, among.selector
        if selector is not None and not self._selects:
            selector = None
            share = among.count / among.total
            asked = min(among.total, width * int(k / share + 3 * sqrt(k) + 8))
        parameters = search_parameters(self._index, settings, selector)
        scores, positions = self._index.search(Q, asked, params=parameters)
        if asked > k:
            positions = np.where(among.holds(positions), positions, -1)
        return scores, positions

    def _settings(self, k: int, among: Allowed, width: int) -> dict[str, float]:
        """Widen the parameters for a set that is only a share of all, and for many results.

        The k nearest of a share s are among about the k / s nearest of all. In a graph these
        take so many more steps. In lists they are in more lists, but not so many: the nearest
        lie together.
        """
        settings = dict(self._parameters)
        share = among.count / max(1, among.total)
        if hasattr(self._inner, "hnsw"):
            steps = max(settings.get("efSearch", self._inner.hnsw.efSearch), 1.5 * k)
            settings["efSearch"] = ceil(steps / share) if share else 1
        if self._lists:
            usual = settings.get("nprobe", self._inner.nprobe)
            holding = 4 * k * self._lists / max(1, among.count)
            probed = width * max(usual / sqrt(share or 1), holding)
            settings["nprobe"] = min(self._lists, ceil(probed))
        return settings

    def _better_compared(self, k: int, among: Allowed) -> bool:
        """Say whether comparing with all of a small set is less work than a way through a graph."""
        if not self._graph or among.all:
            return False
        steps = self._settings(k, among, 1).get("efSearch", 64)
        return among.count <= _COMPARED_PER_STEP * steps

    def _completed(
        self, Q: FloatMatrix, found: FloatMatrix, positions: IntVector, k: int, among: Allowed
    ) -> tuple[FloatMatrix, IntVector]:
        """Look wider for queries with fewer than k results, and cut the others to k."""
        scores, ids = np.empty((len(Q), k), np.float32), np.empty((len(Q), k), np.int64)
        left, width = np.arange(len(Q)), 1
        while True:
            enough = (positions >= 0).sum(axis=1) >= k
            some = self._ordered(found[enough], positions[enough])
            scores[left[enough]], ids[left[enough]] = (side[:, :k] for side in some)
            left = left[~enough]
            if not len(left):
                return scores, ids
            if not self._may_widen(k, among, width):
                scores[left], ids[left] = self._all_compared(Q[left], k, among)
                return scores, ids
            width *= _WIDER
            found, positions = self._asked(Q[left], k, among, width)

    def _may_widen(self, k: int, among: Allowed, width: int) -> bool:
        if self._lists:
            return self._settings(k, among, width)["nprobe"] < self._lists
        blind = not self._selects and not among.all
        return blind and not self._graph and width * k < among.count

    def _ordered(self, found: FloatMatrix, positions: IntVector) -> tuple[FloatMatrix, IntVector]:
        """Turn what FAISS found into scores and ids, best first, absent ones last."""
        scores = self._space.scores(found)
        ids = self._names.names(positions)
        absent = positions < 0
        if absent.any():
            scores = np.where(absent, -np.inf, scores)
        elif not (scores[:, 1:] >= scores[:, :-1]).any():
            return self._space.bounded(scores), ids
        scores, ids = order(scores, ids)
        return self._space.bounded(scores), ids

    def _all_compared(
        self, Q: FloatMatrix, k: int, among: Allowed
    ) -> tuple[FloatMatrix, IntVector]:
        """Compare queries with everything in a set, as the index holds it."""
        faiss = load_faiss()
        positions = among.positions
        kind = self._index.metric_type
        heap = faiss.ResultHeap(len(Q), k, keep_max=kind == faiss.METRIC_INNER_PRODUCT)
        for start in range(0, len(positions), _BLOCK):
            block = positions[start : start + _BLOCK]
            found = faiss.knn(Q, self._decoded(block), min(k, len(block)), metric=kind)
            heap.add_result(found[0], block[found[1]])
        heap.finalize()
        return self._ordered(heap.D, heap.I)

    def _decoded(self, positions: IntVector) -> FloatMatrix:
        faiss = load_faiss()
        if self._lists and self._inner.direct_map.type == faiss.DirectMap.NoMap:
            self._inner.make_direct_map()
        try:
            vectors: FloatMatrix = self._index.reconstruct_batch(positions)
        except RuntimeError as error:
            raise VectorError(f"{self._spec} cannot give vectors back ({reason(error)})") from error
        return vectors

    def _added(self, X: FloatMatrix) -> None:
        try:
            self._index.add(X)
        except RuntimeError as error:
            raise VectorError(
                f"{self._spec} takes no more vectors ({reason(error)}); build the index again"
            ) from error

    def _in_memory(self, mapped: MappedPart) -> Any:
        return unwrap(mapped.in_memory(), self._space)

    def _without_deleted(self, alive: NDArray[np.bool_]) -> Any:
        return without_deleted(self._index, alive, self._spec)


def approximate_from_file(file: IndexFile, mapped: bool, choice: Any) -> ApproximateIndex:
    """Make the index of a file that was found whole.

    Raises:
        VectorError: FAISS refuses its part of it.
    """
    space, description = space_of(file), file.description
    index = unwrap(read_faiss(file.path, mapped), space)
    if scans_residuals(innermost(index)) and not scans_residuals_soundly():
        raise VectorError(f"{file.path}: {description['spec']} needs FAISS 1.13 or newer")
    part = MappedPart(file.path, description["faiss_size"]) if mapped else None
    return ApproximateIndex(
        index,
        space,
        description["spec"],
        description["parameters"],
        description["recall"],
        choice,
        names=names_of(file, index),
        mapped=part,
    )
