"""Queries that were held back, and their exact answers, to measure an index by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from embedsearch._types import FloatMatrix, FloatVector, IntVector, Metric
from embedsearch.index._faiss import load_faiss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from embedsearch.index.blocks import Block

TOPN, FEWEST_QUERIES = 10, 50
# Scores that differ by less than float32 can tell count as equal.
_SAME = 4 * float(np.finfo(np.float32).eps)


class Vectors(Protocol):
    """Vectors as FAISS gets them: at length 1 for the cosine, less the centre if there is one."""

    @property
    def shape(self) -> tuple[int, int]:
        """`(n, d)`."""

    def take(self, rows: IntVector) -> FloatMatrix:
        """Give some of them, `(m, d)`."""

    def blocks(self, size: int | None = None) -> Iterator[Block]:
        """Go through all."""


class HeldOut:
    """Queries with their exact neighbours.

    What an index finds counts if its exact score is no lower than that of the last of the exact
    neighbours: so one of many equal vectors is as good as another. Queries that have an equal
    vector among the others, as new ones seldom have, are left out where 50 or more remain.

    Args:
        vectors: Among which neighbours are looked for.
        Q: Queries `(nq, d)`, as FAISS gets them.
        own: The row of `vectors` that each query is, `(nq,)`, which is then not its own
            neighbour; None where they are no rows of it.
        metric: How nearness is measured.

    Attributes:
        Q: The queries that remain.
        k: How many neighbours are looked for: 10, or all if there are fewer.
    """

    def __init__(
        self, vectors: Vectors, Q: FloatMatrix, own: IntVector | None, metric: Metric
    ) -> None:
        self.Q = Q
        self._own, self._vectors = own, vectors
        self._euclidean = metric is Metric.EUCLIDEAN
        self.k = min(TOPN, vectors.shape[0] - (own is not None))
        distances, rows = exact_neighbors(vectors, Q, self.wanted, self._euclidean)
        self._exact, self._rows = self._without_own(distances, rows)
        self._leave_out_copies()

    @property
    def wanted(self) -> int:
        """How many answers to ask an index for; the query itself may be among them."""
        return self.k + (self._own is not None)

    @property
    def border(self) -> FloatVector:
        """FAISS's score of the last of the exact neighbours, `(nq,)`."""
        border: FloatVector = self._exact[:, -1]
        return border

    def recalls(self, rows: IntVector) -> NDArray[np.float64]:
        """Compute the share of the neighbours that an index found, for each query: `(nq,)`.

        Args:
            rows: Answers `(nq, wanted)`, best first, -1 where there is none.
        """
        found = self._without_own(rows, rows)[1]
        known = (found[:, :, np.newaxis] == self._rows[:, np.newaxis]).any(axis=2)
        queries, places = np.nonzero(~known & (found >= 0))
        known[queries, places] = self._as_near(queries, found[queries, places])
        shares: NDArray[np.float64] = known.sum(axis=1) / self.k
        return shares

    def _leave_out_copies(self) -> None:
        nearest = self._vectors.take(self._rows[:, 0])
        unlike = np.flatnonzero((nearest != self.Q).any(axis=1))
        if len(unlike) < FEWEST_QUERIES:
            return
        self.Q, self._exact, self._rows = self.Q[unlike], self._exact[unlike], self._rows[unlike]
        if self._own is not None:
            self._own = self._own[unlike]

    def _as_near(self, queries: IntVector, rows: IntVector) -> NDArray[np.bool_]:
        if not len(rows):
            return np.empty(0, bool)
        X, Q = self._vectors.take(rows).astype(np.float64), self.Q[queries].astype(np.float64)
        border = self.border[queries].astype(np.float64)
        scale = np.einsum("nd,nd->n", X, X) + np.einsum("nd,nd->n", Q, Q)
        if self._euclidean:
            apart = np.einsum("nd,nd->n", X - Q, X - Q)
            near: NDArray[np.bool_] = apart <= border + _SAME * scale
            return near
        products = np.einsum("nd,nd->n", X, Q)
        nearer: NDArray[np.bool_] = products >= border - _SAME * scale
        return nearer

    def _without_own(self, values: NDArray[Any], rows: IntVector) -> tuple[NDArray[Any], IntVector]:
        if self._own is None:
            return values, rows
        # Own rows go last; where one was not found, the row too many is dropped.
        is_own = rows == self._own[:, np.newaxis]
        order = np.argsort(is_own, axis=1, kind="stable")[:, : self.k]
        return np.take_along_axis(values, order, 1), np.take_along_axis(rows, order, 1)


def exact_neighbors(
    vectors: Vectors, Q: FloatMatrix, k: int, euclidean: bool
) -> tuple[FloatMatrix, IntVector]:
    """Compare queries with all vectors, block by block.

    Args:
        vectors: `(n, d)`, k or more.
        Q: Queries `(nq, d)`.
        k: How many to find.
        euclidean: Whether by the least distance or the largest inner product.

    Returns:
        Squared distances or inner products `(nq, k)`, best first, and rows `(nq, k)`.
    """
    faiss = load_faiss()
    kind = faiss.METRIC_L2 if euclidean else faiss.METRIC_INNER_PRODUCT
    best = faiss.ResultHeap(len(Q), k, keep_max=not euclidean)
    for block in vectors.blocks():
        distances, rows = faiss.knn(Q, block.X, min(k, len(block.X)), metric=kind)
        best.add_result(distances, rows + block.start)
    best.finalize()
    return best.D, best.I
