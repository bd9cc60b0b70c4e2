"""The truncated singular value decomposition of a large sparse matrix, by random projection.

Source: Halko, Martinsson and Tropp 2011, "Finding Structure with Randomness", algorithms 4.4
(subspace iteration) and 5.1. Two (V, k) matrices are all the memory it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from embedsearch.training.ppmi.dense import gram, multiply
from embedsearch.training.ppmi.matrix import times, transposed_times

if TYPE_CHECKING:
    from embedsearch._types import FloatMatrix
    from embedsearch.training.ppmi.matrix import Sparse

EXTRA = 28
ROUNDS = 12


def factorise(
    m: Sparse, size: int, power: float, seed: int, rounds: int = ROUNDS
) -> tuple[FloatMatrix, FloatMatrix]:
    """Return U S^power and V S^(1 - power) of M = U S V^T, cut to the `size` largest of S.

    Args:
        m: The matrix, V rows and columns.
        size: Columns of the results; those beyond the rank of M are zero.
        power: How the singular values are shared out: 1 gives them to the words, 0 to neither
            word vectors nor length, 0.5 to both alike.
        seed: Of the random start. The same seed gives the same bytes.
        rounds: Iterations. PPMI matrices have slowly falling singular values and need several.

    Returns:
        Words and contexts, (V, size) float32 each.
    """
    n = m.starts.size - 1
    k = min(size + EXTRA, n)
    z = np.random.default_rng(seed).standard_normal((n, k), dtype=np.float32)
    y = np.empty_like(z)
    times(m, z, y)
    for _ in range(rounds):
        _orthonormalise(y)
        transposed_times(m, y, z)
        times(m, z, y)
    _orthonormalise(y)
    _orthonormalise(y)
    transposed_times(m, y, z)
    squares, w = _eigenvectors(z)
    s = np.sqrt(squares[:size])
    inverse = np.divide(1.0, s, out=np.zeros_like(s), where=s > s.max(initial=0.0) * 1e-6)
    words = multiply(y, w[:, :size] * s**power, size)
    contexts = multiply(z, w[:, :size] * (inverse * s ** (1 - power)), size)
    return words, contexts


def _eigenvectors(a: FloatMatrix) -> tuple[Any, Any]:
    """Return the squared singular values of `a`, falling, and its right singular vectors."""
    values, vectors = np.linalg.eigh(gram(a))
    values, vectors = values[::-1], vectors[:, ::-1]
    # The sign of an eigenvector is the library's whim.
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(np.take_along_axis(vectors, largest[None], 0)[0] < 0, -1.0, 1.0)
    return np.maximum(values, 0.0), vectors * signs


def _orthonormalise(a: FloatMatrix) -> None:
    """Give the columns of `a` the length 1 and right angles, in place; excess ones are zero."""
    squares, w = _eigenvectors(a)
    least = squares.max(initial=0.0) * 1e-12
    scale = np.divide(1.0, np.sqrt(squares), out=np.zeros_like(squares), where=squares > least)
    multiply(a, w * scale, a.shape[1])
