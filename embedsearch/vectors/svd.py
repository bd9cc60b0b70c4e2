"""The singular vectors of large sparse matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix, FloatVector

_OVERSAMPLED = 20
_ITERATIONS = 2


def right_singular_vectors(X: Any, rank: int, seed: int = 0) -> tuple[FloatVector, FloatMatrix]:
    """Find the largest singular values and their right singular vectors, nearly.

    The randomised method of Halko, Martinsson and Tropp 2011, "Finding Structure with
    Randomness", algorithm 4.4, with two power iterations.

    Args:
        X: A sparse matrix `(n, V)`.
        rank: How many, k; at most one less than the smaller side is found.
        seed: Of the random projection.

    Returns:
        The singular values `(k,)`, largest first, and the vectors `(V, k)`, both float32.
    """
    n, size = X.shape
    rank = max(min(rank, n - 1, size - 1), 0)
    if rank == 0:
        return np.zeros(0, np.float32), np.zeros((size, 0), np.float32)
    width = min(rank + _OVERSAMPLED, n, size)
    random = np.random.default_rng(seed).standard_normal((size, width), dtype=np.float32)
    XT = X.T.tocsr()
    Y = X @ random
    for _ in range(_ITERATIONS):
        Z, _ = np.linalg.qr(XT @ np.linalg.qr(Y)[0])
        Y = X @ Z
    Q, _ = np.linalg.qr(Y)
    B = XT @ Q
    squares, U = np.linalg.eigh(B.T @ B)
    order = np.argsort(-squares)[:rank]
    values = np.sqrt(np.maximum(squares[order], 1e-12)).astype(np.float32)
    return values, np.ascontiguousarray((B @ (U[:, order] / values)).astype(np.float32))
