"""The matrices that kernels train, and the types of the arrays that they read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Keep = npt.NDArray[np.uint32]
Table = npt.NDArray[np.uint64]

PAD = 16  # floats in a cache line of 64 bytes
_CHUNK = 1 << 22


def aligned(rows: int, width: int) -> Floats:
    """Return float32 zeros, `(rows, width)`, whose rows start on cache lines.

    The width is rounded up to a multiple of PAD. The columns that pad a row stay zero in training,
    as nothing but zeros ever meets them.
    """
    width = -(-width // PAD) * PAD
    flat = np.zeros(rows * width + PAD, np.float32)
    first = -(flat.ctypes.data // flat.itemsize) % PAD
    return flat[first : first + rows * width].reshape(rows, width)


def fresh_vectors(rows: int, vector_size: int, seed: int) -> Floats:
    """Return the input matrix of an untrained model; the output matrix starts as `aligned`.

    Uniform in ±1 / (2 vector_size), as in word2vec. The same seed gives the same vectors, and
    the first rows of a larger matrix are those of a smaller one.
    """
    x = aligned(rows, vector_size)
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // vector_size)
    for start in range(0, rows, step):
        part = x[start : start + step, :vector_size]
        noise = rng.random(part.shape, dtype=np.float32)
        part[:] = (noise - np.float32(0.5)) / np.float32(vector_size)
    return x


def compacted(x: Floats, vector_size: int) -> Floats:
    """Take the padding out of a matrix of `aligned`, in its own memory; `x` is of no use then."""
    flat = x.reshape(-1)
    step = max(1, _CHUNK // (4 * vector_size))
    for start in range(0, len(x), step):
        part = x[start : start + step, :vector_size].copy()
        flat[start * vector_size : start * vector_size + part.size] = part.reshape(-1)
    return flat[: len(x) * vector_size].reshape(len(x), vector_size)
