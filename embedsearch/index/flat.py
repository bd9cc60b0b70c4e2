"""The exact index: FAISS compares a query with every vector."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from embedsearch._errors import VectorError
from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric
from embedsearch.index._exact import ExactScorer, best_unseen, faiss_error, order
from embedsearch.index._faiss import load_faiss
from embedsearch.index._files import damaged
from embedsearch.index._flat_file import is_whole_flat_file, recognise
from embedsearch.index._opened import MappedPart, read_faiss, unwrap
from embedsearch.index._single import Single, ranked
from embedsearch.index._space import Space
from embedsearch.index.base import as_metric
from embedsearch.index.blocks import as_source
from embedsearch.index.described import names_of, space_of
from embedsearch.index.identified import Identified, as_distinct_ids
from embedsearch.index.kept import KeptIndex
from embedsearch.vectors.arrays import row_norms

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from embedsearch.index._files import IndexFile
    from embedsearch.index.allowed import Allowed
    from embedsearch.index.blocks import ArraySource

_SPARE = 8
_CHUNK = 1 << 16
_FEW = 64
# Multiplications that are worth the start of a thread; the matrix products of FAISS want
# 20 queries or more.
_WORTH_A_THREAD, _PRODUCTS_FROM = 2_000_000, 32


class FlatIndex(KeptIndex):
    """Exact search; the same answer, to the last bit, for a query alone and in any batch.

    FAISS finds a few more vectors than were asked for; these are scored again in float64. Where
    those that it left out could, by its rounding, belong among the best (many equal or nearly
    equal scores), a second scan collects all that could. So ties are broken by id, at the end
    of the list too, and Euclidean distances are sound far from the origin.
    """

    kind: ClassVar[str] = "flat"

    def __init__(
        self,
        flat: Any,
        space: Space,
        names: Identified | None = None,
        mapped: MappedPart | None = None,
        choice: Any = None,
    ) -> None:
        """Wrap a `faiss.IndexFlat`; use `build` or `load` instead.

        Args:
            flat: Holds the vectors: at length 1 for the cosine, less the centre if there is one.
            space: The metric, and the centre.
            names: Ids of the positions; None where they are the positions.
            mapped: The open file, where the vectors are not in memory.
            choice: What "auto" saw.
        """
        super().__init__(flat, space, names, mapped)
        self._choice = choice
        self._changed()

    @classmethod
    def build(  # type: ignore[override] # what an exact index has no use for is left out
        cls,
        X: ArrayLike | str | Path | ArraySource,
        metric: Metric | str = Metric.COSINE,
        ids: ArrayLike | None = None,
        choice: Any = None,
    ) -> FlatIndex:
        """See `VectorIndex.build`; a vector longer than 1e18 is an error but for the cosine."""
        metric, source = as_metric(metric), as_source(X)
        given = None if ids is None else as_distinct_ids(ids, source.shape[0])
        faiss = load_faiss()
        space = Space.fitting(source, metric)
        euclidean = metric is Metric.EUCLIDEAN
        flat = (faiss.IndexFlatL2 if euclidean else faiss.IndexFlatIP)(source.shape[1])
        for start, block, norms in source.blocks():
            flat.add(space.prepare(block, norms, source.name, start)[0])
        return cls(flat, space, Identified.of(source.shape[0], given), choice=choice)

    @classmethod
    def load(
        cls,
        path: str | Path,
        mapped: bool = True,
        verify: bool = False,
        expected: str | None = None,
    ) -> FlatIndex:
        """See `VectorIndex.load`.

        Raises:
            VectorError: Another kind of index, too.
        """
        from embedsearch.index.opening import load_index

        index = load_index(path, mapped, verify, expected)
        if not isinstance(index, FlatIndex):
            raise VectorError(f"{path}: not an exact index of embedsearch; use VectorIndex.load")
        return index

    @property
    def spec(self) -> str:
        """See `VectorIndex.spec`."""
        return "flat"

    @property
    def recall(self) -> float:
        """All are found."""
        return 1.0

    @property
    def choice(self) -> Any:
        """See `VectorIndex.choice`."""
        return self._choice

    def _changed(self) -> None:
        super()._changed()
        self._stored = _stored_vectors(self._index)
        self._scorer = ExactScorer(self._stored, self._space.metric)
        self.__dict__.pop("_longest", None)

    def _worth_a_thread(self) -> int:
        multiplied = max(1, self._stored.size)
        return min(_PRODUCTS_FROM, max(1, _WORTH_A_THREAD // multiplied))

    def _alone(self, single: Single, k: int) -> tuple[FloatMatrix, IntVector]:
        wide = k + _SPARE + k // 16
        if not self._all.all or wide > min(_FEW, self._all.count - 1):
            return super()._alone(single, k)
        proposed, positions = self._index.search(single.X, wide)
        scores = self._scorer.few(single.X, positions)
        answer = ranked(scores, self._names.names(positions)[0].tolist(), k)
        error = faiss_error(self._space.metric, self._dimension, single.norms, self._longest)
        if answer[0][0, -1] <= best_unseen(self._space.metric, proposed[:, -1], error)[0]:
            return super()._alone(single, k)
        return answer

    def _nearest(
        self, Q: FloatMatrix, norms: NDArray[np.float64], k: int, among: Allowed
    ) -> tuple[FloatMatrix, IntVector]:
        wide = min(k + _SPARE + k // 16, among.count)
        if wide == among.count or among.count * 3 * self._index.d < among.total:
            return self._all_compared(Q, k, among.positions)
        proposed, positions = self._index.search(Q, wide, params=_parameters(among))
        scores, ids = order(self._scorer.scores(Q, positions), self._names.names(positions))
        error = faiss_error(self._space.metric, self._index.d, norms, self._longest)
        unseen = best_unseen(self._space.metric, proposed[:, -1], error)
        for i in np.flatnonzero(scores[:, k - 1] <= unseen):
            one = slice(i, i + 1)
            places = self._all_that_could(Q[one], float(scores[i, k - 1]), error[i], k, among)
            scores[one, :k], ids[one, :k] = self._all_compared(Q[one], k, places)
        return scores[:, :k], ids[:, :k]

    def _all_that_could(
        self, q: FloatMatrix, worst: float, error: np.float64, k: int, among: Allowed
    ) -> IntVector:
        """Collect every position that may score as high as `worst`, for one query `(1, d)`."""
        if self._space.metric is not Metric.EUCLIDEAN and not q.any():
            return among.first(k)
        radius = _radius(self._space.metric, worst, float(error))
        found: IntVector = self._index.range_search(q, radius, params=_parameters(among))[2]
        return found

    def _all_compared(
        self, Q: FloatMatrix, k: int, positions: IntVector
    ) -> tuple[FloatMatrix, IntVector]:
        """Score positions `(m,)` against all queries and give the best k, k of m at most."""
        every = np.broadcast_to(positions, (len(Q), len(positions)))
        scores, ids = order(self._scorer.scores(Q, every), self._names.names(every))
        return scores[:, :k], ids[:, :k]

    def _above(
        self, Q: FloatMatrix, norms: NDArray[np.float64], least: np.float32, among: Allowed
    ) -> list[tuple[FloatVector, IntVector]]:
        error = faiss_error(self._space.metric, self._index.d, norms, self._longest)
        found = []
        for i, q in enumerate(Q[:, np.newaxis]):
            positions = np.empty(0, np.int64)
            if self._space.metric is not Metric.EUCLIDEAN or least <= 0:
                radius = _radius(self._space.metric, float(least), float(error[i]))
                positions = self._index.range_search(q, radius, params=_parameters(among))[2]
            scores, ids = (side[0] for side in self._all_compared(q, len(positions), positions))
            enough = int(np.count_nonzero(scores >= least))
            found.append((scores[:enough], ids[:enough]))
        return found

    def _decoded(self, positions: IntVector) -> FloatMatrix:
        return np.stack([self._stored[position] for position in positions])

    def _in_memory(self, mapped: MappedPart) -> Any:
        return unwrap(mapped.in_memory(), self._space)

    def _without_deleted(self, alive: NDArray[np.bool_]) -> Any:
        faiss = load_faiss()
        flat = faiss.IndexFlat(self._index.d, self._index.metric_type)
        for start in range(0, len(alive), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            flat.add(np.ascontiguousarray(self._stored[chunk][alive[chunk]]))
        return flat

    @cached_property
    def _longest(self) -> float:
        if self._space.metric is Metric.COSINE:
            return 1.0
        return float(row_norms(self._stored).max(initial=0))


def flat_from_file(file: IndexFile, mapped: bool, choice: Any) -> FlatIndex:
    """Make the index of a file that was found whole.

    Raises:
        VectorError: FAISS's part of it is something else.
    """
    space = space_of(file)
    flat = unwrap(read_faiss(file.path, mapped), space)
    if not isinstance(flat, load_faiss().IndexFlat):
        raise damaged(file.path, "not an exact index")
    part = MappedPart(file.path, file.description["faiss_size"]) if mapped else None
    return FlatIndex(flat, space, names_of(file, flat), part, choice)


def flat_from_faiss(path: Path, mapped: bool) -> FlatIndex:
    """Open a file that FAISS alone wrote.

    Raises:
        VectorError: It is damaged or holds another kind of index.
    """
    if not is_whole_flat_file(path):
        raise damaged(path, "neither an index of embedsearch nor an exact one of FAISS")
    known = recognise(read_faiss(path, mapped))
    if known is None:
        raise damaged(path, "not an exact index")
    flat, metric, center = known
    part = MappedPart(path, path.stat().st_size) if mapped else None
    return FlatIndex(flat, Space(metric, center), None, part)


def _stored_vectors(flat: Any) -> FloatMatrix:
    """View the vectors inside a `faiss.IndexFlat`, `(n, d)`; valid while it lives, unchanged."""
    if not flat.ntotal:
        return np.empty((0, flat.d), dtype=np.float32)
    view: FloatMatrix = load_faiss().rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)
    view.flags.writeable = False
    return view.reshape(flat.ntotal, flat.d)


def _parameters(among: Allowed) -> Any:
    selector = among.selector
    return None if selector is None else load_faiss().SearchParameters(sel=selector)


def _radius(metric: Metric, worst: float, error: float) -> float:
    """Where FAISS's range must end so as to hold every vector that may score `worst`."""
    tiny = float(np.finfo(np.float32).tiny)
    if metric is Metric.EUCLIDEAN:
        return worst**2 * (1 + 1e-6) + 2 * error + tiny
    return worst - 2 * error - abs(worst) * 1e-6 - tiny
