"""What every engine of a vector index does, and what building one leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector
    from embedsearch.index.ids import RowFilter
    from embedsearch.index.preprocessing import Preprocessing, SingleQuery
    from embedsearch.index.tuning import TuningReport


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
        """Return what `nearest` does, in as few steps as possible; `among` is the whole index."""

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


@dataclass(frozen=True, slots=True)
class IndexParts:
    """What is built or read, without the ids."""

    engine: Engine
    preprocessing: Preprocessing
    # The measured share of the 10 nearest that are found; None if it is not known.
    recall: float | None = None
    # What "auto" saw, or what was changed for want of data; None for neither.
    report: TuningReport | None = None


def sorted_hits(scores: FloatMatrix, ids: IntVector) -> tuple[FloatMatrix, IntVector]:
    """Sort each list by score, best first, and equal scores by id."""
    places = np.lexsort((ids, -scores))
    lists = np.arange(len(ids))[:, np.newaxis]
    return scores[lists, places], ids[lists, places]
