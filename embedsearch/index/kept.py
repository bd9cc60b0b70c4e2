"""What all indexes that FAISS keeps have in common: checks, ids, changes, files."""

from __future__ import annotations

from abc import abstractmethod
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embedsearch._errors import ParameterError
from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric
from embedsearch.index._files import write_index_file
from embedsearch.index._opened import MappedPart, faiss_writer
from embedsearch.index._single import Single, as_single
from embedsearch.index._sizes import nbytes_of
from embedsearch.index.allowed import Allowed, Rows
from embedsearch.index.base import VectorIndex, as_count
from embedsearch.index.described import described
from embedsearch.index.identified import Identified, as_distinct_ids, as_ids
from embedsearch.index.threads import as_threads, building, omp_threads, spread
from embedsearch.vectors.arrays import as_measured_matrix

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from embedsearch.index._space import Space

_FIRST_IN_RANGE = 128
_LARGEST = float(np.finfo(np.float32).max)


class KeptIndex(VectorIndex):
    """An index that FAISS keeps, with ids of its own beside it.

    Args:
        index: A FAISS index; position i of it is the i-th vector that was added.
        space: The metric, and the centre if there is one.
        names: Ids of the positions; None where they are the positions.
        mapped: The open file, where the index is not in memory.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        index: Any,
        space: Space,
        names: Identified | None = None,
        mapped: MappedPart | None = None,
    ) -> None:
        self._index, self._space = index, space
        self._names = names or Identified(index.ntotal)
        self._dimension = int(index.d)
        self._mapped = mapped
        self._all = Allowed(None, self._names)

    def __len__(self) -> int:
        return self._names.count

    def __contains__(self, id: object) -> bool:
        whole = isinstance(id, int | np.integer) and not isinstance(id, bool)
        return whole and bool(self._names.positions(np.array([id], np.int64))[0] >= 0)

    @property
    def dimension(self) -> int:
        """See `VectorIndex.dimension`."""
        return self._dimension

    @property
    def metric(self) -> Metric:
        """See `VectorIndex.metric`."""
        return self._space.metric

    @property
    def ids(self) -> IntVector:
        """See `VectorIndex.ids`."""
        return self._names.ids

    @property
    def nbytes(self) -> int:
        """See `VectorIndex.nbytes`."""
        return nbytes_of(self._index) + self._names.nbytes

    def search(
        self,
        Q: ArrayLike,
        topn: int = 10,
        allowed: Rows | None = None,
        threads: int | None = None,
    ) -> tuple[FloatMatrix, IntVector]:
        """See `VectorIndex.search`."""
        single = as_single(Q, self._dimension, self._space) if allowed is None else None
        if single is not None and threads is None and self._all.count:
            with omp_threads(1):
                return self._alone(single, min(as_count("topn", topn), self._all.count))
        Q, norms = as_measured_matrix(Q, "Q", self._dimension)
        among = self._all if allowed is None else Allowed(allowed, self._names)
        k = min(as_count("topn", topn), among.count)
        threads = as_threads(threads)
        scores, ids = np.empty((len(Q), k), np.float32), np.empty((len(Q), k), np.int64)
        if not scores.size:
            return scores, ids
        zeros = None if norms.all() or self.metric is Metric.EUCLIDEAN else norms == 0
        Q, norms = self._space.prepare(Q, norms, "Q")

        def answer(part: slice) -> None:
            scores[part], ids[part] = self._nearest(Q[part], norms[part], k, among)

        spread(answer, len(Q), self._worth_a_thread(), threads)
        if zeros is not None:
            scores[zeros], ids[zeros] = 0, self._names.names(among.first(k))
        return scores, ids

    def range_search(
        self,
        Q: ArrayLike,
        score: float,
        allowed: Rows | None = None,
        threads: int | None = None,
    ) -> tuple[IntVector, FloatVector, IntVector]:
        """See `VectorIndex.range_search`."""
        Q, norms = as_measured_matrix(Q, "Q", self.dimension)
        least, threads = _as_score(score), as_threads(threads)
        among = self._all if allowed is None else Allowed(allowed, self._names)
        found: list[tuple[FloatVector, IntVector]] = [_NOTHING] * len(Q)
        if among.count and len(Q):
            Q, norms = self._space.prepare(Q, norms, "Q")

            def answer(part: slice) -> None:
                found[part] = self._above(Q[part], norms[part], least, among)

            spread(answer, len(Q), self._worth_a_thread(), threads)
        bounds = np.cumsum([0, *(len(scores) for scores, _ in found)])
        every = [_NOTHING, *found]
        scores, ids = (np.concatenate([pair[side] for pair in every]) for side in (0, 1))
        return bounds, scores, ids

    def vector(self, id: int) -> FloatVector:
        """See `VectorIndex.vector`."""
        if id not in self:
            raise ParameterError("id", "an id that the index has", id)
        position = self._names.positions(np.array([id], np.int64))
        vector: FloatVector = self._space.restore(self._decoded(position))[0].copy()
        return vector

    def add(self, X: ArrayLike, ids: ArrayLike | None = None) -> IntVector:
        """See `VectorIndex.add`."""
        X, norms = as_measured_matrix(X, "X", self.dimension)
        claimed = self._names.claim(ids, len(X))
        self._append(self._space.prepare(X, norms, "X")[0], claimed)
        return claimed

    def delete(self, ids: ArrayLike) -> int:
        """See `VectorIndex.delete`."""
        positions = self._names.positions(np.unique(as_ids(ids)))
        positions = positions[positions >= 0]
        self._names.remove(positions)
        self._changed()
        return len(positions)

    def update(self, ids: ArrayLike, X: ArrayLike) -> None:
        """See `VectorIndex.update`."""
        X, norms = as_measured_matrix(X, "X", self.dimension)
        replaced = as_distinct_ids(ids, len(X))
        positions = self._names.positions(replaced)
        if (positions < 0).any():
            absent = int(replaced[positions < 0][0])
            raise ParameterError("ids", "ids that the index has; use add for others", absent)
        prepared = self._space.prepare(X, norms, "X")[0]
        self._append(prepared, replaced)
        self._names.remove(positions)
        self._changed()

    def compact(self) -> None:
        """See `VectorIndex.compact`."""
        if self._names.alive is None:
            return
        self._own()
        with building(None):
            self._index = self._without_deleted(self._names.alive)
        self._names = self._names.compacted()
        self._changed()

    def save(self, path: str | Path) -> str:
        """See `VectorIndex.save`."""
        write = faiss_writer(self._index, self._space)
        if self._mapped is not None:
            write = self._mapped.copy
        description = described(self, self._space, self._names)
        return write_index_file(path, write, description, self._names.arrays())

    def _append(self, X: FloatMatrix, ids: IntVector) -> None:
        self._own()
        try:
            with building(None):
                self._added(X)
            self._names.extend(ids)
        finally:
            # An interruption may leave some of them in FAISS.
            self._names.cover(self._index.ntotal)
            self._changed()

    def _own(self) -> None:
        """Bring the index into memory, where it can be changed."""
        if self._mapped is not None:
            self._index = self._in_memory(self._mapped)
            self._mapped = None
            self._changed()

    def _changed(self) -> None:
        """Forget what followed from the vectors and the ids as they were."""
        self._all = Allowed(None, self._names)

    def _worth_a_thread(self) -> int:
        """How many queries a thread must have to be worth its start."""
        return 8

    def _above(
        self, Q: FloatMatrix, norms: NDArray[np.float64], least: np.float32, among: Allowed
    ) -> list[tuple[FloatVector, IntVector]]:
        """Find all that score at least `least`, by asking for more and more of the nearest."""
        found: list[tuple[FloatVector, IntVector]] = [_NOTHING] * len(Q)
        left, k = np.arange(len(Q)), _FIRST_IN_RANGE
        while len(left):
            k = min(k, among.count)
            scores, ids = self._nearest(Q[left], norms[left], k, among)
            inside = scores >= least
            for i, row in enumerate(left):
                found[row] = scores[i, inside[i]], ids[i, inside[i]]
            left, k = left[inside[:, -1] & (k < among.count)], 4 * k
        return found

    def _alone(self, single: Single, k: int) -> tuple[FloatMatrix, IntVector]:
        """Answer one query, in the thread that asks."""
        return self._nearest(single.X, single.norms, k, self._all)

    def _added(self, X: FloatMatrix) -> None:
        """Give prepared vectors to FAISS."""
        self._index.add(X)

    @abstractmethod
    def _nearest(
        self, Q: FloatMatrix, norms: NDArray[np.float64], k: int, among: Allowed
    ) -> tuple[FloatMatrix, IntVector]:
        """Answer prepared queries `(nq, d)`: scores and ids, `(nq, k)`; k of `among.count`."""

    @abstractmethod
    def _decoded(self, positions: IntVector) -> FloatMatrix:
        """Give the vectors at positions as they are kept, `(m, d)`."""

    @abstractmethod
    def _in_memory(self, mapped: MappedPart) -> Any:
        """Read the FAISS index of a file into memory."""

    @abstractmethod
    def _without_deleted(self, alive: NDArray[np.bool_]) -> Any:
        """Make a FAISS index of what is alive, in the same order."""


_NOTHING = (np.empty(0, np.float32), np.empty(0, np.int64))


def _as_score(score: float) -> np.float32:
    if isinstance(score, int | float | np.number) and isfinite(score):
        # A score that was found, a float32, must reach itself.
        least: np.float32 = np.float32(min(max(float(score), -_LARGEST), _LARGEST))
        return least
    raise ParameterError("score", "a finite number", score)
