"""CBOW with negative sampling: the words of a window together predict its centre.

Source: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space"; the
gradients are those of gensim and word2vec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.kernels._jit import jit
from embedsearch.kernels._simd import gather, scatter
from embedsearch.kernels.sampling import GOLDEN, mix
from embedsearch.kernels.scores import scores
from embedsearch.kernels.skipgram import step
from embedsearch.kernels.windows import BLOCK, context, draw, fetch_targets, fetch_word, room

if TYPE_CHECKING:
    from embedsearch.kernels.matrices import Floats, Ids, Keep, Offsets, Table
    from embedsearch.kernels.windows import Windows

# A window takes less time than in skip-gram, so the memory must be asked earlier.
_AHEAD = 4


@jit(fastmath=True, allocates=True)
def walk(
    x: Floats,
    y: Floats,
    drawn: Windows,
    n: int,
    end: int,
    window: int,
    alpha: float,
    cbow_mean: bool,
    loss: bool,
    n_out: tuple[int, ...],
) -> tuple[float, int]:
    """Train the windows that were drawn.

    Args:
        x: Input matrix.
        y: Output matrix.
        drawn: The windows.
        n: How many centres they have.
        end: Where their words end.
        window: The largest distance.
        alpha: The learning rate, float32.
        cbow_mean: See `train`.
        loss: Whether to sum the loss.
        n_out: Of `unroll`.

    Returns:
        Summed loss or 0, windows that have a context.
    """
    k_out = np.int64(len(n_out))
    rows, f = np.empty(2 * window + 1, np.int32), scores(k_out)
    h, one = np.zeros((1, x.shape[1]), np.float32), np.zeros(1, np.int32)
    before = np.zeros_like(h)
    total, windows = 0.0, 0
    for c in range(n):
        fetch_targets(y, drawn, c + _AHEAD, n, k_out)
        fetch_word(x, drawn, c + _AHEAD + 2 * window, end)
        size = context(drawn, c, window, rows)
        if size == 0:
            continue
        share, whole = np.float32(1.0) / np.float32(size), np.float32(1.0)
        gather(x, rows, 0, size, share if cbow_mean else whole, h, before, 0)
        total += step(h, y, one, 0, 1, drawn.targets, c * k_out, f, alpha, loss, n_out)
        scatter(x, rows, 0, size, whole if cbow_mean else share, h, before, 0)
        windows += 1
    return total, windows


@jit(fastmath=True, allocates=True)
def train(
    x: Floats,
    y: Floats,
    ids: Ids,
    offsets: Offsets,
    start: int,
    stop: int,
    keep: Keep,
    table: Table,
    window: int,
    alpha: float,
    key: int,
    cbow_mean: bool,
    loss: bool,
    n_out: tuple[int, ...],
) -> tuple[float, int]:
    """Train on a piece of text, in place, as `skipgram.train` does.

    Args:
        x: See `skipgram.train`.
        y: See there.
        ids: See there.
        offsets: See there.
        start: See there.
        stop: See there.
        keep: See there.
        table: See there.
        window: See there.
        alpha: See there.
        key: See there.
        cbow_mean: gensim's: True averages the vectors of the context and gives the whole
            gradient of the average to each of them; False sums them, and gives each its share.
        loss: See there.
        n_out: See there.

    Returns:
        Summed loss in nats, or 0 without `loss`; windows that have a context.
    """
    k_out = np.int64(len(n_out))
    drawn = room(min(BLOCK, stop - start), window, k_out)
    total, windows = 0.0, 0
    for first in range(start, stop, BLOCK):
        key = mix(key + GOLDEN)
        last = min(stop, first + BLOCK)
        n, _, end = draw(ids, offsets, first, last, keep, table, window, key, k_out, drawn)
        part, count = walk(x, y, drawn, n, end, window, alpha, cbow_mean, loss, n_out)
        total += part
        windows += count
    return total, windows
