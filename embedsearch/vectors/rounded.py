"""Matrices whose rows are kept as whole numbers of one or two bytes, and equal ones once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch._errors import VectorError
from embedsearch.vectors.arrays import check_finite, narrowed, row_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector, IntVector

Signed = type[np.signedinteger[Any]]


def row_factors(X: FloatMatrix, kind: Signed) -> FloatVector:
    """Return the factors of rows `(n, d)` that are rounded to this type: `(n,)`."""
    most = np.float32(np.iinfo(kind).max)
    factors: FloatVector = np.abs(X).max(axis=1, initial=0) / most
    return factors


@dataclass(frozen=True, slots=True, eq=False)
class RoundedRows:
    """Rows `(n, d)`, each of whole numbers times a factor; what is taken from them is float32."""

    steps: NDArray[Any]  # `(n, d)`, or fewer rows if `places` are given; int8 or int16
    factors: FloatVector  # `(n,)`
    places: IntVector | None = None  # `(n,)` which of the `steps` each row has
    # Before the columns that are kept come so many of the first of them, at length 1, for each.
    ranks: tuple[int, ...] = ()
    _heads: dict[int, FloatMatrix] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, X: FloatMatrix, kind: Signed = np.int8) -> RoundedRows:
        """Round rows `(n, d)`, each to 255 steps between its extremes, or 65,535 for int16."""
        steps, factors = np.empty(X.shape, kind), np.empty(len(X), np.float32)
        for block in row_blocks(len(X)):
            factors[block] = row_factors(X[block], kind)
            divisors = np.where(factors[block] == 0, 1, factors[block])
            steps[block] = np.rint(X[block] / divisors[:, np.newaxis])
        return cls(steps, factors)

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, NDArray[Any]], name: str, ranks: tuple[int, ...] = ()
    ) -> RoundedRows | NDArray[Any]:
        """Return the rows of this name in a file, where their factors have `.factors` after it.

        Without factors they are float32, and have all columns.
        """
        rows, factors = tensors[name], tensors.get(f"{name}.factors")
        if factors is None:
            return rows
        if rows.ndim != 2 or factors.shape != (len(rows),):
            raise VectorError(f"damaged: {name} has {len(rows)} rows and {len(factors)} factors")
        check_finite(f"{name}.factors", factors)
        return cls(rows, factors, None, ranks)

    def alike(self, X: FloatMatrix) -> RoundedRows:
        """Round rows `(m, d)` as these are."""
        rounded = RoundedRows.of(X[:, sum(self.ranks) :], self.steps.dtype.type)
        return replace(rounded, ranks=self.ranks)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self), sum(self.ranks) + self.steps.shape[1]

    def __len__(self) -> int:
        return len(self.factors)

    def __getitem__(self, rows: Any) -> FloatMatrix:
        places = rows if self.places is None else self.places[rows]
        # Two bytes times float32 would be float64.
        kept: FloatMatrix = self.steps[places].astype(np.float32)
        kept *= self.factors[rows, np.newaxis]
        if not self.ranks:
            return kept
        parts = []
        for rank in self.ranks:
            lower = kept[..., :rank]
            norms = np.sqrt(np.einsum("...d,...d->...", lower, lower))[..., np.newaxis]
            parts.append(lower / np.where(norms > 0, norms, np.float32(1)))
        found: FloatMatrix = np.concatenate((*parts, kept), axis=-1)
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all rows as float32; they are always copied."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def __matmul__(self, other: FloatMatrix) -> FloatMatrix:
        product: FloatMatrix = self[:] @ other
        return product

    def first_columns(self, count: int) -> RoundedRows:
        """Return the first columns alone."""
        return RoundedRows(self.steps[:, :count], self.factors, self.places)

    def first_rows(self, count: int) -> FloatMatrix:
        """Return the first rows, which are kept."""
        if count not in self._heads:
            self._heads[count] = self[:count]
        return self._heads[count]

    def distinct(self) -> RoundedRows:
        """Return the same rows, of which those with equal steps share them."""
        width = self.steps.shape[1] * self.steps.dtype.itemsize
        if not width:
            return self
        whole = np.ascontiguousarray(self.steps).view(f"V{width}").ravel()
        _, first, places = np.unique(whole, return_index=True, return_inverse=True)
        return RoundedRows(self.steps[first], self.factors, narrowed(places))

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays for a file."""
        tensors = {"projection": self.steps, "factors": self.factors}
        return tensors if self.places is None else {**tensors, "places": self.places}
