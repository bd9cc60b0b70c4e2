"""Products of matrices with few columns, the same to the last bit on any number of cores.

BLAS divides its sums by the number of threads; these loops do not, and keep to the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.kernels._jit import jit

if TYPE_CHECKING:
    from embedsearch.kernels.cooccurrence import Sparse
    from embedsearch.kernels.matrices import Floats


def gram(a: Floats) -> Any:
    """Return the (k, k) float64 products of all columns of `a` (n, k)."""
    total = np.zeros((a.shape[1], a.shape[1]))
    _gram(a, np.empty(a.shape[1]), total)
    return total


def multiply(a: Floats, b: Any, size: int) -> Floats:
    """Return `a` (n, k) times `b` (k, at most `size`) with zero columns up to `size`.

    It takes the memory of `a`, which is overwritten, if `size` is at most k.
    """
    n, fits = len(a), size <= a.shape[1]
    # Row i of the result ends before row i + 1 of `a` begins.
    out = a.reshape(-1)[: n * size] if fits else np.empty(n * size, np.float32)
    padded = np.zeros((a.shape[1], size), np.float32)
    padded[:, : b.shape[1]] = b
    _multiply(a, padded, np.empty(size, np.float32), out.reshape(n, size))
    return out.reshape(n, size)


def transposed_times(m: Sparse, q: Floats, out: Floats) -> None:
    """Write the product of M transposed and `q` to `out`; both are (V, k)."""
    out[:] = 0
    _transposed_times(m, q, out)


@jit()
def _gram(a: Any, wide: Any, total: Any) -> None:
    width = wide.size
    for row in range(a.shape[0]):
        for k in range(width):
            wide[k] = a[row, k]
        for i in range(width):
            value = wide[i]
            for k in range(width):
                total[i, k] += value * wide[k]


@jit()
def _multiply(a: Any, b: Any, one: Any, out: Any) -> None:
    for row in range(a.shape[0]):
        for k in range(one.size):
            one[k] = 0
        for i in range(a.shape[1]):
            value = a[row, i]
            for k in range(one.size):
                one[k] += value * b[i, k]
        for k in range(one.size):
            out[row, k] = one[k]


@jit(fastmath=True)
def times(m: Sparse, q: Floats, out: Floats) -> None:
    """Write M q to `out`; `q` and `out` are (V, k)."""
    for row in range(m.starts.size - 1):
        target = out[row]
        for k in range(target.size):
            target[k] = 0
        for i in range(m.starts[row], m.starts[row + 1]):
            source, value = q[m.columns[i]], m.values[i]
            for k in range(target.size):
                target[k] += value * source[k]


@jit(fastmath=True)
def _transposed_times(m: Sparse, q: Floats, out: Floats) -> None:
    for row in range(m.starts.size - 1):
        source = q[row]
        for i in range(m.starts[row], m.starts[row + 1]):
            target, value = out[m.columns[i]], m.values[i]
            for k in range(source.size):
                target[k] += value * source[k]
