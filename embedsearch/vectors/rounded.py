"""Matrices whose rows are kept as bytes, a quarter of the size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector

_MOST = 127


@dataclass(frozen=True, slots=True, eq=False)
class RoundedRows:
    """Rows `(n, d)`, each of bytes times a factor; what is taken from them is float32."""

    bytes: NDArray[np.int8]  # `(n, d)`
    factors: FloatVector  # `(n,)`

    @classmethod
    def of(cls, X: FloatMatrix) -> RoundedRows:
        """Round rows `(n, d)`, each to 255 steps between its extremes."""
        factors = np.abs(X).max(axis=1, initial=0) / np.float32(_MOST)
        scaled = X / np.where(factors == 0, 1, factors)[:, np.newaxis]
        return cls(np.rint(scaled).astype(np.int8), factors)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), self.bytes.shape[1]

    def __len__(self) -> int:
        return len(self.factors)

    def __getitem__(self, rows: Any) -> FloatMatrix:
        found: FloatMatrix = self.bytes[rows] * self.factors[rows, np.newaxis]
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all rows as float32; they are always copied."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def __matmul__(self, other: FloatMatrix) -> FloatMatrix:
        product: FloatMatrix = self[:] @ other
        return product

    def first_columns(self, count: int) -> RoundedRows:
        """Return the first columns alone."""
        return RoundedRows(self.bytes[:, :count], self.factors)
