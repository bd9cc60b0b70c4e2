"""The singular value decomposition of large matrices, truncated, by random projection.

Source: Halko, Martinsson and Tropp 2011, "Finding Structure with Randomness", algorithms 4.4
(subspace iteration) and 5.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embedsearch._types import FloatMatrix, FloatVector

# Smaller singular values, as parts of the largest, are rounding errors in single precision.
_LEAST = 1e-4
# Smaller squares, as parts of the largest, are rounding errors in double precision.
_TINY = 1e-12
# Rows that are double precision at a time.
_BLOCK = 4_096


def truncated_svd(
    X: Any, rank: int, seed: int = 0, *, oversampling: int = 20, iterations: int = 2
) -> tuple[NDArray[np.float64], FloatMatrix]:
    """Return the largest singular values of a sparse matrix, nearly, and their right vectors.

    They are `(k,)`, largest first, and `(m, k)` float32; k is `rank` at most, and no more than the
    rank of X `(n, m)` in single precision. Singular
    values that fall slowly need more iterations.
    """
    n, m = X.shape
    rank, width = min(rank, n, m), min(rank + oversampling, n, m)
    random = np.random.default_rng(seed).standard_normal((m, width), dtype=np.float32)
    basis = X @ random
    if rank == 0 or not basis.any():
        return np.zeros(0), np.zeros((m, 0), np.float32)
    # Orthonormal at each half step: powers of float32 would lose all but the largest values.
    for _ in range(iterations):
        basis = X @ _orthonormal(X.T @ _orthonormal(basis))
    image = X.T @ _orthonormal(basis)
    # Of a small matrix, as its left singular vectors are wanted alone; values rise.
    squares, W = np.linalg.eigh(gram(image))
    values = np.sqrt(np.maximum(squares[::-1][:rank], 0))
    values = values[values > _LEAST * values.max(initial=0)]
    rotation = W[:, ::-1][:, : len(values)]
    return values, np.ascontiguousarray(image @ (rotation / values).astype(np.float32))


def _orthonormal(Y: FloatMatrix) -> FloatMatrix:
    """Return orthonormal columns that span those of `(n, k)`, less what is rounding error.

    By the eigenvectors of the Gram matrix, twice, as once is not exact enough (as in the
    CholeskyQR2 of Yamamoto et al. 2015). NumPy's QR copies to double precision: for 90,000 rows
    of 320 it takes nearly three times as long, and 770 MB more.
    """
    for _ in range(2):
        squares, U = np.linalg.eigh(gram(Y))
        kept = squares > _TINY * squares.max(initial=0)
        Y = Y @ (U[:, kept] / np.sqrt(squares[kept])).astype(np.float32)
    return Y


def gram(X: FloatMatrix, origin: FloatVector | float = 0.0) -> NDArray[np.float64]:
    """Return `(X - origin)' (X - origin)`, `(d, d)`, summed in double precision."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for start in range(0, len(X), _BLOCK):
        block = (X[start : start + _BLOCK] - origin).astype(np.float64)
        total += block.T @ block
    return total
