"""Vectors as they are kept and compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedsearch._errors import VectorError
from embedsearch._types import FloatMatrix, FloatVector, Metric
from embedsearch.vectors.arrays import row_norms, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch.index.blocks import ArraySource

# Beyond it the square of a distance overflows float32.
_LONGEST = 1e18


@dataclass(frozen=True)
class Space:
    """A metric, and what must be done to vectors so that FAISS measures it well.

    Attributes:
        metric: How nearness is measured. For the cosine, vectors are brought to length 1.
        center: Taken from every vector, `(d,)`, so that float32 does not lose the differences
            between those that are far from the origin; for Euclidean distances alone.
    """

    metric: Metric
    center: FloatVector | None = None

    @classmethod
    def fitting(cls, source: ArraySource, metric: Metric) -> Space:
        """Find the centre for vectors, where they need one."""
        if metric is not Metric.EUCLIDEAN or not source.shape[0]:
            return cls(metric)
        n, d = source.shape
        total, squares = np.zeros(d), 0.0
        for start, X, norms in source.blocks():
            check_lengths(norms, metric, source.name, start)
            total += X.sum(axis=0, dtype=np.float64)
            squares += float(norms @ norms)
        mean = total / n
        offset = float(mean @ mean)
        useful = offset > 16 * (squares / n - offset)
        return cls(metric, mean.astype(np.float32) if useful else None)

    def prepare(
        self, X: FloatMatrix, norms: NDArray[np.float64], name: str, start: int = 0
    ) -> tuple[FloatMatrix, NDArray[np.float64]]:
        """Give vectors `(m, d)`, and their lengths, as they are kept and compared.

        Args:
            X: The vectors.
            norms: Their lengths, `(m,)`.
            name: What error messages call them.
            start: The number of the first row, for the message.

        Raises:
            VectorError: One is longer than 1e18, and the metric is not the cosine.
        """
        if self.metric is Metric.COSINE:
            return unit_rows(X, norms), np.ones_like(norms)
        check_lengths(norms, self.metric, name, start)
        if self.center is None:
            return X, norms
        moved: FloatMatrix = np.subtract(X, self.center, dtype=np.float64).astype(np.float32)
        return moved, row_norms(moved)

    def restore(self, X: FloatMatrix) -> FloatMatrix:
        """Undo `prepare`, but for lengths under the cosine."""
        return X if self.center is None else X + self.center

    def scores(self, found: FloatMatrix) -> FloatMatrix:
        """Turn what FAISS measured into scores."""
        if self.metric is Metric.EUCLIDEAN:
            return -np.sqrt(np.maximum(found, 0))
        return found

    def bounded(self, scores: FloatMatrix) -> FloatMatrix:
        """Keep cosines from -1 to 1, whatever rounding and compression make of them."""
        return scores.clip(-1, 1) if self.metric is Metric.COSINE else scores


def check_lengths(norms: NDArray[np.float64], metric: Metric, name: str, start: int = 0) -> None:
    """Look for vectors whose scores float32 could not hold.

    Raises:
        VectorError: One is longer than 1e18, and the metric is not the cosine.
    """
    if metric is Metric.COSINE or not (norms > _LONGEST).any():
        return
    row = int(np.argmax(norms > _LONGEST))
    raise VectorError(
        f"row {start + row} of {name} has the length {norms[row]:.3g}; float32 needs less than "
        f"{_LONGEST:.0e}: scale the vectors down"
    )
