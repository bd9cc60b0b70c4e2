"""From scores to probabilities and the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.kernels._jit import jit

if TYPE_CHECKING:
    from embedsearch.kernels.matrices import Floats


_VECTOR = 16
# 1 - p is at least 0.0025, so a product of so many is far above the smallest float64.
_FACTORS = 64


@jit(allocates=True)
def scores(n: int) -> Floats:
    """Return zeros, room for n scores and for what vector code may write behind them."""
    return np.zeros(n + 2 * _VECTOR, np.float32)


@jit(fastmath=True)
def sigmoid(f: Floats, n: int) -> None:
    """Replace `f[:n]` by `1 / (1 + exp(-f))`, f clipped at ±6 as in word2vec.

    By tanh(f / 2), Lambert's continued fraction cut after the seventh term: the error is below
    1e-5. n is rounded up to 16; the inner loop has a fixed length so that it becomes one vector.
    """
    for start in range(0, n, _VECTOR):
        for lane in range(_VECTOR):
            i = np.uint64(start + lane)
            x = max(np.float32(-3.0), min(np.float32(3.0), f[i] * np.float32(0.5)))
            s = x * x
            p = np.float32(135135) + s * (np.float32(17325) + s * (np.float32(378) + s))
            q = np.float32(135135) + s * (
                np.float32(62370) + s * (np.float32(3150) + s * np.float32(28))
            )
            f[i] = np.float32(0.5) + np.float32(0.5) * x * p / q


@jit()
def pair_loss(p: Floats, n_rows: int, n_out: int) -> float:
    """Sum -log of the probability of the truth, in nats: p of positives, 1 - p of negatives.

    Args:
        p: Probabilities, `(at least n_rows * n_out,)`, the positive of a row first.
        n_rows: Context words.
        n_out: Targets of each: one positive, and the negatives.
    """
    total = 0.0
    for c in range(n_rows):
        product = np.float64(p[c * n_out])
        for k in range(1, n_out):
            product *= np.float64(1.0) - p[c * n_out + k]
            # One logarithm for many factors.
            if k % _FACTORS == 0:
                total -= np.log(product)
                product = 1.0
        total -= np.log(product)
    return total
