"""A sparse matrix of float32 whose products with a few columns keep to the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from embedsearch.kernels._jit import jit

if TYPE_CHECKING:
    import numpy.typing as npt

    from embedsearch._types import FloatMatrix


class Sparse(NamedTuple):
    """A square matrix by rows.

    Attributes:
        starts: (V + 1,) int64, where the row of a word begins.
        columns: (nnz,) int32.
        values: (nnz,) float32.
    """

    starts: npt.NDArray[Any]
    columns: npt.NDArray[Any]
    values: npt.NDArray[Any]


def times(m: Sparse, q: FloatMatrix, out: FloatMatrix) -> None:
    """Write M q to `out`; `q` and `out` are (V, k)."""
    _times(m.starts, m.columns, m.values, q, out)


def transposed_times(m: Sparse, q: FloatMatrix, out: FloatMatrix) -> None:
    """Write the product of M transposed and `q` to `out`; both are (V, k)."""
    out[:] = 0
    _transposed_times(m.starts, m.columns, m.values, q, out)


@jit(fastmath=True)
def _times(starts: Any, columns: Any, values: Any, q: Any, out: Any) -> None:
    for row in range(starts.size - 1):
        target = out[row]
        for k in range(target.size):
            target[k] = 0
        for i in range(starts[row], starts[row + 1]):
            source, value = q[columns[i]], values[i]
            for k in range(target.size):
                target[k] += value * source[k]


@jit(fastmath=True)
def _transposed_times(starts: Any, columns: Any, values: Any, q: Any, out: Any) -> None:
    for row in range(starts.size - 1):
        source = q[row]
        for i in range(starts[row], starts[row + 1]):
            target, value = out[columns[i]], values[i]
            for k in range(source.size):
                target[k] += value * source[k]
