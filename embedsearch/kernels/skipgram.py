"""Skip-gram with negative sampling; the negatives of a centre are shared by its window.

Sources: Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their
Compositionality"; Ji et al. 2016, "Parallelizing Word2Vec in Shared and Distributed Memory"
(shared negatives); Rengasamy et al. 2017, "Optimizing Word2Vec Performance on Multicore Systems"
(context combining).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from embedsearch.kernels._jit import jit
from embedsearch.kernels._simd import dots, update
from embedsearch.kernels.sampling import GOLDEN, mix
from embedsearch.kernels.scores import pair_loss, scores, sigmoid
from embedsearch.kernels.windows import BLOCK, context, draw, fetch_targets, fetch_word, room

if TYPE_CHECKING:
    from embedsearch.kernels.matrices import Floats, Ids, Keep, Offsets, Table
    from embedsearch.kernels.windows import Windows

_AHEAD = 2
# All of a window at once diverged from a window of 10 on, in texts of up to 200 words at alpha 0.1;
# six at once only in one of two words. It takes a tenth more time than ten.
TOGETHER = 6


@jit(fastmath=True)
def step(
    x: Floats,
    y: Floats,
    rows: Ids,
    begin: int,
    n: int,
    targets: Ids,
    at: int,
    f: Floats,
    alpha: float,
    loss: bool,
    n_out: tuple[int, ...],
) -> float:
    """Train context words at once: all gradients from the vectors as they were, then the updates.

    Args:
        x: Input matrix.
        y: Output matrix.
        rows: Rows of x, the context.
        begin: Where those to train begin.
        n: How many they are.
        targets: Rows of y: from `at` the centre, then its negatives.
        at: See targets.
        f: Room for `n * len(n_out)` scores.
        alpha: The learning rate, float32.
        loss: Whether to sum the loss.
        n_out: Of `unroll`.

    Returns:
        Their summed loss, or 0.
    """
    k_out = np.int64(len(n_out))
    for c in range(n):
        dots(x, np.uint32(rows[begin + c]), y, targets, at, f, c * k_out, n_out)
    sigmoid(f, n * k_out)
    total = pair_loss(f, n, k_out) if loss else 0.0
    for j in range(n * k_out):
        f[j] *= -alpha
    for c in range(n):
        f[c * k_out] += alpha
    update(x, rows, begin, n, y, targets, at, f, n_out)
    return total


@jit(fastmath=True)
def portions(
    x: Floats,
    y: Floats,
    rows: Ids,
    size: int,
    targets: Ids,
    at: int,
    f: Floats,
    alpha: float,
    loss: bool,
    n_out: tuple[int, ...],
) -> float:
    """Train one window, `rows[:size]`, in equal portions of TOGETHER words at most.

    Gradients of many words at once overshoot, the more so the more often a word is among them.
    Arguments and result are those of `step`.
    """
    total, count = 0.0, -(-size // TOGETHER)
    for i in range(count):
        begin, end = i * size // count, (i + 1) * size // count
        total += step(x, y, rows, begin, end - begin, targets, at, f, alpha, loss, n_out)
    return total


@jit(fastmath=True, allocates=True)
def walk(
    x: Floats,
    y: Floats,
    drawn: Windows,
    n: int,
    end: int,
    window: int,
    alpha: float,
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
        loss: Whether to sum the loss.
        n_out: Of `unroll`.

    Returns:
        Summed loss or 0, pairs of context word and centre.
    """
    k_out = np.int64(len(n_out))
    rows, f = np.empty(2 * window + 1, np.int32), scores(2 * window * k_out)
    total, pairs = 0.0, 0
    for c in range(n):
        fetch_targets(y, drawn, c + _AHEAD, n, k_out)
        fetch_word(x, drawn, c + _AHEAD + 2 * window, end)
        size = context(drawn, c, window, rows)
        total += portions(x, y, rows, size, drawn.targets, c * k_out, f, alpha, loss, n_out)
        pairs += size
    return total, pairs


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
    loss: bool,
    n_out: tuple[int, ...],
) -> tuple[float, int]:
    """Train on a piece of text, in place.

    Nothing is checked: an id of a word that has no row is an access outside the matrix. Several
    threads may train different pieces of one text at once (Hogwild); one alone gives the same
    bytes every time.

    Args:
        x: Input matrix, of `fresh_vectors`: `(V, width)` float32.
        y: Output matrix, of `aligned`: `(V, width)` float32.
        ids: The text, words as rows of x, `(n,)` int32; may be a read-only memory map.
        offsets: Where documents begin, and the end: `(documents + 1,)` int64, 0 to n.
        start: The first token that is a centre.
        stop: The first behind them that is not. Where these cut a document in two, context is
            taken from the other side of the cut as well (`windows.draw`).
        keep: Of `keep_table`, `(V,)` uint32.
        table: Of `noise_table`, `(V,)` uint64.
        window: The largest distance between a word and its context, 1 or more.
        alpha: The learning rate, float32.
        key: Of the random numbers, uint64: see `stream_key`. Each piece needs its own.
        loss: Whether to sum the loss, measured while training; see `heldout` for one that
            compares.
        n_out: `unroll(negative)`, for one negative or more.

    Returns:
        Summed loss in nats, or 0 without `loss`; pairs of context word and centre.
    """
    k_out = np.int64(len(n_out))
    drawn = room(min(BLOCK, stop - start), window, k_out)
    total, pairs = 0.0, 0
    for first in range(start, stop, BLOCK):
        key = mix(key + GOLDEN)
        last = min(stop, first + BLOCK)
        n, _, end = draw(ids, offsets, first, last, keep, table, window, key, k_out, drawn)
        part, count = walk(x, y, drawn, n, end, window, alpha, loss, n_out)
        total += part
        pairs += count
    return total, pairs
